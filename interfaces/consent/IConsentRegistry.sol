// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Who may use which data of a patient, for what purpose, until when
/// @notice Patients grant and revoke, directly or by an EIP-712 signature that anyone relays. Institutions and
/// contracts ask `decide` and get permit, deny or none, with the reason.
/// @dev A patient is an account, best a different one for each institution. Purposes and categories are bit sets over
/// the standard codes, see `contracts/consent/ConsentCodes.sol`. Times are Unix seconds.
///
/// A **directive** is one rule of one patient for one grantee; a pair (patient, grantee) holds up to four, numbered by
/// `index`, so that purposes may end at different times and a narrow deny lives beside a broad permit. A **grantee** is
/// an institution's account, or a whole role: the account whose number is the role's bit (1, 2, 4 …).
///
/// **Order of signing, not of arrival.** Each action has a time of issue: the block's for a direct one, `issuedAt` for
/// a signed one. At one place the later issue stands, whoever submits and in whichever order; at the same second a
/// revocation wins, and direct actions of one second stand in the order of the chain. So no withheld message blocks
/// another and a replay changes nothing. A **direct** revocation, and a signed one of all of a grantee's (index 255),
/// also kills every signed grant to that grantee, at any place, that was issued until then and is not yet submitted; a
/// signed revocation of one place concerns that place alone.
///
/// **Decision** when several directives apply: those that name the institution go before those for its roles; on either
/// level a deny that touches the request (in purpose and category) goes before any permit; a permit must cover the
/// request whole. All roles of the institution are one level: a permit for a role serves the actors that have it, a
/// deny binds all of them. What a directive says of other purposes or categories is silence, not an answer. When
/// nothing decides, the reason is the nearest miss, the last that applies in the order of `Reason` (`Revoked` to
/// `WrongCategory`), and the first directive that has it is named: the institution's by index, then each role's by bit
/// and index.
interface IConsentRegistry {
    enum Effect {
        None, // no directive, or revoked
        Permit,
        Deny
    }

    /// @notice What a directive or a revocation says, in one word: as the registry keeps it, so that storing takes no
    /// packing. From the top: issuedAt 40, start 40, end 40, deadline 40, purposes 32, categories 56, index 6, effect 2
    /// bits. `pack` makes it of its `Fields`, `unpack` the reverse.
    type Terms is uint256;

    /// @param index which of the pair's directives, 0 to 3; 255 (all ones in `Terms`) for all of them, in a revocation
    /// alone
    /// @param effect `Permit` or `Deny`; `None` in a revocation, whose purposes, categories, start and end are 0
    /// @param purposes bit set, at least one
    /// @param categories bit set of record classes and sensitivity labels, at least one
    /// @param start first second at which it holds (0: from its issue)
    /// @param end first second at which it no longer holds; later than now and than `start`
    /// @param issuedAt when it was signed; 0 in a direct grant, where the block's time counts
    /// @param deadline last second at which it may be submitted; 0 in a direct grant
    struct Fields {
        uint8 index;
        Effect effect;
        uint32 purposes;
        uint56 categories;
        uint40 start;
        uint40 end;
        uint40 issuedAt;
        uint40 deadline;
    }

