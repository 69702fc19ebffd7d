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
///
/// **Harm waits, repair does not.** Naming the first guardians takes effect at once. Every later change of the set
/// waits the delay of the set that stands, because who holds a stolen key would make it first; while a recovery runs
/// that clock stands still. A recovery that is ready lapses after `FINISH_WITHIN`; the patient can veto it and the
/// guardians can withdraw it, at once.
interface IGuardians {
    /// @param purposes which purposes it may grant, deny and revoke
    /// @param categories which categories
    /// @param until first second at which it may no longer act; 0: removed
    /// @param issuedAt issue of the last change
    struct Delegation {
        uint32 purposes;
        uint56 categories;
        uint40 until;
        uint40 issuedAt;
    }

    /// @param guardians at most 10, ascending; none in an empty set
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

    /// @param guardians as in `GuardianSet`
    /// @param threshold as in `GuardianSet`
    /// @param delay as in `GuardianSet`
    /// @param issuedAt issue of the change
    /// @param readyAt first second at which it can be applied, 0 when no change waits; later by the time for which a
    /// recovery runs meanwhile
    struct PendingSet {
        address[] guardians;
        uint8 threshold;
        uint40 delay;
        uint40 issuedAt;
        uint40 readyAt;
    }

    /// @param successor the account that will sign for the patient, 0 while no recovery is under way
    /// @param readyAt first second at which the move can be made
    /// @param lapsesAt first second at which it no longer can: then none is under way
    struct Recovery {
        address successor;
        uint40 readyAt;
        uint40 lapsesAt;
    }

    /// @notice A signature with what it needs to be checked; empty when the caller itself is the signer.
    /// @param issuedAt when it was signed, not later than the block (direct: ignored, the block's time counts)
    /// @param deadline last second at which it may be submitted
    /// @param signature 65 bytes r‖s‖v, or what the signer's ERC-1271 wallet accepts
    struct Authorization {
        uint40 issuedAt;
        uint40 deadline;
        bytes signature;
    }

    /// @notice A delegate was named, changed or (`until` 0) removed.
    event DelegateSet(
        address indexed patient,
        address indexed delegate,
        uint32 purposes,
        uint56 categories,
        uint40 until,
        uint40 issuedAt
    );
    /// @notice This set stands from now on; no change waits any more.
    event GuardiansSet(
        address indexed patient,
        address[] guardians,
        uint8 threshold,
        uint40 delay,
        uint32 version,
        uint40 issuedAt
    );
    /// @notice A change of the set waits; it replaces one that waited before.
    event GuardiansProposed(
        address indexed patient,
        address[] guardians,
        uint8 threshold,
        uint40 delay,
        uint40 issuedAt,
        uint40 readyAt
    );
    /// @notice A recovery ended without a move, so a change of the set that waited goes on waiting, until `readyAt`.
    event GuardiansDeferred(address indexed patient, uint40 readyAt);
    /// @notice Guardians started a recovery; the version of the set has grown by one.
    event RecoveryStarted(address indexed patient, address indexed successor, uint40 readyAt, uint40 lapsesAt);
    /// @notice The patient ended it; the version of the set has grown by one.
    event RecoveryVetoed(address indexed patient, address indexed successor);
    /// @notice The guardians ended it; the version of the set has grown by one.
    event RecoveryWithdrawn(address indexed patient, address indexed successor);
    /// @notice Nobody made the move in time; comes with the next act that finds it. The version has grown by one.
    event RecoveryLapsed(address indexed patient, address indexed successor);
    /// @notice The move was made; the version of the set has grown by one, and no change of it waits any more.
    event PatientMoved(address indexed patient, address indexed successor);
    /// @notice The patient named whom an emergency is told to; 0: nobody.
    event EmergencyContactSet(address indexed patient, address indexed contact, uint40 issuedAt);

