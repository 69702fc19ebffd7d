// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @notice A price in one word, as it is loaded and stored; 0 is no price.
type PriceWord is uint256;

using Prices for PriceWord global;

/// @title A price in one word
/// @dev From the top: allowed 80, category 8, flags 8, groups 16, limit 16, period 16; the rest 0.
library Prices {
    uint256 internal constant LISTED = 1;
    uint256 internal constant NOT_COVERED = 2;
    uint256 internal constant AUTHORIZATION = 4;
    uint256 internal constant REFERRAL = 8;

    uint256 private constant AGES = 0x0fff;
    uint256 private constant SEXES = 0xf000;
    uint256 private constant REST = type(uint112).max;

    function unpack(PriceWord p) internal pure returns (IPlanTypes.Price memory) {
        return
            IPlanTypes.Price({
                allowed: uint80(allowed(p)),
                category: category(p),
                flags: uint8(PriceWord.unwrap(p) >> 160),
                groups: uint16(PriceWord.unwrap(p) >> 144),
                limit: uint16(limit(p)),
                period: uint16(period(p))
            });
    }

    /// @param categories how many the version has, beside category 0
    function valid(PriceWord p, uint256 categories) internal pure returns (bool) {
        uint256 flags = uint8(PriceWord.unwrap(p) >> 160);
        return flags & LISTED != 0 && flags <= 15 && category(p) <= categories && PriceWord.unwrap(p) & REST == 0;
    }

    function exists(PriceWord p) internal pure returns (bool) {
        return PriceWord.unwrap(p) != 0;
    }

    function has(PriceWord p, uint256 flag) internal pure returns (bool) {
        return (PriceWord.unwrap(p) >> 160) & flag != 0;
    }

    /// @dev Whether it has a category, a pre-authorisation or a limit: something that is counted line by line.
    function counted(PriceWord p) internal pure returns (bool) {
        return category(p) != 0 || has(p, AUTHORIZATION) || limit(p) != 0;
    }

    /// @dev Whether any member may have any number of units of it.
    function plain(PriceWord p) internal pure returns (bool) {
        return uint40(PriceWord.unwrap(p) >> 128) == LISTED << 32; // flags, groups, limit
    }

    function allowed(PriceWord p) internal pure returns (uint256) {
        return PriceWord.unwrap(p) >> 176;
    }

    function category(PriceWord p) internal pure returns (uint8) {
        return uint8(PriceWord.unwrap(p) >> 168);
    }

    function limit(PriceWord p) internal pure returns (uint256) {
        return uint16(PriceWord.unwrap(p) >> 128);
    }

    function period(PriceWord p) internal pure returns (uint256) {
        return uint16(PriceWord.unwrap(p) >> 112);
    }

    /// @return CARC 6 or 7 when a member of these groups is not among those of the price, else 0
    function outside(PriceWord p, uint256 groups) internal pure returns (uint16) {
        uint256 wanted = uint16(PriceWord.unwrap(p) >> 144);
        if (wanted & AGES != 0 && wanted & groups & AGES == 0) return 6;
        return wanted & SEXES != 0 && wanted & groups & SEXES == 0 ? 7 : 0;
    }
}
