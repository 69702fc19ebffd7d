// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IColdChain} from "interfaces/coldchain/IColdChain.sol";

/// @notice Who holds a shipment, and what of it: all that a handover writes.
type CustodyWord is uint256;

using CustodyWords for CustodyWord global;

/// @title The custody of a shipment in one word
/// @dev From the lowest bit: holder 160, units 24, lot's number 24, due 22, since 26.
library CustodyWords {
    uint256 internal constant YEAR_2025 = 1_735_689_600;

    uint256 private constant UNITS = uint256(type(uint24).max) << 160;
    uint256 private constant DUE = uint256(0x3fffff) << 208;

    /// @param due hours since 1970, 0 without; 22 bits last until the year 2448
    /// @param since minutes since 2025; 26 bits last until 2152
    function pack(
        address holder,
        uint256 units,
        uint256 lotNumber,
        uint256 due,
        uint256 since
    ) internal pure returns (CustodyWord) {
        return CustodyWord.wrap(uint160(holder) | (units << 160) | (lotNumber << 184) | (due << 208) | (since << 230));
    }

    function exists(CustodyWord custody) internal pure returns (bool) {
        return CustodyWord.unwrap(custody) != 0;
    }

    function holderOf(CustodyWord custody) internal pure returns (address) {
        return address(uint160(CustodyWord.unwrap(custody)));
    }

    function unitsOf(CustodyWord custody) internal pure returns (uint256) {
        return uint24(CustodyWord.unwrap(custody) >> 160);
    }

    function lotNumberOf(CustodyWord custody) internal pure returns (uint256) {
        return uint24(CustodyWord.unwrap(custody) >> 184);
    }

    /// @return first second at which it is overdue, 0 without a time
    function dueOf(CustodyWord custody) internal pure returns (uint256) {
        unchecked {
            return ((CustodyWord.unwrap(custody) >> 208) & 0x3fffff) * 1 hours;
        }
    }

    function sinceOf(CustodyWord custody) internal pure returns (uint256) {
        return CustodyWord.unwrap(custody) >> 230;
    }

    /// @return the second at which `sinceOf` began
    function sinceSecondsOf(CustodyWord custody) internal pure returns (uint256) {
        return YEAR_2025 + sinceOf(custody) * 1 minutes;
    }

    function overdue(CustodyWord custody) internal view returns (bool) {
        uint256 due = dueOf(custody);
        return due != 0 && due <= block.timestamp;
    }

    function withUnits(CustodyWord custody, uint256 units) internal pure returns (CustodyWord) {
        return CustodyWord.wrap((CustodyWord.unwrap(custody) & ~UNITS) | (units << 160));
    }

    /// @param due seconds, a whole hour
    function withDue(CustodyWord custody, uint256 due) internal pure returns (CustodyWord) {
        return CustodyWord.wrap((CustodyWord.unwrap(custody) & ~DUE) | ((due / 1 hours) << 208));
    }

    function withSince(CustodyWord custody, uint256 since) internal pure returns (CustodyWord) {
        return CustodyWord.wrap(((CustodyWord.unwrap(custody) << 26) >> 26) | (since << 230));
    }

    // ---- times ---------------------------------------------------------------------------------------------------

    /// @dev This minute, or the next one after the last: two never are the same.
    function next(uint256 since) internal view returns (uint256 minute) {
        // Unchecked: `since` has 26 bits, and a clock before 2025 gives a minute that has more.
        unchecked {
            minute = (block.timestamp - YEAR_2025) / 1 minutes;
            if (minute <= since) minute = since + 1;
        }
        if (minute >> 26 != 0) revert IColdChain.InvalidHandover("since");
    }

    /// @dev The end of the whole hour in which the time allowed ends; 0 without one.
    function dueAfter(uint256 hoursAllowed) internal view returns (uint256) {
        unchecked {
            return
                hoursAllowed == 0 ? 0 : ((block.timestamp + hoursAllowed * 1 hours + 1 hours - 1) / 1 hours) * 1 hours;
        }
    }
}
