// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Who may use which data of a patient, for what purpose, until when
/// @notice Patients grant and revoke, directly or by an EIP-712 signature that anyone relays. Institutions and
/// contracts ask `decide` and get permit, deny or none, with the reason.
/// @dev A patient is an account, best a different one for each institution. Purposes and categories are bit sets over
/// the standard codes, see `contracts/consent/ConsentCodes.sol`. Times are Unix seconds.
///
/// A **directive** is one rule of one patient for one grantee; a pair (patient, grantee) holds up to four, numbered by
/// `index`, so that purposes may end at different times and a narrow deny lives beside a broad permit. A **grantee**
/// is an institution's account, or a whole role: the account whose number is the role's bit (1, 2, 4 …).
///
/// **Order of signing, not of arrival.** Each action has a time of issue: the block's for a direct one, `issuedAt` for
/// a signed one. At one place the later issue stands, whoever submits and in whichever order. Within one second a deny
/// stands before a revocation and a revocation before a permit; of two denies of one second the one with the greater
/// `Terms`, of two permits the one with the lesser, deadline and index not counted. So no withheld message blocks
/// another, a replay changes nothing, and any order of arrival gives the same answers. Only direct permits and
/// revocations of one second stand in the order of the chain.
///
/// **Wide revocations.** One of all of a grantee's (index 255) or of everything, direct or signed, ends every
/// directive issued until then, at any place, whether it was submitted yet or not; a deny of that very second stands.
/// A **direct** revocation of one place also stops every signed permit for that grantee, at any place, that was
/// issued until then and is not yet submitted; it stops no deny. A signed revocation of one place concerns that place
/// alone.
///
/// **Delegates** (see IGuardians) have a layer of their own: what a delegate says never takes the place of what the
/// patient, or another delegate, said, and the reverse. In views and events the index of a delegate's directive is 4
/// times the delegate's number in `delegatesOf`, which begins with 1, plus its place. It counts while the delegate has
/// a mandate that covers it whole, and only if it was issued since that mandate began; else it reads as revoked. The
/// patient revokes it by that index, or with all of the grantee's, or with everything.
///
/// **Decision.** A directive applies when it is in force and a permit holds the request whole (purposes and
/// categories), a deny any part of it. There are two levels: the institution, and its roles; all roles are one level:
/// a permit for a role serves the actors that have it, a deny binds all of them. A deny binds against every permit of
/// its own level and of a wider one, and against a narrower permit only if it was issued strictly later. A permit
/// that no deny binds against decides; else a deny decides; else nothing does. What a directive says of other
/// purposes or categories is silence, not an answer.
///
/// The directive that is named: of the permits on the narrowest level the latest issued; of the denies the first that
/// binds, the institution's before a role's. When nothing decides, the reason is the nearest miss, the last that
/// applies in the order of `Reason` (`Revoked` to `WrongCategory`); what was revoked before it was submitted is never
/// recorded and no miss. Of several that are equal: the institution's before a
/// role's, then by the role's bit, then by index.
interface IConsentRegistry {
    enum Effect {
        None, // no directive, or revoked
        Permit,
        Deny
    }

    /// @notice What a directive or a revocation says, in one word: as the registry keeps it, so that storing takes no
    /// packing. From the top:
    /// - issuedAt, 40 bits: when it was signed; 0 in a direct grant, where the block's time counts
    /// - start, 40 bits: first second at which it holds (0: from its issue)
    /// - end, 40 bits: first second at which it no longer holds; later than now and than `start`
    /// - deadline, 40 bits: last second at which it may be submitted; 0 in a direct grant
    /// - purposes, 32 bits: bit set, at least one
    /// - categories, 56 bits: bit set of record classes and sensitivity labels, at least one
    /// - index, 6 bits: which of the pair's directives, 0 to 3; all ones (elsewhere 255) for all of them, in a
    ///   revocation alone; in a patient's revocation also that of a delegate's directive, at most 59
    /// - effect, 2 bits: `Permit` or `Deny`; `None` in a revocation, whose purposes, categories, start and end are 0
    type Terms is uint256;

