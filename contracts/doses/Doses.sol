// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Ids} from "contracts/common/Ids.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IDoses} from "interfaces/doses/IDoses.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title Doses: out of an intact shipment, in the order and at the intervals of a schedule
contract Doses is IDoses, Licensed, AccessManaged {
    /// @inheritdoc IDoses
    uint8 public constant GRACE = 4;

    /// @dev Days after which a dose is not recorded any more: what was given earlier is another register's matter.
    uint256 private constant LATEST = 7;
    uint256 private constant MOST_STEPS = 16;

    /// @dev Who may give a dose.
    uint32 private constant CLINICS = Roles.PROVIDER | Roles.PHARMACY | Roles.PUBLIC_HEALTH;

    /// @dev One slot, and the steps four to a slot.
    /// @param number short number of the schedule: its id would take a slot of each dose
    struct Course {
        uint16 vaccine;
        uint8 length;
        uint32 number;
        Step[MOST_STEPS] steps;
    }

    /// @dev A patient's doses of a schedule, one slot.
    /// @param given how many count
    /// @param day of the last one that counts
    /// @param recorded how many were ever recorded, voided ones included
    struct Series {
        uint8 given;
        uint24 day;
        uint32 recorded;
    }

    /// @dev The first slot is all that voiding needs, but for the clinic.
    /// @param before day of the dose before it, which is the last again when this one is voided
    struct Record {
        address patient;
        uint32 schedule;
        uint8 step;
        uint24 day;
        uint24 before;
        bool voided;
        address clinic;
        bytes32 shipment;
    }

    IColdChain public immutable coldChain;

    uint32 private _scheduleCount;
    mapping(uint256 number => bytes32 schedule) private _scheduleIds;
    mapping(bytes32 schedule => Course) private _courses;
    mapping(address patient => mapping(bytes32 schedule => Series)) private _series;
    mapping(bytes32 dose => Record) private _doses;

    constructor(
        address manager,
        IInstitutions institutions_,
        IColdChain coldChain_
    ) Licensed(institutions_) AccessManaged(manager) {
        coldChain = coldChain_;
    }

    // ---- schedules -----------------------------------------------------------------------------------------------

    /// @inheritdoc IDoses
    function registerSchedule(uint16 vaccine, Step[] calldata steps) external restricted returns (bytes32 id) {
        if (vaccine == 0) revert InvalidSchedule("vaccine");
        if (steps.length == 0 || steps.length > MOST_STEPS) revert InvalidSchedule("steps");
        id = Ids.schedule(keccak256(abi.encode(vaccine, steps)));
        Course storage course = _courses[id];
        if (course.number != 0) revert ScheduleExists(id);
        for (uint256 i; i < steps.length; ++i) {
            Step calldata step = steps[i];
            if (i == 0 && step.minInterval != 0) revert InvalidSchedule("minInterval");
            if (step.due < step.minInterval) revert InvalidSchedule("due");
            if (step.overdue != 0 && step.overdue <= step.due) revert InvalidSchedule("overdue");
            course.steps[i] = step;
        }

        uint32 number = ++_scheduleCount;
        (course.vaccine, course.length, course.number) = (vaccine, uint8(steps.length), number);
        _scheduleIds[number] = id;

        emit ScheduleRegistered(id, vaccine, steps);
    }

    // ---- doses ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IDoses
    function give(bytes32 shipment, address patient, bytes32 scheduleId, uint24 day) external returns (bytes32 id) {
        address clinic = _licensed(msg.sender, CLINICS);
        Course storage course = _known(scheduleId);
        Series storage series = _series[patient][scheduleId];
        (uint8 step, uint24 before, uint32 recorded) = (series.given, series.day, series.recorded);
        if (step == course.length) revert SeriesComplete(patient, scheduleId);
        uint256 today = block.timestamp / 1 days;
        if (day > today || day + LATEST < today) revert InvalidDay(day);
        uint24 earliest = step == 0 ? 0 : _earliest(before, course.steps[step].minInterval);
        if (day < earliest) revert TooEarly(patient, scheduleId, earliest);

        id = Ids.dose(patient, scheduleId, recorded);
        (series.given, series.day, series.recorded) = (step + 1, day, recorded + 1);
        _doses[id] = Record({
            patient: patient,
            schedule: course.number,
            step: step,
            day: day,
            before: before,
            voided: false,
            clinic: clinic,
            shipment: shipment
        });

        emit DoseGiven(id, patient, shipment, clinic, scheduleId, step, day);

        coldChain.dispense(shipment, clinic, 1);
    }

    /// @dev Never before the dose before it, however short the interval.
    function _earliest(uint24 before, uint16 minInterval) private pure returns (uint24) {
        return minInterval > GRACE ? before + minInterval - GRACE : before;
    }

    /// @inheritdoc IDoses
    function void(bytes32 id) external {
        Record storage record = _doses[id];
        address clinic = record.clinic;
        if (clinic == address(0)) revert UnknownDose(id);
        // What is wrong may be put right without a licence, but not by whom the clinic no longer sends.
        if (msg.sender != clinic) {
            (address institution, uint32 roles, ) = institutions.standing(msg.sender);
            if (institution != clinic || roles & CLINICS == 0) revert NotTheClinic(id, msg.sender);
        }
        Series storage series = _series[record.patient][_scheduleIds[record.schedule]];
        if (record.voided || record.step + 1 != series.given) revert NotTheLastDose(id);

        record.voided = true;
        (series.given, series.day) = (record.step, record.before);

        emit DoseVoided(id, clinic);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IDoses
    function next(address patient, bytes32 scheduleId) external view returns (Next memory found) {
        Course storage course = _known(scheduleId);
        Series storage series = _series[patient][scheduleId];
        found.next = series.given;
        if (found.next == 0 || found.next == course.length) return found;

        Step memory step = course.steps[found.next];
        found.earliest = _earliest(series.day, step.minInterval);
        found.due = series.day + step.due;
        found.overdue = step.overdue == 0 ? 0 : series.day + step.overdue;
    }

    /// @inheritdoc IDoses
    function dose(bytes32 id) external view returns (Dose memory) {
        Record storage r = _doses[id];
        return Dose(r.shipment, r.clinic, r.patient, _scheduleIds[r.schedule], r.step, r.day, r.voided);
    }

    /// @inheritdoc IDoses
    function schedule(bytes32 id) external view returns (uint16 vaccine, Step[] memory steps) {
        Course storage course = _courses[id];
        vaccine = course.vaccine;
        steps = new Step[](course.length);
        for (uint256 i; i < steps.length; ++i) {
            steps[i] = course.steps[i];
        }
    }

    function _known(bytes32 scheduleId) private view returns (Course storage course) {
        course = _courses[scheduleId];
        if (course.number == 0) revert UnknownSchedule(scheduleId);
    }
}
