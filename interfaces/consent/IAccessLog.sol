// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title Who used whose data, and who opened it in an emergency (break-glass access)
/// @notice Institutions record each use of a patient's data: with the patient's permit, or with the declaration of an
/// emergency that they name. A licensed clinician **declares** an emergency for a cause, a scope and at most a day; the
/// patient sees the declaration at once, and the regulator's reviewer closes it with an outcome.
/// @dev Times are Unix seconds. Nothing here can be paused. Records appear by a salted commitment only.
///
/// **Declarations stand side by side.** A pair (patient, institution) numbers its declarations from 1; each opens what
/// it says until its own end, and a verdict on one changes no other. A use names the one that it relies on.
///
/// **A second clinician** signs a declaration when the first one has `MOST_UNREVIEWED` declarations without a review,
/// and for `COOL_DOWN` after a declaration of that clinician, or of that institution for that patient, was found
/// unjustified. With that signature no declaration is refused for these reasons: a true emergency always opens.
///
/// **Late uses** carry the time of the use and are judged as of then, as far as the chain still knows what held.
interface IAccessLog {
    /// @param patient whose data
    /// @param purpose one purpose, or several at once; at least one
    /// @param categories the record's class and all of its labels; at least one class
    /// @param record salted hash of the record that was used
    /// @param emergency number of the pair's declaration that it relies on; 0: the patient's consent
    /// @param usedAt when it was used, Unix seconds; 0: now, in the block that records it
    struct Access {
        address patient;
        uint32 purpose;
        uint56 categories;
        bytes32 record;
        uint32 emergency;
        uint40 usedAt;
    }

    /// @notice Why a use is not recorded.
    enum Refusal {
        None, // it is recorded
        Consent, // the patient does not permit it, or did not then: see the reason
        UnknownEmergency, // the pair has no declaration of this number
        NotRunning, // the declaration had not begun, or had ended
        FoundUnjustified, // the reviewer had found the declaration unjustified
        NotCare, // a declaration opens data for TREAT and ETREAT only, to PROVIDER and PHARMACY only
        OutOfScope, // the declaration does not cover all of the categories
        EmergenciesDenied, // the patient denies ETREAT for one of the categories
        UsedInFuture // the time of the use is later than the block
    }

    /// @notice Whether the chain can still prove that a late use was permitted when it happened.
    enum Lateness {
        Provable, // what permitted it then still says so on chain
        NotProvable // too late, or what held then was replaced or revoked since: for a reviewer to look at
    }

    /// @notice Why an emergency was declared (HL7 v3 ActReason has BTG for all of them).
    enum Cause {
        None,
        LifeThreatening,
        Unconscious,
        DangerToOthers,
        PublicHealthEmergency
    }

    /// @notice What the reviewer found.
    enum Outcome {
        Open, // not reviewed yet
        Justified,
        Unjustified,
        Referred // passed on to another authority
    }

    /// @param patient whose data
    /// @param institution for which it was declared
    /// @param clinician the account that declared it
    /// @param second the clinician who signed it as well, 0 when none did
    /// @param number of the pair's declarations, from 1
    /// @param categories bit set of what it opens
    /// @param declaredAt second of the declaration
    /// @param until first second at which it no longer opens anything
    /// @param reviewedAt second of the review, 0 while `Open`
    /// @param cause why
    /// @param outcome of the review
    struct Emergency {
        address patient;
        address institution;
        address clinician;
        address second;
        uint32 number;
        uint56 categories;
        uint40 declaredAt;
        uint40 until;
        uint40 reviewedAt;
        Cause cause;
        Outcome outcome;
    }

    /// @notice The signature of a second clinician, all zero where none is needed.
    /// @dev Signed as `SecondClinician(address patient,address institution,address clinician,uint8 cause,uint56
    /// categories,uint40 duration,uint40 deadline)`: the declaration that `clinician` is about to make. It counts once.
    /// @param clinician who signs: licensed as PROVIDER, another account than the one that declares
    /// @param deadline last second at which it may be submitted
    /// @param signature 65 bytes r‖s‖v, or what the account's ERC-1271 wallet accepts
    struct Second {
        address clinician;
        uint40 deadline;
        bytes signature;
    }

