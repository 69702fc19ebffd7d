// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Many calls in one, by an account that is an operator
/// @notice A test asks what would come of a whole story, at one second and without a trace.
contract Bundle {
    /// @return at the second of the block
    /// @return passed whether each call passed
    /// @return answers what each call returned, or reverted with
    function all(
        address[] calldata to,
        bytes[] calldata data
    ) external returns (uint256 at, bool[] memory passed, bytes[] memory answers) {
        at = block.timestamp;
        passed = new bool[](to.length);
        answers = new bytes[](to.length);
        // solhint-disable-next-line avoid-low-level-calls
        for (uint256 i; i < to.length; ++i) (passed[i], answers[i]) = to[i].call(data[i]);
    }
}
