// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Contexts} from "contracts/claims/plans/Contexts.sol";
import {PlanBook, PlanSlot0, PlanSlot1, PlanSlot2} from "contracts/claims/plans/PlanBook.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @notice The slot of an `IPlanTypes.Membership`.
type MembershipWord is uint256;

using PlanWords for MembershipWord global;

/// @title What the judge reads of a plan's version and of a membership, in the words in which they lie
/// @dev The compiler unpacks a struct field by field into memory, 1,500 gas for these; most claims look at half of
/// them. The places are those that the compiler gives the fields of `PlanBook.Plan` and `IPlanTypes.Membership`, from
/// the lowest bit of a slot up; a test compares them with the structs.
library PlanWords {
    // ---- a version -----------------------------------------------------------------------------------------------

    function load(Contexts.ClaimContext memory ctx, PlanBook.Plan storage p) internal view {
        (PlanSlot0 slot0, PlanSlot1 slot1, PlanSlot2 slot2) = (ctx.slot0, ctx.slot1, ctx.slot2);
        // Reads the three slots of the struct.
        assembly ("memory-safe") {
            slot0 := sload(p.slot)
            slot1 := sload(add(p.slot, 1))
            slot2 := sload(add(p.slot, 2))
        }
        (ctx.slot0, ctx.slot1, ctx.slot2) = (slot0, slot1, slot2);
    }

    function insurer(Contexts.ClaimContext memory ctx) internal pure returns (address) {
        return address(uint160(PlanSlot0.unwrap(ctx.slot0)));
    }

    function validFrom(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint24(PlanSlot0.unwrap(ctx.slot0) >> 160);
    }

    function validUntil(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint24(PlanSlot0.unwrap(ctx.slot0) >> 184);
    }

    function coinsurance(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint16(PlanSlot0.unwrap(ctx.slot0) >> 208);
    }

    function coinsuranceOut(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint16(PlanSlot0.unwrap(ctx.slot0) >> 224);
    }

    function filingDays(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return PlanSlot0.unwrap(ctx.slot0) >> 240;
    }

    function token(Contexts.ClaimContext memory ctx) internal pure returns (address) {
        return address(uint160(PlanSlot1.unwrap(ctx.slot1)));
    }

    function deductible(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint80(PlanSlot1.unwrap(ctx.slot1) >> 160);
    }

    function waitingDays(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return PlanSlot1.unwrap(ctx.slot1) >> 240;
    }

    function outOfPocketMaximum(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint80(PlanSlot2.unwrap(ctx.slot2));
    }

    function inForceAt(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint40(PlanSlot2.unwrap(ctx.slot2) >> 80);
    }

    function reviewThreshold(Contexts.ClaimContext memory ctx) internal pure returns (uint256) {
        return uint80(PlanSlot2.unwrap(ctx.slot2) >> 120);
    }

    /// @param rules any of these bits
    function has(Contexts.ClaimContext memory ctx, uint256 rules) internal pure returns (bool) {
        return (PlanSlot2.unwrap(ctx.slot2) >> 200) & rules != 0;
    }

    // ---- a membership --------------------------------------------------------------------------------------------

    function load(IPlanTypes.Membership storage m) internal view returns (MembershipWord word) {
        // Reads the struct's one slot.
        assembly ("memory-safe") {
            word := sload(m.slot)
        }
    }

    function from(MembershipWord m) internal pure returns (uint256) {
        return uint24(MembershipWord.unwrap(m));
    }

    function until(MembershipWord m) internal pure returns (uint256) {
        return uint24(MembershipWord.unwrap(m) >> 24);
    }

    function family(MembershipWord m) internal pure returns (uint64) {
        return uint64(MembershipWord.unwrap(m) >> 48);
    }

    function groups(MembershipWord m) internal pure returns (uint256) {
        return uint16(MembershipWord.unwrap(m) >> 112);
    }

    function nextGroups(MembershipWord m) internal pure returns (uint256) {
        return uint16(MembershipWord.unwrap(m) >> 128);
    }

    function nextFrom(MembershipWord m) internal pure returns (uint256) {
        return uint24(MembershipWord.unwrap(m) >> 144);
    }

    function secondary(MembershipWord m) internal pure returns (bool) {
        return uint8(MembershipWord.unwrap(m) >> 168) != 0;
    }

    /// @dev The groups on a day: those that were foreseen, from their day on.
    function groupsOn(MembershipWord m, uint256 day) internal pure returns (uint256) {
        uint256 next = nextGroups(m);
        return next != 0 && day >= nextFrom(m) ? next : groups(m);
    }
}
