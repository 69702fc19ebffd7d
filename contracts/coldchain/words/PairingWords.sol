// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @notice A logger's time with a shipment: a batch in range needs no more of the shipment's lot.
type PairingWord is uint256;

using PairingWords for PairingWord global;

/// @title A pairing in one word
/// @dev From the lowest bit: from 32, to 32, model 16, lot's number 24, floor 16, ceiling 16, silence 32, unknown 32.
library PairingWords {
    using LimitsWords for ILots.LimitsWord;

    uint256 private constant TO = uint256(type(uint32).max) << 32;

    function pack(
        uint256 from,
        uint256 to,
        uint256 model,
        uint256 lotNumber,
        ILots.LimitsWord limits
    ) internal pure returns (PairingWord) {
        return
            PairingWord.wrap(
                from |
                    (to << 32) |
                    (model << 64) |
                    (lotNumber << 80) |
                    (limits.quietBand() << 104) |
                    (limits.silence() << 136) |
                    (limits.unknown() << 168)
            );
    }

    function exists(PairingWord pairing) internal pure returns (bool) {
        return PairingWord.unwrap(pairing) != 0;
    }

    function fromOf(PairingWord pairing) internal pure returns (uint256) {
        return uint32(PairingWord.unwrap(pairing));
    }

    function toOf(PairingWord pairing) internal pure returns (uint256) {
        return uint32(PairingWord.unwrap(pairing) >> 32);
    }

    function modelOf(PairingWord pairing) internal pure returns (uint256) {
        return uint16(PairingWord.unwrap(pairing) >> 64);
    }

    function lotNumberOf(PairingWord pairing) internal pure returns (uint256) {
        return uint24(PairingWord.unwrap(pairing) >> 80);
    }

    function floorOf(PairingWord pairing) internal pure returns (int256) {
        return int16(uint16(PairingWord.unwrap(pairing) >> 104));
    }

    function ceilingOf(PairingWord pairing) internal pure returns (int256) {
        return int16(uint16(PairingWord.unwrap(pairing) >> 120));
    }

    function silenceOf(PairingWord pairing) internal pure returns (uint256) {
        return uint32(PairingWord.unwrap(pairing) >> 136);
    }

    function unknownOf(PairingWord pairing) internal pure returns (uint256) {
        return PairingWord.unwrap(pairing) >> 168;
    }

    /// @param to 32 bits
    function withTo(PairingWord pairing, uint256 to) internal pure returns (PairingWord) {
        return PairingWord.wrap((PairingWord.unwrap(pairing) & ~TO) | (to << 32));
    }
}
