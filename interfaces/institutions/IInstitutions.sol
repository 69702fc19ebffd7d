// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Who is accredited, in which roles, until when, and who acts for whom
/// @notice The regulator accredits institutions; an institution names its operators (staff or service keys). Every
/// other contract of Salus asks this one a single question: `standing`.
/// @dev Roles are a bit set, see `contracts/institutions/Roles.sol`. Times are Unix seconds. Nothing here is personal:
/// an institution's handle is its public name.
interface IInstitutions {
    /// @notice What an account may do right now. Only `Licensed` lets it act.
    enum Standing {
        Unknown, // never accredited and nobody's operator
        Licensed, // accredited, not suspended, licence running; an operator's own term running as well
        OutOfRole, // licensed, but not in the role asked for (never returned by `standing`, see ILicensed)
        Expired, // the institution's licence has ended
        Suspended, // the regulator has suspended the institution
        OperatorExpired // the operator's own term has ended
    }

    /// @param handle public name: 1 to 31 of `a-z 0-9 -`, left-aligned ASCII, padded with zero bytes; unique for ever
    /// @param roles bit set of the roles it is accredited in
    /// @param licensedUntil first second at which the licence no longer stands
    /// @param suspendedAt second of the suspension, 0 while not suspended
    /// @param encryptionKey X25519 public key for key envelopes, 0 while none
    struct Institution {
        bytes32 handle;
        uint32 roles;
        uint40 licensedUntil;
        uint40 suspendedAt;
        bytes32 encryptionKey;
    }

    /// @param institution whom the operator acts for, 0 when nobody's operator
    /// @param roles subset of the institution's roles it may use
    /// @param until first second at which it may no longer act
    struct Operator {
        address institution;
        uint32 roles;
        uint40 until;
    }

    event InstitutionAccredited(
        address indexed institution,
        bytes32 indexed handle,
        uint32 roles,
        uint40 licensedUntil
    );
    event LicenceRenewed(address indexed institution, uint32 roles, uint40 licensedUntil);
    event InstitutionSuspended(address indexed institution);
    event InstitutionReinstated(address indexed institution);
    event OperatorSet(address indexed institution, address indexed operator, uint32 roles, uint40 until);
    event OperatorRemoved(address indexed institution, address indexed operator);
    event EncryptionKeySet(address indexed institution, bytes32 key);

    error AlreadyAccredited(address institution);
    error HandleTaken(bytes32 handle, address institution);
    error InvalidHandle(bytes32 handle);
    error InvalidRoles(uint32 roles);
    error InvalidTerm(uint40 until);
    error UnknownInstitution(address institution);
    /// @notice The account is 0, or one of those that stand for a role.
    error InvalidAccount(address account);
    /// @notice The institution is suspended, or its licence has ended.
    error LicenceEnded(address institution);
    error NotSuspended(address institution);
    error AlreadySuspended(address institution);
    error OperatorTaken(address operator, address institution);
    error NotOperator(address operator, address institution);

    // ---- the regulator -------------------------------------------------------------------------------------------

    /// @notice Accredits a new institution. Regulator only.
    /// @dev Reverts `AlreadyAccredited`, `HandleTaken`, `InvalidHandle`, `InvalidRoles` (none, or an unknown bit),
    /// `InvalidTerm` (not in the future), `OperatorTaken` (the account is somebody's operator), `InvalidAccount`.
    /// @param institution the institution's own account
    /// @param handle public name, see `Institution`
    /// @param roles bit set of roles, at least one
    /// @param licensedUntil first second without licence
    function accredit(address institution, bytes32 handle, uint32 roles, uint40 licensedUntil) external;

    /// @notice Replaces an institution's roles and term. Regulator only.
    function renew(address institution, uint32 roles, uint40 licensedUntil) external;

    /// @notice Suspends an institution: from this transaction on neither it nor its operators may act. Regulator only.
    function suspend(address institution) external;

    /// @notice Ends a suspension; the licence's own term is unchanged. Regulator only.
    function reinstate(address institution) external;

    // ---- the institution -----------------------------------------------------------------------------------------

    /// @notice The calling institution names (or changes) an operator.
    /// @dev An account is operator of one institution at a time, so a key never acts for the wrong one; it may
    /// `resign`. Reverts `UnknownInstitution` and `LicenceEnded` (caller), `InvalidAccount`, `OperatorTaken`,
    /// `InvalidRoles`, `InvalidTerm`. Warning: a role that the institution does not have (or loses) is no power:
    /// `standing` intersects the two.
    /// @param operator the key that may act for the caller
    /// @param roles the roles it may use
    /// @param until first second at which it may no longer act
    function setOperator(address operator, uint32 roles, uint40 until) external;

    /// @notice The calling institution removes an operator at once.
    function removeOperator(address operator) external;

    /// @notice An operator lays down its powers itself.
    function resign() external;

    /// @notice The calling institution publishes its X25519 public key (0 withdraws it).
    function setEncryptionKey(bytes32 key) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice The one question of the house: is this account licensed now, in which roles, and for whom does it act?
    /// @param account an institution's own account or an operator's
    /// @return institution the institution that it acts for, 0 when `Unknown`
    /// @return roles the roles it may use now; 0 unless `Licensed`
    /// @return status `Licensed`, or why not
    function standing(address account) external view returns (address institution, uint32 roles, Standing status);

    /// @notice The stored record, all zero when never accredited.
    function institution(address account) external view returns (Institution memory);

    /// @notice The stored record of an operator, all zero when nobody's operator.
    function operator(address account) external view returns (Operator memory);

    /// @notice The account of a handle, 0 when there is none.
    function byHandle(bytes32 handle) external view returns (address);
}
