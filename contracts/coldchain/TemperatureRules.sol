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

    /// @dev The running state of one batch, in whole words: no masks in the inner loop. Temperatures in 0.01 °C, times in seconds.
    /// @param runs time that each rule has been hit, 32 bits each, rule 0 lowest
    /// @param firstBreach index of the reading of this batch that breached a rule first, or the maximum
    struct State {
        int256 lowest;
        int256 highest;
        uint256 above;
        uint256 below;
        uint256 unknown;
        uint256 breached;
        uint256 runs;
        uint256 firstBreach;
    }

    /// @dev What does not change within a batch, in whole words.
    /// @param singles all bits of the runs of single rules
    struct Terms {
        int256 low;
        int256 high;
        int256 floor;
        int256 ceiling;
        uint256 count;
        uint256 rules;
        uint256 singles;
        uint256 step;
        int256 base;
    }

    // ---- profiles ------------------------------------------------------------------------------------------------

    /// @dev Checks a profile and packs it. Reverts `InvalidProfile` naming the field.
    function pack(ITemperatureRules.Profile calldata profile) internal pure returns (Limits memory limits) {
        if (profile.low >= profile.high) revert IColdChain.InvalidProfile("low");
        if (profile.silence == 0) revert IColdChain.InvalidProfile("silence");
        if (profile.rules.length == 0 || profile.rules.length > 8) revert IColdChain.InvalidProfile("rules");
        // However wide the range: what cannot be is never quiet, see `_lanes`.
        limits.low = profile.low;
        limits.high = profile.high;
        limits.floor = profile.low < COLDEST ? int16(COLDEST) : profile.low;
        limits.ceiling = profile.high > HOTTEST ? int16(HOTTEST) : profile.high;
        limits.silence = profile.silence;
        limits.unknown = profile.unknown;
        limits.count = uint8(profile.rules.length);
        for (uint256 i; i < profile.rules.length; ++i) {
            ITemperatureRules.Rule calldata rule = profile.rules[i];
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

    function unpack(Limits memory limits) internal pure returns (ITemperatureRules.Profile memory profile) {
        profile.low = limits.low;
        profile.high = limits.high;
        profile.silence = limits.silence;
        profile.unknown = limits.unknown;
        profile.rules = new ITemperatureRules.Rule[](limits.count);
        for (uint256 i; i < limits.count; ++i) {
            uint256 rule = limits.rules >> (32 * i);
            profile.rules[i] = ITemperatureRules.Rule({
                bound: ITemperatureRules.Bound(rule >> 31 & 1),
                span: ITemperatureRules.Span(rule >> 30 & 1),
                threshold: int16(uint16(rule)),
                afterMinutes: uint16(rule >> 16 & 0x3fff)
            });
        }
    }

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @dev Judges `count` readings of `step` seconds each and returns the judgement after them, but for `until`, `batches` and
    /// `readings`. `data` is whole words, see ITemperatureRules; the caller has checked its length.
    /// @return judgement the one given, grown
    /// @return runs_ after the batch
    /// @return firstBreach index of the reading that breached a rule first, or the maximum
    function judge(
        Limits memory limits,
        ITemperatureRules.Judgement memory judgement,
        uint256 runs,
        IColdChain.Batch calldata batch
    ) internal pure returns (ITemperatureRules.Judgement memory, uint256 runs_, uint256 firstBreach) {
        Terms memory terms = Terms({
            low: limits.low,
            high: limits.high,
            floor: limits.floor,
            ceiling: limits.ceiling,
            count: limits.count,
            rules: limits.rules,
            singles: _singles(limits),
            step: batch.step,
            base: batch.base
        });
        State memory state = State({
            lowest: judgement.lowest,
            highest: judgement.highest,
            above: judgement.above,
            below: judgement.below,
            unknown: judgement.unknown,
            breached: judgement.breached,
            runs: runs,
            firstBreach: type(uint256).max
        });
        _words(terms, state, batch.data, batch.count);
        // Safe: every second of a shipment is judged at most once, so the sums fit 32 bits until the year 2106.
        judgement.lowest = int16(state.lowest);
        judgement.highest = int16(state.highest);
        judgement.above = uint32(state.above);
        judgement.below = uint32(state.below);
        judgement.unknown = uint32(state.unknown);
        judgement.breached = uint8(state.breached);
        return (judgement, state.runs, state.firstBreach);
    }

    function _words(Terms memory terms, State memory state, bytes calldata data, uint256 count) private pure {
        (uint256 floor, uint256 ceiling) = _band(terms, state);
        uint256 words = data.length / 32;
        uint256 full = count / LANES; // a word that is not full is always looked at lane by lane: its padding counts
        uint256 i;
        // Unchecked: indices of words in calldata; and with the guards set no lane of a difference can borrow from the next.
        unchecked {
            while (true) {
                uint256 quiet = i;
                uint256 word;
                while (i < words) {
                    // Safe: i is below the length. A checked slice costs ten times as much.
                    assembly ("memory-safe") {
                        word := calldataload(add(data.offset, shl(5, i)))
                    }
                    // A guard bit survives in a lane of the first difference when lane ≥ floor, of the second when lane ≤
                    // ceiling, and in ~word when the lane is 15 bits at all. Missing readings and padding lie above any ceiling.
                    if (((word | GUARDS) - floor) & ((ceiling | GUARDS) - word) & ~word & GUARDS != GUARDS || i == full) break;
                    ++i;
                }
                if (i != quiet) state.runs &= ~terms.singles;
                if (i == words) return;
                _lanes(terms, state, word, i * LANES, count);
                (floor, ceiling) = _band(terms, state);
                ++i;
            }
        }
    }

    /// @dev The band of codes that changes nothing, in all lanes: within floor and ceiling and the extremes so far.
    function _band(Terms memory terms, State memory state) private pure returns (uint256, uint256) {
        int256 floor = (terms.floor > state.lowest ? terms.floor : state.lowest) - terms.base;
        int256 ceiling = (terms.ceiling < state.highest ? terms.ceiling : state.highest) - terms.base;
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

    /// @dev Judges one word reading by reading; `first` is the index of its first lane.
    function _lanes(Terms memory terms, State memory state, uint256 word, uint256 first, uint256 count) private pure {
        (int256 floor, int256 ceiling, int256 base) = (terms.floor, terms.ceiling, terms.base);
        (int256 lowest, int256 highest) = (state.lowest, state.highest);
        bool quiet;
        // Unchecked: lanes are at most 15 bits when used, bases 16, and sums of seconds far below 256.
        unchecked {
            for (uint256 i = first; i < first + LANES; ++i) {
                uint256 code = word >> 240;
                word <<= 16;
                int256 celsius = base + int256(code);
                if (code < MISSING && celsius >= floor && celsius <= ceiling && i < count) {
                    quiet = true;
                } else {
                    if (quiet) state.runs &= ~terms.singles;
                    quiet = false;
                    if (code > MISSING) revert IColdChain.MalformedReadings("data");
                    if (i >= count) {
                        if (code != MISSING) revert IColdChain.MalformedReadings("padding");
                        continue;
                    }
                    if (code == MISSING) {
                        state.unknown += terms.step;
                        continue;
                    }
                    if (celsius < COLDEST || celsius > HOTTEST) revert IColdChain.MalformedReadings("temperature");
                    if (_rules(terms, state, celsius) && i < state.firstBreach) state.firstBreach = i;
                }
                if (celsius < lowest) lowest = celsius;
                if (celsius > highest) highest = celsius;
            }
        }
        if (quiet) state.runs &= ~terms.singles;
        (state.lowest, state.highest) = (lowest, highest);
    }

    /// @dev Judges one reading by every rule. True when it breached one that was not breached before.
    function _rules(Terms memory terms, State memory state, int256 celsius) private pure returns (bool breach) {
        uint256 step = terms.step;
        // Unchecked: sums of seconds fit 32 bits, see `judge`; shifts and the loop stay below 256.
        unchecked {
            if (celsius > terms.high) state.above += step;
            else if (celsius < terms.low) state.below += step;

            uint256 rules = terms.rules;
            uint256 runs = state.runs;
            uint256 end = 32 * terms.count;
            for (uint256 at; at < end; at += 32) {
                uint256 rule = rules >> at;
                int256 threshold = int16(uint16(rule));
                if (rule >> 31 & 1 == uint256(ITemperatureRules.Bound.Above) ? celsius >= threshold : celsius <= threshold) {
                    runs += step << at;
                    uint256 bit = 1 << (at >> 5);
                    if (state.breached & bit == 0 && (runs >> at & 0xffffffff) >= (rule >> 16 & 0x3fff) * 60) {
                        state.breached |= bit;
                        breach = true;
                    }
                } else if (rule >> 30 & 1 == uint256(ITemperatureRules.Span.Single)) {
                    runs &= ~(0xffffffff << at);
                }
            }
            state.runs = runs;
        }
    }
}
