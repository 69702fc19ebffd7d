// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Places} from "contracts/consent/Places.sol";

/// @title What is signed of an order: every field by its name
library Orders {
    using Places for uint256;

    bytes32 private constant GRANT = keccak256(
        "Grant(address patient,address grantee,uint8 index,uint8 effect,uint32 purposes,uint56 categories,uint40 start,uint40 end,bytes32 document,uint40 issuedAt,uint40 deadline)"
    );
    bytes32 private constant REVOKE =
        keccak256("Revoke(address patient,address grantee,uint8 index,uint40 issuedAt,uint40 deadline)");

    /// @dev EIP-712's hash of the order, without its domain.
    function structHash(address patient, address grantee, uint256 terms, bytes32 document)
        internal
        pure
        returns (bytes32 hash)
    {
        uint256 index = terms.indexOf();
        if (terms.effectOf() == 0) {
            return keccak256(abi.encode(REVOKE, patient, grantee, index, terms.issuedAt(), terms.deadline()));
        }
        bytes32 kind = GRANT;
        // abi.encode, but in memory that stays free: a long list of orders would pay for ever more of it. Safe, for nothing is
        // written below the free pointer, and nothing else runs between writing and hashing.
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, kind)
            mstore(add(words, 0x20), shr(96, shl(96, patient)))
            mstore(add(words, 0x40), shr(96, shl(96, grantee)))
            mstore(add(words, 0x60), index)
            mstore(add(words, 0x80), and(terms, 3))
            mstore(add(words, 0xa0), and(shr(64, terms), 0xffffffff))
            mstore(add(words, 0xc0), and(shr(8, terms), 0xffffffffffffff))
            mstore(add(words, 0xe0), and(shr(176, terms), 0xffffffffff))
            mstore(add(words, 0x100), and(shr(136, terms), 0xffffffffff))
            mstore(add(words, 0x120), document)
            mstore(add(words, 0x140), shr(216, terms))
            mstore(add(words, 0x160), and(shr(96, terms), 0xffffffffff))
            hash := keccak256(words, 0x180)
        }
    }
}
