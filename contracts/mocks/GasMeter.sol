// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a view costs another contract: execution only, everything cold
/// @dev For benchmarks/run.py; meant for `eth_call`.
contract GasMeter {
    error ViewReverted(bytes answer);

    function measure(address target, bytes calldata data) external view returns (uint256 gas, bytes memory answer) {
        gas = gasleft();
        bool success;
        (success, answer) = target.staticcall(data);
        gas -= gasleft();
        if (!success) revert ViewReverted(answer);
    }
}
