// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Signatures} from "contracts/common/Signatures.sol";
import {TermsWords} from "contracts/consent/TermsWords.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title What is signed of an order, every field by its name; and who signed it
library Orders {
    using TermsWords for IConsentRegistry.Terms;

    bytes32 private constant GRANT = keccak256(
        "Grant(address patient,address grantee,uint8 index,uint8 effect,uint32 purposes,uint56 categories"
        ",uint40 start,uint40 end,bytes32 document,uint40 issuedAt,uint40 deadline)"
    );
    bytes32 private constant REVOKE = keccak256(
        "Revoke(address patient,address grantee,uint8 index,uint40 issuedAt,uint40 deadline)"
    );

    /// @dev EIP-712's hash of the order's fields, without its domain.
    function structHash(
        address patient,
        address grantee,
        IConsentRegistry.Terms terms,
        bytes32 document
    ) internal pure returns (bytes32) {
        if (terms.effectOf() == 0) {
            return keccak256(abi.encode(REVOKE, patient, grantee, terms.indexOf(), terms.issuedAt(), terms.deadline()));
        }
        return
            keccak256(
                abi.encode(
                    GRANT,
                    patient,
                    grantee,
                    terms.indexOf(),
                    terms.effectOf(),
                    terms.purposesOf(),
                    terms.categoriesOf(),
                    terms.startsAt(),
                    terms.endsAt(),
                    document,
                    terms.issuedAt(),
                    terms.deadline()
                )
            );
    }

    /// @dev Who signed by a proof, or sends this itself; not proven when nobody did.
    function signerOf(
        bytes32 number,
        IConsentRegistry.Proof[] calldata proofs,
        bytes32 hash,
        address controller
    ) internal view returns (address signer, bool proven) {
        if (uint256(number) >= proofs.length) return (controller, false);
        IConsentRegistry.Proof calldata proof = proofs[uint256(number)];
        signer = proof.signer == address(0) ? controller : proof.signer;
        bool own = proof.signature.length == 0;
        proven = own ? msg.sender == signer : Signatures.signed(signer, hash, proof.signature);
    }
}
