// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {CustodyWord} from "contracts/coldchain/words/CustodyWords.sol";
import {HandoverWords} from "contracts/coldchain/words/HandoverWords.sol";
import {Signatures} from "contracts/common/Signatures.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @title What is signed in the cold chain, every field by its name, and by whom
/// @dev EIP-712's hashes of the fields, without their domain.
library Handovers {
    using HandoverWords for IColdChainTypes.HandoverWord;

    bytes32 private constant OFFER = keccak256(
        "Offer(bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16 hoursAllowed,bytes32 seal)"
    );
    bytes32 private constant ACCEPTANCE = keccak256(
        "Acceptance(bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16 hoursAllowed"
        ",bytes32 seal,uint8 vvm,uint8 shake)"
    );
    bytes32 private constant READINGS = keccak256(
        "Readings(bytes32 shipment,uint24 sequence,uint40 start,uint16 step,uint16 count"
        ",int16 base,uint8 width,uint8 resolution,bytes16 previous,bytes32 file,bytes data)"
    );

    /// @dev Most hours in which a shipment must be handed on: a year.
    uint256 internal constant MAX_HOURS = 8760;

    /// @dev Checks what can be seen of the terms alone.
    function check(IColdChainTypes.HandoverWord terms) internal view {
        uint256 deadline = terms.deadlineOf();
        if (block.timestamp > deadline) revert IColdChain.SignatureExpired(uint40(deadline), block.timestamp);
        if (terms.hasSpareBits()) revert IColdChain.InvalidHandover("terms");
        if (terms.hoursOf() > MAX_HOURS) revert IColdChain.InvalidHandover("hoursAllowed");
        if (terms.vvmOf() > 4) revert IColdChain.InvalidHandover("vvm");
        if (terms.shakeOf() > 2) revert IColdChain.InvalidHandover("shake");
    }

    // ---- what is signed ------------------------------------------------------------------------------------------

    /// @dev Whole words: the compiler would clean every smaller type anew.
    /// @param custody the holder's, see Parcels
    function offer(
        IColdChainTypes.Handover calldata h,
        IColdChainTypes.HandoverWord terms,
        CustodyWord custody
    ) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    OFFER,
                    h.shipment,
                    uint256(uint160(custody.holderOf())),
                    uint256(uint160(terms.receiverOf())),
                    custody.sinceOf(),
                    terms.deadlineOf(),
                    terms.hoursOf(),
                    h.seal
                )
            );
    }

    function acceptance(
        IColdChainTypes.Handover calldata h,
        IColdChainTypes.HandoverWord terms,
        CustodyWord custody
    ) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    ACCEPTANCE,
                    h.shipment,
                    uint256(uint160(custody.holderOf())),
                    uint256(uint160(terms.receiverOf())),
                    custody.sinceOf(),
                    terms.deadlineOf(),
                    terms.hoursOf(),
                    h.seal,
                    terms.vvmOf(),
                    terms.shakeOf()
                )
            );
    }

    /// @param data the batch's own
    /// @param previous the shipment's chain before the batch
    function readings(
        IColdChainTypes.Batch calldata batch,
        bytes calldata data,
        bytes16 previous
    ) internal pure returns (bytes32 hash) {
        bytes32 typeHash = READINGS;
        // Saves 500 gas a batch over abi.encode, which cleans every field anew. Safe: writes beyond the free memory
        // pointer only, and the shifts leave each field the bits that it has.
        assembly ("memory-safe") {
            let m := mload(0x40)
            let header := calldataload(add(batch, 0x20))
            mstore(m, typeHash)
            mstore(add(m, 0x20), calldataload(batch))
            mstore(add(m, 0x40), and(header, 0xffffff))
            mstore(add(m, 0x60), and(shr(24, header), 0xffffffffff))
            mstore(add(m, 0x80), and(shr(64, header), 0xffff))
            mstore(add(m, 0xa0), and(shr(80, header), 0xffff))
            mstore(add(m, 0xc0), signextend(1, shr(96, header)))
            mstore(add(m, 0xe0), and(shr(112, header), 0xff))
            mstore(add(m, 0x100), and(shr(120, header), 0xff))
            mstore(add(m, 0x120), previous)
            mstore(add(m, 0x140), calldataload(add(batch, 0x40)))
            calldatacopy(add(m, 0x180), data.offset, data.length)
            mstore(add(m, 0x160), keccak256(add(m, 0x180), data.length))
            hash := keccak256(m, 0x180)
        }
    }

    /// @return account whose key signed, 0 when none did: 65 bytes, and only the one of two that has the lower s
    function signer(bytes32 hash, bytes calldata signature) internal pure returns (address account) {
        if (signature.length != 65) return address(0);
        bytes32 r;
        bytes32 s;
        uint8 v;
        // Safe: 65 bytes, see above; v is the last of them. Checked slices cost four times as much.
        assembly ("memory-safe") {
            r := calldataload(signature.offset)
            s := calldataload(add(signature.offset, 0x20))
            v := byte(0, calldataload(add(signature.offset, 0x40)))
        }
        (account, , ) = ECDSA.tryRecover(hash, v, r, s);
    }

    /// @dev Whether an account signed, as a wallet if not by its key.
    function signed(address account, bytes32 hash, bytes calldata signature) internal view returns (bool) {
        return signer(hash, signature) == account || byWallet(account, hash, signature);
    }

    function byWallet(address account, bytes32 hash, bytes calldata signature) internal view returns (bool) {
        return account.code.length != 0 && Signatures.signed(account, hash, signature);
    }
}
