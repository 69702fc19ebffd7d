// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/Adjudication.sol";
import {PlanBook} from "contracts/claims/PlanBook.sol";
import {Prices} from "contracts/claims/Prices.sol";
import {IAdjudication} from "interfaces/IAdjudication.sol";
import {IPlans} from "interfaces/IPlans.sol";

/// @title How the lines of a claim are judged by a plan, and what that uses up
library Benefits {
    using Prices for uint256;

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @notice Judges the lines of a claim; what they use up of the year is added in `k`, nothing is written.
    function judge(PlanBook.Book storage b, IAdjudication.Claim calldata c, PlanBook.Case memory k)
        internal
        view
        returns (IAdjudication.PackedLine[] memory lines, uint256 paid)
    {
        load(b, c.plan, c.patient, k);
        lines = new IAdjudication.PackedLine[](c.lines.length);
        for (uint256 i; i < lines.length; ++i) {
            IAdjudication.Line calldata line = c.lines[i];
            uint256 price = b.prices[c.plan][0][line.code];
            IAdjudication.LineResult memory r;
            r.charge = line.charge;
            (r.units, r.carc, r.authorization) = _accepted(b, c, k, price, i, lines);
            if (r.units != line.units) r.denied = line.charge - uint80(uint256(line.charge) * r.units / line.units);
            if (r.units != 0) {
                uint256 own = k.schedule == 0 ? 0 : b.prices[c.plan][k.schedule][line.code];
                Adjudication.Share memory s = _share(b, c.patient, k, c.plan, price.category(), lines, i);
                Adjudication.share(r, (own == 0 ? price : own).allowed(), line.prior, s);
                _add(k, r);
                paid += r.paid;
            }
            lines[i] = Adjudication.pack(line.code, r);
        }
    }

    /// @notice Reads what the member, the family and the years have used, as far as the plan has a bound for it.
    function load(PlanBook.Book storage b, bytes32 plan, address member, PlanBook.Case memory k) internal view {
        k.mine = b.totals[PlanBook.totalKey(k.desk, k.series, member, k.year, 0)];
        uint256 rules = k.plan.rules;
        if (rules & (PlanBook.FAMILY | PlanBook.ANNUAL | PlanBook.EVER) == 0) return;
        k.bounds = b.bounds[plan];
        if (rules & PlanBook.EVER != 0) k.ever = b.totals[PlanBook.totalKey(k.desk, k.series, member, 0, 0)].paid;
        if (_inFamily(k)) k.household = b.totals[PlanBook.totalKey(k.desk, k.series, address(uint160(k.family)), k.year, 0)];
    }

    function _inFamily(PlanBook.Case memory k) private pure returns (bool) {
        return k.family != 0 && k.plan.rules & PlanBook.FAMILY != 0;
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
    ) private view returns (uint16 units, uint16 carc, uint8 serial) {
        IAdjudication.Line calldata line = c.lines[i];
        if (price == 0) return (0, 204, 0);
        if (price.has(Prices.NOT_COVERED)) return (0, 96, 0);
        uint256 before;
        for (uint256 j; j < i; ++j) {
            if (lines[j].code != line.code) continue;
            if (c.lines[j].units == line.units && c.lines[j].charge == line.charge) return (0, 18, 0);
            before += uint16(lines[j].payment);
        }
        carc = price.outside(k.groups);
        if (carc != 0) return (0, carc, 0);
        if (price.has(Prices.REFERRAL) && !_referred(b, c, k.series)) return (0, 288, 0);

        uint256 most = line.units;
        if (price.has(Prices.AUTHORIZATION)) {
            IPlans.Authorization memory a = b.authorizations[k.series][c.patient][line.code];
            if (k.day < a.from || k.day >= a.until) return (0, 197, 0);
            uint256 left = _left(a.units, b.units[PlanBook.serialKey(k, c.patient, line.code, a.serial)] + before);
            if (left < most) (most, carc) = (left, 198);
            serial = uint8(a.serial);
        }
        if (price.limit() != 0 && most != 0) {
            uint256 left = _left(price.limit(), b.units[PlanBook.periodKey(k, c.patient, line.code, price.period())] + before);
            if (left < most) (most, carc) = (left, Adjudication.BENEFIT_MAXIMUM);
        }
        return (uint16(most), carc, serial);
    }

    /// @dev By another than the provider itself: to this provider, or to whomever the member chooses.
    function _referred(PlanBook.Book storage b, IAdjudication.Claim calldata c, bytes32 series) private view returns (bool) {
        mapping(address => IPlans.Referral) storage referrals = b.referrals[series][c.patient];
        return _counts(referrals[c.provider], c) || _counts(referrals[address(0)], c);
    }

    function _counts(IPlans.Referral memory r, IAdjudication.Claim calldata c) private pure returns (bool) {
        return r.by != c.provider && c.serviceDay >= r.from && c.serviceDay < r.until;
    }

    function _share(
        PlanBook.Book storage b,
        address member,
        PlanBook.Case memory k,
        bytes32 plan,
        uint256 number,
        IAdjudication.PackedLine[] memory lines,
        uint256 i
    ) private view returns (Adjudication.Share memory s) {
        PlanBook.Plan memory p = k.plan;
        (s.rate, s.bears) = (k.out ? p.coinsuranceOut : p.coinsurance, true);
        (s.limit, s.limitCarc) = (type(uint256).max, Adjudication.BENEFIT_MAXIMUM);
        if (number != 0) {
            IPlans.Category memory t = b.categories[plan][number];
            (s.rate, s.bears, s.copay) = (k.out ? t.coinsuranceOut : t.coinsurance, t.deductible, t.copay);
            if (t.limit != 0) {
                uint256 paid = b.totals[PlanBook.totalKey(k.desk, k.series, member, k.year, number)].paid;
                for (uint256 j; j < i; ++j) {
                    if (b.prices[plan][0][lines[j].code].category() == number) paid += uint80(lines[j].payment >> 16);
                }
                s.limit = _left(t.limit, paid);
            }
        }
        s.copayFirst = p.rules & PlanBook.COPAY_FIRST != 0;
        s.counts = p.rules & PlanBook.COPAY_COUNTS != 0;
        s.deductible = _left(p.deductible, k.mine.deductible);
        s.outOfPocket = _left(p.outOfPocketMaximum, k.mine.outOfPocket);
        if (p.rules & (PlanBook.FAMILY | PlanBook.ANNUAL | PlanBook.EVER) != 0) _bound(s, k);
    }

    /// @dev The bounds that not every plan has.
    function _bound(Adjudication.Share memory s, PlanBook.Case memory k) private pure {
        PlanBook.Bounds memory most = k.bounds;
        if (_inFamily(k)) {
            if (most.familyDeductible != 0) {
                s.deductible = _min(s.deductible, _left(most.familyDeductible, k.household.deductible));
            }
            if (most.familyOutOfPocketMaximum != 0) {
                s.outOfPocket = _min(s.outOfPocket, _left(most.familyOutOfPocketMaximum, k.household.outOfPocket));
            }
        }
        if (most.annualLimit != 0) s.limit = _min(s.limit, _left(most.annualLimit, k.mine.paid));
        if (most.lifetimeLimit != 0) {
            uint256 left = _left(most.lifetimeLimit, k.ever);
            if (left < s.limit) (s.limit, s.limitCarc) = (left, Adjudication.LIFETIME);
        }
    }

    function _add(PlanBook.Case memory k, IAdjudication.LineResult memory r) private pure {
        uint80 deductible = r.deductible + r.counted;
        uint80 outOfPocket = r.deductible + r.copay + r.coinsurance;
        k.mine.deductible += deductible;
        k.mine.outOfPocket += outOfPocket;
        k.mine.paid += r.paid;
        k.ever += r.paid;
        if (!_inFamily(k)) return;
        if (k.bounds.familyDeductible != 0) k.household.deductible += deductible;
        if (k.bounds.familyOutOfPocketMaximum != 0) k.household.outOfPocket += outOfPocket;
    }

    // ---- writing -------------------------------------------------------------------------------------------------

    /// @notice Writes what `judge` added, and counts units and categories line by line.
    function commit(PlanBook.Book storage b, bytes32 plan, address member, PlanBook.Case memory k, IAdjudication.PackedLine[] memory lines)
        internal
    {
        _store(b, member, k);
        mapping(bytes32 => uint256) storage prices = b.prices[plan][0];
        for (uint256 i; i < lines.length; ++i) {
            uint256 price = prices[lines[i].code];
            uint256 units = uint16(lines[i].payment);
            if (units == 0 || !price.counted()) continue;
            if (price.limit() != 0) b.units[PlanBook.periodKey(k, member, lines[i].code, price.period())] += units;
            if (price.has(Prices.AUTHORIZATION)) {
                uint32 serial = b.authorizations[k.series][member][lines[i].code].serial;
                b.units[PlanBook.serialKey(k, member, lines[i].code, serial)] += units;
            }
            uint256 number = price.category();
            if (number != 0 && b.categories[plan][number].limit != 0) {
                b.totals[PlanBook.totalKey(k.desk, k.series, member, k.year, number)].paid += uint80(lines[i].payment >> 16);
            }
        }
    }

    function _store(PlanBook.Book storage b, address member, PlanBook.Case memory k) private {
        b.totals[PlanBook.totalKey(k.desk, k.series, member, k.year, 0)] = k.mine;
        if (k.plan.rules & PlanBook.EVER != 0) b.totals[PlanBook.totalKey(k.desk, k.series, member, 0, 0)].paid = uint96(k.ever);
        if (_inFamily(k)) b.totals[PlanBook.totalKey(k.desk, k.series, address(uint160(k.family)), k.year, 0)] = k.household;
    }

    /// @notice Takes back what `commit` wrote for these lines.
    /// @dev Units of a pre-authorisation that was replaced meanwhile are gone. (Told apart by 8 bits of its number.)
    function restore(PlanBook.Book storage b, bytes32 plan, address member, PlanBook.Case memory k, IAdjudication.PackedLine[] calldata lines)
        internal
    {
        load(b, plan, member, k);
        for (uint256 i; i < lines.length; ++i) {
            IAdjudication.LineResult memory r = Adjudication.unpack(lines[i]);
            _subtract(k, r);
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
                b.totals[PlanBook.totalKey(k.desk, k.series, member, k.year, number)].paid -= r.paid;
            }
        }
        _store(b, member, k);
    }

    function _subtract(PlanBook.Case memory k, IAdjudication.LineResult memory r) private pure {
        uint80 deductible = r.deductible + r.counted;
        uint80 outOfPocket = r.deductible + r.copay + r.coinsurance;
        k.mine.deductible -= deductible;
        k.mine.outOfPocket -= outOfPocket;
        k.mine.paid -= r.paid;
        if (k.plan.rules & PlanBook.EVER != 0) k.ever -= r.paid;
        if (!_inFamily(k)) return;
        if (k.bounds.familyDeductible != 0) k.household.deductible -= deductible;
        if (k.bounds.familyOutOfPocketMaximum != 0) k.household.outOfPocket -= outOfPocket;
    }

    function _left(uint256 most, uint256 used) private pure returns (uint256) {
        return used < most ? most - used : 0;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
