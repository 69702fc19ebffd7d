// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PlaceWord} from "contracts/consent/Places.sol";
import {TermsWords} from "contracts/consent/TermsWords.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title The directives of one pair: what grants and revocations change, and what they answer
/// @dev The first place is written at most once an action: it holds what belongs to the pair, see Places.
library Pairs {
    using TermsWords for IConsentRegistry.Terms;

    /// @dev The bound of every loop here.
    uint256 internal constant PLACES = 4;
    /// @dev In a revocation: all of the grantee's.
    uint256 internal constant ALL = type(uint8).max;

    struct Pair {
        PlaceWord[PLACES] places;
    }

    // ---- acting --------------------------------------------------------------------------------------------------

    /// @param terms with an index below `PLACES`
    /// @param since what was issued until then is revoked
    /// @return granted false when something stands against it: a later action or, against a signed grant, an equally
    /// late one
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
        // A direct grant comes when its patient wants it: the chain's own order decides.
        if (signed) {
            if (since < place.issuedAt()) since = place.issuedAt();
            if (since < first.refusedUntil()) since = first.refusedUntil();
        }
        if (terms.issuedAt() <= since) return (false, uint40(since));

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
    /// @return changed whether it changed anything
    function revoke(Pair storage pair, uint256 index, uint256 issuedAt, bool signed) internal returns (bool changed) {
        PlaceWord before = pair.places[0];
        PlaceWord first = before;
        if (index == 0) {
            first = first.revoke(issuedAt);
        } else if (index == ALL) {
            // What is there and was issued later stands.
            if (first.effectOf() != 0) first = first.revoke(issuedAt);
            for (uint256 i = 1; i < before.used(); ++i) {
                if (pair.places[i].effectOf() != 0) changed = _revokeAt(pair, i, issuedAt) || changed;
            }
        } else {
            changed = _revokeAt(pair, index, issuedAt);
            if (changed) first = first.count(index);
        }
        // From here on signed grants of the pair issued until now are dead, at whichever place. A signed revocation of
        // one place leaves the others alone: the order of arrival must not matter.
        if ((!signed || index == ALL) && issuedAt > first.refusedUntil()) first = first.refuse(issuedAt);
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

    // ---- answering -----------------------------------------------------------------------------------------------

    /// @dev What the directives answer, with the index of the one that decides; or none, with the nearest miss.
    /// @param since everything issued until then is revoked
    function evaluate(
        Pair storage pair,
        uint256 since,
        uint256 purpose,
        uint256 categories
    ) internal view returns (IConsentRegistry.Answer found, IConsentRegistry.Reason reason, uint256 index) {
        PlaceWord place = pair.places[0];
        uint256 used = place.used();
        // Nothing was ever granted: at most revoked.
        if (used == 0) return (found, !place.isEmpty() ? IConsentRegistry.Reason.Revoked : reason, index);
        for (uint256 i; ;) {
            IConsentRegistry.Reason why = place.matchDirective(since, purpose, categories);
            if (why == IConsentRegistry.Reason.Named) {
                if (place.denies()) return (IConsentRegistry.Answer.Deny, why, i);
                if (reason != why) (found, reason, index) = (IConsentRegistry.Answer.Permit, why, i);
            } else if (reason != IConsentRegistry.Reason.Named && why > reason) {
                (reason, index) = (why, i);
            }
            unchecked {
                if (++i == used) return (found, reason, index); // at most four
            }
            place = pair.places[i];
        }
    }
}
