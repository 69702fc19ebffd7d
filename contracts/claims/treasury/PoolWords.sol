// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The first slot of a `Pool`.
type PoolWord is uint256;

using PoolWords for PoolWord global;

/// @title What the treasury keeps of a pool
/// @dev A payment reads and writes the first slot alone: what else there may be is counted, or marked, there.
library PoolWords {
    /// @dev Flags of a pool: it pays at the moment; its insurer stopped its payments, until `haltedUntil`.
    uint8 internal constant BUSY = 1;
    uint8 internal constant HALTED = 2;

    /// @dev Bits of `balance` and `exiting` in the first slot. Whatever makes a payment less than simple stands above
    /// them; the first of that are the flags.
    uint256 private constant FLAGS = 208;

    struct Pool {
        uint104 balance;
        uint104 exiting;
        uint8 flags;
        uint16 setOffs; // payees that have to give back
        uint24 waiting; // debts
        uint104 reserved;
        uint104 owed;
        uint40 exitFrom;
        uint64 head; // position of the oldest debt that may wait
        uint64 tail; // position of the next debt
        uint40 haltedUntil;
    }

    function load(Pool storage p) internal view returns (PoolWord word) {
        // Reads the first slot of the struct.
        assembly ("memory-safe") {
            word := sload(p.slot)
        }
    }

    /// @dev Written once, where the compiler would write each field.
    function store(PoolWord word, Pool storage p) internal {
        // Writes the first slot of the struct.
        assembly ("memory-safe") {
            sstore(p.slot, word)
        }
    }

    function balance(PoolWord word) internal pure returns (uint256) {
        return uint104(PoolWord.unwrap(word));
    }

    /// @dev Whether no flag is set, no debt waits and nobody has to give back.
    function isSimple(PoolWord word) internal pure returns (bool) {
        return PoolWord.unwrap(word) >> FLAGS == 0;
    }

    function isBusy(PoolWord word) internal pure returns (bool) {
        return (PoolWord.unwrap(word) >> FLAGS) & BUSY != 0;
    }

    /// @dev The pool while it pays an amount.
    /// @param amount at most the balance, which is the lowest field: nothing is borrowed from the next
    function paying(PoolWord word, uint256 amount) internal pure returns (PoolWord) {
        unchecked {
            return PoolWord.wrap((PoolWord.unwrap(word) - amount) | (uint256(BUSY) << FLAGS));
        }
    }
}
