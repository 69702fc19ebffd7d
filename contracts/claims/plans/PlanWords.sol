// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";

/// @title What the judge reads of a plan's version and of a membership, in the words in which they lie
/// @dev The compiler unpacks a struct field by field into memory, 1,500 gas for these; most claims look at half of
/// them. The places are those that the compiler gives the fields of `PlanBook.Plan` and `IPlans.Membership`, from the
/// lowest bit of a slot up; a test reads both ways.
library PlanWords {
    // ---- a version -----------------------------------------------------------------------------------------------
    // `first`: insurer 160, validFrom 24, validUntil 24, coinsurance 16, coinsuranceOut 16, filingDays 16
    // `second`: token 160, deductible 80, waitingDays 16
    // `third`: outOfPocketMaximum 80, inForceAt 40, reviewThreshold 80, rules 8, categories 8, reviewDays 16,
    // appealDays 16

    function load(PlanBook.Case memory k, PlanBook.Plan storage p) internal view {
        (uint256 first, uint256 second, uint256 third) = (0, 0, 0);
        // Reads the three slots of the struct.
        assembly ("memory-safe") {
            first := sload(p.slot)
            second := sload(add(p.slot, 1))
            third := sload(add(p.slot, 2))
        }
        (k.first, k.second, k.third) = (first, second, third);
    }

    function insurer(PlanBook.Case memory k) internal pure returns (address) {
        return address(uint160(k.first));
    }

    function validFrom(PlanBook.Case memory k) internal pure returns (uint256) {
        return uint24(k.first >> 160);
    }

    function validUntil(PlanBook.Case memory k) internal pure returns (uint256) {
        return uint24(k.first >> 184);
    }

    /// @param out out of network
    function coinsurance(PlanBook.Case memory k, bool out) internal pure returns (uint256) {
        return uint16(out ? k.first >> 224 : k.first >> 208);
    }

    function filingDays(PlanBook.Case memory k) internal pure returns (uint256) {
        return k.first >> 240;
    }

    function token(PlanBook.Case memory k) internal pure returns (address) {
        return address(uint160(k.second));
    }

    function deductible(PlanBook.Case memory k) internal pure returns (uint256) {
        return uint80(k.second >> 160);
    }

    function waitingDays(PlanBook.Case memory k) internal pure returns (uint256) {
        return k.second >> 240;
    }

    function outOfPocketMaximum(PlanBook.Case memory k) internal pure returns (uint256) {
        return uint80(k.third);
    }

    function inForceAt(PlanBook.Case memory k) internal pure returns (uint256) {
        return uint40(k.third >> 80);
    }

    function reviewThreshold(PlanBook.Case memory k) internal pure returns (uint256) {
        return uint80(k.third >> 120);
    }

    /// @param rules any of these bits
    function has(PlanBook.Case memory k, uint256 rules) internal pure returns (bool) {
        return (k.third >> 200) & rules != 0;
    }

    // ---- a membership --------------------------------------------------------------------------------------------

    function load(IPlans.Membership storage m) internal view returns (uint256 word) {
        // Reads the struct's one slot.
        assembly ("memory-safe") {
            word := sload(m.slot)
        }
    }

    function memberFrom(uint256 m) internal pure returns (uint256) {
        return uint24(m);
    }

    function memberUntil(uint256 m) internal pure returns (uint256) {
        return uint24(m >> 24);
    }

    function family(uint256 m) internal pure returns (uint64) {
        return uint64(m >> 48);
    }

    /// @dev The groups on a day: those that were foreseen, from their day on.
    function groupsOn(uint256 m, uint256 day) internal pure returns (uint256) {
        uint256 next = uint16(m >> 128);
        return next != 0 && day >= uint24(m >> 144) ? next : uint16(m >> 112);
    }

    function secondary(uint256 m) internal pure returns (bool) {
        return uint8(m >> 168) != 0;
    }
}
