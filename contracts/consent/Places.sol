// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title One directive in one word: as it comes (`IConsentRegistry.Terms`) and as it is kept (a place)
/// @dev From the top: issuedAt 40, start 40, end 40, deadline 40, purposes 32, categories 56, index 6, effect 2 bits. A place needs
/// no deadline and no index; the pair's first place has there what belongs to the pair: `refusedUntil`, and `used` (how many of its
/// places were ever written). So a usual grant, revocation or decision touches one slot of the pair. Packed by hand, because the
/// compiler writes a packed struct field by field, at 200 gas each.
library Places {
    uint256 private constant PAIR = (uint256(type(uint40).max) << 96) | 0xfc;
    /// @dev The index of a revocation of all, in terms and as a number.
    uint256 private constant ALL_ONES = 63;
    uint8 private constant ALL = type(uint8).max;

    /// @dev A directive over what the place held: the pair's fields stay.
    function write(uint256 place, uint256 terms) internal pure returns (uint256) {
        return (place & PAIR) | (terms & ~PAIR);
    }

    /// @dev The same directive without effect, as of `issued`, unless it was issued later or is without effect since then: what it
    /// said stays readable.
    function revoke(uint256 place, uint256 issued) internal pure returns (uint256) {
        unchecked {
            if (issued < issuedAt(place) + (effectOf(place) == 0 ? 1 : uint256(0))) return place; // 40 bits and 1
        }
        return (((place << 40) >> 42) << 2) | (issued << 216);
    }

    function refuse(uint256 place, uint256 until) internal pure returns (uint256) {
        return (place & ~(uint256(type(uint40).max) << 96)) | (until << 96);
    }

    /// @dev The pair's first place, once the one numbered `index` was written.
    function count(uint256 first, uint256 index) internal pure returns (uint256) {
        if (used(first) > index) return first;
        unchecked {
            return (first & ~uint256(0xfc)) | ((index + 1) << 2); // an index is below 4
        }
    }

    function issue(uint256 terms, uint256 issued) internal pure returns (uint256) {
        return ((terms << 40) >> 40) | (issued << 216);
    }

    // ---- fields --------------------------------------------------------------------------------------------------

    function issuedAt(uint256 place) internal pure returns (uint40) {
        return uint40(place >> 216);
    }

    function startsAt(uint256 place) internal pure returns (uint40) {
        return uint40(place >> 176);
    }

    function endsAt(uint256 place) internal pure returns (uint40) {
        return uint40(place >> 136);
    }

    function refusedUntil(uint256 first) internal pure returns (uint40) {
        return uint40(first >> 96);
    }

    function deadline(uint256 terms) internal pure returns (uint40) {
        return uint40(terms >> 96);
    }

    function purposesOf(uint256 place) internal pure returns (uint32) {
        return uint32(place >> 64);
    }

    function categoriesOf(uint256 place) internal pure returns (uint56) {
        return uint56(place >> 8);
    }

    function used(uint256 first) internal pure returns (uint256) {
        return (first >> 2) & 0x3f;
    }

    /// @dev The index as it stands in terms, 0 to 63.
    function at(uint256 terms) internal pure returns (uint256) {
        return (terms >> 2) & ALL_ONES;
    }

    /// @dev The index as everywhere else: 0 to 62, or 255 for all.
    function indexOf(uint256 terms) internal pure returns (uint8) {
        uint256 index = at(terms);
        return index == ALL_ONES ? ALL : uint8(index);
    }

    function effectOf(uint256 place) internal pure returns (uint8) {
        return uint8(place & 3);
    }

    // ---- words and fields ----------------------------------------------------------------------------------------

    function pack(IConsentRegistry.Fields calldata f) internal pure returns (uint256) {
        if (f.index >= ALL_ONES && f.index != ALL) revert IConsentRegistry.InvalidIndex(f.index);
        return
            (uint256(f.issuedAt) << 216) |
            (uint256(f.start) << 176) |
            (uint256(f.end) << 136) |
            (uint256(f.deadline) << 96) |
            (uint256(f.purposes) << 64) |
            (uint256(f.categories) << 8) |
            ((f.index & ALL_ONES) << 2) |
            uint256(f.effect);
    }

    function unpack(uint256 terms) internal pure returns (IConsentRegistry.Fields memory) {
        uint8 effect = effectOf(terms);
        if (effect > uint8(type(IConsentRegistry.Effect).max)) revert IConsentRegistry.InvalidEffect(effect);
        return
            IConsentRegistry.Fields({
                index: indexOf(terms),
                effect: IConsentRegistry.Effect(effect),
                purposes: purposesOf(terms),
                categories: categoriesOf(terms),
                start: startsAt(terms),
                end: endsAt(terms),
                issuedAt: issuedAt(terms),
                deadline: deadline(terms)
            });
    }

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @dev Whether a directive is there that was not revoked; `since`: everything issued until then is.
    function stands(uint256 place, uint256 since) internal pure returns (bool) {
        return effectOf(place) != 0 && issuedAt(place) > since;
    }

    /// @dev What the directive is at this block.
    function status(uint256 place, uint256 since) internal view returns (IConsentRegistry.Status) {
        if (stands(place, since)) {
            if (block.timestamp < startsAt(place)) return IConsentRegistry.Status.NotYet;
            return block.timestamp < endsAt(place) ? IConsentRegistry.Status.Active : IConsentRegistry.Status.Expired;
        }
        return issuedAt(place) == 0 ? IConsentRegistry.Status.None : IConsentRegistry.Status.Revoked;
    }

    /// @dev `Named` when the directive answers the request, else why not; `NoDirective` for a place never written.
    /// @param purpose at most 32 bits; with them, what stands above the place's purposes needs no masking
    /// @param categories at most 56 bits
    function judge(
        uint256 place,
        uint256 since,
        uint256 purpose,
        uint256 categories
    ) internal view returns (IConsentRegistry.Reason) {
        if (effectOf(place) == 0 || issuedAt(place) <= since) {
            return issuedAt(place) == 0 ? IConsentRegistry.Reason.NoDirective : IConsentRegistry.Reason.Revoked;
        }
        if (block.timestamp < startsAt(place)) return IConsentRegistry.Reason.NotYet;
        if (block.timestamp >= endsAt(place)) return IConsentRegistry.Reason.Expired;

        // A permit must hold the request whole, a deny any part of it.
        if (denies(place)) {
            if ((place >> 64) & purpose == 0) return IConsentRegistry.Reason.WrongPurpose;
            if ((place >> 8) & categories == 0) return IConsentRegistry.Reason.WrongCategory;
        } else {
            if (~(place >> 64) & purpose != 0) return IConsentRegistry.Reason.WrongPurpose;
            if (~(place >> 8) & categories != 0) return IConsentRegistry.Reason.WrongCategory;
        }
        return IConsentRegistry.Reason.Named;
    }

    function denies(uint256 place) internal pure returns (bool) {
        return place & 3 == uint8(IConsentRegistry.Effect.Deny);
    }
}
