// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Parcels} from "contracts/coldchain/Parcels.sol";
import {CustodyWord} from "contracts/coldchain/words/CustodyWords.sol";
import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {ManufacturerWord} from "contracts/coldchain/words/ManufacturerWords.sol";
import {MonitoringWord, MonitoringWords} from "contracts/coldchain/words/MonitoringWords.sol";
import {RunsWord} from "contracts/coldchain/words/RunsWords.sol";
import {SumsWord} from "contracts/coldchain/words/SumsWords.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title What is said of a shipment now: facts and the clock
library Verdicts {
    using LimitsWords for ILots.LimitsWord;
    using Parcels for Parcels.Parcel;

    /// @dev The most lasting reason goes first. A breach quarantines in the transaction that finds it, so that the
    /// disposition says it.
    function verdict(
        CustodyWord custody,
        MonitoringWord monitoring,
        ManufacturerWord manufacturerWord
    ) internal view returns (IColdChainTypes.Verdict) {
        IColdChainTypes.Disposition disposition = monitoring.dispositionOf();
        if (disposition == IColdChainTypes.Disposition.Destroyed) return IColdChainTypes.Verdict.Destroyed;
        if (disposition == IColdChainTypes.Disposition.Closed) return IColdChainTypes.Verdict.Closed;
        if (manufacturerWord.recalled() != 0) return IColdChainTypes.Verdict.Recalled;
        if (manufacturerWord.expiresAt() <= block.timestamp) return IColdChainTypes.Verdict.Expired;
        if (disposition == IColdChainTypes.Disposition.Quarantined) return IColdChainTypes.Verdict.Excursion;
        if (monitoring.intactUntilOf() < block.timestamp) return IColdChainTypes.Verdict.Unknown;
        return custody.overdue() ? IColdChainTypes.Verdict.Overdue : IColdChainTypes.Verdict.Intact;
    }

    function requireIntact(
        bytes32 id,
        CustodyWord custody,
        MonitoringWord monitoring,
        ManufacturerWord manufacturerWord
    ) internal view {
        IColdChainTypes.Verdict verdict_ = verdict(custody, monitoring, manufacturerWord);
        if (verdict_ != IColdChainTypes.Verdict.Intact) revert IColdChain.NotIntact(id, verdict_);
    }

    function requireOpen(bytes32 id, MonitoringWord monitoring) internal pure {
        IColdChainTypes.Disposition disposition = monitoring.dispositionOf();
        if (disposition == IColdChainTypes.Disposition.Closed)
            revert IColdChain.NotIntact(id, IColdChainTypes.Verdict.Closed);
        if (disposition == IColdChainTypes.Disposition.Destroyed) {
            revert IColdChain.NotIntact(id, IColdChainTypes.Verdict.Destroyed);
        }
    }

    function report(
        Parcels.Parcel storage p,
        Parcels.LotData storage g
    ) internal view returns (IColdChainTypes.Report memory r) {
        CustodyWord custody = p.custody;
        MonitoringWord monitoring = p.monitoringOf(custody);
        SumsWord sums = p.sums;
        ManufacturerWord manufacturerWord = g.manufacturerWord;
        r.verdict = verdict(custody, monitoring, manufacturerWord);
        r.breached = uint16(sums.breachedOf());
        r.breachedAt = uint40(sums.breachedAtOf());
        RunsWord runs = p.runs;
        for (uint256 i; i < 8; ++i) {
            r.runs[i] = runs.runOf(i);
        }
        // A step that still runs is no silence.
        uint256 until = monitoring.untilOf();
        r.silence = block.timestamp > until ? uint32(block.timestamp - until) : 0;
        r.intactUntil = monitoring.intactUntilOf() < block.timestamp ? 0 : uint40(monitoring.intactUntilOf() + 1);
        r.recall = uint16(manufacturerWord.recalled());
        r.judgement = sums.judgement(monitoring);
        bool seen = monitoring.flagsOf() & MonitoringWords.JUDGED != 0;
        if (!seen || r.silence > g.limits.silence()) r.judgement.unknown += r.silence;
    }

    function shipment(
        Parcels.Parcel storage p,
        Parcels.LotData storage g
    ) internal view returns (IColdChainTypes.Shipment memory s) {
        CustodyWord custody = p.custody;
        MonitoringWord monitoring = p.monitoringOf(custody);
        s.lot = g.lot;
        s.holder = custody.holderOf();
        s.units = uint24(custody.unitsOf());
        s.since = uint32(custody.sinceOf());
        s.due = uint40(custody.dueOf());
        s.disposition = monitoring.dispositionOf();
        s.chain = monitoring.chainOf();
    }
}
