// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {HeaderWords} from "contracts/coldchain/words/HeaderWords.sol";
import {MonitoringWord, MonitoringWords} from "contracts/coldchain/words/MonitoringWords.sol";
import {PairingWord} from "contracts/coldchain/words/PairingWords.sol";
import {SumsWord} from "contracts/coldchain/words/SumsWords.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @title Readings in words of 16 or 32, compared with a band at once
/// @dev Two subtractions a word: the topmost bit of each lane is a guard that no borrow crosses.
library Bands {
    using HeaderWords for IColdChainTypes.HeaderWord;

    /// @dev The bound of every loop here.
    uint16 internal constant MAX_READINGS = 5000;

    uint256 private constant SIXTEENS = 0x0001000100010001000100010001000100010001000100010001000100010001;
    uint256 private constant EIGHTS = 0x0101010101010101010101010101010101010101010101010101010101010101;

    /// @dev How a batch is packed.
    /// @param ones 1 in each lane
    /// @param missing the code of "no reading"
    struct Packing {
        uint256 start;
        uint256 count;
        int256 base;
        int256 resolution;
        uint256 width;
        uint256 ones;
        uint256 missing;
    }

    /// @dev Checks a batch's header and the length of its data.
    /// @param silence longest step that the profile allows: a longer one would be silence in disguise
    function check(IColdChainTypes.HeaderWord header, uint256 length, uint256 silence) internal pure {
        if (header.hasSpareBits()) revert IColdChain.MalformedReadings("header");
        uint256 step = header.stepOf();
        if (step == 0 || step > silence) revert IColdChain.MalformedReadings("step");
        uint256 count = header.countOf();
        if (count == 0 || count > MAX_READINGS) revert IColdChain.MalformedReadings("count");
        uint256 width = header.widthOf();
        if (width != 16 && width != 8) revert IColdChain.MalformedReadings("width");
        if (header.resolutionOf() == 0) revert IColdChain.MalformedReadings("resolution");
        // Unchecked: numbers of 16 bits.
        unchecked {
            if (length != ((count * width + 255) / 256) * 32) revert IColdChain.MalformedReadings("data");
        }
    }

    /// @dev Whether a batch that was checked changes nothing but the time: it follows what was judged without a gap,
    /// nothing is under way, and every reading lies in the quiet band and within the extremes so far. That is nearly
    /// every one, and needs none of its lot's terms.
    function isInBand(
        MonitoringWord monitoring,
        PairingWord pairing,
        SumsWord sums,
        IColdChainTypes.HeaderWord header,
        bytes calldata data
    ) internal pure returns (bool) {
        Packing memory b = unpack(header);
        // Unchecked: times of 40 bits, of which the caller has compared these; counts of 16.
        unchecked {
            if (b.start - monitoring.untilOf() >= header.stepOf()) return false;
            if (monitoring.flagsOf() & (MonitoringWords.RUNNING | MonitoringWords.WINDOW) != 0) return false;
            uint256 words = data.length / 32;
            if (words * 256 != b.count * b.width) return false; // the padding counts, too
            (uint256 floor, uint256 ceiling) = band(
                b,
                pairing.floorOf(),
                pairing.ceilingOf(),
                sums.lowestOf(),
                sums.highestOf()
            );
            return skip(b.ones << (b.width - 1), floor, ceiling, data, 0, words) == words;
        }
    }

    function unpack(IColdChainTypes.HeaderWord header) internal pure returns (Packing memory b) {
        b.start = header.startOf();
        b.count = header.countOf();
        b.base = header.baseOf();
        b.resolution = int256(header.resolutionOf());
        (b.width, b.ones, b.missing) = header.widthOf() == 16 ? (16, SIXTEENS, 0x7fff) : (8, EIGHTS, 0x7f);
    }

    /// @dev The codes that change nothing, in all lanes: between two thresholds and within the extremes so far. The
    /// ceiling has its guards set.
    function band(
        Packing memory b,
        int256 lo,
        int256 hi,
        int256 lowest,
        int256 highest
    ) internal pure returns (uint256 floor, uint256 ceiling) {
        // Unchecked: temperatures of 16 bits, codes of 15.
        unchecked {
            if (lo < lowest) lo = lowest;
            if (hi > highest) hi = highest;
            lo = lo <= b.base ? int256(0) : (lo - b.base + b.resolution - 1) / b.resolution;
            hi = hi < b.base ? int256(-1) : (hi - b.base) / b.resolution;
            if (hi >= int256(b.missing)) hi = int256(b.missing) - 1; // missing readings and padding lie above
            // Empty: no lane is at least `missing` and at most 0.
            if (lo > hi) (lo, hi) = (int256(b.missing), 0);
            return (uint256(lo) * b.ones, (uint256(hi) * b.ones) | (b.ones << (b.width - 1)));
        }
    }

    /// @dev The first of the full words from `i` on that is not wholly inside a band.
    function skip(
        uint256 guards,
        uint256 floor,
        uint256 ceiling,
        bytes calldata data,
        uint256 i,
        uint256 full
    ) internal pure returns (uint256 next) {
        // A guard bit survives in a lane of the first difference when lane ≥ floor, of the second when lane ≤ ceiling,
        // and in ~word when the lane has a bit to spare at all; a lane that has none, and would borrow, fails its word
        // by that. Four words at a time, then one: it saves a third of the loop. Safe: reads calldata only, below
        // `full`.
        assembly ("memory-safe") {
            let at := add(data.offset, shl(5, i))
            let end := add(data.offset, shl(5, full))
            let even := guards
            for {
                let last := sub(end, 0x60)
            } lt(at, last) {
                at := add(at, 0x80)
            } {
                let word := calldataload(at)
                even := and(and(sub(or(word, guards), floor), sub(ceiling, word)), not(word))
                word := calldataload(add(at, 0x20))
                even := and(even, and(and(sub(or(word, guards), floor), sub(ceiling, word)), not(word)))
                word := calldataload(add(at, 0x40))
                even := and(even, and(and(sub(or(word, guards), floor), sub(ceiling, word)), not(word)))
                word := calldataload(add(at, 0x60))
                even := and(even, and(and(sub(or(word, guards), floor), sub(ceiling, word)), not(word)))
                if iszero(eq(and(even, guards), guards)) {
                    break
                }
            }
            for {} lt(at, end) {
                at := add(at, 0x20)
            } {
                let word := calldataload(at)
                even := and(and(sub(or(word, guards), floor), sub(ceiling, word)), not(word))
                if iszero(eq(and(even, guards), guards)) {
                    break
                }
            }
            next := shr(5, sub(at, data.offset))
        }
    }
}