    error InvalidDelegate(address delegate);
    error EmptyScope(uint32 purposes, uint56 categories);
    error InvalidGuardians(string field);
    error InvalidSuccessor(address successor);
    error InvalidContact(address contact);
    error Superseded(address patient, uint40 issuedAt);
    error IssuedInFuture(uint40 issuedAt, uint256 nowAt);
    /// @notice Signed before the account last changed hands, at `movedAt`: a key that comes back does not bring its old
    /// orders with it.
    error SignedBeforeMove(address patient, uint40 movedAt);
    error DeadlinePassed(uint40 deadline, uint256 nowAt);
    error InvalidSignature(address signer);
    error TooFewGuardians(address patient, uint256 given, uint256 threshold);
    error NotGuardian(address patient, address account);
    /// @notice One key signed for two guardians, e.g. for itself and for a wallet that it owns.
    error KeyCountedTwice(address patient, address key);
    error RecoveryPending(address patient, address successor);
    error NoRecovery(address patient);
    error NotReady(address patient, uint40 readyAt);
    /// @notice No change of the set waits.
    error NothingPending(address patient);

    /// @notice Shortest delay of a recovery, seconds.
    function MIN_DELAY() external view returns (uint40);

    /// @notice Longest delay of a recovery, seconds.
    function MAX_DELAY() external view returns (uint40);

    /// @notice For how long a recovery that is ready can be finished, seconds.
    function FINISH_WITHIN() external view returns (uint40);

    // ---- delegates -----------------------------------------------------------------------------------------------

    /// @notice Names, changes or (with `until` 0) removes a delegate of a patient.
    /// @dev Signed by the patient's controller as `Delegate(address patient,address delegate,uint32 purposes,uint56
    /// categories,uint40 until,uint40 issuedAt,uint40 deadline)`. Reverts `InvalidDelegate` (0 or the patient),
    /// `EmptyScope`, `Superseded`, `InvalidSignature` (also when the caller of a direct one is not the controller),
    /// `SignedBeforeMove`.
    /// @param patient whose
    /// @param delegate who may act
    /// @param purposes bit set
    /// @param categories bit set
    /// @param until first second at which it may no longer act; of a minor's guardian the day of majority, best rounded
    /// to a month, for it is a date of birth
    /// @param authorization who says so
    function setDelegate(
        address patient,
        address delegate,
        uint32 purposes,
        uint56 categories,
        uint40 until,
        Authorization calldata authorization
    ) external;

    // ---- guardians -----------------------------------------------------------------------------------------------

    /// @notice Names a patient's guardians; an empty list removes them. Where guardians stand, the change waits their
    /// delay, and `applyGuardians` makes it.
    /// @dev Signed by the controller as `SetGuardians(address patient,address[] guardians,uint8 threshold,uint40
    /// delay,uint40 issuedAt,uint40 deadline)`. Reverts `InvalidGuardians` naming the field: `guardians` (more than
    /// ten, not ascending, the patient among them), `threshold` (0 or more than the guardians), `delay`; for no
    /// guardians both are 0. Reverts `RecoveryPending`: while one runs nothing is changed. To take a waiting change
    /// back, propose the set that stands.
    /// @param patient whose
    /// @param guardians ascending
    /// @param threshold how many must agree
    /// @param delay seconds
    /// @param authorization who says so
    function setGuardians(
        address patient,
        address[] calldata guardians,
        uint8 threshold,
        uint40 delay,
        Authorization calldata authorization
    ) external;

    /// @notice Makes the change that waited; anyone may call it.
    /// @dev Reverts `NothingPending`, `RecoveryPending` (while one runs), `NotReady`.
    function applyGuardians(address patient) external;

    // ---- recovery ------------------------------------------------------------------------------------------------

