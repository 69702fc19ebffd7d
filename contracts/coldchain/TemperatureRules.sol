// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bands} from "contracts/coldchain/Bands.sol";
import {MeanKinetic} from "contracts/coldchain/MeanKinetic.sol";
import {Parcels} from "contracts/coldchain/Parcels.sol";
import {Stretches} from "contracts/coldchain/Stretches.sol";
import {Verdicts} from "contracts/coldchain/Verdicts.sol";
import {HeaderWords} from "contracts/coldchain/words/HeaderWords.sol";
import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {MonitoringWord} from "contracts/coldchain/words/MonitoringWords.sol";
import {PairingWord} from "contracts/coldchain/words/PairingWords.sol";

import {SumsWord, SumsWords} from "contracts/coldchain/words/SumsWords.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title Judges packed readings, a word of 16 or 32 at a time while nothing changes
/// @dev The band is that of the present stretch (see Stretches) and within the extremes so far, so that a lane inside
/// it changes nothing but the length of the stretch. Lanes outside it, and all of them inside an MKT window, are taken
/// one by one. A library with an address of its own, linked at deployment: with it in its code ColdChain would not fit
/// into EIP-170's limit. A calm batch does not call it.
library TemperatureRules {
    using HeaderWords for IColdChainTypes.HeaderWord;
    using LimitsWords for ILots.LimitsWord;
    using Parcels for Parcels.Parcel;
    using Stretches for Stretches.State;

    /// @dev No logger lies beside a shipment at these: absolute zero, and far above a steriliser. 0.01 °C.
    int256 private constant COLDEST = -27315;
    int256 private constant HOTTEST = 15000;

    /// @dev Judges a batch that was checked, and what lies between it and what was judged before.
    /// @return sums after
    /// @return flags after
    function judge(
        Parcels.Parcel storage p,
        Parcels.LotData storage g,
        MonitoringWord monitoring,
        PairingWord pairing,
        IColdChainTypes.HeaderWord header,
        bytes calldata data
    ) public returns (SumsWord sums, uint256 flags) {
        Bands.Packing memory b = Bands.unpack(header);
        // Whole words: one that is not full is always taken lane by lane, for its padding counts.
        uint256 full = (b.count * b.width) / 256;
        flags = monitoring.flagsOf();
        uint256 gap = b.start - monitoring.untilOf();
        // Within a gap shorter than a step no reading can be missing.
        if (gap < header.stepOf()) gap = 0;
        Stretches.State memory s = Stretches.open(p, g, flags, pairing.floorOf(), pairing.ceilingOf());
        s.step = header.stepOf();
        if (gap != 0) s.wait(monitoring.untilOf(), b.start);
        _words(s, p, g, b, data, full);
        s.flush(p, g);
        return s.close(p);
    }

    // ---- words ---------------------------------------------------------------------------------------------------

    function _words(
        Stretches.State memory s,
        Parcels.Parcel storage p,
        Parcels.LotData storage g,
        Bands.Packing memory b,
        bytes calldata data,
        uint256 full
    ) private view {
        // Unchecked: indices of words in calldata, times of 40 bits.
        unchecked {
            uint256 words = data.length / 32;
            uint256 lanes = 256 / b.width;
            for (uint256 i; i < words; ++i) {
                if (s.opened == 0 && !s.hot && i < full) {
                    (uint256 floor, uint256 ceiling) = Bands.band(b, s.lo, s.hi, s.lowest, s.highest);
                    uint256 next = Bands.skip(b.ones << (b.width - 1), floor, ceiling, data, i, full);
                    if (next != i) {
                        if (s.count == 0) s.from = b.start + i * lanes * s.step;
                        s.count += (next - i) * lanes;
                        i = next;
                        if (i == words) return;
                    }
                }
                uint256 word;
                // Safe: i is below the length. A checked slice costs ten times as much.
                assembly ("memory-safe") {
                    word := calldataload(add(data.offset, shl(5, i)))
                }
                uint256 left = b.count - i * lanes;
                _lanes(s, p, g, b, word, b.start + i * lanes * s.step, left < lanes ? left : lanes);
            }
        }
    }

    // ---- lanes ---------------------------------------------------------------------------------------------------

    /// @dev Takes one word: lanes outside the band one by one, those between them together.
    /// @param start time of its first reading
    /// @param left how many of its lanes are readings
    function _lanes(
        Stretches.State memory s,
        Parcels.Parcel storage p,
        Parcels.LotData storage g,
        Bands.Packing memory b,
        uint256 word,
        uint256 start,
        uint256 left
    ) private view {
        // Unchecked: lanes and shifts of a word, times of 40 bits.
        unchecked {
            uint256 width = b.width;
            uint256 guards = b.ones << (width - 1);
            if (word & guards != 0) revert IColdChain.MalformedReadings("data");
            if ((word ^ (b.ones * b.missing)) << (left * width) != 0) revert IColdChain.MalformedReadings("padding");
            for (uint256 lane; lane < left; ++lane) {
                if (s.opened == 0 && !s.hot) {
                    (uint256 floor, uint256 ceiling) = Bands.band(b, s.lo, s.hi, s.lowest, s.highest);
                    uint256 calm = ((word | guards) - floor) & (ceiling - word) & guards;
                    uint256 next = _firstZero(calm, guards, lane * width, width);
                    if (next > left) next = left;
                    if (next != lane) {
                        if (s.count == 0) s.from = start + lane * s.step;
                        s.count += next - lane;
                        lane = next;
                        if (lane == left) return;
                    }
                }
                uint256 code = (word << (lane * width)) >> (256 - width);
                _reading(s, p, g, b, code, start + lane * s.step);
            }
        }
    }

    /// @dev The first lane from bit `from` (from the left) on whose guard is not set; past the word when there is none.
    function _firstZero(uint256 calm, uint256 guards, uint256 from, uint256 width) private pure returns (uint256) {
        // Safe: pure arithmetic on the stack; branches would cost twice as much.
        assembly ("memory-safe") {
            let x := shr(from, shl(from, xor(calm, guards)))
            let r := shl(8, iszero(x))
            let half := shl(7, iszero(shr(128, x)))
            r := or(r, half)
            x := shl(half, x)
            half := shl(6, iszero(shr(192, x)))
            r := add(r, half)
            x := shl(half, x)
            half := shl(5, iszero(shr(224, x)))
            r := add(r, half)
            x := shl(half, x)
            half := shl(4, iszero(shr(240, x)))
            r := add(r, half)
            x := shl(half, x)
            r := add(r, shl(3, iszero(shr(248, x))))
            calm := div(r, width)
        }
        return calm;
    }

    function _reading(
        Stretches.State memory s,
        Parcels.Parcel storage p,
        Parcels.LotData storage g,
        Bands.Packing memory b,
        uint256 code,
        uint256 at
    ) private view {
        // Unchecked: codes of 15 bits, resolutions of 8, times of 40.
        unchecked {
            if (code == b.missing) {
                s.flush(p, g);
                s.miss(at);
                return;
            }
            int256 celsius = b.base + int256(code) * b.resolution;
            if (celsius < s.lowest || celsius > s.highest) {
                if (celsius < COLDEST || celsius > HOTTEST) revert IColdChain.MalformedReadings("temperature");
                if (celsius < s.lowest) s.lowest = celsius;
                if (celsius > s.highest) s.highest = celsius;
            }
            if (celsius < s.lo || celsius > s.hi) s.find(p, g, celsius);
            if (s.count == 0) s.from = at;
            ++s.count;
            if (s.opened != 0 && at >= s.closes) s.opened = 0;
            if (s.opened == 0) {
                if (!s.hot) return;
                s.openWindow(at, 0);
            }
            s.weigh(MeanKinetic.weight(celsius) * s.step, at);
        }
    }

    // ---- two shipments in one ------------------------------------------------------------------------------------

    /// @dev Judges two intact shipments of a lot until now and puts what was judged of the first into the second.
    /// @return breached what the second has breached by that
    function unite(
        Parcels.Parcel storage p,
        Parcels.Parcel storage q,
        Parcels.LotData storage g,
        bytes32 id,
        bytes32 into
    ) public returns (uint256 breached) {
        Stretches.State memory source = _settled(p, g, id);
        Stretches.State memory target = _settled(q, g, into);
        _worse(target, source);
        p.monitoring = _settle(source, p, g).withDisposition(IColdChainTypes.Disposition.Closed);
        MonitoringWord monitoring = _settle(target, q, g);
        breached = target.breached;
        q.monitoring = breached == 0 ? monitoring : monitoring.withDisposition(IColdChainTypes.Disposition.Quarantined);
    }

    function _settled(
        Parcels.Parcel storage p,
        Parcels.LotData storage g,
        bytes32 id
    ) private view returns (Stretches.State memory s) {
        MonitoringWord monitoring = p.monitoringOf(p.custody);
        Verdicts.requireIntact(id, p.custody, monitoring, g.manufacturerWord);
        s = Stretches.open(p, g, monitoring.flagsOf(), 0, 0);
        s.load(p, g);
        if (monitoring.untilOf() < block.timestamp) s.wait(monitoring.untilOf(), block.timestamp);
    }

    /// @return monitoring until now, or the end of a step that still runs
    function _settle(
        Stretches.State memory s,
        Parcels.Parcel storage p,
        Parcels.LotData storage g
    ) private returns (MonitoringWord monitoring) {
        s.sums = s.sums.withRestarted(block.timestamp);
        (, uint256 flags) = s.close(p);
        monitoring = p.monitoring;
        uint256 until = monitoring.untilOf() < block.timestamp ? block.timestamp : monitoring.untilOf();
        return g.limits.judged(monitoring, until, flags, s.unknown);
    }

    /// @dev Of each sum, run, window and extreme the worse; both are loaded. A window that closes later takes more: it
    /// is the worse.
    function _worse(Stretches.State memory s, Stretches.State memory other) private view {
        if (other.lowest < s.lowest) s.lowest = other.lowest;
        if (other.highest > s.highest) s.highest = other.highest;
        s.above = _max(s.above, other.above);
        s.beneath = _max(s.beneath, other.beneath);
        s.unknown = _max(s.unknown, other.unknown);
        uint256 runs;
        for (uint256 at; at < 256; at += 32) {
            runs |= _max((s.runs >> at) & type(uint32).max, (other.runs >> at) & type(uint32).max) << at;
        }
        (s.runs, s.running) = (runs, runs & s.singles != 0); // neither has breached a rule
        if (other.opened != 0) {
            s.openWindow(_max(s.opened, other.opened), _max(s.opened == 0 ? 0 : s.total, other.total));
        }
        s.breached |= other.breached;
        if (other.first < s.first) s.first = other.first;
        // Goods that were too warm with goods that were too cold.
        uint256 budget = s.limits.budget();
        if (budget != 0 && s.above + s.beneath > budget) s.breach(SumsWords.BUDGET, block.timestamp);
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
