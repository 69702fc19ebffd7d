// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/claims/IAdjudication.sol";

/// @title Accumulators in one word
/// @dev From the top: deductible 80, outOfPocket 80, paid 96.
library Totals {
    /// @dev The lowest bits of the upper fields.
    uint256 private constant CARRIES = (1 << 96) | (1 << 176);

    function pack(uint256 deductible_, uint256 outOfPocket_, uint256 paid_) internal pure returns (uint256) {
        return (deductible_ << 176) | (outOfPocket_ << 96) | paid_;
    }

    /// @dev No field may run into the next: a panic, as for any other sum.
    function add(uint256 a, uint256 b) internal pure returns (uint256 sum) {
        unchecked {
            sum = a + b;
            // Three sums in one, and they are right unless a bit was carried over from a field, or out of the word.
            if (sum >= a && (a ^ b ^ sum) & CARRIES == 0) return sum;
        }
        return pack(deductible(a) + deductible(b), outOfPocket(a) + outOfPocket(b), paid(a) + paid(b));
    }

    function deductible(uint256 t) internal pure returns (uint80) {
        return uint80(t >> 176);
    }

    function outOfPocket(uint256 t) internal pure returns (uint80) {
        return uint80(t >> 96);
    }

    function paid(uint256 t) internal pure returns (uint96) {
        return uint96(t);
    }

    /// @dev Panics when a field has less than that.
    function subtract(uint256 a, uint256 b) internal pure returns (uint256) {
        return pack(deductible(a) - deductible(b), outOfPocket(a) - outOfPocket(b), paid(a) - paid(b));
    }

    function unpack(uint256 t) internal pure returns (IAdjudication.Accumulators memory) {
        return IAdjudication.Accumulators(deductible(t), outOfPocket(t), paid(t));
    }
}
