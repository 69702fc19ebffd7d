// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @notice How far a shipment was judged, and its disposition: all that every batch writes.
type MonitoringWord is uint256;

using MonitoringWords for MonitoringWord global;

/// @title The monitoring of a shipment in one word
/// @dev From the lowest bit: until 32, intactUntil 32, batches 24, readings 32, disposition 3, flags 3, free 2, chain
/// 128.
library MonitoringWords {
    /// @dev Flag: a single rule is being hit; a reading in range ends its run.
    uint256 internal constant RUNNING = 1;
    /// @dev Flag: a window of the mean kinetic temperature is open.
    uint256 internal constant WINDOW = 2;
    /// @dev Flag: a logger was paired, or a laboratory answered for it; time is judged from `until` on.
    uint256 internal constant JUDGED = 4;

    uint256 private constant DISPOSITION = uint256(7) << 120;
    uint256 private constant FLAGS = uint256(7) << 123;

    /// @dev Of a shipment of which nothing is known yet: active, and unknown from a second on.
    function begun(uint256 at) internal pure returns (MonitoringWord) {
        return MonitoringWord.wrap(at | (uint256(IColdChainTypes.Disposition.Active) << 120));
    }

    function exists(MonitoringWord monitoring) internal pure returns (bool) {
        return MonitoringWord.unwrap(monitoring) != 0;
    }

    function untilOf(MonitoringWord monitoring) internal pure returns (uint256) {
        return uint32(MonitoringWord.unwrap(monitoring));
    }

    /// @return last second at which silence leaves it intact, 0 when it is unknown anyway
    function intactUntilOf(MonitoringWord monitoring) internal pure returns (uint256) {
        return uint32(MonitoringWord.unwrap(monitoring) >> 32);
    }

    function batchesOf(MonitoringWord monitoring) internal pure returns (uint256) {
        return uint24(MonitoringWord.unwrap(monitoring) >> 64);
    }

    function readingsOf(MonitoringWord monitoring) internal pure returns (uint256) {
        return uint32(MonitoringWord.unwrap(monitoring) >> 88);
    }

    /// @return batches 24 bits and above them readings 32
    function countsOf(MonitoringWord monitoring) internal pure returns (uint256) {
        return uint56(MonitoringWord.unwrap(monitoring) >> 64);
    }

    function dispositionOf(MonitoringWord monitoring) internal pure returns (IColdChainTypes.Disposition) {
        return IColdChainTypes.Disposition((MonitoringWord.unwrap(monitoring) >> 120) & 7);
    }

    function flagsOf(MonitoringWord monitoring) internal pure returns (uint256) {
        return (MonitoringWord.unwrap(monitoring) >> 123) & 7;
    }

    function chainOf(MonitoringWord monitoring) internal pure returns (bytes16) {
        return bytes16(bytes32(MonitoringWord.unwrap(monitoring)));
    }

    function withDisposition(
        MonitoringWord monitoring,
        IColdChainTypes.Disposition disposition
    ) internal pure returns (MonitoringWord) {
        return MonitoringWord.wrap((MonitoringWord.unwrap(monitoring) & ~DISPOSITION) | (uint256(disposition) << 120));
    }

    /// @dev One batch more, and its readings: the caller keeps the last number of a batch back, and readings are at
    /// most one a second.
    /// @param digest of the batch, the first half of which is the new chain
    function withBatch(
        MonitoringWord monitoring,
        uint256 readings,
        bytes32 digest
    ) internal pure returns (MonitoringWord) {
        unchecked {
            uint256 word = MonitoringWord.unwrap(monitoring) + (1 << 64) + (readings << 88);
            return MonitoringWord.wrap((word & type(uint128).max) | ((uint256(digest) >> 128) << 128));
        }
    }

    /// @dev Judged until a time, when so much is unknown. Silence after it is unknown only once it is longer than the
    /// profile allows, and then as a whole.
    /// @param silence,allowed of the lot's limits: the longest silence, and the most that may be unknown
    function judged(
        MonitoringWord monitoring,
        uint256 until,
        uint256 flags,
        uint256 unknown,
        uint256 silence,
        uint256 allowed
    ) internal pure returns (MonitoringWord) {
        uint256 intactUntil;
        // Safe: sums of numbers of 32 bits.
        unchecked {
            if (unknown <= allowed) {
                uint256 left = allowed - unknown;
                intactUntil = until + (left > silence ? left : silence);
                if (intactUntil > type(uint32).max) intactUntil = type(uint32).max;
            }
        }
        uint256 kept = ((MonitoringWord.unwrap(monitoring) >> 64) << 64) & ~FLAGS;
        return MonitoringWord.wrap(kept | until | (intactUntil << 32) | ((flags | JUDGED) << 123));
    }
}
