// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LineWords} from "contracts/claims/plans/LineWords.sol";
import {Lines} from "contracts/claims/plans/Lines.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";

/// @title The money rule of IAdjudication, the packing of its results, and the calendar that it needs
/// @dev Pure: the same input, the same money, whoever computes it.
library Adjudication {
    using LineWords for IAdjudication.JudgedWord;
    using LineWords for IAdjudication.PaymentWord;
    using LineWords for IAdjudication.SharesWord;
    using Lines for Lines.Flat;

    uint256 internal constant LIFETIME = 35;
    uint256 internal constant BENEFIT_MAXIMUM = 119;

    uint256 private constant BASIS = 10_000;
    uint256 private constant DAYS_PER_400_YEARS = 146_097;

    /// @notice What is left of the bounds before a line, and what the lines before it used.
    /// @param deductible what is left of the member's and the family's
    /// @param outOfPocket the same of the out-of-pocket maximum
    /// @param annual the same of the annual limit; more than anybody could use when there is none
    /// @param lifetime the same of the lifetime limit
    struct Tally {
        uint256 deductible;
        uint256 outOfPocket;
        uint256 annual;
        uint256 lifetime;
        uint256 usedDeductible;
        uint256 usedOutOfPocket;
        uint256 paid;
    }

    /// @notice How the lines of one category are shared.
    /// @param rate the patient's coinsurance, basis points
    /// @param limit what is left of the category's; more than anybody could use when there is none
    /// @param bears whether the category bears the deductible
    /// @param copayFirst whether the copay comes before the deductible
    /// @param counts whether the copay counts to the deductible
    struct Rule {
        uint256 rate;
        uint256 copay;
        uint256 limit;
        bool bears;
        bool copayFirst;
        bool counts;
    }

    /// @notice Steps 2 to 6 of IAdjudication; goes on with `t` and with the limit of `r`.
    /// @param prior what other payers paid for the line
    /// @return shares as in `PackedLine`, without the number of the pre-authorisation
    /// @return payment as in `PackedLine`, without the units
    /// @return counted part of the copay that counted to the deductible
    function share(
        Tally memory t,
        Rule memory r,
        uint256 allowed,
        uint256 prior
    ) internal pure returns (IAdjudication.SharesWord shares, IAdjudication.PaymentWord payment, uint256 counted) {
        // Nothing here can wrap: parts are taken from wholes, and wholes have 80 bits.
        unchecked {
            uint256 d = r.bears ? t.deductible : 0;
            uint256 c;
            if (r.copayFirst) {
                c = min(allowed, r.copay);
                d = min(allowed - c, d);
            } else {
                d = min(allowed, d);
                c = min(allowed - d, r.copay);
            }
            // Rounded up: the fraction of a unit is the patient's, so that the pool never pays one too much.
            uint256 k = ((allowed - d - c) * r.rate + BASIS - 1) / BASIS;

            uint256 sum = d + c + k;
            if (sum > t.outOfPocket) {
                (d, c, k) = _cut(r.copayFirst, d, c, k, sum - t.outOfPocket);
                sum = t.outOfPocket;
            }
            if (prior != 0) {
                prior = min(prior, allowed);
                uint256 relief = min(prior, sum);
                (d, c, k) = _cut(r.copayFirst, d, c, k, relief);
                sum -= relief;
            }

            uint256 benefit = allowed - prior - sum;
            uint256 paid = min(benefit, min(r.limit, min(t.annual, t.lifetime)));
            shares = LineWords.packShares(d, c, k);
            payment = LineWords.packPayment(benefit - paid, prior, paid);
            if (benefit != paid) {
                bool lifetimeLeast = t.lifetime < r.limit && t.lifetime < t.annual;
                shares = shares.withLimitCarc(lifetimeLeast ? LIFETIME : BENEFIT_MAXIMUM);
            }

            if (r.counts) counted = min(c, t.deductible - d);
            t.deductible -= d + counted;
            t.usedDeductible += d + counted;
            t.outOfPocket -= sum;
            t.usedOutOfPocket += sum;
            t.annual -= paid;
            t.lifetime -= paid;
            t.paid += paid;
            r.limit -= paid;
        }
    }

    /// @dev Takes `excess`, at most their sum, off the steps, the last one first.
    function _cut(
        bool copayFirst,
        uint256 d,
        uint256 c,
        uint256 k,
        uint256 excess
    ) private pure returns (uint256, uint256, uint256) {
        unchecked {
            uint256 part = min(k, excess);
            (k, excess) = (k - part, excess - part);
            part = min(copayFirst ? d : c, excess);
            excess -= part;
            return copayFirst ? (d - part, c - excess, k) : (d - excess, c - part, k);
        }
    }

    // ---- packing -------------------------------------------------------------------------------------------------

    function unpack(IAdjudication.PackedLine calldata p) internal pure returns (IAdjudication.LineResult memory r) {
        IAdjudication.JudgedWord judged = p.judged;
        (r.charge, r.denied, r.counted, r.carc) = (judged.charge(), judged.denied(), judged.counted(), judged.carc());
        IAdjudication.SharesWord shares = p.shares;
        (r.deductible, r.copay, r.coinsurance) = (shares.deductible(), shares.copay(), shares.coinsurance());
        (r.limitCarc, r.authorization) = (shares.limitCarc(), shares.authorization());
        IAdjudication.PaymentWord payment = p.payment;
        (r.limited, r.prior, r.paid, r.units) = (payment.limited(), payment.prior(), payment.paid(), payment.units());
        r.allowed = r.deductible + r.copay + r.coinsurance + r.limited + r.prior + r.paid;
    }

    /// @notice Denies each line of a claim whole.
    /// @param results as many, to be filled
    function deny(IAdjudication.Line[] calldata lines, uint16 carc, Lines.Flat results) internal pure {
        results.setCount(lines.length);
        for (uint256 i; i < lines.length; ++i) {
            uint256 charge = lines[i].charge;
            results.writeDenied(i, lines[i].code, LineWords.packJudged(charge, charge, carc));
        }
    }

    /// @return sum of what was paid
    function paidFor(IAdjudication.PackedLine[] calldata lines) internal pure returns (uint256 sum) {
        for (uint256 i; i < lines.length; ++i) {
            sum += lines[i].payment.paid();
        }
    }

    /// @return sum of the charges, less what other payers paid
    function billed(IAdjudication.PackedLine[] calldata lines) internal pure returns (uint256 sum) {
        for (uint256 i; i < lines.length; ++i) {
            sum += uint256(lines[i].judged.charge()) - lines[i].payment.prior();
        }
    }

    // ---- calendar ------------------------------------------------------------------------------------------------

    /// @notice The calendar year (UTC, Gregorian) of a day.
    /// @param day days since 1970-01-01, 24 bits
    function yearOf(uint256 day) internal pure returns (uint256 year) {
        // The mean length of a year is off by less than two days at any day, hence by one year at most. 24 bits of days
        // end in the year 47,904: nothing here can wrap.
        unchecked {
            year = 1970 + (day * 400) / DAYS_PER_400_YEARS;
            if (day < _firstDayOf(year)) --year;
            else if (day >= _firstDayOf(year + 1)) ++year;
        }
    }

    /// @dev Days from 1970-01-01 to January 1 of a year not before 1970. 477 leap days lie before 1970.
    function _firstDayOf(uint256 year) private pure returns (uint256) {
        unchecked {
            uint256 before = year - 1;
            return (year - 1970) * 365 + before / 4 - before / 100 + before / 400 - 477;
        }
    }

    // ---- numbers -------------------------------------------------------------------------------------------------

    /// @return what is left of a bound
    function left(uint256 most, uint256 used) internal pure returns (uint256) {
        return used < most ? most - used : 0;
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
