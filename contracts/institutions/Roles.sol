// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The roles of institutions, one bit each
library Roles {
    uint32 internal constant PROVIDER = 1 << 0; // hospital, clinic, practitioner
    uint32 internal constant PHARMACY = 1 << 1;
    uint32 internal constant INSURER = 1 << 2;
    uint32 internal constant MANUFACTURER = 1 << 3;
    uint32 internal constant CARRIER = 1 << 4;
    uint32 internal constant LABORATORY = 1 << 5; // quality control: releases or destroys what is quarantined
    uint32 internal constant LOGGER = 1 << 6; // a temperature logger; its operator is the device's key
    uint32 internal constant RESEARCHER = 1 << 7;
    uint32 internal constant PUBLIC_HEALTH = 1 << 8;

    uint32 internal constant ALL = (1 << 9) - 1;

    /// @dev Whether a number is exactly one known role.
    function isOne(uint256 number) internal pure returns (bool) {
        return number & ALL != 0 && number & (number - 1) == 0;
    }
}
