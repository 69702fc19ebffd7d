// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title How temperatures are judged
/// @notice Temperatures are in 0.01 °C, durations in seconds unless said otherwise. A reading at time t stands for the step that
/// follows it, [t, t + step).
///
/// - A **rule** is hit by a reading at or beyond its threshold (`Above`: ≥, `Below`: ≤). `Cumulative` sums the time hit; `Single` sums it
///   too but starts anew at each reading that does not hit it. At `afterMinutes` or more the rule is **breached**, and stays breached.
/// - Runs and sums are carried across batches.
/// - **Above** is the time at > `high`, **below** the time at < `low`, whatever the rules say.
/// - A missing reading and a gap are **unknown** time: they neither hit nor clear a rule.
/// - Extremes are kept for ever.
///
/// Packing: a reading is 16 bits, big-endian: `temperature − base`, 0 to 32,766; 32,767 is "no reading". 16 readings fill a word.
interface ITemperatureRules {
    enum Bound {
        Above,
        Below
    }

    enum Span {
        Single,
        Cumulative
    }

    /// @param threshold in 0.01 °C
    /// @param afterMinutes from 1 to 16,383
    struct Rule {
        Bound bound;
        Span span;
        int16 threshold;
        uint16 afterMinutes;
    }

    /// @param low lowest temperature of the labelled range, 0.01 °C
    /// @param high highest, above `low`
    /// @param silence longest time without readings that is not yet unknown, seconds, at least 1; no reading stands for longer
    /// @param unknown most unknown time before the verdict is `Unknown`, seconds
    /// @param rules one to eight
    struct Profile {
        int16 low;
        int16 high;
        uint32 silence;
        uint32 unknown;
        Rule[] rules;
    }

    /// @param until end of the last reading's step, or the last release: time is judged until here (Unix seconds)
    /// @param batches accepted so far: the next batch's sequence
    /// @param readings accepted so far, missing ones included
    /// @param lowest 32,767 while there is no reading
    /// @param highest −32,768 while there is no reading
    /// @param breached bit i: rule i
    struct Judgement {
        uint40 until;
        uint24 batches;
        uint32 readings;
        int16 lowest;
        int16 highest;
        uint32 above;
        uint32 below;
        uint32 unknown;
        uint8 breached;
    }
}