    /// @notice A signed action to relay: a grant, or a revocation when the effect of its terms is `None`.
    /// @dev Only the transport is packed; what is signed names every field. A grant is signed as `Grant(address
    /// patient,address grantee,uint8 index,uint8 effect,uint32 purposes,uint56 categories,uint40 start,uint40
    /// end,bytes32 document,uint40 issuedAt,uint40 deadline)`, a revocation as `Revoke(address patient,address
    /// grantee,uint8 index,uint40 issuedAt,uint40 deadline)`; what that does not name must be zero, else `EmptyScope`
    /// or `InvalidPeriod`.
    /// @param grantee an institution, or a role as an account
    /// @param terms issued not later than the block, which is not later than the deadline
    /// @param document hash of the signed document (salted), 0 when there is none
    /// @param r with `vs` the signature of whoever controls the patient's account, as ERC-2098 packs it: 64 bytes.
    /// That it has two spellings harms nobody: nothing here is kept or found by a signature. A wallet (ERC-1271) is
    /// asked with the 65 bytes of it. 0: the order is proven otherwise
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
    /// @param signer 0 for whoever controls the patient's account, or a delegate with a mandate (see IGuardians) that
    /// covers what is granted, for an order that was issued since the mandate began. A delegate's order has index 0
    /// to 3 or 255 and concerns what this delegate said alone
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

    /// @notice What becomes of a batch in which an order, or a use of data (see IAccessLog), cannot be carried out.
    enum Mode {
        Tolerant, // it is skipped, with an event; the others are carried out
        Strict // the whole batch reverts with its reason
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

    /// @notice A directive was granted. With `ConsentRevoked`, `SignedByDelegate` and `ControllerFollowed` this
    /// rebuilds all that the registry keeps.
    /// @param terms as they stand from now on: those of a direct grant with the time of its block; the index is that
    /// of the views
    /// @param document hash of the signed document (salted), 0 when there is none
    event ConsentGranted(address indexed patient, address indexed grantee, Terms terms, bytes32 document);
    /// @notice Directives were revoked.
    /// @param grantee whose; 0 with index 255: everything, of the patient or of what the delegate said
    /// @param terms effect `None`, with the time of issue until which everything at that place is revoked, and the
    /// index of the views. Deadline 0 when it was the patient's own call: then signed permits for the grantee, at any
    /// place, that were issued until then and are not yet submitted are refused as well
    event ConsentRevoked(address indexed patient, address indexed grantee, Terms terms);
    /// @notice Comes before the event of an order that a delegate signed.
    event SignedByDelegate(address indexed patient, address indexed delegate);
    event ControllerFollowed(address indexed patient, address indexed controller);
    /// @notice An order was not carried out, and the others of its batch were.
    /// @dev Warning: anyone can cause one, for any patient, with a signature that is none. It tells a relayer what
    /// became of its orders, and nothing of the patient.
    /// @param terms as submitted
    /// @param reason the custom error with its arguments, encoded as it would have reverted
    event OrderSkipped(address indexed patient, address indexed grantee, Terms terms, bytes reason);

    error InvalidGrantee(address grantee);
    error InvalidIndex(uint8 index);
    error InvalidEffect(uint8 effect);
    error EmptyScope(uint32 purposes, uint56 categories);
    /// @notice A permit names these purposes or sensitivity labels, which have no meaning yet: nobody can know what it
    /// would permit later. A deny may.
    error UnknownCodes(uint32 purposes, uint56 categories);
    error InvalidPeriod(uint40 start, uint40 end);
    /// @notice What stands since `issuedAt` goes before it, see "Order of signing"; for a signed revocation: it
    /// changes nothing.
    error Superseded(address patient, address grantee, uint8 index, uint40 issuedAt);
    /// @notice A direct grant is issued now and needs no deadline: both must be 0.
    error UnexpectedTimes(uint40 issuedAt, uint40 deadline);
    error IssuedInFuture(uint40 issuedAt, uint256 nowAt);
    error DeadlinePassed(uint40 deadline, uint256 nowAt);
    /// @notice `signer`, who had to sign or send this, did not.
    error InvalidSignature(address signer);
    /// @notice The controller signed this before the account was moved to it, at `movedAt` (Unix seconds).
    error SignedBeforeMove(address patient, uint40 movedAt);
    /// @notice A delegate may not do this for the patient, or no longer; or it signed before it was named.
    error OutOfScope(address patient, address signer);
    /// @notice `most` delegates have said something for this patient already.
    error TooManyDelegates(address patient, uint256 most);

    // ---- the patient ---------------------------------------------------------------------------------------------

