// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Ids} from "contracts/common/Ids.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IAccessLog} from "interfaces/consent/IAccessLog.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title AccessLog: no use without a permit, and no broken glass without a trace
/// @dev The regulator's only power here is to review.
contract AccessLog is IAccessLog, Licensed, AccessManaged {
    /// @inheritdoc IAccessLog
    uint40 public constant MAX_EMERGENCY = 24 hours;

    /// @dev What an emergency is for.
    uint32 private constant CARE = ConsentCodes.TREAT | ConsentCodes.ETREAT;
    /// @dev Whose staff it is for.
    uint32 private constant CARERS = Roles.PROVIDER | Roles.PHARMACY;
    /// @dev Who may use data at all: any role.
    uint32 private constant ANY = type(uint32).max;

    IConsentRegistry public immutable consents;

    mapping(bytes32 id => Emergency) private _emergencies;
    /// @dev The last one a pair has had.
    mapping(address patient => mapping(address institution => bytes32 id)) private _latest;

    constructor(
        address manager,
        IInstitutions institutions_,
        IConsentRegistry consents_
    ) Licensed(institutions_) AccessManaged(manager) {
        consents = consents_;
    }

    // ---- use -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IAccessLog
    function record(Access[] calldata accesses) external {
        address institution = _licensed(msg.sender, ANY);
        for (uint256 i; i < accesses.length; ++i) {
            Access calldata a = accesses[i];
            (bool allowed, IConsentRegistry.Reason reason, bytes32 id) = _mayAccess(
                a.patient,
                msg.sender,
                institution,
                a.purpose,
                a.categories
            );
            if (!allowed) revert AccessRefused(a.patient, institution, reason);

            emit AccessRecorded(a.patient, institution, msg.sender, a.purpose, a.categories, a.record, id);
        }
    }

    function _mayAccess(
        address patient,
        address actor,
        address institution,
        uint32 purpose,
        uint56 categories
    ) private view returns (bool allowed, IConsentRegistry.Reason reason, bytes32 id) {
        IConsentRegistry.Answer answer;
        (answer, reason, , ) = consents.decide(patient, actor, purpose, categories);
        if (answer == IConsentRegistry.Answer.Permit) return (true, reason, 0);

        // An unlicensed institution has no emergencies; and one for care opens nothing for other purposes.
        if (reason == IConsentRegistry.Reason.NotLicensed || purpose == 0 || purpose & ~CARE != 0) {
            return (false, reason, 0);
        }
        id = _latest[patient][institution];
        Emergency storage e = _emergencies[id];
        (, uint32 roles, ) = institutions.standing(actor);
        allowed =
            categories != 0 &&
            block.timestamp < e.until &&
            categories & ~e.categories == 0 &&
            e.outcome != Outcome.Unjustified &&
            roles & CARERS != 0 &&
            !_denied(patient, actor, categories);
        if (!allowed) id = 0;
    }

    /// @dev The patient's word on emergencies counts before the glass is broken and after.
    function _denied(address patient, address actor, uint56 categories) private view returns (bool) {
        (IConsentRegistry.Answer answer, , , ) = consents.decide(patient, actor, ConsentCodes.ETREAT, categories);
        return answer == IConsentRegistry.Answer.Deny;
    }

    // ---- emergencies ---------------------------------------------------------------------------------------------

    /// @inheritdoc IAccessLog
    function declareEmergency(
        address patient,
        Cause cause,
        uint56 categories,
        uint40 duration
    ) external returns (bytes32 id) {
        address institution = _licensed(msg.sender, Roles.PROVIDER);
        if (cause == Cause.None) revert InvalidEmergency("cause");
        if (categories == 0) revert InvalidEmergency("categories");
        if (duration == 0 || duration > MAX_EMERGENCY) revert InvalidEmergency("duration");
        if (_denied(patient, msg.sender, categories) || consents.policy() == IConsentRegistry.Policy.Deny) {
            revert EmergencyRefused(patient, institution);
        }
        // The same again is no renewal; what needs more data than was declared is declared anew, aloud.
        bytes32 latest = _latest[patient][institution];
        Emergency memory running = _emergencies[latest];
        id = Ids.emergency(patient, institution, uint40(block.timestamp));
        if (block.timestamp < running.until) {
            if (categories & ~running.categories == 0 || id == latest) revert EmergencyUnderWay(latest, running.until);
            if (running.outcome != Outcome.Unjustified) categories |= running.categories;
        }

        uint40 until = uint40(block.timestamp) + duration;
        _emergencies[id] = Emergency({
            patient: patient,
            institution: institution,
            clinician: msg.sender,
            categories: categories,
            declaredAt: uint40(block.timestamp),
            until: until,
            cause: cause,
            outcome: Outcome.Open
        });
        _latest[patient][institution] = id;

        emit EmergencyDeclared(id, patient, institution, msg.sender, cause, categories, until);
    }

    /// @inheritdoc IAccessLog
    function review(bytes32 id, Outcome outcome) external restricted {
        Emergency storage e = _emergencies[id];
        if (e.declaredAt == 0) revert UnknownEmergency(id);
        if (e.outcome != Outcome.Open) revert AlreadyReviewed(id, e.outcome);
        if (outcome == Outcome.Open) revert InvalidEmergency("outcome");

        e.outcome = outcome;

        emit EmergencyReviewed(id, msg.sender, outcome);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IAccessLog
    function mayAccess(
        address patient,
        address actor,
        uint32 purpose,
        uint56 categories
    ) external view returns (bool allowed, IConsentRegistry.Reason reason, bytes32 id) {
        (address institution, , ) = institutions.standing(actor);
        return _mayAccess(patient, actor, institution, purpose, categories);
    }

    /// @inheritdoc IAccessLog
    function emergency(bytes32 id) external view returns (Emergency memory) {
        return _emergencies[id];
    }
}
