// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TermsWords} from "contracts/consent/TermsWords.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @notice One directive as a pair keeps it, in one word.
type PlaceWord is uint256;

using Places for PlaceWord global;
using Places for Limits global;

/// @notice Which directives of a pair count, in one word; 0 for all, which is the patient's own layer.
/// @dev From the top: namedAt 40 bits (what a delegate issued before that does not count), 80 unused, laterThan 40
/// (only a deny that was issued later binds), outside 88 (purposes and categories that the delegate's mandate does
/// not hold, as they lie in a place), 8 unused.
type Limits is uint256;

/// @title One directive of a pair: what is written over it, and what it answers
/// @dev The fields lie as in `IConsentRegistry.Terms`. A place needs no deadline and no index; the pair's first place
/// has there what belongs to the pair: 40 bits of `bar`, and in the index's six `used` (how many of its places were
/// ever written, 4 bits) and the two flags of the bar. So a usual grant, revocation or decision touches one slot of
/// the pair.
library Places {
    using TermsWords for IConsentRegistry.Terms;

    uint256 private constant BAR = uint256(type(uint40).max) << 96;
    uint256 private constant PERMITS_ONLY = 1 << 7;
    uint256 private constant OLDER_BAR = 1 << 6;
    uint256 private constant PAIR = BAR | 0xfc;
    uint256 private constant CATEGORIES = uint256(type(uint56).max) << 8;
    uint256 private constant PURPOSES = uint256(type(uint32).max) << 64;
    uint256 private constant SCOPE = PURPOSES | CATEGORIES;

    /// @dev A directive over what the place held: the pair's fields stay.
    function write(PlaceWord place, IConsentRegistry.Terms terms) internal pure returns (PlaceWord) {
        return PlaceWord.wrap((PlaceWord.unwrap(place) & PAIR) | (IConsentRegistry.Terms.unwrap(terms) & ~PAIR));
    }

    /// @dev Whether a directive goes over what the place holds. The later issue does; within one second a deny goes
    /// over a revocation and a revocation over a permit, and of two signed denies the greater word, of two permits the
    /// lesser, so that the order of arrival does not matter. A direct one comes when its patient wants it: only a deny
    /// of that second stops a permit.
    function yieldsTo(PlaceWord place, IConsentRegistry.Terms terms, bool signed) internal pure returns (bool) {
        (uint256 ours, uint256 theirs) = (issuedAt(place), terms.issuedAt());
        if (theirs != ours) return theirs > ours;
        if (!signed) return terms.denies() || !denies(place);
        // Permit 0, revoked 1, deny 3.
        (uint256 rank, uint256 other) = (effectOf(place) ^ 1, terms.effectOf() ^ 1);
        if (rank != other) return other > rank;
        (uint256 word, uint256 held) = (IConsentRegistry.Terms.unwrap(terms) & ~PAIR, PlaceWord.unwrap(place) & ~PAIR);
        return denies(place) ? word > held : word < held;
    }

    /// @dev The same directive without effect, as of `issued`, unless it was issued later, or in that second and is no
    /// permit: what it said stays readable.
    function revoke(PlaceWord place, uint256 issued) internal pure returns (PlaceWord) {
        uint256 last = issuedAt(place);
        if (issued < last || (issued == last && effectOf(place) != uint8(IConsentRegistry.Effect.Permit))) return place;
        return PlaceWord.wrap((((PlaceWord.unwrap(place) << 40) >> 42) << 2) | (issued << 216));
    }

    /// @dev The pair's first place, once the one numbered `index` was written.
    function count(PlaceWord first, uint256 index) internal pure returns (PlaceWord) {
        if (used(first) > index) return first;
        unchecked {
            return PlaceWord.wrap((PlaceWord.unwrap(first) & ~uint256(0x3c)) | ((index + 1) << 2)); // index below 4
        }
    }

    /// @dev The pair's first place with another bar.
    /// @param permitsOnly it stops permits that are signed and not yet submitted; else it ends all that was issued
    /// until then
    /// @param older whether an older bar of the second kind is kept beside it
    function withBar(PlaceWord first, uint256 until, bool permitsOnly, bool older) internal pure returns (PlaceWord) {
        uint256 word = PlaceWord.unwrap(first) & ~(BAR | PERMITS_ONLY | OLDER_BAR);
        if (permitsOnly) word |= PERMITS_ONLY;
        if (older) word |= OLDER_BAR;
        return PlaceWord.wrap(word | (until << 96));
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

    function bar(PlaceWord first) internal pure returns (uint40) {
        return uint40(PlaceWord.unwrap(first) >> 96);
    }

    function stopsPermitsOnly(PlaceWord first) internal pure returns (bool) {
        return PlaceWord.unwrap(first) & PERMITS_ONLY != 0;
    }

    function hasOlderBar(PlaceWord first) internal pure returns (bool) {
        return PlaceWord.unwrap(first) & OLDER_BAR != 0;
    }

    function used(PlaceWord first) internal pure returns (uint256) {
        return (PlaceWord.unwrap(first) >> 2) & 0xf;
    }

    /// @dev Whether nothing was ever written there.
    function isEmpty(PlaceWord place) internal pure returns (bool) {
        return PlaceWord.unwrap(place) == 0;
    }

    function equals(PlaceWord place, PlaceWord other) internal pure returns (bool) {
        return PlaceWord.unwrap(place) == PlaceWord.unwrap(other);
    }

    // ---- judging -------------------------------------------------------------------------------------------------

    /// @dev Whether a directive is there that was not revoked; `since`: everything issued until then is, but for a
    /// deny of that second.
    function stands(PlaceWord place, uint256 since) internal pure returns (bool) {
        uint256 effect = effectOf(place);
        unchecked {
            return effect != 0 && issuedAt(place) + (effect >> 1) > since; // 1 for a deny
        }
    }

    /// @dev The same, where what a delegate said must be within its mandate as it is now, too.
    function counts(PlaceWord place, uint256 since, Limits limits) internal pure returns (bool) {
        if (!stands(place, since)) return false;
        uint256 word = Limits.unwrap(limits);
        return word == 0 || (issuedAt(place) >= word >> 216 && PlaceWord.unwrap(place) & word & SCOPE == 0);
    }

    /// @dev What the directive is at this block.
    function status(PlaceWord place, uint256 since, Limits limits) internal view returns (IConsentRegistry.Status) {
        if (counts(place, since, limits)) {
            if (block.timestamp < startsAt(place)) return IConsentRegistry.Status.NotYet;
            return block.timestamp < endsAt(place) ? IConsentRegistry.Status.Active : IConsentRegistry.Status.Expired;
        }
        return issuedAt(place) == 0 ? IConsentRegistry.Status.None : IConsentRegistry.Status.Revoked;
    }

    /// @dev `Named` when the directive answers the request, else why not; `NoDirective` for a place never written.
    /// @param asked see `request`
    function matchDirective(
        PlaceWord place,
        uint256 since,
        uint256 asked,
        Limits limits
    ) internal view returns (IConsentRegistry.Reason) {
        if (!counts(place, since, limits)) {
            return issuedAt(place) == 0 ? IConsentRegistry.Reason.NoDirective : IConsentRegistry.Reason.Revoked;
        }
        if (block.timestamp < startsAt(place)) return IConsentRegistry.Reason.NotYet;
        if (block.timestamp >= endsAt(place)) return IConsentRegistry.Reason.Expired;

        // A permit must hold the request whole, a deny any part of it.
        uint256 held = PlaceWord.unwrap(place) & asked;
        if (!denies(place) && held == asked) return IConsentRegistry.Reason.Named;
        if (!fits(place, asked)) return IConsentRegistry.Reason.WrongPurpose;
        return
            denies(place) && held & CATEGORIES != 0
                ? IConsentRegistry.Reason.Named
                : IConsentRegistry.Reason.WrongCategory;
    }

    /// @dev Whether a deny is for one of the purposes asked for, a permit for all of them.
    function fits(PlaceWord place, uint256 asked) internal pure returns (bool) {
        uint256 held = PlaceWord.unwrap(place) & asked & PURPOSES;
        return denies(place) ? held != 0 : held == asked & PURPOSES;
    }

    /// @dev Purposes and categories as they lie in a place.
    function request(uint256 purpose, uint256 categories) internal pure returns (uint256) {
        return (purpose << 64) | (categories << 8);
    }

    function denies(PlaceWord place) internal pure returns (bool) {
        return PlaceWord.unwrap(place) & 3 == uint8(IConsentRegistry.Effect.Deny);
    }

    // ---- limits --------------------------------------------------------------------------------------------------

    /// @dev The limits of a delegate's layer.
    /// @param scope what the mandate holds, see `request`; 0 when it does not run
    function ofMandate(uint256 scope, uint256 since) internal pure returns (Limits) {
        return Limits.wrap((since << 216) | (SCOPE ^ scope));
    }

    /// @dev The same limits, where only a deny binds that was issued later than that.
    function withLaterThan(Limits limits, uint256 issued) internal pure returns (Limits) {
        return Limits.wrap((Limits.unwrap(limits) & ~BAR) | (issued << 96));
    }

    function laterThan(Limits limits) internal pure returns (uint256) {
        return uint40(Limits.unwrap(limits) >> 96);
    }
}
