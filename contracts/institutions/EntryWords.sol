// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice An `Entry` as it lies in its slot.
type EntryWord is uint256;

using EntryWords for EntryWord global;

/// @title What Institutions keeps of an account, read in one word
/// @dev Every other contract asks for this often, and the compiler's copy in memory would be a third of what it costs
/// beside the slot. The places are those that the compiler gives the fields of `Entry`, from the lowest bit up.
library EntryWords {
    /// @dev Institutions and operators alike, one slot each: an institution is its own employer. `roles` is never 0
    /// once set.
    struct Entry {
        address institution;
        uint32 roles;
        uint40 until;
        bool suspended;
    }

    function load(Entry storage entry) internal view returns (EntryWord word) {
        // Reads the struct's one slot.
        assembly ("memory-safe") {
            word := sload(entry.slot)
        }
    }

    function institution(EntryWord entry) internal pure returns (address) {
        return address(uint160(EntryWord.unwrap(entry)));
    }

    function roles(EntryWord entry) internal pure returns (uint32) {
        return uint32(EntryWord.unwrap(entry) >> 160);
    }

    function until(EntryWord entry) internal pure returns (uint40) {
        return uint40(EntryWord.unwrap(entry) >> 192);
    }

    function suspended(EntryWord entry) internal pure returns (bool) {
        return EntryWord.unwrap(entry) >> 232 != 0;
    }
}
