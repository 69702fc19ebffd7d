// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {PlanSlot0, PlanSlot1, PlanSlot2} from "contracts/claims/plans/PlanBook.sol";
import {TotalsWord} from "contracts/claims/plans/Totals.sol";

/// @title What the judging of one claim carries from step to step
library Contexts {
    /// @dev Words of memory of each of the three structs; a test compares them with the structs.
    uint256 private constant CONTEXT_WORDS = 16;
    uint256 private constant TALLY_WORDS = 7;
    uint256 private constant RULE_WORDS = 6;

    /// @notice Whose claim it is, of which day, and what its lines share.
    /// @param counted whether anything is counted line by line: units, or a category's limit
    /// @param memberTotalsKey key of what the member used in the year
    /// @param memberTotals what was there before the claim
    /// @param slot0 with `slot1` and `slot2`: the version's slots, see PlanWords
    /// @param tally what is left of the bounds, line by line
    /// @param rule of the category of the line that is judged
    struct ClaimContext {
        address desk;
        bytes32 series;
        uint256 day;
        uint256 year;
        uint256 groups;
        uint64 family;
        uint32 schedule;
        bool out;
        bool counted;
        bytes32 memberTotalsKey;
        TotalsWord memberTotals;
        PlanSlot0 slot0;
        PlanSlot1 slot1;
        PlanSlot2 slot2;
        Adjudication.Tally tally;
        Adjudication.Rule rule;
    }

    /// @notice An empty context, with its tally and its rule, as an array of one.
    /// @dev Cleared at once; the compiler would clear them word by word, 600 gas a claim. An array, because a struct
    /// that a function returns is cleared by the compiler first.
    function allocate() internal pure returns (ClaimContext[] memory contexts) {
        // The array is two words, its length and its one pointer; the structs follow it, one after another.
        uint256 context = 2 * 32;
        uint256 tally = context + CONTEXT_WORDS * 32;
        uint256 rule = tally + TALLY_WORDS * 32;
        uint256 end = rule + RULE_WORDS * 32;
        // Writes only what it takes from the free memory.
        assembly ("memory-safe") {
            contexts := mload(0x40)
            mstore(0x40, add(contexts, end))
            calldatacopy(add(contexts, context), calldatasize(), sub(end, context))
            mstore(contexts, 1)
            mstore(add(contexts, 0x20), add(contexts, context))
            tally := add(contexts, tally)
            mstore(sub(tally, 0x40), tally) // the last two fields of the context
            mstore(sub(tally, 0x20), add(contexts, rule))
        }
    }

    /// @notice What counting a claim's lines needs of it, without the plan.
    /// @param plan the version, or its series
    function forDay(address desk, bytes32 plan, uint24 day) internal pure returns (ClaimContext memory ctx) {
        (ctx.desk, ctx.series, ctx.day, ctx.year) = (desk, Ids.series(plan), day, Adjudication.yearOf(day));
    }

    // ---- keys ----------------------------------------------------------------------------------------------------

    /// @dev The length of the period is part of it: another version may count in other periods.
    function periodKey(
        ClaimContext memory ctx,
        address member,
        bytes32 code,
        uint256 period
    ) internal pure returns (bytes32) {
        uint256 number = period == 0 ? ctx.year : ctx.day / period;
        return keccak256(abi.encode(ctx.desk, ctx.series, member, code, period, number, 1));
    }

    function serialKey(
        ClaimContext memory ctx,
        address member,
        bytes32 code,
        uint32 serial
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(ctx.desk, ctx.series, member, code, serial));
    }
}
