// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @title The header of a batch of readings in one word, see `IColdChainTypes.HeaderWord`
/// @dev From the lowest bit: sequence 24, start 40, step 16, count 16, base 16, width 8, resolution 8; the rest 0.
library HeaderWords {
    function sequenceOf(IColdChainTypes.HeaderWord header) internal pure returns (uint24) {
        return uint24(IColdChainTypes.HeaderWord.unwrap(header));
    }

    function startOf(IColdChainTypes.HeaderWord header) internal pure returns (uint40) {
        return uint40(IColdChainTypes.HeaderWord.unwrap(header) >> 24);
    }

    function stepOf(IColdChainTypes.HeaderWord header) internal pure returns (uint256) {
        return uint16(IColdChainTypes.HeaderWord.unwrap(header) >> 64);
    }

    function countOf(IColdChainTypes.HeaderWord header) internal pure returns (uint256) {
        return uint16(IColdChainTypes.HeaderWord.unwrap(header) >> 80);
    }

    function baseOf(IColdChainTypes.HeaderWord header) internal pure returns (int256) {
        return int16(uint16(IColdChainTypes.HeaderWord.unwrap(header) >> 96));
    }

    function widthOf(IColdChainTypes.HeaderWord header) internal pure returns (uint256) {
        return uint8(IColdChainTypes.HeaderWord.unwrap(header) >> 112);
    }

    /// @dev Of a header whose spare bits are 0.
    function resolutionOf(IColdChainTypes.HeaderWord header) internal pure returns (uint256) {
        return IColdChainTypes.HeaderWord.unwrap(header) >> 120;
    }

    /// @dev Whether more bits are set than there are fields.
    function hasSpareBits(IColdChainTypes.HeaderWord header) internal pure returns (bool) {
        return IColdChainTypes.HeaderWord.unwrap(header) >> 128 != 0;
    }
}
