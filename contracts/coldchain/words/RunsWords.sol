// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice How long each rule of a profile has been hit, see IColdChainTypes.Report.
/// @dev 32 bits each, rule 0 lowest; the topmost bit says that the run which breached a single rule is over.
type RunsWord is uint256;

/// @notice The window of the mean kinetic temperature, good while `MonitoringWords.WINDOW` is set.
/// @dev From the lowest bit: when it opened 32, its sum of weights.
type WindowWord is uint256;

using RunsWords for RunsWord global;
using RunsWords for WindowWord global;

/// @title What is under way in a shipment: runs of rules, and the window of the mean kinetic temperature
library RunsWords {
    /// @return seconds that a rule has been hit
    function runOf(RunsWord runs, uint256 rule) internal pure returns (uint32) {
        return uint32(RunsWord.unwrap(runs) >> (32 * rule)) & 0x7fffffff;
    }

    function packWindow(uint256 opened, uint256 total) internal pure returns (WindowWord) {
        return WindowWord.wrap(opened | (total << 32));
    }

    function openedOf(WindowWord window) internal pure returns (uint256) {
        return uint32(WindowWord.unwrap(window));
    }

    function totalOf(WindowWord window) internal pure returns (uint256) {
        return WindowWord.unwrap(window) >> 32;
    }
}
