// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @title The terms of a handover in one word, see `IColdChainTypes.HandoverWord`
/// @dev From the lowest bit: to 160, deadline 40, hoursAllowed 16, vvm 8, shake 8; the rest 0.
library HandoverWords {
    function receiverOf(IColdChainTypes.HandoverWord terms) internal pure returns (address) {
        return address(uint160(IColdChainTypes.HandoverWord.unwrap(terms)));
    }

    function deadlineOf(IColdChainTypes.HandoverWord terms) internal pure returns (uint256) {
        return uint40(IColdChainTypes.HandoverWord.unwrap(terms) >> 160);
    }

    function hoursOf(IColdChainTypes.HandoverWord terms) internal pure returns (uint256) {
        return uint16(IColdChainTypes.HandoverWord.unwrap(terms) >> 200);
    }

    function vvmOf(IColdChainTypes.HandoverWord terms) internal pure returns (uint256) {
        return uint8(IColdChainTypes.HandoverWord.unwrap(terms) >> 216);
    }

    /// @dev Of terms whose spare bits are 0.
    function shakeOf(IColdChainTypes.HandoverWord terms) internal pure returns (uint256) {
        return IColdChainTypes.HandoverWord.unwrap(terms) >> 224;
    }

    /// @dev Whether the vial monitor or the shake test says that the goods must not be used.
    function saysSpoilt(IColdChainTypes.HandoverWord terms) internal pure returns (bool) {
        return vvmOf(terms) > 2 || shakeOf(terms) > 1;
    }

    /// @dev Whether more bits are set than there are fields.
    function hasSpareBits(IColdChainTypes.HandoverWord terms) internal pure returns (bool) {
        return IColdChainTypes.HandoverWord.unwrap(terms) >> 232 != 0;
    }

    /// @param since of the new custody
    /// @param due of the new custody
    /// @return as in IColdChain.ShipmentHanded, of terms whose spare bits are 0
    function handed(
        IColdChainTypes.HandoverWord terms,
        uint256 since,
        uint256 due
    ) internal pure returns (IColdChainTypes.HandedWord) {
        uint256 seen = IColdChainTypes.HandoverWord.unwrap(terms) >> 216; // vvm and shake
        return IColdChainTypes.HandedWord.wrap(since | (due << 32) | (seen << 72));
    }
}
