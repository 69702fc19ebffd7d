// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a view costs another contract: execution only
/// @dev For benchmarks/run.py; meant for `eth_call`.
contract GasMeter {
    function measure(address target, bytes calldata data) external view returns (uint256 gas, bytes memory answer) {
        gas = gasleft();
        bool success;
        (success, answer) = target.staticcall(data);
        gas -= gasleft();
        require(success, "the view reverted");
    }

    /// @notice The same for who has asked something else before, in the same transaction: what that touched is warm.
    function measureAfter(address first, bytes calldata question, address target, bytes calldata data)
        external
        view
        returns (uint256 gas, bytes memory answer)
    {
        (bool success,) = first.staticcall(question);
        require(success, "the first view reverted");
        return this.measure(target, data);
    }
}
