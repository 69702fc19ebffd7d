// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title The terms of a directive in one word, as a patient signs and submits them
/// @dev From the top: issuedAt 40, start 40, end 40, deadline 40, purposes 32, categories 56, index 6, effect 2 bits.
/// Packed by hand, because the compiler writes a packed struct field by field, at 200 gas each.
library TermsWords {
    /// @dev The index of a revocation of all, in the word and as a number.
    uint256 private constant ALL_ONES = 63;
    uint8 private constant ALL = type(uint8).max;

    // ---- fields --------------------------------------------------------------------------------------------------

    function issuedAt(IConsentRegistry.Terms terms) internal pure returns (uint40) {
        return uint40(IConsentRegistry.Terms.unwrap(terms) >> 216);
    }

    function startsAt(IConsentRegistry.Terms terms) internal pure returns (uint40) {
        return uint40(IConsentRegistry.Terms.unwrap(terms) >> 176);
    }

    function endsAt(IConsentRegistry.Terms terms) internal pure returns (uint40) {
        return uint40(IConsentRegistry.Terms.unwrap(terms) >> 136);
    }

    function deadline(IConsentRegistry.Terms terms) internal pure returns (uint40) {
        return uint40(IConsentRegistry.Terms.unwrap(terms) >> 96);
    }

    function purposesOf(IConsentRegistry.Terms terms) internal pure returns (uint32) {
        return uint32(IConsentRegistry.Terms.unwrap(terms) >> 64);
    }

    function categoriesOf(IConsentRegistry.Terms terms) internal pure returns (uint56) {
        return uint56(IConsentRegistry.Terms.unwrap(terms) >> 8);
    }

    /// @dev The index as it stands in the word, 0 to 63.
    function at(IConsentRegistry.Terms terms) internal pure returns (uint256) {
        return (IConsentRegistry.Terms.unwrap(terms) >> 2) & ALL_ONES;
    }

    /// @dev The index as everywhere else: 0 to 62, or 255 for all.
    function indexOf(IConsentRegistry.Terms terms) internal pure returns (uint8) {
        uint256 index = at(terms);
        return index == ALL_ONES ? ALL : uint8(index);
    }

    function effectOf(IConsentRegistry.Terms terms) internal pure returns (uint8) {
        return uint8(IConsentRegistry.Terms.unwrap(terms) & 3);
    }

    /// @dev The same terms, issued at another time.
    function withIssuedAt(IConsentRegistry.Terms terms, uint256 issued) internal pure returns (IConsentRegistry.Terms) {
        return IConsentRegistry.Terms.wrap(((IConsentRegistry.Terms.unwrap(terms) << 40) >> 40) | (issued << 216));
    }

    // ---- words and fields ----------------------------------------------------------------------------------------

    function pack(IConsentRegistry.Fields calldata f) internal pure returns (IConsentRegistry.Terms) {
        if (f.index >= ALL_ONES && f.index != ALL) revert IConsentRegistry.InvalidIndex(f.index);
        return
            IConsentRegistry.Terms.wrap(
                (uint256(f.issuedAt) << 216) |
                    (uint256(f.start) << 176) |
                    (uint256(f.end) << 136) |
                    (uint256(f.deadline) << 96) |
                    (uint256(f.purposes) << 64) |
                    (uint256(f.categories) << 8) |
                    ((f.index & ALL_ONES) << 2) |
                    uint256(f.effect)
            );
    }

    function unpack(IConsentRegistry.Terms terms) internal pure returns (IConsentRegistry.Fields memory) {
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
}