    /// @notice Starts a recovery with the signatures of enough guardians; anyone may submit.
    /// @dev Each signs `Recover(address patient,address successor,uint32 version,uint40 deadline)`; the patient can
    /// veto until the move is made. Reverts `TooFewGuardians`, `NotGuardian` (also a duplicate: they must ascend),
    /// `InvalidSignature`, `KeyCountedTwice`, `DeadlinePassed`, `RecoveryPending`, `InvalidSuccessor` (0, or the
    /// controller already). Warning: one person may hold two keys, and a wallet may wrap what its owner signs; then the
    /// chain cannot know that both are one.
    /// @param patient who is moved
    /// @param successor who will sign for the patient
    /// @param deadline last second at which the signatures may be submitted
    /// @param guardians who sign, ascending
    /// @param signatures one each
    function startRecovery(
        address patient,
        address successor,
        uint40 deadline,
        address[] calldata guardians,
        bytes[] calldata signatures
    ) external;

    /// @notice The guardians take back a recovery that runs, e.g. to a wrong successor; as many as start one.
    /// @dev Each signs `Withdraw(address patient,address successor,uint32 version,uint40 deadline)`. Reverts
    /// `NoRecovery` and what the signatures of `startRecovery` revert with.
    /// @param patient whose recovery
    /// @param deadline last second at which the signatures may be submitted
    /// @param guardians who sign, ascending
    /// @param signatures one each
    function withdrawRecovery(
        address patient,
        uint40 deadline,
        address[] calldata guardians,
        bytes[] calldata signatures
    ) external;

    /// @notice The patient ends a recovery that is under way.
    /// @dev Signed by the controller as `Veto(address patient,address successor,uint32 version,uint40 deadline)`. The
    /// guardians' signatures are dead with it, and so is the veto: the version grows. Reverts `NoRecovery`,
    /// `InvalidSignature`. Warning: who holds a stolen key can veto as well; guardians then start again.
    function veto(address patient, Authorization calldata authorization) external;

    /// @notice Makes the move once the delay is over; anyone may call it.
    /// @dev Warning: until `follow` of the ConsentRegistry is called, the old key still acts there: send both together.
    /// Delegates stay; the successor looks at them (`DelegateSet`) and removes what a thief may have named. A change of
    /// the set that waited is dropped: a thief may have made it. The successor acts for the patient by `relay` only:
    /// `grant` and `revoke` called by it mean its own consents. Reverts `NoRecovery` (also when it lapsed), `NotReady`.
    function finishRecovery(address patient) external;

    // ---- emergency contact ---------------------------------------------------------------------------------------

    /// @notice Names the account that an emergency of the patient is told to (see IAccessLog); 0 for nobody.
    /// @dev Signed by the controller as `EmergencyContact(address patient,address contact,uint40 issuedAt,uint40
    /// deadline)`. Reverts `InvalidContact` (the patient), `Superseded`, and as `setDelegate`. Warning: both accounts
    /// are public together; let the contact use an account of its own for this.
    /// @param patient whose
    /// @param contact who is told
    /// @param authorization who says so
    function setEmergencyContact(address patient, address contact, Authorization calldata authorization) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice Who signs for the patient: the patient's own account, or the one that a recovery moved it to.
    function controllerOf(address patient) external view returns (address);

    /// @notice Since when the controller signs: what it signed before that is dead. 0: since ever.
    /// @dev A key that a recovery took the account from, and another gave it back to, signs anew.
    function controlledSince(address patient) external view returns (uint40);

    /// @notice May this delegate act now for all of these purposes and categories?
    function mayAct(address patient, address delegate, uint32 purposes, uint56 categories) external view returns (bool);

    /// @notice What a delegate may do, all zero when it was never named.
    function delegation(address patient, address delegate) external view returns (Delegation memory);

    /// @notice The set that stands.
    function guardianSet(address patient) external view returns (GuardianSet memory);

    /// @notice The change that waits; its `readyAt` is 0 when there is none.
    function pendingGuardians(address patient) external view returns (PendingSet memory);

    /// @notice The recovery that was started last and not ended; from its `lapsesAt` on it counts for nothing.
    function recovery(address patient) external view returns (Recovery memory);

    /// @notice Whom an emergency of the patient is told to, 0 for nobody.
    function contactOf(address patient) external view returns (address);

    /// @notice What a delegate may do, and since when without a break: what it grants for the patient rests on it, and
    /// is asked again of the patient after its end (of a minor's guardian: at majority).
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
