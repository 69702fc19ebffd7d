// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title How temperatures are judged
/// @notice Temperatures are in 0.01 °C, durations in seconds unless said otherwise. A reading at time t stands for the
/// step that follows it, [t, t + step).
///
/// - A **rule** is hit by a reading at or beyond its threshold (`Above`: ≥, `Below`: ≤). `Cumulative` sums the time
/// hit; `Single` sums it
///   too but starts anew at each reading that does not hit it. At `afterMinutes` or more the rule is **breached**, and
///   stays breached.
/// - **Above** is the time at > `high`, **below** the time at < `low`, whatever the rules say.
/// - The **stability budget** is breached when above + below exceed `budget`. It belongs to the goods: no release
/// refills it.
/// - **Mean kinetic temperature** (USP <1079.2>, ΔH/R = 10,000 K): a window opens at a reading above `mktLimit` while
/// none is open,
///   and takes every reading that starts within `mktHours` hours from that reading's time. A reading weighs
///   k(T) = ⌊2³² · e^(10,000/278.15 − 10,000/T)⌋, T in kelvin, for its whole step. Unknown time weighs k(`mktLimit`): a
///   missing reading as one that
///   was made, a gap as far as it lies inside the window (what it breaches counts from the reading after it).
///   The limit is breached as soon as the window's sum exceeds `mktHours` · 3600 · k(`mktLimit`): whatever follows in
///   that
///   window, its mean is then above the limit. Readings at or below the limit never open a window, since they cannot
///   lift a mean over it.
///   MKT only ever adds a breach: it excuses no rule, and no cold.
///   Warning: two excursions that lie in different windows are not averaged together, though a window laid across both
///   might be.
/// - Runs, sums and windows are carried across batches.
/// - A missing reading and a gap are **unknown** time: they neither hit nor clear a rule.
/// - Extremes are kept for ever.
///
/// Packing: readings fill words of 32 bytes from the left, `width` bits each, big-endian: 16 of 16 bits or 32 of 8
/// bits. A code c stands for base + c · resolution. The highest code of 15 or 7 bits (32,767 or 127) is "no reading";
/// the topmost bit is always 0.
interface ITemperatureRules {
    enum Bound {
        Above,
        Below
    }

    enum Span {
        Single,
        Cumulative
    }

    /// @notice What the label says; informative, the limits are what is judged.
    enum StorageClass {
        Unspecified,
        UltraCold, // −90 to −60 °C
        Freezer, // −25 to −10 °C
        Refrigerator, // 2 to 8 °C
        Cool, // 8 to 15 °C
        Room // 20 to 25 °C
    }

    /// @param threshold in 0.01 °C
    /// @param afterMinutes from 1 to 16,383
    struct Rule {
        Bound bound;
        Span span;
        int16 threshold;
        uint16 afterMinutes;
    }

    /// @param vvm type of the vaccine vial monitor: its days to the end point at 37 °C (2, 7, 11, 14 or 30), 0 without
    /// one
    /// @param low lowest temperature of the labelled range, 0.01 °C
    /// @param high highest, above `low`
    /// @param silence longest time without readings that is not yet unknown, seconds, at least 1; no reading stands for
    /// longer
    /// @param unknown most unknown time before the verdict is `Unknown`, seconds
    /// @param budget stability budget: most time outside the labelled range, seconds; 0: not limited
    /// @param mktLimit highest mean kinetic temperature of a window, 0.01 °C
    /// @param mktHours length of the window, 1 to 1,023 hours; 0: MKT is not judged, and `mktLimit` must be 0
    /// @param rules at most eight; at least one unless `budget` or `mktHours` is set
    struct Profile {
        StorageClass storageClass;
        uint8 vvm;
        int16 low;
        int16 high;
        uint32 silence;
        uint32 unknown;
        uint32 budget;
        int16 mktLimit;
        uint16 mktHours;
        Rule[] rules;
    }

    /// @param until end of the last reading's step, or the start of monitoring, the last release or merger: time is
    /// judged until here
    /// @param batches accepted so far: the next batch's sequence
    /// @param readings accepted so far, missing ones included
    /// @param lowest 32,767 while there is no reading
    /// @param highest −32,768 while there is no reading
    /// @param breached bit i: rule i; bit 8: MKT; bit 9: stability budget; bit 10: two batches of one number (see
    /// IColdChain.reportFork); bit 11: quarantined by hand
    struct Judgement {
        uint40 until;
        uint24 batches;
        uint32 readings;
        int16 lowest;
        int16 highest;
        uint32 above;
        uint32 below;
        uint32 unknown;
        uint16 breached;
    }
}
