// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What a handover asks of a lot.
type ManufacturerWord is uint256;

using ManufacturerWords for ManufacturerWord global;

/// @title The manufacturer of a lot, and what it says of the lot, in one word
/// @dev From the lowest bit: manufacturer 160, units left 32, expiry 32, recall 16.
library ManufacturerWords {
    function pack(address account, uint256 units, uint256 expiry) internal pure returns (ManufacturerWord) {
        return ManufacturerWord.wrap(uint160(account) | (units << 160) | (expiry << 192));
    }

    function manufacturer(ManufacturerWord word) internal pure returns (address) {
        return address(uint160(ManufacturerWord.unwrap(word)));
    }

    function unitsLeft(ManufacturerWord word) internal pure returns (uint256) {
        return uint32(ManufacturerWord.unwrap(word) >> 160);
    }

    function expiresAt(ManufacturerWord word) internal pure returns (uint256) {
        return uint32(ManufacturerWord.unwrap(word) >> 192);
    }

    function recalled(ManufacturerWord word) internal pure returns (uint256) {
        return ManufacturerWord.unwrap(word) >> 224;
    }

    /// @param units at most those that are left
    function minusUnits(ManufacturerWord word, uint256 units) internal pure returns (ManufacturerWord) {
        unchecked {
            return ManufacturerWord.wrap(ManufacturerWord.unwrap(word) - (units << 160));
        }
    }

    /// @param reason of a lot that is not recalled
    function withRecall(ManufacturerWord word, uint256 reason) internal pure returns (ManufacturerWord) {
        return ManufacturerWord.wrap(ManufacturerWord.unwrap(word) | (reason << 224));
    }
}
