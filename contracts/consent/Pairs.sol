// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Limits, PlaceWord} from "contracts/consent/Places.sol";
import {TermsWords} from "contracts/consent/TermsWords.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title The directives of one pair: what grants and revocations change, and what they answer
/// @dev The first place is written at most once an action: it holds what belongs to the pair, see Places.
library Pairs {
    using TermsWords for IConsentRegistry.Terms;

    /// @dev The bound of every loop here.
    uint256 internal constant PLACES = 4;
    /// @dev In the terms of a revocation: all of the grantee's.
    uint256 internal constant ALL = 63;

    /// @param places the directives; the first has the pair's bar and count, see Places
    /// @param olderBar issue of the last revocation of all, where a later one of a single place took the bar's room
    struct Pair {
        PlaceWord[PLACES] places;
        uint256 olderBar;
    }

    // ---- acting --------------------------------------------------------------------------------------------------

    /// @param terms with an index below `PLACES`
    /// @param since what was issued until then is revoked
    /// @return granted false when something stands against it, see `IConsentRegistry.Superseded`
    /// @return last issue of that
    function grant(
        Pair storage pair,
        IConsentRegistry.Terms terms,
        uint256 since,
        bool signed
    ) internal returns (bool granted, uint40 last) {
        uint256 index = terms.at();
        PlaceWord first = pair.places[0];
        PlaceWord place = index == 0 ? first : pair.places[index];
        uint256 bar = first.bar();
        if (bar > since) {
            // What was signed before a direct revocation and comes after it is dead, at whichever place.
            since = signed && !terms.denies() ? bar : revokedUntil(pair, first, since);
        }
        unchecked {
            // A deny of that second stands: effect 2.
            if (terms.issuedAt() + (terms.effectOf() >> 1) <= since) return (false, uint40(since));
        }
        if (!place.yieldsTo(terms, signed)) return (false, place.issuedAt());

        place = place.write(terms);
        if (index == 0) {
            pair.places[0] = place.count(0);
        } else {
            pair.places[index] = place;
            if (first.used() <= index) pair.places[0] = first.count(index);
        }
        return (true, 0);
    }

    /// @param index below `PLACES`, or `ALL`
    /// @param since what was issued until then is revoked already
    /// @return changed whether it changed anything
    function revoke(
        Pair storage pair,
        uint256 index,
        uint256 issuedAt,
        uint256 since,
        bool signed
    ) internal returns (bool changed) {
        PlaceWord before = pair.places[0];
        if (before.bar() > since) since = revokedUntil(pair, before, since);
        if (issuedAt <= since) return false;

        PlaceWord first = before;
        if (index == ALL) {
            (changed, first) = (true, _endAll(pair, first, issuedAt));
        } else {
            if (index == 0) first = first.revoke(issuedAt);
            else if (_revokeAt(pair, index, issuedAt)) (changed, first) = (true, first.count(index));
            // A signed revocation of one place leaves the others alone: the order of arrival must not matter.
            if (!signed) first = _stopPermits(pair, first, issuedAt);
        }
        if (first.equals(before)) return changed;
        pair.places[0] = first;
        return true;
    }

    function _revokeAt(Pair storage pair, uint256 index, uint256 issuedAt) private returns (bool) {
        PlaceWord place = pair.places[index];
        PlaceWord revoked = place.revoke(issuedAt);
        if (revoked.equals(place)) return false;
        pair.places[index] = revoked;
        return true;
    }

    /// @dev From here on all that was issued until then is without effect, at whichever place.
    function _endAll(Pair storage pair, PlaceWord first, uint256 until) private returns (PlaceWord) {
        if (until >= first.bar()) return first.withBar(until, false, false);
        // A later revocation of one place has the bar.
        pair.olderBar = until;
        return first.withBar(first.bar(), true, true);
    }

    /// @dev From here on signed permits issued until then are refused, at whichever place.
    function _stopPermits(Pair storage pair, PlaceWord first, uint256 until) private returns (PlaceWord) {
        uint256 bar = first.bar();
        if (bar == 0) return first.withBar(until, true, false);
        if (until <= bar) return first;
        if (first.stopsPermitsOnly()) return first.withBar(until, true, first.hasOlderBar());
        pair.olderBar = bar;
        return first.withBar(until, true, true);
    }

    // ---- answering -----------------------------------------------------------------------------------------------

    /// @dev What was issued until then is revoked: by a revocation of all of the pair's, or of more (`since`).
    function revokedUntil(Pair storage pair, PlaceWord first, uint256 since) internal view returns (uint256) {
        uint256 bar = first.bar();
        if (bar > since && first.stopsPermitsOnly()) bar = first.hasOlderBar() ? pair.olderBar : 0;
        return bar > since ? bar : since;
    }

    /// @dev What the directives answer, with the index of the one that decides: the first deny that binds, else the
    /// latest permit, and its issue; or none, with the nearest miss.
    /// @param since everything issued until then is revoked
    /// @param asked see `Places.request`
    function evaluate(
        Pair storage pair,
        uint256 since,
        uint256 asked,
        Limits limits
    )
        internal
        view
        returns (IConsentRegistry.Answer found, IConsentRegistry.Reason reason, uint256 index, uint256 issuedAt)
    {
        PlaceWord place = pair.places[0];
        uint256 used = place.used();
        // Nothing was ever granted: at most revoked.
        if (used == 0) return (found, !place.isEmpty() ? IConsentRegistry.Reason.Revoked : reason, index, issuedAt);
        if (place.bar() > since) since = revokedUntil(pair, place, since);
        for (uint256 i; ;) {
            IConsentRegistry.Reason why = place.matchDirective(since, asked, limits);
            if (why == IConsentRegistry.Reason.Named) {
                uint256 issued = place.issuedAt();
                if (!place.denies()) {
                    if (issued > issuedAt) {
                        (found, reason, index, issuedAt) = (IConsentRegistry.Answer.Permit, why, i, issued);
                    }
                } else if (issued > limits.laterThan()) {
                    return (IConsentRegistry.Answer.Deny, why, i, issued);
                }
            } else if (reason != IConsentRegistry.Reason.Named && why > reason) {
                (reason, index) = (why, i);
            }
            unchecked {
                if (++i == used) return (found, reason, index, issuedAt); // at most four
            }
            place = pair.places[i];
        }
    }
}
