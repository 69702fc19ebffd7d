// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPlans} from "interfaces/claims/IPlans.sol";

/// @title A price in one word, as it is loaded and stored
/// @dev From the top: allowed 80, category 8, flags 8, groups 16, limit 16, period 16; the rest 0. A word of 0 is no price.
library Prices {
    uint256 internal constant LISTED = 1;
    uint256 internal constant NOT_COVERED = 2;
    uint256 internal constant AUTHORIZATION = 4;
    uint256 internal constant REFERRAL = 8;

    uint256 private constant AGES = 0x0fff;
    uint256 private constant SEXES = 0xf000;
    uint256 private constant REST = type(uint112).max;

    function unpack(uint256 p) internal pure returns (IPlans.Price memory) {
        return
            IPlans.Price(
                uint80(allowed(p)),
                category(p),
                uint8(p >> 160),
                uint16(p >> 144),
                uint16(limit(p)),
                uint16(period(p))
            );
    }

    /// @param categories how many the version has, beside category 0
    function valid(uint256 p, uint256 categories) internal pure returns (bool) {
        uint256 flags = uint8(p >> 160);
        return flags & LISTED != 0 && flags <= 15 && category(p) <= categories && p & REST == 0;
    }

    function has(uint256 p, uint256 flag) internal pure returns (bool) {
        return (p >> 160) & flag != 0;
    }

    /// @dev Whether it has a category, a pre-authorisation or a limit: something that is counted line by line.
    function counted(uint256 p) internal pure returns (bool) {
        return category(p) != 0 || has(p, AUTHORIZATION) || limit(p) != 0;
    }

    /// @dev Whether any member may have any number of units of it.
    function plain(uint256 p) internal pure returns (bool) {
        return uint40(p >> 128) == LISTED << 32; // flags, groups, limit
    }

    function allowed(uint256 p) internal pure returns (uint256) {
        return p >> 176;
    }

    function category(uint256 p) internal pure returns (uint8) {
        return uint8(p >> 168);
    }

    function limit(uint256 p) internal pure returns (uint256) {
        return uint16(p >> 128);
    }

    function period(uint256 p) internal pure returns (uint256) {
        return uint16(p >> 112);
    }

    /// @return CARC 6 or 7 when a member of these groups is not among those of the price, else 0
    function outside(uint256 p, uint256 groups) internal pure returns (uint16) {
        uint256 wanted = uint16(p >> 144);
        if (wanted & AGES != 0 && wanted & groups & AGES == 0) return 6;
        return wanted & SEXES != 0 && wanted & groups & SEXES == 0 ? 7 : 0;
    }
}
