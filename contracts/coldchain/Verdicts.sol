// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Parcels} from "contracts/coldchain/Parcels.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";

/// @title What is said of a shipment now: facts and the clock
library Verdicts {
    using Parcels for uint256;
    using Parcels for Parcels.Parcel;

    /// @dev The most lasting reason goes first. A breach quarantines in the transaction that finds it, so that the disposition says it.
    function verdict(uint256 custody, uint256 course, uint256 maker) internal view returns (IColdChain.Verdict) {
        IColdChain.Disposition disposition = course.dispositionOf();
        if (disposition == IColdChain.Disposition.Destroyed) return IColdChain.Verdict.Destroyed;
        if (disposition == IColdChain.Disposition.Closed) return IColdChain.Verdict.Closed;
        if (maker.recalled() != 0) return IColdChain.Verdict.Recalled;
        if (maker.expiresAt() <= block.timestamp) return IColdChain.Verdict.Expired;
        if (disposition == IColdChain.Disposition.Quarantined) return IColdChain.Verdict.Excursion;
        if (course.intactUntilOf() < block.timestamp) return IColdChain.Verdict.Unknown;
        return custody.overdue() ? IColdChain.Verdict.Overdue : IColdChain.Verdict.Intact;
    }

    function report(
        Parcels.Parcel storage p,
        Parcels.Goods storage g
    ) internal view returns (IColdChain.Report memory r) {
        uint256 custody = p.custody;
        uint256 course = p.courseOf(custody);
        uint256 sums = p.sums;
        uint256 maker = g.maker;
        r.verdict = verdict(custody, course, maker);
        r.breached = uint16(sums.breachedOf());
        r.breachedAt = uint40(sums.breachedAtOf());
        uint256 runs = p.runs;
        for (uint256 i; i < 8; ++i) {
            r.runs[i] = uint32(runs >> (32 * i)) & 0x7fffffff; // see Parcels.Parcel
        }
        // A step that still runs is no silence.
        uint256 until = course.untilOf();
        r.silence = block.timestamp > until ? uint32(block.timestamp - until) : 0;
        r.intactUntil = course.intactUntilOf() < block.timestamp ? 0 : uint40(course.intactUntilOf() + 1);
        r.recall = uint16(maker.recalled());
        r.judgement = course.judgement(sums);
        bool seen = course.flagsOf() & Parcels.JUDGED != 0;
        if (!seen || r.silence > g.limits.silence()) r.judgement.unknown += r.silence;
    }

    function shipment(
        Parcels.Parcel storage p,
        Parcels.Goods storage g
    ) internal view returns (IColdChain.Shipment memory s) {
        uint256 custody = p.custody;
        uint256 course = p.courseOf(custody);
        s.lot = g.lot;
        s.holder = custody.holderOf();
        s.units = uint24(custody.unitsOf());
        s.since = uint32(custody.sinceOf());
        s.due = uint40(custody.dueOf());
        s.disposition = course.dispositionOf();
        s.chain = course.chainOf();
    }
}
