// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Ids} from "contracts/common/Ids.sol";
import {Signatures} from "contracts/common/Signatures.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Emergencies} from "contracts/consent/Emergencies.sol";
import {LateUses} from "contracts/consent/LateUses.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IAccessLog} from "interfaces/consent/IAccessLog.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IGuardians} from "interfaces/consent/IGuardians.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title AccessLog: every use with what permits it, and every emergency with its review
/// @dev The regulator's only power here is to review.
contract AccessLog is IAccessLog, Licensed, AccessManaged, EIP712 {
    using Emergencies for Emergencies.Book;

    bytes32 private constant SECOND = keccak256(
        "SecondClinician(address patient,address institution,address clinician,uint8 cause,uint56 categories"
        ",uint40 duration,uint40 deadline)"
    );

    /// @inheritdoc IAccessLog
    uint40 public constant MAX_EMERGENCY = 24 hours;
    /// @inheritdoc IAccessLog
    uint40 public constant COOL_DOWN = Emergencies.COOL_DOWN;
    /// @inheritdoc IAccessLog
    uint32 public constant MOST_UNREVIEWED = Emergencies.MOST_UNREVIEWED;
    /// @inheritdoc IAccessLog
    uint40 public constant PROVABLE_FOR = 24 hours;

    /// @dev Who may use data at all: any role.
    uint32 private constant ANY = type(uint32).max;

    IConsentRegistry public immutable consents;
    IGuardians public immutable guardians;

    Emergencies.Book private _book;
    /// @dev Signatures of second clinicians that were submitted, each with its signer.
    mapping(bytes32 digest => bool) private _usedSeconds;

    constructor(
        address manager,
        IInstitutions institutions_,
        IGuardians guardians_,
        IConsentRegistry consents_
    ) Licensed(institutions_) AccessManaged(manager) EIP712("Salus AccessLog", "1") {
        guardians = guardians_;
        consents = consents_;
    }

    // ---- use -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IAccessLog
    function record(Access[] calldata accesses, IConsentRegistry.Mode mode) external {
        (address institution, uint32 roles) = _licence(msg.sender, ANY);
        for (uint256 i; i < accesses.length; ++i) {
            Access calldata a = accesses[i];
            // What names nothing is a mistake of who sends it, and no question of consent.
            if (a.purpose == 0) revert InvalidAccess(i, "purpose");
            if (a.categories & ConsentCodes.ALL_RECORDS == 0) revert InvalidAccess(i, "categories");
            bytes32 id = a.emergency == 0 ? bytes32(0) : Ids.emergency(a.patient, institution, a.emergency);
            (Refusal refusal, IConsentRegistry.Reason reason, Lateness lateness) = a.usedAt == 0
                ? _judge(a, id, roles)
                : _judgeLate(a, id, institution, roles);
            if (refusal != Refusal.None) {
                if (mode == IConsentRegistry.Mode.Strict) revert AccessRefused(a.patient, institution, refusal, reason);

                emit AccessSkipped(a.patient, institution, i, a.record, refusal, reason);
            } else if (a.usedAt == 0) {
                emit AccessRecorded(a.patient, institution, msg.sender, a.purpose, a.categories, a.record, id);
            } else {
                emit LateAccessRecorded(
                    a.patient,
                    institution,
                    msg.sender,
                    a.purpose,
                    a.categories,
                    a.record,
                    id,
                    a.usedAt,
                    lateness
                );
            }
        }
    }

    /// @dev A use of now; it is never late.
    function _judge(
        Access calldata a,
        bytes32 id,
        uint32 roles
    ) private view returns (Refusal refusal, IConsentRegistry.Reason reason, Lateness) {
        if (id == 0) {
            IConsentRegistry.Answer answer;
            (answer, reason, , ) = consents.decide(a.patient, msg.sender, a.purpose, a.categories);
            if (answer != IConsentRegistry.Answer.Permit) refusal = Refusal.Consent;
        } else {
            refusal = _book.refusalOf(id, roles, a.purpose, a.categories, block.timestamp);
            if (refusal == Refusal.None && _denied(a.patient, msg.sender, a.categories)) {
                refusal = Refusal.EmergenciesDenied;
            }
        }
        return (refusal, reason, Lateness.Provable);
    }

    /// @dev A use of an earlier second: the declaration's dates are kept, the directives only where nobody wrote over
    /// them. What the chain cannot judge any more is recorded for a reviewer, not refused.
    function _judgeLate(
        Access calldata a,
        bytes32 id,
        address institution,
        uint32 roles
    ) private view returns (Refusal refusal, IConsentRegistry.Reason reason, Lateness lateness) {
        if (a.usedAt > block.timestamp) return (Refusal.UsedInFuture, reason, lateness);
        if (id != 0) {
            refusal = _book.refusalOf(id, roles, a.purpose, a.categories, a.usedAt);
            if (refusal != Refusal.None) return (refusal, reason, lateness);
        }
        if (block.timestamp - a.usedAt > PROVABLE_FOR) return (refusal, reason, Lateness.NotProvable);

        IConsentRegistry.Answer answer;
        uint32 purpose = id == 0 ? a.purpose : ConsentCodes.ETREAT;
        (answer, reason, , ) = consents.decide(a.patient, msg.sender, purpose, a.categories);
        bool permitsNow = answer == IConsentRegistry.Answer.Permit;
        // Where the patient never said anything, the policy spoke then as it does now.
        if (permitsNow && reason == IConsentRegistry.Reason.Implied) return (refusal, reason, lateness);

        (, uint32 house, ) = institutions.standing(institution);
        (bool permitted, bool denied, bool certain) = LateUses.answerAt(
            consents,
            a.patient,
            institution,
            roles,
            house,
            purpose,
            a.categories,
            a.usedAt
        );
        if (!certain) return (refusal, reason, Lateness.NotProvable);
        if (id == 0 && !permitted) refusal = Refusal.Consent;
        if (id != 0 && denied) refusal = Refusal.EmergenciesDenied;
        // Permitted now and not then, though nothing was written since: it had not begun.
        if (permitsNow && !permitted) reason = IConsentRegistry.Reason.NotYet;
    }

    /// @dev A deny of ETREAT holds against new declarations and against those that run.
    function _denied(address patient, address actor, uint56 categories) private view returns (bool) {
        (IConsentRegistry.Answer answer, , , ) = consents.decide(patient, actor, ConsentCodes.ETREAT, categories);
        return answer == IConsentRegistry.Answer.Deny;
    }

    /// @inheritdoc IAccessLog
    function mayAccess(
        address patient,
        address actor,
        uint32 purpose,
        uint56 categories
    ) external view returns (bool allowed, IConsentRegistry.Reason reason, uint32 number) {
        IConsentRegistry.Answer answer;
        (answer, reason, , ) = consents.decide(patient, actor, purpose, categories);
        // The same that `record` turns down.
        if (purpose == 0 || categories & ConsentCodes.ALL_RECORDS == 0) return (false, reason, 0);
        if (answer == IConsentRegistry.Answer.Permit) return (true, reason, 0);
        if (reason == IConsentRegistry.Reason.NotLicensed) return (false, reason, 0);

        (address institution, uint32 roles, ) = institutions.standing(actor);
        number = _book.latestOpening(patient, institution, roles, purpose, categories);
        if (number == 0 || _denied(patient, actor, categories)) return (false, reason, 0);
        return (true, reason, number);
    }

    // ---- emergencies ---------------------------------------------------------------------------------------------

    /// @inheritdoc IAccessLog
    function declareEmergency(
        address patient,
        Cause cause,
        uint56 categories,
        uint40 duration,
        Second calldata second
    ) external returns (bytes32 id) {
        address institution = _licensed(msg.sender, Roles.PROVIDER);
        if (cause == Cause.None) revert InvalidEmergency("cause");
        if (!Emergencies.isScope(categories)) revert InvalidEmergency("categories");
        if (duration == 0 || duration > MAX_EMERGENCY) revert InvalidEmergency("duration");
        if (_denied(patient, msg.sender, categories) || consents.policy() == IConsentRegistry.Policy.Deny) {
            revert EmergencyRefused(patient, institution);
        }
        if (second.clinician != address(0)) {
            _checkSecond(patient, institution, cause, categories, duration, second);
        } else if (_book.needsSecond(patient, institution, msg.sender)) {
            revert SecondClinicianNeeded(patient, msg.sender);
        }

        uint40 until = uint40(block.timestamp) + duration;
        id = _book.declare(patient, institution, second.clinician, cause, categories, until);

        address contact = guardians.contactOf(patient);
        if (contact != address(0)) emit EmergencyContactNotified(id, contact, patient);
    }

    function _checkSecond(
        address patient,
        address institution,
        Cause cause,
        uint56 categories,
        uint40 duration,
        Second calldata second
    ) private {
        address signer = second.clinician;
        _licensed(signer, Roles.PROVIDER);
        if (signer == msg.sender || _book.isCooling(signer)) revert InvalidSecond(signer);
        if (second.deadline < block.timestamp) revert DeadlinePassed(second.deadline, block.timestamp);
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(SECOND, patient, institution, msg.sender, cause, categories, duration, second.deadline)
            )
        );
        bytes32 key = keccak256(abi.encode(signer, digest));
        if (_usedSeconds[key]) revert SecondUsed(signer);
        if (!Signatures.signed(signer, digest, second.signature)) revert InvalidSignature(signer);

        _usedSeconds[key] = true;
    }

    /// @inheritdoc IAccessLog
    function needsSecond(address patient, address clinician) external view returns (bool) {
        (address institution, , ) = institutions.standing(clinician);
        return _book.needsSecond(patient, institution, clinician);
    }

    /// @inheritdoc IAccessLog
    function review(bytes32 id, Outcome outcome) external restricted {
        (address house, , ) = institutions.standing(msg.sender);
        _book.review(id, outcome, house);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IAccessLog
    function emergency(bytes32 id) external view returns (Emergency memory) {
        return _book.load(id);
    }

    /// @inheritdoc IAccessLog
    function declared(address patient, address institution) external view returns (uint32) {
        return _book.pairs[patient][institution].count;
    }

    /// @inheritdoc IAccessLog
    function emergencyId(address patient, address institution, uint32 number) external pure returns (bytes32) {
        return Ids.emergency(patient, institution, number);
    }
}
