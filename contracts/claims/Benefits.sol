// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/Adjudication.sol";
import {PlanBook} from "contracts/claims/PlanBook.sol";
import {Prices} from "contracts/claims/Prices.sol";
import {Totals} from "contracts/claims/Totals.sol";
import {IAdjudication} from "interfaces/IAdjudication.sol";
import {IPlans} from "interfaces/IPlans.sol";

/// @title How the lines of a claim are judged by a plan, and what that uses up
library Benefits {
    using Prices for uint256;
    using Totals for uint256;

    /// @dev More than anybody could use.
    uint256 private constant NO_LIMIT = type(uint128).max;
    uint256 private constant RARE = PlanBook.FAMILY | PlanBook.ANNUAL | PlanBook.EVER;

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @notice Judges the lines of a claim; writes nothing.
    function judge(PlanBook.Book storage b, IAdjudication.Claim calldata c, PlanBook.Case memory k)
        internal
        view
        returns (IAdjudication.PackedLine[] memory lines, Adjudication.Tally memory t)
    {
        _tally(b, c, k, t);
        mapping(bytes32 => uint256) storage prices = b.prices[c.plan][0];
        Adjudication.Rule memory rule;
        uint256 ruled = NO_LIMIT; // the category of `rule`
        lines = new IAdjudication.PackedLine[](c.lines.length);
        for (uint256 i; i < lines.length; ++i) {
            IAdjudication.Line calldata line = c.lines[i];
            IAdjudication.PackedLine memory r = lines[i];
            r.code = line.code;
            uint256 price = prices[r.code];
            (uint256 units, uint256 carc, uint256 serial) = _accepted(b, c, k, price, i, lines);
            uint256 charge = line.charge;
            uint256 rest = units == line.units ? charge : charge * units / line.units;
            r.judged = charge << 176 | (charge - rest) << 96 | carc;
            if (units == 0) continue;

            if (price.counted()) k.counted = true;
            if (price.category() != ruled) {
                ruled = price.category();
                _rule(b, c, k, ruled, lines, i, rule);
            }
            uint256 own = k.schedule == 0 ? 0 : b.prices[c.plan][k.schedule][r.code];
            uint256 allowed = (own == 0 ? price : own).allowed() * units;
            uint256 counted;
            (r.shares, r.payment, counted) = Adjudication.share(t, rule, allowed < rest ? allowed : rest, line.prior);
            r.judged |= counted << 16;
            r.shares |= serial;
            r.payment |= units;
        }
    }

    /// @dev What the member, and the family, have left.
    function _tally(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        PlanBook.Case memory k,
        Adjudication.Tally memory t
    ) private view {
        uint256 mine = b.totals[PlanBook.totalKey(k.desk, k.series, c.patient, k.year, 0)];
        t.deductible = _left(k.plan.deductible, mine.deductible());
        t.outOfPocket = _left(k.plan.outOfPocketMaximum, mine.outOfPocket());
        (t.annual, t.lifetime) = (NO_LIMIT, NO_LIMIT);
        if (k.plan.rules & RARE == 0) return;

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
        PlanBook.Case memory k,
        uint256 price,
        uint256 i,
        IAdjudication.PackedLine[] memory lines
    ) private view returns (uint256 units, uint256 carc, uint256 serial) {
        IAdjudication.Line calldata line = c.lines[i];
        if (price == 0) return (0, 204, 0);
        if (price.has(Prices.NOT_COVERED)) return (0, 96, 0);
        units = line.units;
        bytes32 code = line.code;
        uint256 before; // units of the code in earlier lines
        for (uint256 j; j < i; ++j) {
            if (lines[j].code != code) continue;
            if (c.lines[j].units == units && c.lines[j].charge == line.charge) return (0, 18, 0);
            before += uint16(lines[j].payment);
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
            uint256 left =
                _left(price.limit(), b.units[PlanBook.periodKey(k, c.patient, code, price.period())] + before);
            if (left < units) (units, carc) = (left, Adjudication.BENEFIT_MAXIMUM);
        }
    }

    /// @dev By another than the provider itself: to this provider, or to whomever the member chooses.
    function _referred(PlanBook.Book storage b, IAdjudication.Claim calldata c, bytes32 series)
        private
        view
        returns (bool)
    {
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
        IAdjudication.PackedLine[] memory lines,
        uint256 i,
        Adjudication.Rule memory r
    ) private view {
        r.copayFirst = k.plan.rules & PlanBook.COPAY_FIRST != 0;
        r.counts = k.plan.rules & PlanBook.COPAY_COUNTS != 0;
        r.limit = NO_LIMIT;
        if (number == 0) {
            (r.rate, r.bears, r.copay) = (k.out ? k.plan.coinsuranceOut : k.plan.coinsurance, true, 0);
            return;
        }
        IPlans.Category memory t = b.categories[c.plan][number];
        (r.rate, r.bears, r.copay) = (k.out ? t.coinsuranceOut : t.coinsurance, t.deductible, t.copay);
        if (t.limit == 0) return;
        uint256 paid = b.totals[PlanBook.totalKey(k.desk, k.series, c.patient, k.year, number)].paid();
        for (uint256 j; j < i; ++j) {
            if (b.prices[c.plan][0][lines[j].code].category() == number) paid += uint80(lines[j].payment >> 16);
        }
        r.limit = _left(t.limit, paid);
    }

    // ---- writing -------------------------------------------------------------------------------------------------

    /// @notice Writes what a judged claim uses up.
    function commit(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        PlanBook.Case memory k,
        IAdjudication.PackedLine[] memory lines,
        Adjudication.Tally memory t
    ) internal {
        _change(b, c.plan, c.patient, k, Totals.pack(t.usedDeductible, t.usedOutOfPocket, t.paid), Totals.add);
        if (!k.counted) return;
        for (uint256 i; i < lines.length; ++i) {
            (bytes32 code, uint256 units) = (lines[i].code, uint16(lines[i].payment));
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
                b.totals[key] = b.totals[key].add(uint80(lines[i].payment >> 16));
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
        _change(b, plan, member, k, sum, Totals.subtract);
    }

    /// @dev Adds or subtracts a claim's sums wherever the plan keeps them.
    function _change(
        PlanBook.Book storage b,
        bytes32 plan,
        address member,
        PlanBook.Case memory k,
        uint256 sum,
        function(uint256, uint256) pure returns (uint256) change
    ) private {
        bytes32 key = PlanBook.totalKey(k.desk, k.series, member, k.year, 0);
        b.totals[key] = change(b.totals[key], sum);
        if (k.plan.rules & PlanBook.EVER != 0) {
            key = PlanBook.totalKey(k.desk, k.series, member, 0, 0);
            b.totals[key] = change(b.totals[key], sum.paid());
        }
        if (k.family != 0 && k.plan.rules & PlanBook.FAMILY != 0) {
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
