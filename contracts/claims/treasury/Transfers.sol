// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ITreasury} from "interfaces/claims/ITreasury.sol";

/// @title Transfers in, which must arrive whole, and out, which must never stop what comes after them
library Transfers {
    using SafeERC20 for IERC20;

    /// @dev Most gas that a token gets.
    uint256 internal constant GAS = 200_000;
    /// @dev What must be left so that it gets that: a call passes on 63/64 at most (EIP-150), after its own price.
    uint256 private constant NEEDED_GAS = (GAS * 64) / 63 + 5_000;

    /// @dev OpenZeppelin's `trySafeTransfer` with a limit: it would hand a token all the gas that is left, and a token
    /// that burns it would stop every claim behind it in the batch. Reverts `GasTooLow`.
    function send(address token, address payee, uint256 amount) internal returns (bool sent) {
        if (gasleft() < NEEDED_GAS) revert ITreasury.GasTooLow(NEEDED_GAS, gasleft());

        (uint256 selector, uint256 gasLimit) = (uint32(IERC20.transfer.selector), GAS);
        // Assembly takes one word of the answer at most, so that a long one cannot burn our gas. It writes scratch
        // space, and beyond the free memory, which stays free.
        // A token without return value counts when it has code, and a pool's token has had: `fund` asked.
        assembly ("memory-safe") {
            let q := mload(0x40)
            mstore(q, selector)
            mstore(add(q, 0x20), payee)
            mstore(add(q, 0x40), amount)
            sent := call(gasLimit, token, 0, add(q, 0x1c), 0x44, 0, 0x20)
            switch returndatasize()
            case 0 {
                sent := and(sent, gt(extcodesize(token), 0))
            }
            default {
                sent := and(sent, and(gt(returndatasize(), 0x1f), eq(mload(0), 1)))
            }
        }
    }

    /// @dev Takes an amount from the caller. What arrives counts, not what was asked for: reverts `ReceivedOther`,
    /// `ZeroAmount`.
    function take(address token, uint256 amount) internal {
        if (amount == 0) revert ITreasury.ZeroAmount();
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received != amount) revert ITreasury.ReceivedOther(token, amount, received);
    }
}
