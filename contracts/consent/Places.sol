// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TermsWords} from "contracts/consent/TermsWords.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @notice One directive as a pair keeps it, in one word.
type PlaceWord is uint256;

using Places for PlaceWord global;

/// @title One directive of a pair: what is written over it, and what it answers
/// @dev The fields lie as in `IConsentRegistry.Terms`. A place needs no deadline and no index; the pair's first place
/// has there what belongs to the pair: `refusedUntil`, and `used` (how many of its places were ever written). So a
/// usual grant, revocation or decision touches one slot of the pair.
library Places {
    using TermsWords for IConsentRegistry.Terms;

    uint256 private constant PAIR = (uint256(type(uint40).max) << 96) | 0xfc;

    /// @dev A directive over what the place held: the pair's fields stay.
    function write(PlaceWord place, IConsentRegistry.Terms terms) internal pure returns (PlaceWord) {
        return PlaceWord.wrap((PlaceWord.unwrap(place) & PAIR) | (IConsentRegistry.Terms.unwrap(terms) & ~PAIR));
    }

    /// @dev The same directive without effect, as of `issued`, unless it was issued later or is without effect since
    /// then: what it said stays readable.
    function revoke(PlaceWord place, uint256 issued) internal pure returns (PlaceWord) {
        unchecked {
            if (issued < issuedAt(place) + (effectOf(place) == 0 ? 1 : uint256(0))) return place; // 40 bits and 1
        }
        return PlaceWord.wrap((((PlaceWord.unwrap(place) << 40) >> 42) << 2) | (issued << 216));
    }

    function refuse(PlaceWord place, uint256 until) internal pure returns (PlaceWord) {
        return PlaceWord.wrap((PlaceWord.unwrap(place) & ~(uint256(type(uint40).max) << 96)) | (until << 96));
    }

    /// @dev The pair's first place, once the one numbered `index` was written.
    function count(PlaceWord first, uint256 index) internal pure returns (PlaceWord) {
        if (used(first) > index) return first;
        unchecked {
            return PlaceWord.wrap((PlaceWord.unwrap(first) & ~uint256(0xfc)) | ((index + 1) << 2)); // index below 4
        }
    }

    // ---- fields --------------------------------------------------------------------------------------------------

    /// @dev What the place says, in the form in which it came; deadline and index are not those of the directive.
    function _terms(PlaceWord place) private pure returns (IConsentRegistry.Terms) {
        return IConsentRegistry.Terms.wrap(PlaceWord.unwrap(place));
    }

    function issuedAt(PlaceWord place) internal pure returns (uint40) {
        return _terms(place).issuedAt();
    }

    function startsAt(PlaceWord place) internal pure returns (uint40) {
        return _terms(place).startsAt();
    }

    function endsAt(PlaceWord place) internal pure returns (uint40) {
        return _terms(place).endsAt();
    }

    function purposesOf(PlaceWord place) internal pure returns (uint32) {
        return _terms(place).purposesOf();
    }

    function categoriesOf(PlaceWord place) internal pure returns (uint56) {
        return _terms(place).categoriesOf();
    }

    function effectOf(PlaceWord place) internal pure returns (uint8) {
        return _terms(place).effectOf();
    }

    function refusedUntil(PlaceWord first) internal pure returns (uint40) {
        return uint40(PlaceWord.unwrap(first) >> 96);
    }

    function used(PlaceWord first) internal pure returns (uint256) {
        return (PlaceWord.unwrap(first) >> 2) & 0x3f;
    }

    /// @dev Whether nothing was ever written there.
    function isEmpty(PlaceWord place) internal pure returns (bool) {
        return PlaceWord.unwrap(place) == 0;
    }

    function equals(PlaceWord place, PlaceWord other) internal pure returns (bool) {
        return PlaceWord.unwrap(place) == PlaceWord.unwrap(other);
    }

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @dev Whether a directive is there that was not revoked; `since`: everything issued until then is.
    function stands(PlaceWord place, uint256 since) internal pure returns (bool) {
        return effectOf(place) != 0 && issuedAt(place) > since;
    }

    /// @dev What the directive is at this block.
    function status(PlaceWord place, uint256 since) internal view returns (IConsentRegistry.Status) {
        if (stands(place, since)) {
            if (block.timestamp < startsAt(place)) return IConsentRegistry.Status.NotYet;
            return block.timestamp < endsAt(place) ? IConsentRegistry.Status.Active : IConsentRegistry.Status.Expired;
        }
        return issuedAt(place) == 0 ? IConsentRegistry.Status.None : IConsentRegistry.Status.Revoked;
    }

    /// @dev `Named` when the directive answers the request, else why not; `NoDirective` for a place never written.
    /// @param purpose at most 32 bits; with them, what stands above the place's purposes needs no masking
    /// @param categories at most 56 bits
    function matchDirective(
        PlaceWord place,
        uint256 since,
        uint256 purpose,
        uint256 categories
    ) internal view returns (IConsentRegistry.Reason) {
        if (effectOf(place) == 0 || issuedAt(place) <= since) {
            return issuedAt(place) == 0 ? IConsentRegistry.Reason.NoDirective : IConsentRegistry.Reason.Revoked;
        }
        if (block.timestamp < startsAt(place)) return IConsentRegistry.Reason.NotYet;
        if (block.timestamp >= endsAt(place)) return IConsentRegistry.Reason.Expired;

        uint256 word = PlaceWord.unwrap(place);
        // A permit must hold the request whole, a deny any part of it.
        if (denies(place)) {
            if ((word >> 64) & purpose == 0) return IConsentRegistry.Reason.WrongPurpose;
            if ((word >> 8) & categories == 0) return IConsentRegistry.Reason.WrongCategory;
        } else {
            if (~(word >> 64) & purpose != 0) return IConsentRegistry.Reason.WrongPurpose;
            if (~(word >> 8) & categories != 0) return IConsentRegistry.Reason.WrongCategory;
        }
        return IConsentRegistry.Reason.Named;
    }

    function denies(PlaceWord place) internal pure returns (bool) {
        return PlaceWord.unwrap(place) & 3 == uint8(IConsentRegistry.Effect.Deny);
    }
}
