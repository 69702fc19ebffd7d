// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/claims/IAdjudication.sol";

/// @notice `IAdjudication.Accumulators` in one word.
type TotalsWord is uint256;

using Totals for TotalsWord global;

/// @title Accumulators in one word
/// @dev From the top: deductible 80, outOfPocket 80, paid 96.
library Totals {
    /// @dev The lowest bits of the upper fields.
    uint256 private constant CARRIES = (1 << 96) | (1 << 176);

    function pack(uint256 deductible_, uint256 outOfPocket_, uint256 paid_) internal pure returns (TotalsWord) {
        return TotalsWord.wrap((deductible_ << 176) | (outOfPocket_ << 96) | paid_);
    }

    /// @dev Nothing but a payment.
    function ofPaid(uint256 paid_) internal pure returns (TotalsWord) {
        return TotalsWord.wrap(paid_);
    }

    /// @dev No field may run into the next: a panic, as for any other sum.
    function add(TotalsWord a, TotalsWord b) internal pure returns (TotalsWord) {
        unchecked {
            (uint256 left, uint256 right) = (TotalsWord.unwrap(a), TotalsWord.unwrap(b));
            uint256 sum = left + right;
            // Three sums in one, and they are right unless a bit was carried over from a field, or out of the word.
            if (sum >= left && (left ^ right ^ sum) & CARRIES == 0) return TotalsWord.wrap(sum);
        }
        return pack(deductible(a) + deductible(b), outOfPocket(a) + outOfPocket(b), paid(a) + paid(b));
    }

    function deductible(TotalsWord t) internal pure returns (uint80) {
        return uint80(TotalsWord.unwrap(t) >> 176);
    }

    function outOfPocket(TotalsWord t) internal pure returns (uint80) {
        return uint80(TotalsWord.unwrap(t) >> 96);
    }

    function paid(TotalsWord t) internal pure returns (uint96) {
        return uint96(TotalsWord.unwrap(t));
    }

    /// @dev Panics when a field has less than that.
    function subtract(TotalsWord a, TotalsWord b) internal pure returns (TotalsWord) {
        return pack(deductible(a) - deductible(b), outOfPocket(a) - outOfPocket(b), paid(a) - paid(b));
    }

    function unpack(TotalsWord t) internal pure returns (IAdjudication.Accumulators memory) {
        return IAdjudication.Accumulators(deductible(t), outOfPocket(t), paid(t));
    }
}
