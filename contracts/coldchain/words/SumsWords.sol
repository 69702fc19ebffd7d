// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MonitoringWord} from "contracts/coldchain/words/MonitoringWords.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @notice What the readings of a shipment add up to; 0: no reading, nothing unknown. Seldom written.
type SumsWord is uint256;

using SumsWords for SumsWord global;

/// @title The sums of a shipment's readings in one word
/// @dev From the lowest bit: lowest 16, highest 16, above 32, below 32, unknown 32, breached 16, breachedAt 32,
/// restarted 32. The extremes are kept so that 0 means none.
library SumsWords {
    /// @dev Bits of `breached`, beside those of the rules, see ITemperatureRules.
    uint256 internal constant MKT = 1 << 8;
    uint256 internal constant BUDGET = 1 << 9;

    uint256 private constant NO_LOWEST = 0x7fff;
    uint256 private constant NO_HIGHEST = 0x8000;

    function lowestOf(SumsWord sums) internal pure returns (int256) {
        return int16(uint16(SumsWord.unwrap(sums) ^ NO_LOWEST));
    }

    function highestOf(SumsWord sums) internal pure returns (int256) {
        return int16(uint16((SumsWord.unwrap(sums) >> 16) ^ NO_HIGHEST));
    }

    function aboveOf(SumsWord sums) internal pure returns (uint256) {
        return uint32(SumsWord.unwrap(sums) >> 32);
    }

    function belowOf(SumsWord sums) internal pure returns (uint256) {
        return uint32(SumsWord.unwrap(sums) >> 64);
    }

    function unknownOf(SumsWord sums) internal pure returns (uint256) {
        return uint32(SumsWord.unwrap(sums) >> 96);
    }

    function breachedOf(SumsWord sums) internal pure returns (uint256) {
        return uint16(SumsWord.unwrap(sums) >> 128);
    }

    function budgetSpent(SumsWord sums) internal pure returns (bool) {
        return breachedOf(sums) & BUDGET != 0;
    }

    function breachedAtOf(SumsWord sums) internal pure returns (uint256) {
        return uint32(SumsWord.unwrap(sums) >> 144);
    }

    function restartedOf(SumsWord sums) internal pure returns (uint256) {
        return uint32(SumsWord.unwrap(sums) >> 176);
    }

    function equals(SumsWord sums, SumsWord other) internal pure returns (bool) {
        return SumsWord.unwrap(sums) == SumsWord.unwrap(other);
    }

    // ---- changes -------------------------------------------------------------------------------------------------

    /// @dev With everything but the two times: when it was breached, and when it began again.
    /// @param lowest,highest 16 bits with their sign
    /// @param above,beneath,unknown seconds, 32 bits
    function withReadings(
        SumsWord sums,
        int256 lowest,
        int256 highest,
        uint256 above,
        uint256 beneath,
        uint256 unknown,
        uint256 breached
    ) internal pure returns (SumsWord) {
        return
            SumsWord.wrap(
                ((SumsWord.unwrap(sums) >> 144) << 144) |
                    (uint16(int16(lowest)) ^ NO_LOWEST) |
                    ((uint16(int16(highest)) ^ NO_HIGHEST) << 16) |
                    (above << 32) |
                    (beneath << 64) |
                    (unknown << 96) |
                    (breached << 128)
            );
    }

    /// @param seconds_ more of unknown time: the sum of it fits 32 bits until the year 2106
    function plusUnknown(SumsWord sums, uint256 seconds_) internal pure returns (SumsWord) {
        return SumsWord.wrap(SumsWord.unwrap(sums) + (seconds_ << 96));
    }

    /// @param bit of `breached`
    function withBreach(SumsWord sums, uint256 bit) internal pure returns (SumsWord) {
        return SumsWord.wrap(SumsWord.unwrap(sums) | (bit << 128));
    }

    /// @param at while there is no such time yet
    function withBreachedAt(SumsWord sums, uint256 at) internal pure returns (SumsWord) {
        return SumsWord.wrap(SumsWord.unwrap(sums) | (at << 144));
    }

    /// @param at 32 bits, or more once everything has expired
    function withRestarted(SumsWord sums, uint256 at) internal pure returns (SumsWord) {
        return SumsWord.wrap(((SumsWord.unwrap(sums) << 80) >> 80) | (at << 176));
    }

    /// @dev After a release: the extremes and the times above and below stay.
    function released(SumsWord sums, uint256 at) internal pure returns (SumsWord) {
        return SumsWord.wrap((SumsWord.unwrap(sums) & type(uint96).max) | (at << 176));
    }

    // ---- what is said of them ------------------------------------------------------------------------------------

    function judgement(SumsWord sums, MonitoringWord monitoring) internal pure returns (IColdChain.Judgement memory j) {
        j.until = uint32(monitoring.untilOf());
        j.batches = uint24(monitoring.batchesOf());
        j.readings = uint32(monitoring.readingsOf());
        j.lowest = int16(lowestOf(sums));
        j.highest = int16(highestOf(sums));
        j.above = uint32(aboveOf(sums));
        j.below = uint32(belowOf(sums));
        j.unknown = uint32(unknownOf(sums));
        j.breached = uint16(breachedOf(sums));
    }

    /// @return as in IColdChain.ReadingsLogged
    function packed(SumsWord sums, MonitoringWord monitoring) internal pure returns (IColdChainTypes.JudgementWord) {
        uint256 own = (SumsWord.unwrap(sums) & type(uint144).max) ^ (NO_LOWEST | (NO_HIGHEST << 16));
        return IColdChainTypes.JudgementWord.wrap(own | (monitoring.untilOf() << 144) | (monitoring.countsOf() << 176));
    }
}
