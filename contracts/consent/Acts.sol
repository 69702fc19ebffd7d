// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Pairs} from "contracts/consent/Pairs.sol";
import {Patients} from "contracts/consent/Patients.sol";
import {TermsWords} from "contracts/consent/TermsWords.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @notice Who acts, in one word: 0 for the patient's own call; else bit 255, and of a delegate the account with its
/// layer above.
type Author is uint256;

using Acts for Author global;

/// @title Grants and revocations of a patient, once it is known who acts
/// @dev Each returns its refusal, a custom error ready to be reverted with, so that a batch can skip it; empty when it
/// was carried out. Nothing is written before a refusal.
library Acts {
    using Pairs for Pairs.Pair;
    using Patients for Patients.Patient;
    using TermsWords for IConsentRegistry.Terms;

    /// @dev An order, so that it may come late.
    uint256 private constant SIGNED = 1 << 255;

    // ---- who acts ------------------------------------------------------------------------------------------------

    /// @param layer 0 for whoever controls the patient's account
    function ofOrder(address delegate, uint256 layer) internal pure returns (Author) {
        return Author.wrap(SIGNED | (layer << 160) | uint160(delegate));
    }

    function isSigned(Author author) internal pure returns (bool) {
        return Author.unwrap(author) >= SIGNED;
    }

    /// @dev Whose directives are written: 0 the patient's, else a delegate's.
    function layerOf(Author author) internal pure returns (uint256) {
        return uint8(Author.unwrap(author) >> 160);
    }

    /// @dev 0 for whoever controls the patient's account.
    function delegate(Author author) internal pure returns (address) {
        return address(uint160(Author.unwrap(author)));
    }

    // ---- grant ---------------------------------------------------------------------------------------------------

    function grant(
        Patients.Patient storage account,
        address patient,
        Author author,
        address grantee,
        IConsentRegistry.Terms terms,
        bytes32 document,
        uint256 since
    ) internal returns (bytes memory refusal) {
        refusal = _invalid(grantee, terms);
        if (refusal.length != 0) return refusal;
        uint256 layer = author.layerOf();
        if (layer != 0) {
            since = account.revokedAround(grantee, layer);
            // The patient's direct revocation stops the delegates' withheld permits, too.
            uint256 bar = account.pairOf(grantee, 0).places[0].bar();
            if (since < bar && !terms.denies()) since = bar;
        }
        (bool granted, uint40 last) = account.pairOf(grantee, layer).grant(terms, since, author.isSigned());
        if (!granted)
            return
                abi.encodeWithSelector(IConsentRegistry.Superseded.selector, patient, grantee, terms.indexOf(), last);

        if (uint160(grantee) <= type(uint32).max || layer != 0) account.note(grantee, layer, author.delegate());
        if (layer != 0) {
            emit IConsentRegistry.SignedByDelegate(patient, author.delegate());
            terms = terms.shifted(layer * Pairs.PLACES);
        }
        emit IConsentRegistry.ConsentGranted(patient, grantee, terms, document);
    }

    /// @dev What is wrong with a grant, whoever says it and whatever stands.
    function _invalid(address grantee, IConsentRegistry.Terms terms) private view returns (bytes memory refusal) {
        // An institution, or one known role: a directive for anything else would never match, and a deny be lost in
        // silence.
        uint256 number = uint160(grantee);
        if (number <= type(uint32).max && !Roles.isOne(number)) {
            return abi.encodeWithSelector(IConsentRegistry.InvalidGrantee.selector, grantee);
        }
        if (terms.at() >= Pairs.PLACES)
            return abi.encodeWithSelector(IConsentRegistry.InvalidIndex.selector, terms.indexOf());
        uint8 effect = terms.effectOf();
        if (effect == 0 || effect > uint8(IConsentRegistry.Effect.Deny))
            return abi.encodeWithSelector(IConsentRegistry.InvalidEffect.selector, effect);
        (uint32 purposes, uint56 categories) = (terms.purposesOf(), terms.categoriesOf());
        if (purposes == 0 || categories == 0) {
            return abi.encodeWithSelector(IConsentRegistry.EmptyScope.selector, purposes, categories);
        }
        if (effect == uint8(IConsentRegistry.Effect.Permit)) {
            // Nobody permits what has no meaning yet; a deny may be of all that will ever have one.
            (purposes, categories) = (purposes & ~ConsentCodes.PURPOSES, categories & ~ConsentCodes.CATEGORIES);
            if (purposes | categories != 0)
                return abi.encodeWithSelector(IConsentRegistry.UnknownCodes.selector, purposes, categories);
        }
        (uint40 start, uint40 end) = (terms.startsAt(), terms.endsAt());
        if (end <= start || end <= block.timestamp)
            return abi.encodeWithSelector(IConsentRegistry.InvalidPeriod.selector, start, end);
    }

    // ---- revoke --------------------------------------------------------------------------------------------------

    function revoke(
        Patients.Patient storage account,
        address patient,
        Author author,
        address grantee,
        IConsentRegistry.Terms terms,
        uint256 since
    ) internal returns (bytes memory refusal) {
        (uint256 layer, uint256 place) = (author.layerOf(), terms.at());
        bool changed;
        if (grantee == address(0)) {
            if (place != Pairs.ALL) return abi.encodeWithSelector(IConsentRegistry.InvalidGrantee.selector, grantee);
            changed = account.revokeEverything(layer, author.delegate(), terms.issuedAt());
        } else {
            if (place >= Pairs.PLACES && place != Pairs.ALL) {
                // The patient takes back what a delegate said.
                if (layer != 0 || place / Pairs.PLACES > account.delegates.length) {
                    return abi.encodeWithSelector(IConsentRegistry.InvalidIndex.selector, terms.indexOf());
                }
                (layer, place) = (place / Pairs.PLACES, place % Pairs.PLACES);
            }
            if (layer != 0) since = account.revokedAround(grantee, layer);
            changed = account.pairOf(grantee, layer).revoke(place, terms.issuedAt(), since, author.isSigned());
            if (changed && (Roles.isOne(uint160(grantee)) || layer != 0)) {
                account.note(grantee, layer, author.delegate());
            }
        }
        if (!changed) {
            if (!author.isSigned()) return refusal;
            uint40 issuedAt = terms.issuedAt();
            return
                abi.encodeWithSelector(
                    IConsentRegistry.Superseded.selector,
                    patient,
                    grantee,
                    terms.indexOf(),
                    issuedAt
                );
        }

        if (author.layerOf() != 0) {
            emit IConsentRegistry.SignedByDelegate(patient, author.delegate());
            if (place != Pairs.ALL) terms = terms.shifted(layer * Pairs.PLACES);
        }
        emit IConsentRegistry.ConsentRevoked(patient, grantee, terms);
    }
}
