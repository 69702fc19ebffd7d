// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {GasMeter} from "contracts/mocks/GasMeter.sol";

/// @title What a view costs a contract that has asked another before, in the same transaction: what that touched is
/// warm
/// @dev For benchmarks/run.py; meant for `eth_call`. Measures by GasMeter itself, so that the two figures compare.
contract WarmGasMeter {
    function measure(
        GasMeter meter,
        address first,
        bytes calldata question,
        address target,
        bytes calldata data
    ) external view returns (uint256 gas, bytes memory answer) {
        (bool success, bytes memory why) = first.staticcall(question);
        if (!success) revert GasMeter.ViewReverted(why);
        return meter.measure(target, data);
    }
}
