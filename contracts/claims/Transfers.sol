// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ITreasury} from "interfaces/ITreasury.sol";

/// @title A token transfer that never stops what comes after it
library Transfers {
    /// @dev Most gas that a token gets.
    uint256 internal constant GAS = 200_000;
    /// @dev What must be left so that it gets that: a call passes on 63/64 at most (EIP-150), after its own price.
    uint256 private constant NEEDED_GAS = GAS * 64 / 63 + 5_000;

    /// @dev OpenZeppelin's `trySafeTransfer` with a limit: it would hand a token all the gas that is left, and a token that burns
    /// it would stop every claim behind it in the batch. Reverts `GasTooLow`.
    function send(address token, address payee, uint256 amount) internal returns (bool sent) {
        if (gasleft() < NEEDED_GAS) revert ITreasury.GasTooLow(NEEDED_GAS, gasleft());

        bytes memory data = abi.encodeCall(IERC20.transfer, (payee, amount));
        uint256 gasLimit = GAS;
        // Assembly takes one word of the answer at most, so that a long one cannot burn our gas. It writes scratch space only.
        // A token without return value counts when it has code, and a pool's token has had: `fund` asked.
        assembly ("memory-safe") {
            sent := call(gasLimit, token, 0, add(data, 0x20), mload(data), 0, 0x20)
            switch returndatasize()
            case 0 { sent := and(sent, gt(extcodesize(token), 0)) }
            default { sent := and(sent, and(gt(returndatasize(), 0x1f), eq(mload(0), 1))) }
        }
    }
}
