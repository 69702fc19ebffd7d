// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/IAdjudication.sol";

/// @title The money rule of IAdjudication, the packing of its results, and the calendar that it needs
/// @dev Pure: the same input, the same money, whoever computes it. Sums are taken in 256 bits, where none of these amounts can
/// overflow; every result is at most the line's charge, of 80 bits.
library Adjudication {
    uint8 internal constant LIFETIME = 35;
    uint8 internal constant BENEFIT_MAXIMUM = 119;

    uint256 private constant BASIS = 10_000;
    uint256 private constant DAYS_PER_400_YEARS = 146_097;

    /// @notice How a line is shared, and what is left before it of each bound.
    /// @param rate the patient's coinsurance, basis points
    /// @param bears whether the category bears the deductible
    /// @param copayFirst whether the copay comes before the deductible
    /// @param counts whether the copay counts to the deductible
    /// @param deductible what is left of the member's and the family's
    /// @param outOfPocket the same of the out-of-pocket maximum
    /// @param limit least of what the annual, lifetime and category limits leave
    /// @param limitCarc of that limit
    struct Share {
        uint256 rate;
        uint256 copay;
        bool bears;
        bool copayFirst;
        bool counts;
        uint256 deductible;
        uint256 outOfPocket;
        uint256 limit;
        uint8 limitCarc;
    }

    /// @notice Steps 1 to 6 of IAdjudication.
    /// @param r with `charge`, `denied` and `units` set; filled
    /// @param price allowed for one unit
    /// @param prior what other payers paid for the line
    function share(IAdjudication.LineResult memory r, uint256 price, uint256 prior, Share memory s) internal pure {
        uint256 allowed = _min(uint256(r.charge) - r.denied, price * r.units);
        uint256 first;
        uint256 second;
        {
            uint256 deductible = s.bears ? s.deductible : 0;
            first = _min(allowed, s.copayFirst ? s.copay : deductible);
            second = _min(allowed - first, s.copayFirst ? deductible : s.copay);
        }
        uint256 third = allowed - first - second;
        // Rounded up: the fraction of a unit is the patient's, so that the pool never pays one too much.
        third = (third * s.rate + BASIS - 1) / BASIS;

        uint256 shares = first + second + third;
        (first, second, third) = _cut(first, second, third, shares - _min(shares, s.outOfPocket));
        shares = first + second + third;
        prior = _min(prior, allowed);
        (first, second, third) = _cut(first, second, third, _min(prior, shares));

        uint256 benefit = allowed - prior - first - second - third;
        uint256 due = _min(benefit, s.limit);

        (uint256 d, uint256 c) = s.copayFirst ? (second, first) : (first, second);
        (r.allowed, r.deductible, r.copay, r.coinsurance) = (uint80(allowed), uint80(d), uint80(c), uint80(third));
        (r.prior, r.paid, r.limited) = (uint80(prior), uint80(due), uint80(benefit - due));
        if (s.counts) r.counted = uint80(_min(c, s.deductible - _min(d, s.deductible)));
        if (due != benefit) r.limitCarc = s.limitCarc;
    }

    /// @dev Takes `excess`, at most their sum, off the steps, the last one first.
    function _cut(uint256 first, uint256 second, uint256 third, uint256 excess)
        private
        pure
        returns (uint256, uint256, uint256)
    {
        uint256 part = _min(third, excess);
        (third, excess) = (third - part, excess - part);
        part = _min(second, excess);
        return (first - (excess - part), second - part, third);
    }

    // ---- packing -------------------------------------------------------------------------------------------------

    function pack(bytes32 code, IAdjudication.LineResult memory r)
        internal
        pure
        returns (IAdjudication.PackedLine memory)
    {
        return IAdjudication.PackedLine({
            code: code,
            judged: _word(r.charge, r.denied, r.counted, r.carc),
            shares: _word(r.deductible, r.copay, r.coinsurance, uint256(r.limitCarc) << 8 | r.authorization),
            payment: _word(r.limited, r.prior, r.paid, r.units)
        });
    }

    function unpack(IAdjudication.PackedLine calldata p) internal pure returns (IAdjudication.LineResult memory r) {
        (r.charge, r.denied, r.counted, r.carc) = _parts(p.judged);
        (r.deductible, r.copay, r.coinsurance,) = _parts(p.shares);
        (r.limitCarc, r.authorization) = (uint8(p.shares >> 8), uint8(p.shares));
        (r.limited, r.prior, r.paid, r.units) = _parts(p.payment);
        r.allowed = r.deductible + r.copay + r.coinsurance + r.limited + r.prior + r.paid;
    }

    /// @notice The lines of a claim, each denied whole.
    function denied(IAdjudication.Line[] calldata lines, uint16 carc)
        internal
        pure
        returns (IAdjudication.PackedLine[] memory results)
    {
        results = new IAdjudication.PackedLine[](lines.length);
        for (uint256 i; i < lines.length; ++i) {
            IAdjudication.LineResult memory r;
            (r.charge, r.denied, r.carc) = (lines[i].charge, lines[i].charge, carc);
            results[i] = pack(lines[i].code, r);
        }
    }

    /// @return sum of what was paid
    function paid(IAdjudication.PackedLine[] calldata lines) internal pure returns (uint256 sum) {
        for (uint256 i; i < lines.length; ++i) {
            sum += uint80(lines[i].payment >> 16);
        }
    }

    /// @return sum of the charges, less what other payers paid
    function billed(IAdjudication.PackedLine[] calldata lines) internal pure returns (uint256 sum) {
        for (uint256 i; i < lines.length; ++i) {
            sum += (lines[i].judged >> 176) - uint80(lines[i].payment >> 96);
        }
    }

    function _word(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (uint256) {
        return a << 176 | b << 96 | c << 16 | d;
    }

    function _parts(uint256 word) private pure returns (uint80, uint80, uint80, uint16) {
        return (uint80(word >> 176), uint80(word >> 96), uint80(word >> 16), uint16(word));
    }

    // ---- calendar ------------------------------------------------------------------------------------------------

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
