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

    function denies(IConsentRegistry.Terms terms) internal pure returns (bool) {
        return IConsentRegistry.Terms.unwrap(terms) & 3 == uint8(IConsentRegistry.Effect.Deny);
    }

    /// @dev The same terms, issued at another time.
    function withIssuedAt(IConsentRegistry.Terms terms, uint256 issued) internal pure returns (IConsentRegistry.Terms) {
        return IConsentRegistry.Terms.wrap(((IConsentRegistry.Terms.unwrap(terms) << 40) >> 40) | (issued << 216));
    }

    /// @dev The terms of a direct revocation.
    /// @param index below 63, or 255 for all
    function revocation(uint256 issued, uint256 index) internal pure returns (IConsentRegistry.Terms) {
        return IConsentRegistry.Terms.wrap((issued << 216) | ((index & ALL_ONES) << 2));
    }

    /// @dev The same terms at another place; the index must still fit its six bits.
    function shifted(IConsentRegistry.Terms terms, uint256 places) internal pure returns (IConsentRegistry.Terms) {
        return IConsentRegistry.Terms.wrap(IConsentRegistry.Terms.unwrap(terms) + (places << 2));
    }
}
