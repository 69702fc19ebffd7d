// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {Caps} from "contracts/claims/plans/Caps.sol";
import {Lines} from "contracts/claims/plans/Lines.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {PlanWords} from "contracts/claims/plans/PlanWords.sol";
import {Prices} from "contracts/claims/plans/Prices.sol";
import {Totals} from "contracts/claims/plans/Totals.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";

/// @title How the lines of a claim are judged by a plan, and what that uses up
library Benefits {
    using Caps for PlanBook.Book;
    using Lines for Lines.Flat;
    using PlanWords for PlanBook.Case;
    using Prices for uint256;
    using Totals for uint256;

    /// @dev More than anybody could use.
    uint256 private constant NO_LIMIT = type(uint128).max;
    uint256 private constant RARE = PlanBook.FAMILY | PlanBook.ANNUAL | PlanBook.EVER;

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @notice Judges the lines of a claim; writes nothing.
    /// @param said the lines of `c`
    /// @param lines as many, to be filled
    /// @param t empty, to be filled; `rule` likewise, for its own use
    /// @return paid sum over the lines
    function judge(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        IAdjudication.Line[] calldata said,
        PlanBook.Case memory k,
        Lines.Flat lines,
        Adjudication.Tally memory t,
        Adjudication.Rule memory rule
    ) internal view returns (uint256 paid) {
        _tally(b, c, k, t);
        mapping(bytes32 => uint256) storage prices = b.prices[c.plan][0];
        uint256 ruled = NO_LIMIT; // the category of `rule`
        for (uint256 i; i < said.length; ++i) {
            IAdjudication.Line calldata line = said[i];
            bytes32 code = line.code;
            uint256 price = prices[code];
            (uint256 units, uint256 carc, uint256 serial) = _accepted(b, c, said, k, price, i, lines);
            (uint256 charge, uint256 asked) = (line.charge, line.units);
            uint256 rest = units == asked ? charge : (charge * units) / asked;
            uint256 judged = (charge << 176) | ((charge - rest) << 96) | carc;
            if (units == 0) {
                lines.write(i, code, judged, 0, 0);
                continue;
            }

            if (price.counted()) k.counted = true;
            if (price.category() != ruled) {
                ruled = price.category();
                _rule(b, c, k, ruled, lines, i, rule);
            }
            uint256 own = k.schedule == 0 ? 0 : b.prices[c.plan][k.schedule][code];
            uint256 allowed = (own == 0 ? price : own).allowed() * units;
            (uint256 shares, uint256 payment, uint256 counted) = Adjudication.share(
                t,
                rule,
                allowed < rest ? allowed : rest,
                line.prior
            );
            lines.write(i, code, judged | (counted << 16), shares | serial, payment | units);
        }
        return t.paid;
    }

    /// @dev What the member, and the family, have left.
    function _tally(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        PlanBook.Case memory k,
        Adjudication.Tally memory t
    ) private view {
        k.mine = PlanBook.totalKey(k.desk, k.series, c.patient, k.year, 0);
        uint256 mine = b.totals[k.mine];
        k.used = mine;
        t.deductible = _left(k.deductible(), mine.deductible());
        t.outOfPocket = _left(k.outOfPocketMaximum(), mine.outOfPocket());
        (t.annual, t.lifetime) = (NO_LIMIT, NO_LIMIT);
        if (!k.has(RARE)) return;

        PlanBook.Bounds memory most = b.bounds[c.plan];
        if (most.annualLimit != 0) t.annual = _left(most.annualLimit, mine.paid());
        if (most.lifetimeLimit != 0) {
            uint256 ever = b.totals[PlanBook.totalKey(k.desk, k.series, c.patient, 0, 0)];
            t.lifetime = _left(most.lifetimeLimit, ever.paid());
        }
        if (k.family == 0) return;
        uint256 family = b.totals[PlanBook.totalKey(k.desk, k.series, _household(k.family), k.year, 0)];
        if (most.familyDeductible != 0) {
            t.deductible = _min(t.deductible, _left(most.familyDeductible, family.deductible()));
        }
        if (most.familyOutOfPocketMaximum != 0) {
            t.outOfPocket = _min(t.outOfPocket, _left(most.familyOutOfPocketMaximum, family.outOfPocket()));
        }
    }

    /// @return units that may be paid
    /// @return carc why not all of them
    /// @return serial lowest bits of the number of the pre-authorisation that they use up
    function _accepted(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        IAdjudication.Line[] calldata said,
        PlanBook.Case memory k,
        uint256 price,
        uint256 i,
        Lines.Flat lines
    ) private view returns (uint256 units, uint256 carc, uint256 serial) {
        IAdjudication.Line calldata line = said[i];
        if (price == 0) return (0, 204, 0);
        if (price.has(Prices.NOT_COVERED)) return (0, 96, 0);
        units = line.units;
        bytes32 code = line.code;
        uint256 before; // units of the code in earlier lines
        for (uint256 j; j < i; ++j) {
            if (lines.code(j) != code) continue;
            if (said[j].units == units && said[j].charge == line.charge) return (0, 18, 0);
            before += lines.units(j);
        }
        if (price.plain()) return (units, 0, 0);

        carc = price.outside(k.groups);
        if (carc != 0) return (0, carc, 0);
        if (price.has(Prices.REFERRAL) && !_referred(b, c, k.series)) return (0, 288, 0);
        if (price.has(Prices.AUTHORIZATION)) {
            IPlans.Authorization memory a = b.authorizations[k.series][c.patient][code];
            if (k.day < a.from || k.day >= a.until) return (0, 197, 0);
            uint256 left = _left(a.units, b.units[PlanBook.serialKey(k, c.patient, code, a.serial)] + before);
            if (left < units) (units, carc) = (left, 198);
            serial = uint8(a.serial);
        }
        if (price.limit() != 0 && units != 0) {
            uint256 left = _left(
                price.limit(),
                b.units[PlanBook.periodKey(k, c.patient, code, price.period())] + before
            );
            if (left < units) (units, carc) = (left, Adjudication.BENEFIT_MAXIMUM);
        }
    }

    /// @dev By another than the provider itself: to this provider, or to whomever the member chooses.
    function _referred(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        bytes32 series
    ) private view returns (bool) {
        mapping(address => IPlans.Referral) storage referrals = b.referrals[series][c.patient];
        return _counts(referrals[c.provider], c) || _counts(referrals[address(0)], c);
    }

    function _counts(IPlans.Referral memory r, IAdjudication.Claim calldata c) private pure returns (bool) {
        return r.by != c.provider && c.serviceDay >= r.from && c.serviceDay < r.until;
    }

    /// @dev The rule of a category for line `i`.
    function _rule(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        PlanBook.Case memory k,
        uint256 number,
        Lines.Flat lines,
        uint256 i,
        Adjudication.Rule memory r
    ) private view {
        r.copayFirst = k.has(PlanBook.COPAY_FIRST);
        r.counts = k.has(PlanBook.COPAY_COUNTS);
        r.limit = NO_LIMIT;
        if (number == 0) {
            (r.rate, r.bears, r.copay) = (k.coinsurance(k.out), true, 0);
            return;
        }
        IPlans.Category memory t = b.categories[c.plan][number];
        (r.rate, r.bears, r.copay) = (k.out ? t.coinsuranceOut : t.coinsurance, t.deductible, t.copay);
        if (t.limit == 0) return;
        uint256 paid = b.totals[PlanBook.totalKey(k.desk, k.series, c.patient, k.year, number)].paid();
        for (uint256 j; j < i; ++j) {
            if (b.prices[c.plan][0][lines.code(j)].category() == number) paid += lines.paid(j);
        }
        r.limit = _left(t.limit, paid);
    }

    // ---- writing -------------------------------------------------------------------------------------------------

    /// @notice Writes what a judged claim uses up.
    function commit(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        PlanBook.Case memory k,
        Lines.Flat lines,
        Adjudication.Tally memory t
    ) internal {
        uint256 sum = Totals.pack(t.usedDeductible, t.usedOutOfPocket, t.paid);
        b.totals[k.mine] = k.used.add(sum);
        if (k.has(PlanBook.FAMILY | PlanBook.EVER | PlanBook.CAPS)) {
            _changeRare(b, c.plan, c.patient, k, sum, Totals.add);
            if (k.has(PlanBook.CAPS)) b.count(k, c.provider, t.paid);
        }
        if (!k.counted) return;
        for (uint256 i; i < lines.count(); ++i) {
            (bytes32 code, uint256 units) = (lines.code(i), lines.units(i));
            uint256 price = b.prices[c.plan][0][code];
            if (units == 0 || !price.counted()) continue;
            if (price.limit() != 0) b.units[PlanBook.periodKey(k, c.patient, code, price.period())] += units;
            if (price.has(Prices.AUTHORIZATION)) {
                uint32 serial = b.authorizations[k.series][c.patient][code].serial;
                b.units[PlanBook.serialKey(k, c.patient, code, serial)] += units;
            }
            uint256 number = price.category();
            if (number != 0 && b.categories[c.plan][number].limit != 0) {
                bytes32 key = PlanBook.totalKey(k.desk, k.series, c.patient, k.year, number);
                b.totals[key] = b.totals[key].add(lines.paid(i));
            }
        }
    }

    /// @notice Takes back what `commit` wrote for these lines.
    /// @dev Units of a pre-authorisation that was replaced meanwhile are gone. (Told apart by 8 bits of its number.)
    function restore(
        PlanBook.Book storage b,
        bytes32 plan,
        address member,
        PlanBook.Case memory k,
        IAdjudication.PackedLine[] calldata lines
    ) internal {
        uint256 sum;
        for (uint256 i; i < lines.length; ++i) {
            IAdjudication.LineResult memory r = Adjudication.unpack(lines[i]);
            sum = sum.add(Totals.pack(r.deductible + r.counted, r.deductible + r.copay + r.coinsurance, r.paid));
            bytes32 code = lines[i].code;
            uint256 price = b.prices[plan][0][code];
            if (r.units == 0 || !price.counted()) continue;
            if (price.limit() != 0) b.units[PlanBook.periodKey(k, member, code, price.period())] -= r.units;
            uint32 serial = b.authorizations[k.series][member][code].serial;
            if (price.has(Prices.AUTHORIZATION) && uint8(serial) == r.authorization) {
                b.units[PlanBook.serialKey(k, member, code, serial)] -= r.units;
            }
            uint256 number = price.category();
            if (number != 0 && b.categories[plan][number].limit != 0) {
                bytes32 key = PlanBook.totalKey(k.desk, k.series, member, k.year, number);
                b.totals[key] = b.totals[key].subtract(r.paid);
            }
        }
        bytes32 mine = PlanBook.totalKey(k.desk, k.series, member, k.year, 0);
        b.totals[mine] = b.totals[mine].subtract(sum);
        if (k.has(PlanBook.FAMILY | PlanBook.EVER)) _changeRare(b, plan, member, k, sum, Totals.subtract);
    }

    /// @dev Adds or subtracts a claim's sums where the plan keeps them beside the member's year.
    function _changeRare(
        PlanBook.Book storage b,
        bytes32 plan,
        address member,
        PlanBook.Case memory k,
        uint256 sum,
        function(uint256, uint256) pure returns (uint256) change
    ) private {
        bytes32 key;
        if (k.has(PlanBook.EVER)) {
            key = PlanBook.totalKey(k.desk, k.series, member, 0, 0);
            b.totals[key] = change(b.totals[key], sum.paid());
        }
        if (k.family != 0 && k.has(PlanBook.FAMILY)) {
            PlanBook.Bounds memory most = b.bounds[plan];
            sum = Totals.pack(
                most.familyDeductible == 0 ? 0 : sum.deductible(),
                most.familyOutOfPocketMaximum == 0 ? 0 : sum.outOfPocket(),
                0
            );
            key = PlanBook.totalKey(k.desk, k.series, _household(k.family), k.year, 0);
            b.totals[key] = change(b.totals[key], sum);
        }
    }

    function _household(uint64 family) private pure returns (address) {
        return address(uint160(family));
    }

    function _left(uint256 most, uint256 used) private pure returns (uint256) {
        return used < most ? most - used : 0;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
