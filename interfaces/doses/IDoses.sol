// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Doses given, and when the next one is due
/// @notice An accredited clinic records a dose from a shipment that it holds. What is not intact is refused in the same
/// transaction.
/// @dev A patient is a pseudonym, another one for each clinic; a series is counted for each by itself. Days are days
/// since 1970-01-01 (UTC). Warning: what is left to the clinic's own software, before it sends: the minimum age (no
/// date of birth is here; the schedule carries it for that), the interval between different live vaccines, and that the
/// shipment is of the schedule's vaccine (the chain does not know which GTIN is which CVX code).
interface IDoses {
    /// @notice One dose of a schedule.
    /// @param minAge youngest age, days; not judged on chain
    /// @param minInterval fewest days since the dose before it (0 for the first)
    /// @param due days since the dose before it (for the first: since birth) when it is due
    /// @param overdue days since the dose before it (or birth) from which it is overdue, 0: never
    struct Step {
        uint16 minAge;
        uint16 minInterval;
        uint16 due;
        uint16 overdue;
    }

    /// @notice A dose as it was given.
    /// @param step number in the schedule, from 0
    /// @param day when it was given
    struct Dose {
        bytes32 shipment;
        address clinic;
        address patient;
        bytes32 schedule;
        uint8 step;
        uint24 day;
        bool voided;
    }

    /// @param next number of the next step; the schedule's length when the series is complete
    /// @param earliest first day on which it counts, the grace included
    /// @param due day from which it is due
    /// @param overdue day from which it is overdue, 0: never
    struct Next {
        uint8 next;
        uint24 earliest;
        uint24 due;
        uint24 overdue;
    }

    event ScheduleRegistered(bytes32 indexed schedule, uint16 vaccine, Step[] steps);
    event DoseGiven(
        bytes32 indexed dose,
        address indexed patient,
        bytes32 indexed shipment,
        address clinic,
        bytes32 schedule,
        uint8 step,
        uint24 day
    );
    /// @notice Recorded in error; the unit stays used.
    event DoseVoided(bytes32 indexed dose, address indexed clinic);

    error InvalidSchedule(string field);
    error ScheduleExists(bytes32 schedule);
    error UnknownSchedule(bytes32 schedule);
    error InvalidDay(uint24 day);
    error SeriesComplete(address patient, bytes32 schedule);
    /// @notice Sooner than the least interval less the grace.
    error TooEarly(address patient, bytes32 schedule, uint24 earliest);
    error UnknownDose(bytes32 dose);
    error NotTheClinic(bytes32 dose, address account);
    error NotTheLastDose(bytes32 dose);

    /// @notice Days by which a dose may be early and still count: four, the grace of the CDC's ACIP.
    function GRACE() external view returns (uint8);

    /// @notice Registers a schedule for ever. Regulator's rule maker only.
    /// @dev Reverts `InvalidSchedule` (`vaccine` 0; `steps` none or more than 16; `minInterval` of the first not 0;
    /// `due` before `minInterval`; `overdue` not after `due`), `ScheduleExists`.
    /// @param vaccine CVX code
    /// @return id content hash
    function registerSchedule(uint16 vaccine, Step[] calldata steps) external returns (bytes32 id);

    /// @notice A clinic (role PROVIDER, PHARMACY or PUBLIC_HEALTH) records a dose from a shipment that its institution
    /// holds, and takes one unit out of it.
    /// @dev Never before the dose before it, however short the interval. Reverts `NotLicensed`, `UnknownSchedule`,
    /// `SeriesComplete`, `TooEarly`, `InvalidDay` (in the future, or more than seven days ago), and what
    /// IColdChain.dispense reverts with.
    /// @param patient pseudonym that the patient uses for this clinic
    /// @return dose id
    function give(bytes32 shipment, address patient, bytes32 schedule, uint24 day) external returns (bytes32 dose);

    /// @notice The clinic takes back a record made in error: only the last of its series. It may without a licence, its
    /// operators only with one.
    /// @dev Reverts `UnknownDose`, `NotTheClinic`, `NotTheLastDose`.
    function void(bytes32 dose) external;

    /// @notice When the patient's next dose of a schedule is due; days are 0 before the first dose, which counts from
    /// birth.
    function next(address patient, bytes32 schedule) external view returns (Next memory);

    function dose(bytes32 id) external view returns (Dose memory);

    function schedule(bytes32 id) external view returns (uint16 vaccine, Step[] memory steps);
}
