// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Parcels} from "contracts/coldchain/Parcels.sol";
import {Signatures} from "contracts/common/Signatures.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";

/// @title What is signed in the cold chain, every field by its name, and by whom
/// @dev EIP-712's hashes of the fields, without their domain.
library Handovers {
    using Parcels for uint256;

    bytes32 private constant OFFER = keccak256(
        "Offer(bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16 hoursAllowed,bytes32 seal)"
    );
    bytes32 private constant ACCEPTANCE = keccak256(
        "Acceptance(bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16 hoursAllowed,bytes32 seal,uint8 vvm,uint8 shake)"
    );
    bytes32 private constant READINGS = keccak256(
        "Readings(bytes32 shipment,uint24 sequence,uint40 start,uint16 step,uint16 count,int16 base,uint8 width,uint8 resolution,bytes16 previous,bytes32 file,bytes data)"
    );

    // ---- the terms of a handover, see IColdChain.Handover --------------------------------------------------------

    function receiverOf(uint256 terms) internal pure returns (address) {
        return address(uint160(terms));
    }

    function deadlineOf(uint256 terms) internal pure returns (uint256) {
        return uint40(terms >> 160);
    }

    function hoursOf(uint256 terms) internal pure returns (uint256) {
        return uint16(terms >> 200);
    }

    function vvmOf(uint256 terms) internal pure returns (uint256) {
        return uint8(terms >> 216);
    }

    /// @dev Of terms whose spare bits are 0.
    function shakeOf(uint256 terms) internal pure returns (uint256) {
        return terms >> 224;
    }

    // ---- what is signed ------------------------------------------------------------------------------------------

    /// @dev Whole words: the compiler would clean every smaller type anew.
    /// @param custody the holder's, see Parcels
    function offer(IColdChain.Handover calldata h, uint256 terms, uint256 custody) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    OFFER,
                    h.shipment,
                    uint256(uint160(custody)),
                    uint256(uint160(terms)),
                    custody.sinceOf(),
                    deadlineOf(terms),
                    hoursOf(terms),
                    h.seal
                )
            );
    }

    function acceptance(
        IColdChain.Handover calldata h,
        uint256 terms,
        uint256 custody
    ) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    ACCEPTANCE,
                    h.shipment,
                    uint256(uint160(custody)),
                    uint256(uint160(terms)),
                    custody.sinceOf(),
                    deadlineOf(terms),
                    hoursOf(terms),
                    h.seal,
                    vvmOf(terms),
                    shakeOf(terms)
                )
            );
    }

    /// @param data the batch's own
    /// @param previous the shipment's chain before the batch
    function readings(
        IColdChain.Batch calldata batch,
        bytes calldata data,
        bytes16 previous
    ) internal pure returns (bytes32 hash) {
        bytes32 typeHash = READINGS;
        // Saves 500 gas a batch over abi.encode, which cleans every field anew. Safe: writes beyond the free memory pointer only, and the
        // shifts leave each field the bits that it has.
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