    /// @notice A use that was permitted in the block that records it.
    /// @param patient whose data
    /// @param institution that used it
    /// @param actor who recorded it: the institution or an operator of it
    /// @param purpose bit set
    /// @param categories bit set
    /// @param record salted hash of the record
    /// @param emergency id of the declaration that opened it, 0 when the patient's consent did
    event AccessRecorded(
        address indexed patient,
        address indexed institution,
        address actor,
        uint32 purpose,
        uint56 categories,
        bytes32 record,
        bytes32 emergency
    );
    /// @notice A use that is recorded after it happened; the other fields are those of `AccessRecorded`.
    /// @dev `NotProvable` says only that the institution states it. Reviewers look at these.
    /// @param usedAt when it was used, as the institution states it
    /// @param lateness whether the chain proves that it was permitted then
    event LateAccessRecorded(
        address indexed patient,
        address indexed institution,
        address actor,
        uint32 purpose,
        uint56 categories,
        bytes32 record,
        bytes32 emergency,
        uint40 usedAt,
        Lateness lateness
    );
    /// @notice A use that a tolerant batch left out.
    /// @param patient whose data
    /// @param institution that asked
    /// @param position in the batch, from 0
    /// @param record salted hash of the record
    /// @param refusal why
    /// @param reason of `decide` where the patient's consent refuses it, else `NoDirective`
    event AccessSkipped(
        address indexed patient,
        address indexed institution,
        uint256 position,
        bytes32 record,
        Refusal refusal,
        IConsentRegistry.Reason reason
    );
    /// @notice An emergency was declared.
    /// @param emergency id of the declaration
    /// @param patient whose data
    /// @param institution for which
    /// @param number of the pair's declarations, from 1
    /// @param clinician who declared it
    /// @param second who signed it as well, 0 when nobody did
    /// @param cause why
    /// @param categories bit set of what it opens
    /// @param until first second at which it no longer opens anything
    event EmergencyDeclared(
        bytes32 indexed emergency,
        address indexed patient,
        address indexed institution,
        uint32 number,
        address clinician,
        address second,
        Cause cause,
        uint56 categories,
        uint40 until
    );
    /// @notice Comes after `EmergencyDeclared` where the patient has named an emergency contact (see IGuardians).
    /// @param emergency id of the declaration
    /// @param contact who should look after the patient now
    /// @param patient whose data
    event EmergencyContactNotified(bytes32 indexed emergency, address indexed contact, address indexed patient);
    /// @notice A declaration was reviewed.
    /// @param emergency id of the declaration
    /// @param reviewer who closed it
    /// @param outcome what was found
    event EmergencyReviewed(bytes32 indexed emergency, address indexed reviewer, Outcome outcome);

    /// @notice A use was refused; only in a strict batch.
    /// @param patient whose data
    /// @param institution that asked
    /// @param refusal why
    /// @param reason of `decide` where the patient's consent refuses it, else `NoDirective`
    error AccessRefused(address patient, address institution, Refusal refusal, IConsentRegistry.Reason reason);
    /// @notice A use without a purpose, or without a record class, is none.
    /// @param position in the batch, from 0
    /// @param field `purpose` or `categories`
    error InvalidAccess(uint256 position, string field);
    /// @notice The patient denies ETREAT for one of these categories, or the deployment's policy is `Deny`.
    error EmergencyRefused(address patient, address institution);
    /// @param field `cause`, `categories` (no record class, or an unknown bit), `duration` or `outcome`
    error InvalidEmergency(string field);
    /// @notice The clinician has too many declarations without a review, or one was found unjustified lately.
    error SecondClinicianNeeded(address patient, address clinician);
    /// @notice The second clinician is the first one, or one of its own declarations was found unjustified lately.
    error InvalidSecond(address clinician);
    /// @notice The second clinician's signature was submitted before.
    error SecondUsed(address clinician);
    error DeadlinePassed(uint40 deadline, uint256 nowAt);
    /// @notice `signer` did not sign this declaration.
    error InvalidSignature(address signer);
    error UnknownEmergency(bytes32 emergency);
    error AlreadyReviewed(bytes32 emergency, Outcome outcome);
    /// @notice The reviewer made or signed the declaration, or acts for the institution that it was made for.
    error ReviewerOfHouse(address reviewer, address institution);

