// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Contexts} from "contracts/claims/plans/Contexts.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {MembershipWord, PlanWords} from "contracts/claims/plans/PlanWords.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title The gates that a plan puts before a claim
library Gates {
    using PlanWords for Contexts.ClaimContext;
    using PlanWords for IPlanTypes.Membership;

    /// @dev In the order of `IPlanTypes.Refusal`; fills `ctx` on the way.
    function checkPlanGates(
        PlanBook.Book storage b,
        IConsentRegistry consents,
        IAdjudication.Claim calldata c,
        Contexts.ClaimContext memory ctx,
        bool reviewed
    ) internal view returns (IPlanTypes.Refusal, uint256 carc) {
        uint256 day = c.serviceDay;
        bytes32 series = Ids.series(c.plan);
        uint256 today = block.timestamp / 1 days;
        if (ctx.inForceAt() == 0 || block.timestamp < ctx.inForceAt()) return (IPlanTypes.Refusal.UnknownPlan, 31);
        if (day > today) return (IPlanTypes.Refusal.FutureService, 110);
        carc = _outside(day, ctx.validFrom(), ctx.validUntil());
        if (carc != 0) return (IPlanTypes.Refusal.OutsidePlan, carc);

        address patient = c.patient;
        MembershipWord m = b.members[series][patient].load();
        if (m.until() == 0) return (IPlanTypes.Refusal.NotEnrolled, 31);
        carc = _outside(day, m.from(), m.until());
        if (carc != 0) return (IPlanTypes.Refusal.OutsideCover, carc);
        unchecked {
            // Days have 24 bits, numbers of days 16.
            if (day < m.from() + ctx.waitingDays()) return (IPlanTypes.Refusal.Waiting, 179);
            uint256 filing = ctx.filingDays();
            // What is reviewed was filed before.
            if (filing != 0 && today > day + filing && !reviewed) return (IPlanTypes.Refusal.FiledLate, 29);
        }
        (ctx.series, ctx.day, ctx.family, ctx.groups) = (series, day, m.family(), m.groupsOn(day));

        if (ctx.has(PlanBook.NETWORK)) {
            IPlanTypes.Contract memory own = b.contracts[series][c.provider];
            ctx.out = day < own.from || day >= own.until;
            if (ctx.out && !ctx.has(PlanBook.OUT_OF_NETWORK)) return (IPlanTypes.Refusal.OutOfNetwork, 242);
            if (!ctx.out) ctx.schedule = own.schedule;
        }
        if (m.secondary() && c.primary == 0) return (IPlanTypes.Refusal.NotCoordinated, 22);

        bool permitted = _permits(consents, patient, ctx.insurer());
        return permitted ? (IPlanTypes.Refusal.None, 0) : (IPlanTypes.Refusal.NoConsent, 227);
    }

    /// @dev `consents.decide(patient, insurer, HPAYMT, CLAIM)` is a permit.
    function _permits(
        IConsentRegistry consents,
        address patient,
        address insurer
    ) private view returns (bool permitted) {
        uint256 selector = uint32(IConsentRegistry.decide.selector);
        (uint256 purpose, uint256 categories) = (ConsentCodes.HPAYMT, ConsentCodes.CLAIM);
        uint256 permit = uint256(IConsentRegistry.Answer.Permit);
        // Spares decoding four words of which one counts, 250 gas. Written beyond the free memory, which stays free;
        // the answer's first word lands in scratch space, and only an answer with code behind it is that long.
        assembly ("memory-safe") {
            let q := mload(0x40)
            mstore(q, selector)
            mstore(add(q, 0x20), patient)
            mstore(add(q, 0x40), insurer)
            mstore(add(q, 0x60), purpose)
            mstore(add(q, 0x80), categories)
            let done := staticcall(gas(), consents, add(q, 0x1c), 0x84, 0, 0x20)
            if iszero(done) {
                returndatacopy(q, 0, returndatasize())
                revert(q, returndatasize())
            }
            permitted := and(gt(returndatasize(), 0x1f), eq(mload(0), permit))
        }
    }

    /// @dev 26 before the period, 27 after it, 0 within.
    function _outside(uint256 day, uint256 from, uint256 until) private pure returns (uint256) {
        if (day < from) return 26;
        return day < until ? 0 : 27;
    }
}
