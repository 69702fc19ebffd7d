// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Who may act for a patient, and how a patient who lost the key gets back
/// @notice A **delegate** (a carer, a parent) grants and revokes for the patient within a scope and until a date; a
/// minor's account has its guardian as a delegate until the day of majority. **Guardians**, k of n, move a patient who
/// lost the key to a new account, after a delay that the patient can veto. The patient's account stays the same in
/// every directive: only who signs for it changes, so no consent is signed again.
/// @dev Times are Unix seconds; purposes and categories are the bit sets of IConsentRegistry. Whoever acts for the
/// patient does so directly or by an EIP-712 signature that anyone relays. Signed changes stand in the order of their
/// issue (see IConsentRegistry); signed and direct ones alike are refused when a later one stands.
interface IGuardians {
    /// @param purposes which purposes it may grant, deny and revoke
    /// @param categories which categories
    /// @param until first second at which it may no longer act; 0: removed
    struct Delegation {
        uint32 purposes;
        uint56 categories;
        uint40 until;
        uint40 issuedAt;
    }

    /// @param guardians from 1 to 10, ascending
    /// @param threshold how many of them must agree
    /// @param delay seconds between their agreement and the move, from `MIN_DELAY` to `MAX_DELAY`
    /// @param version of the set: signatures for an earlier one are dead
    /// @param issuedAt issue of the change that made it
    struct GuardianSet {
        address[] guardians;
        uint8 threshold;
        uint40 delay;
        uint32 version;
        uint40 issuedAt;
    }

    /// @param successor the account that will sign for the patient, 0 while no recovery is under way
    /// @param readyAt first second at which the move can be made
    struct Recovery {
        address successor;
        uint40 readyAt;
    }

    /// @notice A signature with what it needs to be checked; empty when the caller itself is the signer.
    /// @param issuedAt when it was signed, not later than the block (direct: ignored, the block's time counts)
    /// @param deadline last second at which it may be submitted
    struct Authorization {
        uint40 issuedAt;
        uint40 deadline;
        bytes signature;
    }

    event DelegateSet(
        address indexed patient,
        address indexed delegate,
        uint32 purposes,
        uint56 categories,
        uint40 until,
        uint40 issuedAt
    );
    event GuardiansSet(
        address indexed patient,
        address[] guardians,
        uint8 threshold,
        uint40 delay,
        uint32 version,
        uint40 issuedAt
    );
    event RecoveryStarted(address indexed patient, address indexed successor, uint40 readyAt);
    event RecoveryVetoed(address indexed patient, address indexed successor);
    event PatientMoved(address indexed patient, address indexed successor);

    error InvalidDelegate(address delegate);
    error EmptyScope(uint32 purposes, uint56 categories);
    error InvalidGuardians(string field);
    error InvalidSuccessor(address successor);
    error Superseded(address patient, uint40 issuedAt);
    error IssuedInFuture(uint40 issuedAt, uint256 nowAt);
    error DeadlinePassed(uint40 deadline, uint256 nowAt);
    error InvalidSignature(address signer);
    error TooFewGuardians(address patient, uint256 given, uint256 threshold);
    error NotGuardian(address patient, address account);
    error RecoveryPending(address patient, address successor);
    error NoRecovery(address patient);
    error NotReady(address patient, uint40 readyAt);

    /// @notice Shortest and longest delay of a recovery, seconds.
    function MIN_DELAY() external view returns (uint40);

    function MAX_DELAY() external view returns (uint40);

    // ---- delegates -----------------------------------------------------------------------------------------------

    /// @notice Names, changes or (with `until` 0) removes a delegate of a patient.
    /// @dev Signed by the patient's controller as `Delegate(address patient,address delegate,uint32 purposes,uint56
    /// categories,uint40 until,uint40 issuedAt,uint40 deadline)`. Reverts `InvalidDelegate` (0 or the patient),
    /// `EmptyScope`, `Superseded`, `InvalidSignature` (also when the caller of a direct one is not the controller).
    function setDelegate(
        address patient,
        address delegate,
        uint32 purposes,
        uint56 categories,
        uint40 until,
        Authorization calldata authorization
    ) external;

    // ---- guardians and recovery ----------------------------------------------------------------------------------

    /// @notice Replaces a patient's guardians; an empty list removes them. Ends a recovery that is under way.
    /// @dev Signed by the controller as `SetGuardians(address patient,address[] guardians,uint8 threshold,uint40
    /// delay,uint40 issuedAt,uint40 deadline)`. Reverts `InvalidGuardians` naming the field: `guardians` (more than
    /// ten, not ascending, the patient among them), `threshold` (0 or more than the guardians), `delay`; for no
    /// guardians both are 0.
    function setGuardians(
        address patient,
        address[] calldata guardians,
        uint8 threshold,
        uint40 delay,
        Authorization calldata authorization
    ) external;

    /// @notice Starts a recovery with the signatures of enough guardians; anyone may submit.
    /// @dev Each signs `Recover(address patient,address successor,uint32 version,uint40 deadline)`; the patient can
    /// veto until the delay is over. Reverts `TooFewGuardians`, `NotGuardian` (also a duplicate: they must ascend),
    /// `InvalidSignature`, `DeadlinePassed`, `RecoveryPending`, `InvalidSuccessor` (0, or the controller already).
    /// @param guardians who sign, ascending
    /// @param signatures one each
    function startRecovery(
        address patient,
        address successor,
        uint40 deadline,
        address[] calldata guardians,
        bytes[] calldata signatures
    ) external;

    /// @notice The patient ends a recovery that is under way.
    /// @dev Signed by the controller as `Veto(address patient,address successor,uint32 version,uint40 deadline)`. The
    /// guardians' signatures are dead with it, and so is the veto: the version grows. Reverts `NoRecovery`,
    /// `InvalidSignature`.
    function veto(address patient, Authorization calldata authorization) external;

    /// @notice Makes the move once the delay is over; anyone may call it.
    /// @dev Warning: until `follow` of the ConsentRegistry is called, the old key still acts there: send both
    /// together. Delegates stay; the successor looks at them (`DelegateSet`) and removes what a thief may have named.
    /// The successor acts for the patient by `relay` only: `grant` and `revoke` called by it mean its own consents.
    /// Reverts `NoRecovery`, `NotReady`.
    function finishRecovery(address patient) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice Who signs for the patient: the patient's own account, or the one that a recovery moved it to.
    function controllerOf(address patient) external view returns (address);

    /// @notice May this delegate act now for all of these purposes and categories?
    function mayAct(address patient, address delegate, uint32 purposes, uint56 categories) external view returns (bool);

    function delegation(address patient, address delegate) external view returns (Delegation memory);

    function guardianSet(address patient) external view returns (GuardianSet memory);

    function recovery(address patient) external view returns (Recovery memory);

    /// @notice What a delegate may do, and since when without a break.
    /// @dev A mandate that is changed or lengthened while it runs is the same one. Once it has ended, or was removed,
    /// the next naming is a new one: what was said or signed under the old one does not count under it.
    /// @return purposes which purposes it may grant, deny and revoke
    /// @return categories which categories
    /// @return since issue of the naming that the mandate began with, Unix seconds; 0 when there never was one
    /// @return until first second at which it may no longer act; 0: removed, or never named
    function mandate(
        address patient,
        address delegate
    ) external view returns (uint32 purposes, uint56 categories, uint40 since, uint40 until);
}
