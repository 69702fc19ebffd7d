// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Signatures} from "contracts/common/Signatures.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {LicenceStatus} from "contracts/institutions/LicenceStatus.sol";
import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title For whom somebody acts, or has signed
library Parties {
    using LicenceStatus for IInstitutions;

    uint32 internal constant PROVIDERS = Roles.PROVIDER | Roles.PHARMACY;

    /// @return institution whom the account acts for, 0 for nobody
    /// @return licensed whether it may now, in one of the roles
    function actsFor(
        IInstitutions institutions,
        address account,
        uint32 roles
    ) internal view returns (address institution, bool licensed) {
        uint32 own;
        IInstitutions.Standing status;
        (institution, own, status) = institutions.licenceStatusOf(account);
        licensed = status == IInstitutions.Standing.Licensed && own & roles != 0;
    }

    /// @dev Reverts unless the sender may now act for a party of a claim.
    function requireActsFor(IInstitutions institutions, bytes32 id, address party, uint32 roles) internal view {
        (address institution, bool licensed) = actsFor(institutions, msg.sender, roles);
        if (!licensed || institution != party) revert IClaimDesk.NotParty(id, msg.sender);
    }

    /// @dev The signature's key, or else the provider as an ERC-1271 wallet; nobody's wallet is called but a licensed
    /// provider's.
    function signedFor(
        IInstitutions institutions,
        address provider,
        bytes32 hash,
        bytes calldata signature
    ) internal view returns (address institution, bool licensed) {
        (address signer, , ) = ECDSA.tryRecover(hash, signature);
        (institution, licensed) = actsFor(institutions, signer, PROVIDERS);
        if (institution == provider) return (institution, licensed);
        (address own, bool may) = actsFor(institutions, provider, PROVIDERS);
        if (own == provider && may && Signatures.signed(provider, hash, signature)) return (provider, true);
    }
}