    /// @notice The caller grants (permits or denies); the directive at that place is replaced, which also renews or
    /// narrows it.
    /// @dev Reverts `InvalidGrantee` (0, or the number of several or unknown roles), `InvalidIndex`, `InvalidEffect`
    /// (`None`, or no effect at all), `EmptyScope`, `UnknownCodes`, `InvalidPeriod`, `UnexpectedTimes`,
    /// `InvalidSignature` (another account controls the caller's), `Superseded` (a permit, and in this very second the
    /// place was denied, all of the grantee's was revoked or everything was).
    /// @param terms with issuedAt and deadline 0
    function grant(address grantee, Terms terms, bytes32 document) external;

    /// @notice The caller revokes; constant cost. Never blocked, whatever else is paused or suspended.
    /// @dev Also stops permits for that grantee that were signed until now and not yet submitted; with index 255, or
    /// for everything, denies as well. Revoking what is not there is allowed: it still stops what was signed. Without
    /// any change nothing is emitted. What was issued later stands, and so does a deny of this very second.
    /// @param grantee whose; 0 with `index` 255 revokes everything of the caller
    /// @param index which directive: 0 to 3, or that of a delegate's; or 255 for all of the grantee's
    function revoke(address grantee, uint8 index) external;

    // ---- anyone --------------------------------------------------------------------------------------------------

    /// @notice Carries out signed orders.
    /// @dev An order that cannot be carried out (what stands goes before it, it has expired, is issued in the future,
    /// badly signed, out of a delegate's scope, or breaks a rule of granting) is skipped with `OrderSkipped`; in
    /// `Strict` mode the first such order reverts the whole batch with its reason. The signature is checked as a
    /// key's first and, when that fails and the patient has code, as an ERC-1271 wallet's, so accounts with an
    /// EIP-7702 delegation sign with their key.
    /// @param proofs of the orders that have no `r`; empty when all of them are simply signed
    /// @param mode what becomes of the batch when one cannot be carried out
    /// @return refusals empty when all were carried out; else one for each order: the selector of its error, 0 for an
    /// order that was carried out
    function relay(
        Order[] calldata orders,
        Proof[] calldata proofs,
        Mode mode
    ) external returns (bytes4[] memory refusals);

    /// @notice Takes over from Guardians who controls a patient's account after a recovery; anyone may call it.
    /// @dev From then on orders that the controller signed before the move are refused (`SignedBeforeMove`), also where
    /// the account came back to its own key. What a delegate signed stays.
    function follow(address patient) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice May `actor` use data of these `categories` of `patient` for `purpose`, now?
    /// @dev Never reverts. The actor's licence and roles come from `Institutions`. A request without a purpose or
    /// without a record class (also one of sensitivity labels alone) is no request: `None`, `NoDirective`. So a deny
    /// of all record classes touches every request.
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

    /// @notice Which data of `patient` `actor` may use for `purpose` now: `decide` for each category by itself.
    /// @dev Never reverts. For a request of one record class the masks say what `decide` does: permitted, denied, or
    /// in neither mask. A deny of all record classes denies every label, too. Warning: of a record with several
    /// categories ask `decide`: one permit must hold them all.
    /// @param actor an institution or its operator
    /// @param purpose one purpose bit, or several that must all be permitted
    /// @return permitted categories that a permit, or the implicit policy, permits
    /// @return denied categories that a deny denies; all of them when the actor is not licensed
    function scope(
        address patient,
        address actor,
        uint32 purpose
    ) external view returns (uint56 permitted, uint56 denied);

    /// @notice What holds where the patient never said anything.
    function policy() external view returns (Policy);

    /// @notice One directive with its status at this block.
    /// @param index 0 to 3, or that of a delegate's
    function directive(address patient, address grantee, uint8 index) external view returns (Record memory);

    /// @notice Issue of the last "revoke everything" of a patient, 0 when never; what was issued until then is
    /// revoked.
    function revokedUntil(address patient) external view returns (uint40);

    /// @notice What is refused of a pair at whichever place.
    /// @return permits signed permits issued until then are; Unix seconds, 0 when nothing was ever revoked directly or
    /// as a whole
    /// @return all everything issued until then is (but for a deny of that second), and what stood is revoked; 0 when
    /// all of the grantee's was never revoked
    function refusedUntil(address patient, address grantee) external view returns (uint40 permits, uint40 all);

    /// @notice The delegates who have said anything for the patient, in the order of their numbers, which begin with
    /// 1; at most 14.
    function delegatesOf(address patient) external view returns (address[] memory accounts);

    /// @notice The EIP-712 digest that the patient signs for an order, whatever stands in its `r` and `vs`.
    function digest(Order calldata order) external view returns (bytes32);
}
