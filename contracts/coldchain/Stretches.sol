// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MeanKinetic} from "contracts/coldchain/MeanKinetic.sol";
import {Parcels} from "contracts/coldchain/Parcels.sol";
import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {MonitoringWords} from "contracts/coldchain/words/MonitoringWords.sol";
import {RunsWord, RunsWords, WindowWord} from "contracts/coldchain/words/RunsWords.sol";
import {SumsWord, SumsWords} from "contracts/coldchain/words/SumsWords.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title What readings add up to: sums, runs and windows
/// @dev Readings are taken in **stretches**: readings in a row that lie between the same two thresholds hit the same
/// rules, so their time is added at once, and which of them breached a rule first is a division.
library Stretches {
    using LimitsWords for ILots.LimitsWord;

    uint256 private constant LANE = type(uint32).max;
    uint256 private constant ONES = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant GUARDS = ONES << 31;
    int256 private constant OFFSET = 1 << 15;
    uint256 private constant NEVER = type(uint256).max;

    /// @dev The running state of one batch, in whole words: no masks in the loops. Temperatures in 0.01 °C, times in
    /// seconds.
    /// @param sums as they were, see Parcels; what changes of them is in the next six
    /// @param first when the reading started that breached first in this batch, or `NEVER`
    /// @param runs see Parcels.Parcel; good once `limits` are loaded
    /// @param running see MonitoringWords.RUNNING
    /// @param used,below 1 in the lane of every rule that can be hit, of every `Below`
    /// @param bounds,ends by rule: the lowest temperature that is not below it, plus `OFFSET`; seconds after which it
    /// is breached, 2^31 − 1 once it is
    /// @param singles lanes of the single rules, without those whose breaching run is over; `keptRuns`: of them the
    /// breached ones
    /// @param opened start of the open SumsWords.MKT window, 0 while there is none; `closes`, `total`, `limitSum`,
    /// `unknownWeight`: its end, its sum, the most that the sum may be, and the weight of unknown time
    /// @param floor,ceiling of the quiet band, see ILots.Packed
    /// @param lo,hi the present stretch lies between these; `hits`: 1 in the lane of every rule that it hits; `side`: 1
    /// above, 2 below the labelled range; `hot`: above `mktLimit`; `count`: its readings that are not in the sums yet;
    /// `from`: start of the first of those
    struct State {
        SumsWord sums;
        int256 lowest;
        int256 highest;
        uint256 above;
        uint256 beneath;
        uint256 unknown;
        uint256 breached;
        uint256 first;
        uint256 runs;
        bool running;
        ILots.LimitsWord limits;
        uint256 used;
        uint256 below;
        uint256 bounds;
        uint256 ends;
        uint256 singles;
        uint256 keptRuns;
        uint256 opened;
        uint256 closes;
        uint256 total;
        uint256 limitSum;
        uint256 unknownWeight;
        int256 floor;
        int256 ceiling;
        int256 lo;
        int256 hi;
        uint256 hits;
        uint256 side;
        bool hot;
        uint256 count;
        uint256 from;
        uint256 step;
    }

    // ---- from storage and back -----------------------------------------------------------------------------------

    /// @param floor,ceiling of the quiet band: readings in it need neither rules nor limits
    function open(
        Parcels.Parcel storage p,
        Parcels.LotData storage g,
        uint256 flags,
        int256 floor,
        int256 ceiling
    ) internal view returns (State memory s) {
        SumsWord sums = p.sums;
        (s.sums, s.lowest, s.highest) = (sums, sums.lowestOf(), sums.highestOf());
        (s.above, s.beneath) = (sums.aboveOf(), sums.belowOf());
        (s.unknown, s.breached, s.first) = (sums.unknownOf(), sums.breachedOf(), NEVER);
        s.running = flags & MonitoringWords.RUNNING != 0;
        (s.floor, s.ceiling, s.lo, s.hi) = (floor, ceiling, floor, ceiling);
        if (flags & MonitoringWords.WINDOW != 0) {
            load(s, p, g);
            WindowWord window = p.window;
            openWindow(s, window.openedOf(), window.totalOf());
        }
    }

    /// @dev Keeps what was judged, as far as it changed. Every second is judged at most once, and none after the year
    /// 2106: each sum fits 32 bits.
    /// @return sums after
    /// @return flags after
    function close(State memory s, Parcels.Parcel storage p) internal returns (SumsWord sums, uint256 flags) {
        sums = s.sums.withReadings(s.lowest, s.highest, s.above, s.beneath, s.unknown, s.breached);
        if (s.first != NEVER && sums.breachedAtOf() == 0) sums = sums.withBreachedAt(s.first);
        if (!sums.equals(p.sums)) p.sums = sums;
        if (s.limits.exist() && s.runs != RunsWord.unwrap(p.runs)) p.runs = RunsWord.wrap(s.runs);
        if (s.opened != 0) {
            p.window = RunsWords.packWindow(s.opened, s.total);
            flags = MonitoringWords.WINDOW;
        }
        if (s.running) flags |= MonitoringWords.RUNNING;
    }

    /// @dev Reads limits, rules and runs, once, and lays the rules out in lanes.
    function load(State memory s, Parcels.Parcel storage p, Parcels.LotData storage g) internal view {
        if (s.limits.exist()) return;
        (s.limits, s.runs) = (g.limits, RunsWord.unwrap(p.runs));
        uint256 rules = ILots.RulesWord.unwrap(g.rules);
        // Unchecked: at most eight rules; 14 bits times 60, 16 bits plus their offset and 1.
        unchecked {
            uint256 end = 32 * s.limits.ruleCount();
            for (uint256 at; at < end; at += 32) {
                uint256 rule = (rules >> at) & LANE;
                uint256 below = rule >> 31;
                bool over = (s.runs >> (at + 31)) & 1 != 0;
                if (!over) s.used |= 1 << at;
                s.below |= below << at;
                // `Above` is hit from its threshold on, `Below` up to it.
                s.bounds |= (uint256(int256(int16(uint16(rule))) + OFFSET) + below) << at;
                bool breached = (s.breached >> (at >> 5)) & 1 != 0;
                s.ends |= (breached ? NEVER >> 225 : ((rule >> 16) & 0x3fff) * 60) << at;
                if (over || (rule >> 30) & 1 != 0) continue;
                s.singles |= LANE << at;
                if (breached) s.keptRuns |= LANE << at;
            }
        }
    }

    // ---- time without readings -----------------------------------------------------------------------------------

    /// @dev From a time to a time nobody knows anything: of a window it takes what lies inside.
    /// @param to the reading that ends it, or now
    function wait(State memory s, uint256 from, uint256 to) internal pure {
        // Unchecked: times of 40 bits.
        unchecked {
            s.unknown += to - from;
            if (s.opened == 0) return;
            if (from < s.closes) weigh(s, s.unknownWeight * ((to < s.closes ? to : s.closes) - from), to);
            if (to >= s.closes) s.opened = 0;
        }
    }

    /// @dev A reading that is missing: of a window it takes what a reading would.
    function miss(State memory s, uint256 at) internal pure {
        // Unchecked: times of 40 bits.
        unchecked {
            s.unknown += s.step;
            if (s.opened != 0 && at >= s.closes) s.opened = 0;
            if (s.opened != 0) weigh(s, s.unknownWeight * s.step, at);
        }
    }

    // ---- stretches -----------------------------------------------------------------------------------------------

    /// @dev A reading outside the present stretch: of a new one, unless it hits the same.
    function find(State memory s, Parcels.Parcel storage p, Parcels.LotData storage g, int256 celsius) internal view {
        uint256 hits;
        uint256 side;
        bool hot;
        bool quiet = celsius >= s.floor && celsius <= s.ceiling;
        if (!quiet) {
            load(s, p, g);
            ILots.LimitsWord limits = s.limits;
            if (celsius < limits.low()) side = 2;
            else if (celsius > limits.high()) side = 1;
            hot = limits.mktHours() != 0 && celsius > limits.mktLimit();
            // All rules at once: the guard of a lane survives where the temperature is not below the rule's bound.
            // Unchecked: numbers of 17 bits in lanes of 32, guards set.
            unchecked {
                hits =
                    ((((((uint256(celsius + OFFSET) * ONES) | GUARDS) - s.bounds) & GUARDS) >> 31) ^ s.below) & s.used;
            }
            // Not at once: readings that jump from one stretch to another pay for no more than this.
            if (hits == s.hits && side == s.side && hot == s.hot && s.lo <= s.hi) return _widen(s, celsius);
        }
        flush(s, p, g);
        (s.hits, s.side, s.hot) = (hits & s.used, side, hot); // a run may have come to its end
        (s.lo, s.hi) = quiet ? (s.floor, s.ceiling) : (celsius, celsius);
    }

    /// @dev Between which two thresholds the stretch lies.
    function _widen(State memory s, int256 celsius) private pure {
        ILots.LimitsWord limits = s.limits;
        int256 lo = type(int16).min;
        int256 hi = type(int16).max;
        // Unchecked: shifts below 256, numbers of 17 bits.
        unchecked {
            uint256 end = s.limits.ruleCount() + 3;
            for (uint256 i; i < end; ++i) {
                int256 bound;
                if (i > 2) bound = int256((s.bounds >> (32 * (i - 3))) & LANE) - OFFSET;
                else if (i == 0) bound = limits.low();
                else if (i == 1) bound = int256(limits.high()) + 1;
                else if (limits.mktHours() != 0) bound = limits.mktLimit() + 1;
                else continue;
                if (celsius < bound) {
                    if (hi >= bound) hi = bound - 1;
                } else if (lo < bound) {
                    lo = bound;
                }
            }
            (s.lo, s.hi) = (lo, hi);
        }
    }

    /// @dev Adds the time of the stretch so far to the sums and runs, and finds what it breached.
    function flush(State memory s, Parcels.Parcel storage p, Parcels.LotData storage g) internal view {
        uint256 count = s.count;
        if (count == 0) return;
        s.count = 0;
        // Unchecked: seconds, each judged once, so that every sum and lane fits 32 bits until the year 2106.
        unchecked {
            uint256 time = count * s.step;
            if (s.side != 0) _outside(s, time);
            uint256 hits = s.hits;
            if (hits == 0 && !s.running) return;

            load(s, p, g);
            uint256 ended = s.singles & ~(hits * LANE);
            uint256 runs = s.runs & ~(ended & ~s.keptRuns);
            ended &= s.keptRuns;
            if (ended != 0) {
                // The run that breached a rule is over, and stays as it was.
                runs |= ended & GUARDS;
                s.singles &= ~ended;
                s.used &= ~ended;
            }
            uint256 after_ = runs + hits * time;
            // All rules at once: of what is not breached the time and the limit are below 2^31.
            if (((after_ | GUARDS) - s.ends) & GUARDS & (hits << 31) != 0) _breaches(s, runs, time);
            (s.runs, s.running) = (after_, after_ & s.singles != 0);
        }
    }

    /// @dev Which rules the stretch breached, and when.
    /// @param runs before the stretch
    function _breaches(State memory s, uint256 runs, uint256 time) private pure {
        // Unchecked: see `flush`.
        unchecked {
            for (uint256 at; at < 256; at += 32) {
                uint256 bit = 1 << (at >> 5);
                if ((s.hits >> at) & 1 == 0 || s.breached & bit != 0) continue;
                uint256 left = ((s.ends >> at) & LANE) - ((runs >> at) & LANE);
                if (time < left) continue;
                if ((s.singles >> at) & 1 != 0) s.keptRuns |= LANE << at;
                s.ends |= (NEVER >> 225) << at;
                breach(s, bit, s.from + ((left - 1) / s.step) * s.step);
            }
        }
    }

    function _outside(State memory s, uint256 time) private pure {
        // Unchecked: see `flush`.
        unchecked {
            if (s.side == 1) s.above += time;
            else s.beneath += time;
            uint256 budget = s.limits.budget();
            if (budget == 0 || s.breached & SumsWords.BUDGET != 0) return;
            uint256 total = s.above + s.beneath;
            // Before the stretch they were within the budget: else it would have been breached.
            if (total > budget) breach(s, SumsWords.BUDGET, s.from + ((budget + time - total) / s.step) * s.step);
        }
    }

    function openWindow(State memory s, uint256 opened, uint256 total) internal pure {
        // Unchecked: numbers of 40 and 50 bits.
        unchecked {
            uint256 length = s.limits.mktHours() * 1 hours;
            if (s.unknownWeight == 0) s.unknownWeight = MeanKinetic.weight(s.limits.mktLimit());
            (s.opened, s.closes, s.total, s.limitSum) = (opened, opened + length, total, s.unknownWeight * length);
        }
    }

    /// @dev Adds to the window's sum what began at a time.
    function weigh(State memory s, uint256 weight, uint256 at) internal pure {
        // Unchecked: seconds of 32 bits times weights of 50.
        unchecked {
            s.total += weight;
            if (s.total > s.limitSum && s.breached & SumsWords.MKT == 0) breach(s, SumsWords.MKT, at);
        }
    }

    function breach(State memory s, uint256 bit, uint256 at) internal pure {
        s.breached |= bit;
        if (at < s.first) s.first = at;
    }
}
