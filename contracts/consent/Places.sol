// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IConsentRegistry} from "interfaces/IConsentRegistry.sol";

/// @title One directive in one word
/// @dev From the top: issuedAt 40, start 40, end 40, refusedUntil 40, purposes 32, categories 56, used 6, effect 2 bits.
/// `refusedUntil` and `used` (how many places of the pair were ever written) belong to the pair and are kept in its first place
/// alone, beside that place's own directive: so a usual grant, revocation or decision touches one slot of the pair. Packed by
/// hand, because the compiler writes a packed struct field by field, at 200 gas each.
library Places {
    uint256 private constant PAIR = uint256(type(uint40).max) << 96 | 0xfc;

    /// @dev A directive over what the place held: the pair's fields stay.
    function write(
        uint256 place,
        uint8 effect,
        uint32 purposes,
        uint56 categories,
        uint40 start,
        uint40 end,
        uint40 issued
    ) internal pure returns (uint256) {
        return place & PAIR | uint256(issued) << 216 | uint256(start) << 176 | uint256(end) << 136
            | uint256(purposes) << 64 | uint256(categories) << 8 | effect;
    }

    /// @dev The same directive without effect, as of `issued`: what it said stays readable.
    function revoke(uint256 place, uint40 issued) internal pure returns (uint256) {
        return place << 40 >> 42 << 2 | uint256(issued) << 216;
    }

    function refuse(uint256 place, uint40 until) internal pure returns (uint256) {
        return place & ~(uint256(type(uint40).max) << 96) | uint256(until) << 96;
    }

    function setUsed(uint256 place, uint256 count) internal pure returns (uint256) {
        return place & ~uint256(0xfc) | count << 2;
    }

    function issuedAt(uint256 place) internal pure returns (uint40) {
        return uint40(place >> 216);
    }

    function startsAt(uint256 place) internal pure returns (uint40) {
        return uint40(place >> 176);
    }

    function endsAt(uint256 place) internal pure returns (uint40) {
        return uint40(place >> 136);
    }

    function refusedUntil(uint256 place) internal pure returns (uint40) {
        return uint40(place >> 96);
    }

    function purposesOf(uint256 place) internal pure returns (uint32) {
        return uint32(place >> 64);
    }

    function categoriesOf(uint256 place) internal pure returns (uint56) {
        return uint56(place >> 8);
    }

    function used(uint256 place) internal pure returns (uint256) {
        return place >> 2 & 0x3f;
    }

    function effectOf(uint256 place) internal pure returns (uint8) {
        return uint8(place & 3);
    }

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @dev What the directive is at this block; `since`: everything issued until then is revoked.
    function status(uint256 place, uint40 since) internal view returns (IConsentRegistry.Status) {
        if (issuedAt(place) == 0) return IConsentRegistry.Status.None;
        if (effectOf(place) == 0 || issuedAt(place) <= since) return IConsentRegistry.Status.Revoked;
        if (block.timestamp < startsAt(place)) return IConsentRegistry.Status.NotYet;
        return block.timestamp < endsAt(place) ? IConsentRegistry.Status.Active : IConsentRegistry.Status.Expired;
    }

    /// @dev `Named` when the directive answers the request, else why not; `NoDirective` for a place never written.
    function judge(uint256 place, uint40 since, uint32 purpose, uint56 categories)
        internal
        view
        returns (IConsentRegistry.Reason, bool denies)
    {
        IConsentRegistry.Status found = status(place, since);
        if (found != IConsentRegistry.Status.Active) {
            if (found == IConsentRegistry.Status.Revoked) return (IConsentRegistry.Reason.Revoked, false);
            if (found == IConsentRegistry.Status.None) return (IConsentRegistry.Reason.NoDirective, false);
            if (found == IConsentRegistry.Status.NotYet) return (IConsentRegistry.Reason.NotYet, false);
            return (IConsentRegistry.Reason.Expired, false);
        }
        denies = effectOf(place) == uint8(IConsentRegistry.Effect.Deny);
        if (denies ? purposesOf(place) & purpose == 0 : purpose & ~purposesOf(place) != 0) {
            return (IConsentRegistry.Reason.WrongPurpose, denies);
        }
        if (denies ? categoriesOf(place) & categories == 0 : categories & ~categoriesOf(place) != 0) {
            return (IConsentRegistry.Reason.WrongCategory, denies);
        }
        return (IConsentRegistry.Reason.Named, denies);
    }
}
