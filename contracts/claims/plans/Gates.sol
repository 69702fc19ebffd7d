// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {PlanWords} from "contracts/claims/plans/PlanWords.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";

/// @title The gates that a plan puts before a claim
library Gates {
    using PlanWords for PlanBook.Case;
    using PlanWords for uint256;

    /// @dev In the order of `IPlans.Refusal`; fills `k` on the way.
    function pass(
        PlanBook.Book storage b,
        IConsentRegistry consents,
        IAdjudication.Claim calldata c,
        PlanBook.Case memory k,
        bool reviewed
    ) internal view returns (IPlans.Refusal, uint256 carc) {
        uint256 day = c.serviceDay;
        bytes32 series = Ids.series(c.plan);
        uint256 today = block.timestamp / 1 days;
        if (k.inForceAt() == 0 || block.timestamp < k.inForceAt()) return (IPlans.Refusal.UnknownPlan, 31);
        if (day > today) return (IPlans.Refusal.FutureService, 110);
        carc = _outside(day, k.validFrom(), k.validUntil());
        if (carc != 0) return (IPlans.Refusal.OutsidePlan, carc);

        address patient = c.patient;
        uint256 m = PlanWords.load(b.members[series][patient]);
        if (m.memberUntil() == 0) return (IPlans.Refusal.NotEnrolled, 31);
        carc = _outside(day, m.memberFrom(), m.memberUntil());
        if (carc != 0) return (IPlans.Refusal.OutsideCover, carc);
        unchecked {
            // Days have 24 bits, numbers of days 16.
            if (day < m.memberFrom() + k.waitingDays()) return (IPlans.Refusal.Waiting, 179);
            uint256 filing = k.filingDays();
            // What is reviewed was filed before.
            if (filing != 0 && today > day + filing && !reviewed) return (IPlans.Refusal.FiledLate, 29);
        }
        (k.series, k.day, k.family, k.groups) = (series, day, m.family(), m.groupsOn(day));

        if (k.has(PlanBook.NETWORK)) {
            IPlans.Contract memory own = b.contracts[series][c.provider];
            k.out = day < own.from || day >= own.until;
            if (k.out && !k.has(PlanBook.OUTSIDE)) return (IPlans.Refusal.OutOfNetwork, 242);
            if (!k.out) k.schedule = own.schedule;
        }
        if (m.secondary() && c.primary == 0) return (IPlans.Refusal.NotCoordinated, 22);

        bool permitted = _permits(consents, patient, k.insurer());
        return permitted ? (IPlans.Refusal.None, 0) : (IPlans.Refusal.NoConsent, 227);
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
