// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IColdChain} from "interfaces/IColdChain.sol";
import {ITemperatureRules} from "interfaces/ITemperatureRules.sol";

/// @title Judges packed readings, sixteen at a time while all is well
/// @dev A word of 16 lanes is compared with a band [floor, ceiling] in two subtractions: lanes are 15 bits wide, so the top bit of
/// each is a guard that no borrow crosses. The band lies inside the labelled range, clear of every rule and within the
/// extremes so far, so a word inside it changes nothing but the count. Any other word is judged reading by reading.
library TemperatureRules {
    uint256 private constant LANES = 16;
    /// @dev 1 in every lane: a value times this stands in all lanes.
    uint256 private constant ONES = 0x0001000100010001000100010001000100010001000100010001000100010001;
    uint256 private constant GUARDS = ONES << 15;
    /// @dev The lane that says "no reading".
    uint256 private constant MISSING = 0x7fff;

    /// @dev No logger lies beside a shipment at these: absolute zero, and far above a steriliser. 0.01 °C.
    int256 private constant COLDEST = -27315;
    int256 private constant HOTTEST = 15000;

    /// @dev A profile as it is stored: two slots. `floor` and `ceiling` bound the band in which nothing happens: inside the labelled
    /// range and clear of every rule; empty when `floor` exceeds `ceiling`. `rules`: 32 bits each, rule 0 lowest: bound in bit 31,
    /// span in bit 30, minutes in bits 16-29, threshold in bits 0-15.
    struct Limits {
        int16 low;
        int16 high;
        uint32 silence;
        uint32 unknown;
        int16 floor;
        int16 ceiling;
        uint8 count;
        uint256 rules;
    }

    /// @param runs seconds that each rule has been hit, 32 bits each, rule 0 lowest
    /// @param firstBreach index of the reading of this batch that breached a rule first, or the maximum
    struct State {
        ITemperatureRules.Judgement judgement;
        uint256 runs;
        uint256 firstBreach;
    }

    // ---- profiles ------------------------------------------------------------------------------------------------

    /// @dev Checks a profile and packs it. Reverts `InvalidProfile` naming the field.
    function pack(ITemperatureRules.Profile calldata terms) internal pure returns (Limits memory limits) {
        if (terms.low >= terms.high) revert IColdChain.InvalidProfile("low");
        if (terms.rules.length == 0 || terms.rules.length > 8) revert IColdChain.InvalidProfile("rules");
        limits.low = limits.floor = terms.low;
        limits.high = limits.ceiling = terms.high;
        limits.silence = terms.silence;
        limits.unknown = terms.unknown;
        limits.count = uint8(terms.rules.length);
        for (uint256 i; i < terms.rules.length; ++i) {
            ITemperatureRules.Rule calldata rule = terms.rules[i];
            if (rule.afterMinutes == 0 || rule.afterMinutes > 0x3fff) revert IColdChain.InvalidProfile("afterMinutes");
            if (rule.threshold <= COLDEST || rule.threshold >= HOTTEST) revert IColdChain.InvalidProfile("threshold");
            limits.rules |= (
                uint256(rule.bound) << 31 | uint256(rule.span) << 30 | uint256(rule.afterMinutes) << 16
                    | uint16(rule.threshold)
            ) << (32 * i);
            if (rule.bound == ITemperatureRules.Bound.Above) {
                if (rule.threshold <= limits.ceiling) limits.ceiling = rule.threshold - 1;
            } else if (rule.threshold >= limits.floor) {
                limits.floor = rule.threshold + 1;
            }
        }
    }

    function unpack(Limits memory limits) internal pure returns (ITemperatureRules.Profile memory terms) {
        terms.low = limits.low;
        terms.high = limits.high;
        terms.silence = limits.silence;
        terms.unknown = limits.unknown;
        terms.rules = new ITemperatureRules.Rule[](limits.count);
        for (uint256 i; i < limits.count; ++i) {
            uint256 rule = limits.rules >> (32 * i);
            terms.rules[i] = ITemperatureRules.Rule({
                bound: ITemperatureRules.Bound(rule >> 31 & 1),
                span: ITemperatureRules.Span(rule >> 30 & 1),
                threshold: int16(uint16(rule)),
                afterMinutes: uint16(rule >> 16 & 0x3fff)
            });
        }
    }

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @dev Judges `count` readings of `step` seconds each. `data` is whole words, see ITemperatureRules; the caller has checked its
    /// length. Updates in `state` extremes, times, breaches and runs.
    function judge(
        Limits memory limits,
        State memory state,
        bytes calldata data,
        uint256 count,
        uint256 step,
        int256 base
    ) internal pure {
        state.firstBreach = type(uint256).max;
        uint256 singles = _singles(limits);
        (uint256 floor, uint256 ceiling) = _band(limits, state.judgement, base);
        for (uint256 first; first < count; first += LANES) {
            uint256 word;
            // Safe: the caller has checked that data holds ⌈count / 16⌉ words. A checked slice costs ten times as much.
            assembly ("memory-safe") {
                word := calldataload(add(data.offset, shl(1, first)))
            }
            // A guard bit survives in a lane of the first difference when lane ≥ floor, of the second when lane ≤ ceiling, and in
            // ~word when the lane is 15 bits at all. Missing readings and padding lie above any ceiling.
            // Unchecked: with the guards set no lane can borrow from the next, so the word cannot underflow.
            unchecked {
                if (((word | GUARDS) - floor) & ((ceiling | GUARDS) - word) & ~word & GUARDS == GUARDS) {
                    state.runs &= ~singles;
                    continue;
                }
            }
            _word(limits, state, word, first, count, step, base);
            (floor, ceiling) = _band(limits, state.judgement, base);
        }
    }

    /// @dev The band of codes that changes nothing, in all lanes: within `Limits.floor` and `ceiling` and the extremes so far.
    function _band(Limits memory limits, ITemperatureRules.Judgement memory judgement, int256 base)
        private
        pure
        returns (uint256, uint256)
    {
        int256 floor = limits.floor > judgement.lowest ? limits.floor : judgement.lowest;
        int256 ceiling = limits.ceiling < judgement.highest ? limits.ceiling : judgement.highest;
        floor -= base;
        ceiling -= base;
        if (floor < 0) floor = 0;
        if (ceiling >= int256(MISSING)) ceiling = int256(MISSING) - 1;
        // Empty: no lane is both at least 0x7fff and at most 0.
        if (floor > ceiling) return (MISSING * ONES, 0);
        return (uint256(floor) * ONES, uint256(ceiling) * ONES);
    }

    /// @dev All bits of the runs of single rules.
    function _singles(Limits memory limits) private pure returns (uint256 mask) {
        for (uint256 i; i < limits.count; ++i) {
            if (limits.rules >> (32 * i + 30) & 1 == uint256(ITemperatureRules.Span.Single)) mask |= 0xffffffff << (32 * i);
        }
    }

    /// @dev Judges one word reading by reading.
    function _word(
        Limits memory limits,
        State memory state,
        uint256 word,
        uint256 first,
        uint256 count,
        uint256 step,
        int256 base
    ) private pure {
        for (uint256 lane; lane < LANES; ++lane) {
            uint256 code = word >> (240 - 16 * lane) & 0xffff;
            if (code > MISSING) revert IColdChain.MalformedReadings("data");
            if (first + lane >= count) {
                if (code != MISSING) revert IColdChain.MalformedReadings("padding");
            } else if (code == MISSING) {
                state.judgement.unknown += uint32(step);
            } else {
                int256 celsius = base + int256(code);
                if (celsius < COLDEST || celsius > HOTTEST) revert IColdChain.MalformedReadings("temperature");
                if (_reading(limits, state, int16(celsius), step) && state.firstBreach > first + lane) {
                    state.firstBreach = first + lane;
                }
            }
        }
    }

    /// @dev Judges one reading. The sums are unchecked: every second of a shipment is judged at most once and its times fit 32
    /// bits until the year 2106. True when a rule was breached by it that was not before.
    function _reading(Limits memory limits, State memory state, int16 celsius, uint256 step)
        private
        pure
        returns (bool breach)
    {
        ITemperatureRules.Judgement memory judgement = state.judgement;
        if (celsius < judgement.lowest) judgement.lowest = celsius;
        if (celsius > judgement.highest) judgement.highest = celsius;
        unchecked {
            if (celsius > limits.high) judgement.above += uint32(step);
            else if (celsius < limits.low) judgement.below += uint32(step);

            for (uint256 i; i < limits.count; ++i) {
                uint256 rule = limits.rules >> (32 * i);
                int16 threshold = int16(uint16(rule));
                uint256 run = state.runs >> (32 * i) & 0xffffffff;
                uint256 next = run;
                if (rule >> 31 & 1 == uint256(ITemperatureRules.Bound.Above) ? celsius >= threshold : celsius <= threshold) {
                    next += step;
                    uint8 bit = uint8(1 << i);
                    if (judgement.breached & bit == 0 && next >= (rule >> 16 & 0x3fff) * 60) {
                        judgement.breached |= bit;
                        breach = true;
                    }
                } else if (rule >> 30 & 1 == uint256(ITemperatureRules.Span.Single)) {
                    next = 0;
                }
                state.runs ^= (run ^ next) << (32 * i);
            }
        }
    }
}
