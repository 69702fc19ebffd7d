// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {Caps} from "contracts/claims/plans/Caps.sol";
import {Coverage} from "contracts/claims/plans/Coverage.sol";
import {LineWords} from "contracts/claims/plans/LineWords.sol";
import {Lines} from "contracts/claims/plans/Lines.sol";
import {Contexts} from "contracts/claims/plans/Contexts.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {PlanWords} from "contracts/claims/plans/PlanWords.sol";
import {PriceWord, Prices} from "contracts/claims/plans/Prices.sol";
import {Totals, TotalsWord} from "contracts/claims/plans/Totals.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title How the lines of a claim are judged by a plan, and what that uses up
library Benefits {
    using Caps for PlanBook.Book;
    using Contexts for Contexts.ClaimContext;
    using Lines for Lines.Flat;
    using PlanWords for Contexts.ClaimContext;
    using LineWords for IAdjudication.JudgedWord;
    using LineWords for IAdjudication.PaymentWord;
    using LineWords for IAdjudication.SharesWord;

    /// @dev More than anybody could use.
    uint256 private constant NO_LIMIT = type(uint128).max;
    uint256 private constant OPTIONAL_BOUNDS = PlanBook.FAMILY | PlanBook.ANNUAL | PlanBook.LIFETIME_LIMIT;

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @notice Judges the lines of a claim; writes nothing.
    /// @param said the lines of `c`
    /// @param lines as many, to be filled
    /// @param ctx with an empty tally, which is filled
    /// @return paid sum over the lines
    function judge(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        IAdjudication.Line[] calldata said,
        Contexts.ClaimContext memory ctx,
        Lines.Flat lines
    ) internal view returns (uint256 paid) {
        (Adjudication.Tally memory t, Adjudication.Rule memory rule) = (ctx.tally, ctx.rule);
        _tally(b, c, ctx, t);
        mapping(bytes32 => PriceWord) storage prices = b.prices[c.plan][0];
        uint256 ruled = NO_LIMIT; // the category of `rule`
        for (uint256 i; i < said.length; ++i) {
            IAdjudication.Line calldata line = said[i];
            bytes32 code = line.code;
            PriceWord price = prices[code];
            (uint256 units, uint256 carc, uint256 serial) = Coverage.accepted(b, c, said, ctx, price, i, lines);
            (uint256 charge, uint256 asked) = (line.charge, line.units);
            uint256 rest = units == asked ? charge : (charge * units) / asked;
            IAdjudication.JudgedWord judged = LineWords.packJudged(charge, charge - rest, carc);
            if (units == 0) {
                lines.writeDenied(i, code, judged);
                continue;
            }

            if (price.counted()) ctx.counted = true;
            if (price.category() != ruled) {
                ruled = price.category();
                _rule(b, c, ctx, ruled, lines, i, rule);
            }
            if (ctx.schedule != 0) {
                PriceWord own = b.prices[c.plan][ctx.schedule][code];
                if (own.exists()) price = own;
            }
            uint256 allowed = price.allowed() * units;
            (IAdjudication.SharesWord shares, IAdjudication.PaymentWord payment, uint256 counted) = Adjudication.share(
                t,
                rule,
                allowed < rest ? allowed : rest,
                line.prior
            );
            lines.write(
                i,
                code,
                judged.withCounted(counted),
                shares.withAuthorization(serial),
                payment.withUnits(units)
            );
        }
        return t.paid;
    }

    /// @dev What the member, and the family, have left.
    function _tally(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        Contexts.ClaimContext memory ctx,
        Adjudication.Tally memory t
    ) private view {
        ctx.memberTotalsKey = PlanBook.totalKey(ctx.desk, ctx.series, c.patient, ctx.year, 0);
        TotalsWord mine = b.totals[ctx.memberTotalsKey];
        ctx.memberTotals = mine;
        t.deductible = Adjudication.left(ctx.deductible(), mine.deductible());
        t.outOfPocket = Adjudication.left(ctx.outOfPocketMaximum(), mine.outOfPocket());
        (t.annual, t.lifetime) = (NO_LIMIT, NO_LIMIT);
        if (!ctx.has(OPTIONAL_BOUNDS)) return;

        PlanBook.Bounds memory most = b.bounds[c.plan];
        if (most.annualLimit != 0) t.annual = Adjudication.left(most.annualLimit, mine.paid());
        if (most.lifetimeLimit != 0) {
            TotalsWord ever = b.totals[PlanBook.totalKey(ctx.desk, ctx.series, c.patient, 0, 0)];
            t.lifetime = Adjudication.left(most.lifetimeLimit, ever.paid());
        }
        if (ctx.family == 0) return;
        TotalsWord family = b.totals[PlanBook.totalKey(ctx.desk, ctx.series, _household(ctx.family), ctx.year, 0)];
        if (most.familyDeductible != 0) {
            t.deductible = Adjudication.min(
                t.deductible,
                Adjudication.left(most.familyDeductible, family.deductible())
            );
        }
        if (most.familyOutOfPocketMaximum != 0) {
            t.outOfPocket = Adjudication.min(
                t.outOfPocket,
                Adjudication.left(most.familyOutOfPocketMaximum, family.outOfPocket())
            );
        }
    }

    /// @dev The rule of a category for line `i`.
    function _rule(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        Contexts.ClaimContext memory ctx,
        uint256 number,
        Lines.Flat lines,
        uint256 i,
        Adjudication.Rule memory r
    ) private view {
        r.copayFirst = ctx.has(PlanBook.COPAY_FIRST);
        r.counts = ctx.has(PlanBook.COPAY_COUNTS);
        r.limit = NO_LIMIT;
        if (number == 0) {
            (r.rate, r.bears, r.copay) = (ctx.out ? ctx.coinsuranceOut() : ctx.coinsurance(), true, 0);
            return;
        }
        IPlanTypes.Category memory t = b.categories[c.plan][number];
        (r.rate, r.bears, r.copay) = (ctx.out ? t.coinsuranceOut : t.coinsurance, t.deductible, t.copay);
        if (t.limit == 0) return;
        uint256 paid = b.totals[PlanBook.totalKey(ctx.desk, ctx.series, c.patient, ctx.year, number)].paid();
        for (uint256 j; j < i; ++j) {
            if (b.prices[c.plan][0][lines.code(j)].category() == number) paid += lines.paid(j);
        }
        r.limit = Adjudication.left(t.limit, paid);
    }

    // ---- writing -------------------------------------------------------------------------------------------------

    /// @notice Writes what a judged claim uses up.
    function commit(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        Contexts.ClaimContext memory ctx,
        Lines.Flat lines
    ) internal {
        Adjudication.Tally memory t = ctx.tally;
        TotalsWord sum = Totals.pack(t.usedDeductible, t.usedOutOfPocket, t.paid);
        b.totals[ctx.memberTotalsKey] = ctx.memberTotals.add(sum);
        if (ctx.has(PlanBook.FAMILY | PlanBook.LIFETIME_LIMIT | PlanBook.CAPS)) {
            _updateOptionalTotals(b, c.plan, c.patient, ctx, sum, Totals.add);
            if (ctx.has(PlanBook.CAPS)) b.count(ctx, c.provider, t.paid);
        }
        if (!ctx.counted) return;
        for (uint256 i; i < lines.count(); ++i) {
            (bytes32 code, uint256 units) = (lines.code(i), lines.units(i));
            PriceWord price = b.prices[c.plan][0][code];
            if (units == 0 || !price.counted()) continue;
            if (price.limit() != 0) b.units[ctx.periodKey(c.patient, code, price.period())] += units;
            if (price.has(Prices.AUTHORIZATION)) {
                uint32 serial = b.authorizations[ctx.series][c.patient][code].serial;
                b.units[ctx.serialKey(c.patient, code, serial)] += units;
            }
            uint256 number = price.category();
            if (number != 0 && b.categories[c.plan][number].limit != 0) {
                bytes32 key = PlanBook.totalKey(ctx.desk, ctx.series, c.patient, ctx.year, number);
                b.totals[key] = b.totals[key].add(Totals.ofPaid(lines.paid(i)));
            }
        }
    }

    /// @notice Takes back what `commit` wrote for these lines.
    /// @dev Units of a pre-authorisation that was replaced meanwhile are gone. (Told apart by 8 bits of its number.)
    function restore(
        PlanBook.Book storage b,
        bytes32 plan,
        address member,
        Contexts.ClaimContext memory ctx,
        IAdjudication.PackedLine[] calldata lines
    ) internal {
        TotalsWord sum;
        for (uint256 i; i < lines.length; ++i) {
            IAdjudication.LineResult memory r = Adjudication.unpack(lines[i]);
            sum = sum.add(Totals.pack(r.deductible + r.counted, r.deductible + r.copay + r.coinsurance, r.paid));
            bytes32 code = lines[i].code;
            PriceWord price = b.prices[plan][0][code];
            if (r.units == 0 || !price.counted()) continue;
            if (price.limit() != 0) b.units[ctx.periodKey(member, code, price.period())] -= r.units;
            uint32 serial = b.authorizations[ctx.series][member][code].serial;
            if (price.has(Prices.AUTHORIZATION) && uint8(serial) == r.authorization) {
                b.units[ctx.serialKey(member, code, serial)] -= r.units;
            }
            uint256 number = price.category();
            if (number != 0 && b.categories[plan][number].limit != 0) {
                bytes32 key = PlanBook.totalKey(ctx.desk, ctx.series, member, ctx.year, number);
                b.totals[key] = b.totals[key].subtract(Totals.ofPaid(r.paid));
            }
        }
        bytes32 mine = PlanBook.totalKey(ctx.desk, ctx.series, member, ctx.year, 0);
        b.totals[mine] = b.totals[mine].subtract(sum);
        if (ctx.has(PlanBook.FAMILY | PlanBook.LIFETIME_LIMIT)) {
            _updateOptionalTotals(b, plan, member, ctx, sum, Totals.subtract);
        }
    }

    /// @dev Adds or subtracts a claim's sums where the plan keeps them beside the member's year.
    function _updateOptionalTotals(
        PlanBook.Book storage b,
        bytes32 plan,
        address member,
        Contexts.ClaimContext memory ctx,
        TotalsWord sum,
        function(TotalsWord, TotalsWord) pure returns (TotalsWord) change
    ) private {
        bytes32 key;
        if (ctx.has(PlanBook.LIFETIME_LIMIT)) {
            key = PlanBook.totalKey(ctx.desk, ctx.series, member, 0, 0);
            b.totals[key] = change(b.totals[key], Totals.ofPaid(sum.paid()));
        }
        if (ctx.family != 0 && ctx.has(PlanBook.FAMILY)) {
            PlanBook.Bounds memory most = b.bounds[plan];
            sum = Totals.pack(
                most.familyDeductible == 0 ? 0 : sum.deductible(),
                most.familyOutOfPocketMaximum == 0 ? 0 : sum.outOfPocket(),
                0
            );
            key = PlanBook.totalKey(ctx.desk, ctx.series, _household(ctx.family), ctx.year, 0);
            b.totals[key] = change(b.totals[key], sum);
        }
    }

    function _household(uint64 family) private pure returns (address) {
        return address(uint160(family));
    }
}