    /// @notice A signed action to relay: a grant, or a revocation when the effect of its terms is `None`.
    /// @dev Only the transport is packed; what is signed names every field. A grant is signed as `Grant(address
    /// patient,address grantee,uint8 index,uint8 effect,uint32 purposes,uint56 categories,uint40 start,uint40
    /// end,bytes32 document,uint40 issuedAt,uint40 deadline)`, a revocation as `Revoke(address patient,address
    /// grantee,uint8 index,uint40 issuedAt,uint40 deadline)`; what that does not name must be zero, else `EmptyScope`
    /// or `InvalidPeriod`.
    /// @param grantee an institution, or a role as an account
    /// @param terms issued not later than the block, which is not later than the deadline
    /// @param document hash of the signed document (salted), 0 when there is none
    /// @param r with `vs` the signature of whoever controls the patient's account, as ERC-2098 packs it: 64 bytes. That
    /// it has two spellings harms nobody: nothing here is kept or found by a signature. A wallet (ERC-1271) is asked
    /// with the 65 bytes of it. 0: the order is proven otherwise
    /// @param vs where r is 0, the number of the order's proof
    struct Order {
        address patient;
        address grantee;
        Terms terms;
        bytes32 document;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice That somebody else, or something else than a key, stands behind an order; or several, when the caller
    /// does.
    /// @param signer 0 for whoever controls the patient's account, or a delegate (see IGuardians), within its scope:
    /// what it grants and what stands at that place when it arrives (a revoked directive does not); to revoke several
    /// places, or one at which nothing stands, its scope must be everything, for that stops what the patient signed and
    /// nobody submitted yet
    /// @param signature 65 bytes r‖s‖v, or what the signer's ERC-1271 wallet accepts; empty when the caller is the
    /// signer
    struct Proof {
        address signer;
        bytes signature;
    }

    /// @notice What holds where the patient never said anything to the institution, fixed at deployment (IHE PCF names
    /// these four). It speaks for record classes only, never for a sensitivity label, and is silent once the patient
    /// has said (or revoked) anything to the institution or any of its roles, or revoked everything.
    enum Policy {
        Deny, // nothing
        Emergency, // nothing, but the glass can be broken (see IAccessLog)
        Treatment, // TREAT and ETREAT by providers and pharmacies
        Normal // also HPAYMT, COVERAGE and HOPERAT, by insurers too
    }

    /// @param effect `None` once it is revoked; what it said stays readable beside it
    /// @param issuedAt issue of the last action on this place itself; 0 when there never was one
    struct Record {
        Effect effect;
        uint32 purposes;
        uint56 categories;
        uint40 start;
        uint40 end;
        uint40 issuedAt;
        Status status;
    }

    enum Status {
        None, // nothing was ever done at this place
        Active,
        NotYet,
        Expired,
        Revoked
    }

    enum Answer {
        None, // nobody decided: the deployment's implicit policy holds
        Permit,
        Deny
    }

    enum Reason {
        NoDirective, // nothing was ever granted to this institution or its roles
        Named, // a directive that names the institution decided
        Role, // a directive for one of the institution's roles decided
        NotLicensed, // the actor is not licensed now: deny
        Revoked, // nothing in force: the nearest directive was revoked
        Expired, // nothing in force: the nearest directive has ended
        NotYet, // nothing in force: the nearest directive has not begun
        WrongPurpose, // what is in force is for another purpose
        WrongCategory, // what is in force covers the purpose, not all of the categories
        Implied // the patient never said anything; the deployment's policy permits
    }

    /// @param terms as they stand from now on: those of a direct grant with the time of its block
    event ConsentGranted(address indexed patient, address indexed grantee, Terms terms, bytes32 document);
    /// @dev `index` 255: all of the grantee's; with `grantee` 0: everything of the patient.
    event ConsentRevoked(address indexed patient, address indexed grantee, uint8 index, uint40 issuedAt);
    /// @notice Comes before the event of an order that a delegate signed.
    event SignedByDelegate(address indexed patient, address indexed delegate);
    event ControllerFollowed(address indexed patient, address indexed controller);

    error InvalidGrantee(address grantee);
    error InvalidIndex(uint8 index);
    error InvalidEffect(uint8 effect);
    error EmptyScope(uint32 purposes, uint56 categories);
    error InvalidPeriod(uint40 start, uint40 end);
    /// @notice A later (or, against a grant, equally late) action stands since `issuedAt`; for a signed revocation: it
    /// changes nothing.
    error Superseded(address patient, address grantee, uint8 index, uint40 issuedAt);
    /// @notice A direct grant is issued now and needs no deadline: both must be 0.
    error UnexpectedTimes(uint40 issuedAt, uint40 deadline);
    error IssuedInFuture(uint40 issuedAt, uint256 nowAt);
    error DeadlinePassed(uint40 deadline, uint256 nowAt);
    /// @notice `signer`, who had to sign or send this, did not.
    error InvalidSignature(address signer);
    /// @notice A delegate may not do this for the patient, or no longer.
    error OutOfScope(address patient, address signer);

