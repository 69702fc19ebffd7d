// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Contexts} from "contracts/claims/plans/Contexts.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title How much a provider is paid in a period before a person looks
library Caps {
    /// @dev Tells the key apart from `Contexts.periodKey`, which hashes as many words.
    uint256 private constant KIND = 2;

    /// @notice The provider's cap, or everyone's.
    function capOf(
        PlanBook.Book storage b,
        bytes32 series,
        address provider
    ) internal view returns (IPlanTypes.Cap memory cap) {
        cap = b.caps[series][provider];
        if (cap.most == 0) cap = b.caps[series][address(0)];
    }

    /// @notice Whether a payment would exceed the cap.
    function exceeds(
        PlanBook.Book storage b,
        Contexts.ClaimContext memory ctx,
        address provider,
        uint256 paid
    ) internal view returns (bool) {
        IPlanTypes.Cap memory cap = capOf(b, ctx.series, provider);
        if (cap.most == 0 || paid == 0) return false;
        return b.units[_key(ctx.desk, ctx.series, provider, cap.period)] + paid > cap.most;
    }

    /// @notice Counts a payment, reviewed or not.
    function count(PlanBook.Book storage b, Contexts.ClaimContext memory ctx, address provider, uint256 paid) internal {
        IPlanTypes.Cap memory cap = capOf(b, ctx.series, provider);
        if (cap.most != 0) b.units[_key(ctx.desk, ctx.series, provider, cap.period)] += paid;
    }

    function paidTo(
        PlanBook.Book storage b,
        address desk,
        bytes32 series,
        address provider
    ) internal view returns (uint256) {
        IPlanTypes.Cap memory cap = capOf(b, series, provider);
        return cap.most == 0 ? 0 : b.units[_key(desk, series, provider, cap.period)];
    }

    /// @dev The length of the period is part of it, as in `Contexts.periodKey`; the day is that of the decision.
    function _key(address desk, bytes32 series, address provider, uint256 period) private view returns (bytes32) {
        return
            keccak256(abi.encode(desk, series, provider, period, block.timestamp / 1 days / period, uint256(0), KIND));
    }
}