    /// @notice Longest emergency, seconds.
    function MAX_EMERGENCY() external view returns (uint40);

    /// @notice How long after an unjustified declaration a second clinician is needed, seconds.
    function COOL_DOWN() external view returns (uint40);

    /// @notice From how many declarations of a clinician without a review on a second clinician is needed.
    function MOST_UNREVIEWED() external view returns (uint32);

    /// @notice How long after a use the chain can prove that it was permitted, seconds.
    function PROVABLE_FOR() external view returns (uint40);

    // ---- use -----------------------------------------------------------------------------------------------------

    /// @notice Records uses of data by the caller's institution.
    /// @dev A use with `emergency` 0 must be permitted by the patient's consent. One that names a declaration needs no
    /// consent; it must lie in the declaration's scope and time, be for TREAT or ETREAT, by staff in the role PROVIDER
    /// or PHARMACY, and the patient must not deny ETREAT for it. Reverts `NotLicensed`, `InvalidAccess`, and where
    /// `Strict` `AccessRefused`. Warning: the caller's licence and roles are those of now, for late uses too; a late
    /// use is `NotProvable` after `PROVABLE_FOR`, and when a directive that may have applied was changed since.
    /// @param accesses the uses; the batch is as long as its sender pays for
    /// @param mode what happens when one is refused: it is skipped and its refusal emitted, or the whole call reverts
    function record(Access[] calldata accesses, IConsentRegistry.Mode mode) external;

    /// @notice May the actor record this use now?
    /// @dev Looks at the patient's consent first, then at the last eight declarations of the pair, latest first.
    /// @param patient whose data
    /// @param actor an institution or its operator
    /// @param purpose bit set
    /// @param categories bit set
    /// @return allowed whether
    /// @return reason of `decide` for this request
    /// @return emergency number of the declaration to name; 0 when the patient's consent permits it, or nothing does
    function mayAccess(
        address patient,
        address actor,
        uint32 purpose,
        uint56 categories
    ) external view returns (bool allowed, IConsentRegistry.Reason reason, uint32 emergency);

    // ---- emergencies ---------------------------------------------------------------------------------------------

    /// @notice A licensed clinician (role PROVIDER) declares an emergency for the caller's institution.
    /// @dev Reverts `NotLicensed` (also for the second clinician), `InvalidEmergency`, `EmergencyRefused`,
    /// `SecondClinicianNeeded`, `InvalidSecond`, `SecondUsed`, `DeadlinePassed`, `InvalidSignature`. Warning: the
    /// second clinician may be of the same house; both are named in the event, and a verdict falls on both.
    /// @param patient whose data
    /// @param cause why
    /// @param categories at least one record class; a sensitivity label is opened only when it is named
    /// @param duration seconds, at most `MAX_EMERGENCY`
    /// @param second the second clinician, all zero for none
    /// @return id of the declaration
    function declareEmergency(
        address patient,
        Cause cause,
        uint56 categories,
        uint40 duration,
        Second calldata second
    ) external returns (bytes32 id);

    /// @notice The regulator's reviewer closes a declaration; once.
    /// @dev Reverts `UnknownEmergency`, `AlreadyReviewed`, `InvalidEmergency` (`outcome`), `ReviewerOfHouse`. Warning:
    /// who the reviewer is can be seen only while the role REVIEWER has no execution delay.
    /// @param outcome what was found
    function review(bytes32 id, Outcome outcome) external;

    /// @notice One declaration by its id, all zero when there is none.
    function emergency(bytes32 id) external view returns (Emergency memory);

    /// @notice How many declarations a pair (patient, institution) has had: the number of the last one.
    function declared(address patient, address institution) external view returns (uint32);

    /// @notice The id of a pair's declaration of this number, whether it was made yet or not.
    function emergencyId(address patient, address institution, uint32 number) external pure returns (bytes32);

    /// @notice Must a second clinician sign what this clinician (house or operator) declares for this patient now?
    function needsSecond(address patient, address clinician) external view returns (bool);
}
