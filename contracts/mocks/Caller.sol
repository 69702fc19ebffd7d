// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Calls whatever it is told to: a desk, an insurer or a payee that is a contract; for tests only
contract Caller {
    function call(address target, bytes calldata data) external returns (bytes memory) {
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = target.call(data);
        if (!success) {
            assembly {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return answer;
    }
}
