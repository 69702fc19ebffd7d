// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";

/// @title What else decided a claim, in one word, see `IClaimDesk.CircumstancesWord`
/// @dev From the lowest bit: flags 8, family 64, serviceDay 24.
library Circumstances {
    /// @dev Flags: judged out of network; denied by a review.
    uint256 internal constant OUT_OF_NETWORK = 1;
    uint256 internal constant DENIED = 2;

    /// @param family_ 64 bits
    /// @param flags 8 bits
    function pack(uint24 day, uint256 family_, uint256 flags) internal pure returns (IClaimDesk.CircumstancesWord) {
        return IClaimDesk.CircumstancesWord.wrap((uint256(day) << 72) | (family_ << 8) | flags);
    }

    function serviceDay(IClaimDesk.CircumstancesWord word) internal pure returns (uint24) {
        return uint24(IClaimDesk.CircumstancesWord.unwrap(word) >> 72);
    }

    function family(IClaimDesk.CircumstancesWord word) internal pure returns (uint64) {
        return uint64(IClaimDesk.CircumstancesWord.unwrap(word) >> 8);
    }
}
