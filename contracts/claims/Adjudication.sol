// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/IAdjudication.sol";
import {IPlans} from "interfaces/IPlans.sol";

/// @title The rule of IAdjudication, and the calendar that it needs
/// @dev Pure: the same input, the same money, whoever computes it. Sums are taken in 256 bits, where none of these amounts can
/// overflow; every amount that is stored is at most a charge, a deductible or an out-of-pocket maximum, each of 96 bits.
library Adjudication {
    uint16 internal constant NOT_COVERED = 204;

    uint256 private constant BASIS = 10_000;
    uint256 private constant DAYS_PER_400_YEARS = 146_097;

    /// @notice Judges one line and adds what the patient pays to the year's accumulators.
    /// @param terms of the plan version in force on the service day
    /// @param price of the line's code
    /// @param year what the member has paid before this line; changed in place
    /// @param result filled; comes in as zeros
    function judge(
        IPlans.Terms memory terms,
        IPlans.Price memory price,
        IAdjudication.Line calldata line,
        IAdjudication.Accumulators memory year,
        IAdjudication.LineResult memory result
    ) internal pure {
        uint256 charge = line.charge;
        result.charge = line.charge;
        if (!price.listed) {
            result.carc = NOT_COVERED;
            return;
        }

        uint256 allowed = _min(charge, uint256(price.allowed) * line.units);
        uint256 deductible = _min(allowed, terms.deductible - _min(year.deductible, terms.deductible));
        uint256 rest = allowed - deductible;
        // Rounded up: the fraction of a unit is the patient's, so that the pool never pays one too much.
        uint256 coinsurance = (rest * terms.coinsurance + BASIS - 1) / BASIS;

        // What the maximum still leaves room for: the deductible first, then the coinsurance.
        uint256 room = terms.outOfPocketMaximum - _min(year.outOfPocket, terms.outOfPocketMaximum);
        deductible = _min(deductible, room);
        coinsurance = _min(coinsurance, room - deductible);

        result.allowed = uint96(allowed);
        result.deductible = uint96(deductible);
        result.coinsurance = uint96(coinsurance);
        result.paid = uint96(allowed - deductible - coinsurance);
        year.deductible += uint96(deductible);
        year.outOfPocket += uint96(deductible + coinsurance);
    }

    /// @notice The calendar year (UTC, Gregorian) of a day.
    /// @param day days since 1970-01-01
    function yearOf(uint24 day) internal pure returns (uint16) {
        // The mean length of a year is off by less than two days at any day, hence by one year at most.
        uint256 year = 1970 + uint256(day) * 400 / DAYS_PER_400_YEARS;
        if (day < _firstDayOf(year)) --year;
        else if (day >= _firstDayOf(year + 1)) ++year;
        // 24 bits of days end in the year 47,904.
        return uint16(year);
    }

    /// @dev Days from 1970-01-01 to January 1 of a year not before 1970. 477 leap days lie before 1970.
    function _firstDayOf(uint256 year) private pure returns (uint256) {
        uint256 before = year - 1;
        return (year - 1970) * 365 + before / 4 - before / 100 + before / 400 - 477;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
