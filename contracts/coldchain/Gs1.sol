// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Well-formed GS1 identifiers
library Gs1 {
    /// @dev GTIN-14 as a number (shorter GTINs with leading zeros). GS1 modulo 10: digits weigh 3 and 1 in turn from
    /// the right, the check digit 1.
    function validGtin(uint64 gtin) internal pure returns (bool) {
        if (gtin == 0 || gtin >= 1e14) return false;
        uint256 sum;
        for (uint256 weight = 1; gtin != 0; gtin /= 10) {
            sum += weight * (gtin % 10);
            weight = 4 - weight;
        }
        return sum % 10 == 0;
    }

    /// @dev Batch or lot number (AI 10): 1 to 20 visible ASCII characters, left-aligned, then only zero bytes.
    function validLotNumber(bytes32 number) internal pure returns (bool) {
        uint256 length;
        while (length < 32 && number[length] != 0) {
            if (number[length] < 0x21 || number[length] > 0x7e) return false;
            ++length;
        }
        return length != 0 && length <= 20 && uint256(number) << (8 * length) == 0;
    }

    /// @dev A company prefix has 4 to 12 digits, leading zeros included.
    function validPrefix(uint64 prefix, uint8 digits) internal pure returns (bool) {
        return digits >= 4 && digits <= 12 && prefix < 10 ** digits;
    }

    /// @dev The digits of a GTIN-14 after its indicator digit, as many as a company prefix has; 0 for a number of
    /// digits that none has.
    function prefixOf(uint64 gtin, uint8 digits) internal pure returns (uint64) {
        return validPrefix(0, digits) ? uint64((gtin / 10 ** (13 - digits)) % 10 ** digits) : 0;
    }
}