    // ---- the patient ---------------------------------------------------------------------------------------------

    /// @notice The caller grants (permits or denies); the directive at that place is replaced, which also renews or
    /// narrows it.
    /// @dev Reverts `InvalidGrantee` (0, or the number of several or unknown roles), `InvalidIndex`, `InvalidEffect`
    /// (`None`, or no effect at all), `EmptyScope`, `InvalidPeriod`, `UnexpectedTimes`, `InvalidSignature` (another
    /// account controls the caller's), `Superseded` (everything was revoked in this very second).
    /// @param terms with issuedAt and deadline 0
    function grant(address grantee, Terms terms, bytes32 document) external;

    /// @notice The caller revokes; constant cost. Never blocked, whatever else is paused or suspended.
    /// @dev Also kills every grant to that grantee signed until now and not yet submitted. Revoking what is not there
    /// is allowed: it still kills what was signed. Without any change nothing is emitted. A later directive than the
    /// revocation stands.
    /// @param grantee whose; 0 with `index` 255 revokes everything of the caller
    /// @param index which directive, or 255 for all of the grantee's
    function revoke(address grantee, uint8 index) external;

    // ---- anyone --------------------------------------------------------------------------------------------------

    /// @notice Carries out signed orders. All or none: the first that is refused reverts with its reason.
    /// @dev The signature is checked as a key's first and, when that fails and the patient has code, as an ERC-1271
    /// wallet's, so accounts with an EIP-7702 delegation sign with their key.
    /// @param proofs of the orders that have no `r`; empty when all of them are simply signed
    function relay(Order[] calldata orders, Proof[] calldata proofs) external;

    /// @notice Takes over from Guardians who controls a patient's account after a recovery; anyone may call it.
    function follow(address patient) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice May `actor` use data of these `categories` of `patient` for `purpose`, now?
    /// @dev Never reverts. The actor's licence and roles come from `Institutions`. An empty request (`purpose` or
    /// `categories` 0) is never permitted: `None`, `NoDirective`.
    /// @param actor an institution or its operator
    /// @param purpose one purpose bit, or several that must all be permitted
    /// @param categories the record's class and all of its sensitivity labels
    /// @return answer permit, deny, or none when nobody decided
    /// @return reason why
    /// @return grantee with `index`: the directive that decided, or the nearest one when nothing did
    /// @return index its place
    function decide(
        address patient,
        address actor,
        uint32 purpose,
        uint56 categories
    ) external view returns (Answer answer, Reason reason, address grantee, uint256 index);

    /// @notice What holds where the patient never said anything.
    function policy() external view returns (Policy);

    /// @notice One directive with its status at this block.
    function directive(address patient, address grantee, uint8 index) external view returns (Record memory);

    /// @notice Issue of the last "revoke everything" of a patient, 0 when never; what was issued until then is revoked.
    function revokedUntil(address patient) external view returns (uint40);

    /// @notice Issue of the last direct or whole (index 255) revocation for a pair, 0 when never; signed grants issued
    /// until then are refused, at whichever place.
    function refusedUntil(address patient, address grantee) external view returns (uint40);

    /// @notice The EIP-712 digest that the patient signs for an order, whatever stands in its `r` and `vs`.
    function digest(Order calldata order) external view returns (bytes32);

    /// @notice One word of its fields. Reverts `InvalidIndex` when the index is neither below 63 nor 255.
    function pack(Fields calldata fields) external pure returns (Terms);

    /// @notice The fields of one word. Reverts `InvalidEffect` when its effect is none.
    function unpack(Terms terms) external pure returns (Fields memory);
}
