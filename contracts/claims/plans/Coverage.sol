// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {Contexts} from "contracts/claims/plans/Contexts.sol";
import {Lines} from "contracts/claims/plans/Lines.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {PriceWord, Prices} from "contracts/claims/plans/Prices.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title Whether a line of a claim may be paid, and how many of its units, see IAdjudication
library Coverage {
    using Contexts for Contexts.ClaimContext;
    using Lines for Lines.Flat;

    /// @notice How many units of line `i` may be paid; writes nothing.
    /// @param said the lines of `c`
    /// @param price of the line's code
    /// @param lines those before it, judged
    /// @return units that may be paid
    /// @return carc why not all of them
    /// @return serial lowest bits of the number of the pre-authorisation that they use up
    function accepted(
        PlanBook.Book storage b,
        IAdjudication.Claim calldata c,
        IAdjudication.Line[] calldata said,
        Contexts.ClaimContext memory ctx,
        PriceWord price,
        uint256 i,
        Lines.Flat lines
    ) internal view returns (uint256 units, uint256 carc, uint256 serial) {
        IAdjudication.Line calldata line = said[i];
        if (!price.exists()) return (0, 204, 0);
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

        carc = price.outside(ctx.groups);
        if (carc != 0) return (0, carc, 0);
        if (price.has(Prices.REFERRAL) && !_referred(b, c, ctx.series)) return (0, 288, 0);
        if (price.has(Prices.AUTHORIZATION)) {
            IPlanTypes.Authorization memory a = b.authorizations[ctx.series][c.patient][code];
            if (ctx.day < a.from || ctx.day >= a.until) return (0, 197, 0);
            uint256 left = Adjudication.left(a.units, b.units[ctx.serialKey(c.patient, code, a.serial)] + before);
            if (left < units) (units, carc) = (left, 198);
            serial = uint8(a.serial);
        }
        if (price.limit() != 0 && units != 0) {
            uint256 left = Adjudication.left(
                price.limit(),
                b.units[ctx.periodKey(c.patient, code, price.period())] + before
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
        mapping(address => IPlanTypes.Referral) storage referrals = b.referrals[series][c.patient];
        return _counts(referrals[c.provider], c) || _counts(referrals[address(0)], c);
    }

    function _counts(IPlanTypes.Referral memory r, IAdjudication.Claim calldata c) private pure returns (bool) {
        return r.by != c.provider && c.serviceDay >= r.from && c.serviceDay < r.until;
    }
}
