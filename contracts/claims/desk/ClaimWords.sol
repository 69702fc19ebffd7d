// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";

/// @notice A `Stored` claim as it lies in its slot.
type ClaimWord is uint256;

using ClaimWords for ClaimWord global;

/// @title What the desk keeps of every claim: one slot
library ClaimWords {
    /// @param digest of what was decided, or (pended, withdrawn) of the claim
    struct Stored {
        IClaimDesk.State state;
        uint40 at;
        uint208 digest;
    }

    /// @dev The places are those that the compiler gives the fields of `Stored`, from the lowest bit up.
    /// @param digest of which the lowest 208 bits are kept, as `uint208` does
    function pack(IClaimDesk.State state, uint256 at, uint256 digest) internal pure returns (ClaimWord) {
        return ClaimWord.wrap((digest << 48) | (at << 8) | uint256(state));
    }

    /// @dev Written once; the compiler writes the struct field by field.
    function store(ClaimWord word, Stored storage s) internal {
        // Writes the struct's one slot.
        assembly ("memory-safe") {
            sstore(s.slot, word)
        }
    }
}
