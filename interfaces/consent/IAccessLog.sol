// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title Who used whose data, and who broke the glass
/// @notice Institutions record each use of a patient's data; without a permit they cannot. In an emergency an
/// accredited clinician
/// **declares** it, for a reason, a scope and at most a day; the patient sees the declaration at once, and the
/// regulator's reviewer closes it with an outcome.
/// @dev Times are Unix seconds. Nothing here can be paused. Records appear by a salted commitment only.
interface IAccessLog {
    /// @param purpose one purpose, or several at once
    /// @param categories the record's class and labels
    /// @param record salted hash of the record that was used
    struct Access {
        address patient;
        uint32 purpose;
        uint56 categories;
        bytes32 record;
    }

    /// @notice Why the glass was broken (HL7 v3 ActReason has BTG for all of them).
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

    /// @param clinician the account that declared it
    /// @param until first second at which it no longer opens anything
    struct Emergency {
        address patient;
        address institution;
        address clinician;
        uint56 categories;
        uint40 declaredAt;
        uint40 until;
        Cause cause;
        Outcome outcome;
    }

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
    event EmergencyDeclared(
        bytes32 indexed emergency,
        address indexed patient,
        address indexed institution,
        address clinician,
        Cause cause,
        uint56 categories,
        uint40 until
    );
    event EmergencyReviewed(bytes32 indexed emergency, address indexed reviewer, Outcome outcome);

    /// @notice The patient does not permit it; `reason` and the directive are those of `decide`.
    error AccessRefused(address patient, address institution, IConsentRegistry.Reason reason);
    /// @notice The patient has denied ETREAT for these categories, or the deployment's policy is `Deny`.
    error EmergencyRefused(address patient, address institution);
    error InvalidEmergency(string field);
    /// @notice One is under way that covers these categories: it is not renewed in silence. After its end, or for more
    /// categories (not in the same second), a new one may be declared; it takes over those of the one under way, unless
    /// a review found that unjustified.
    error EmergencyUnderWay(bytes32 emergency, uint40 until);
    error UnknownEmergency(bytes32 emergency);
    error AlreadyReviewed(bytes32 emergency, Outcome outcome);

    /// @notice Longest emergency, seconds.
    function MAX_EMERGENCY() external view returns (uint40);

    /// @notice Records uses of data by the caller's institution: all or none.
    /// @dev Each must be permitted by the patient's consent or lie in the scope of the institution's emergency
    /// (purposes TREAT and ETREAT only, by staff in the role PROVIDER or PHARMACY, unless a review found it
    /// unjustified). Reverts `AccessRefused`.
    function record(Access[] calldata accesses) external;

    /// @notice An accredited clinician (role PROVIDER) breaks the glass for the caller's institution.
    /// @dev Reverts `EmergencyRefused`, `NotLicensed`, `InvalidEmergency` (`cause`, `categories`, `duration`),
    /// `EmergencyUnderWay`.
    /// @param duration seconds, at most `MAX_EMERGENCY`
    /// @return id of the declaration
    function declareEmergency(
        address patient,
        Cause cause,
        uint56 categories,
        uint40 duration
    ) external returns (bytes32 id);

    /// @notice The regulator's reviewer closes a declaration; once.
    /// @dev Reverts `UnknownEmergency`, `AlreadyReviewed`, `InvalidEmergency` (`outcome`).
    function review(bytes32 id, Outcome outcome) external;

    /// @notice May the actor record this use now? With the emergency's id when that is what opens it.
    function mayAccess(
        address patient,
        address actor,
        uint32 purpose,
        uint56 categories
    ) external view returns (bool allowed, IConsentRegistry.Reason reason, bytes32 emergency);

    function emergency(bytes32 id) external view returns (Emergency memory);
}
