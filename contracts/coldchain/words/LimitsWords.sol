// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MonitoringWord} from "contracts/coldchain/words/MonitoringWords.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title The limits of a temperature profile in one word, see `ILots.LimitsWord`
/// @dev From the lowest bit: low 16, high 16, floor 16, ceiling 16, mktLimit 16, mktHours 10, rule count 4, silence 32,
/// unknown 32, budget 32, storage class 3, vvm 5, free 2, when the lot was made 32. The last is ColdChain's alone.
library LimitsWords {
    /// @return the lowest and the highest temperature of the labelled range, 0.01 °C
    function low(ILots.LimitsWord limits) internal pure returns (int16) {
        return int16(uint16(ILots.LimitsWord.unwrap(limits)));
    }

    function high(ILots.LimitsWord limits) internal pure returns (int16) {
        return int16(uint16(ILots.LimitsWord.unwrap(limits) >> 16));
    }

    /// @return floor 16 bits and above it ceiling 16
    function quietBand(ILots.LimitsWord limits) internal pure returns (uint256) {
        return (ILots.LimitsWord.unwrap(limits) >> 32) & type(uint32).max;
    }

    function mktLimit(ILots.LimitsWord limits) internal pure returns (int256) {
        return int16(uint16(ILots.LimitsWord.unwrap(limits) >> 64));
    }

    function mktHours(ILots.LimitsWord limits) internal pure returns (uint256) {
        return (ILots.LimitsWord.unwrap(limits) >> 80) & 0x3ff;
    }

    function ruleCount(ILots.LimitsWord limits) internal pure returns (uint256) {
        return (ILots.LimitsWord.unwrap(limits) >> 90) & 0xf;
    }

    function silence(ILots.LimitsWord limits) internal pure returns (uint256) {
        return uint32(ILots.LimitsWord.unwrap(limits) >> 94);
    }

    function unknown(ILots.LimitsWord limits) internal pure returns (uint256) {
        return uint32(ILots.LimitsWord.unwrap(limits) >> 126);
    }

    function budget(ILots.LimitsWord limits) internal pure returns (uint256) {
        return uint32(ILots.LimitsWord.unwrap(limits) >> 158);
    }

    function storageClass(ILots.LimitsWord limits) internal pure returns (uint256) {
        return (ILots.LimitsWord.unwrap(limits) >> 190) & 7;
    }

    function vvm(ILots.LimitsWord limits) internal pure returns (uint256) {
        return (ILots.LimitsWord.unwrap(limits) >> 193) & 31;
    }

    function madeAt(ILots.LimitsWord limits) internal pure returns (uint256) {
        return uint32(ILots.LimitsWord.unwrap(limits) >> 200);
    }

    /// @dev The monitoring, judged by these limits: see `MonitoringWords.judged`.
    function judged(
        ILots.LimitsWord limits,
        MonitoringWord monitoring,
        uint256 until,
        uint256 flags,
        uint256 unknown_
    ) internal pure returns (MonitoringWord) {
        return monitoring.judged(until, flags, unknown_, silence(limits), unknown(limits));
    }

    /// @param at of limits without it
    function withMadeAt(ILots.LimitsWord limits, uint256 at) internal pure returns (ILots.LimitsWord) {
        return ILots.LimitsWord.wrap(ILots.LimitsWord.unwrap(limits) | (at << 200));
    }

    function exist(ILots.LimitsWord limits) internal pure returns (bool) {
        return ILots.LimitsWord.unwrap(limits) != 0;
    }
}
