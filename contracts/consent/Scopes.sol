// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Levels} from "contracts/consent/Levels.sol";
import {Pairs} from "contracts/consent/Pairs.sol";
import {Patients} from "contracts/consent/Patients.sol";
import {Limits, PlaceWord} from "contracts/consent/Places.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title Which categories are permitted and which denied, for one purpose, in one go
/// @dev The rules are those of `Levels`, for each category by itself. Levels are looked at from narrow to wide; `close`
/// ends one.
library Scopes {
    using Patients for Patients.Patient;

    /// @dev Everything that a place can name.
    uint256 private constant EVERY = type(uint56).max;

    /// @param permits of the levels so far, each with its issue above its categories: a wider deny may come later
    /// @param many of them
    /// @param denied on the levels that are closed
    /// @param denying on the level that is open
    /// @param said whether anything was ever said to the institution or its roles
    struct Masks {
        uint256[] permits;
        uint256 many;
        uint256 denied;
        uint256 denying;
        bool said;
    }

    /// @param grantees most that will be looked at, over all levels and layers
    function start(uint256 grantees) internal pure returns (Masks memory masks) {
        masks.permits = new uint256[](grantees * Pairs.PLACES);
    }

    /// @dev What one grantee's directives in one layer say, on the level that is open.
    /// @param wanted whether its permits serve the actor
    function look(
        Masks memory masks,
        Patients.Patient storage account,
        address grantee,
        uint256 layer,
        uint256 asked,
        Limits limits,
        bool wanted
    ) internal view {
        Pairs.Pair storage pair = account.pairOf(grantee, layer);
        PlaceWord first = pair.places[0];
        if (first.isEmpty()) return;
        masks.said = true;
        uint256 since = Pairs.revokedUntil(pair, first, account.revokedAround(grantee, layer));
        uint256 used = first.used();
        for (uint256 i; i < used; ++i) {
            PlaceWord place = i == 0 ? first : pair.places[i];
            if (place.status(since, limits) != IConsentRegistry.Status.Active || !place.fits(asked)) continue;
            uint256 categories = place.categoriesOf();
            if (!place.denies()) {
                if (!wanted) continue;
                masks.permits[masks.many] = (uint256(place.issuedAt()) << 56) | categories;
                ++masks.many;
                continue;
            }
            // Of all records: of every request.
            if (categories & ConsentCodes.ALL_RECORDS == ConsentCodes.ALL_RECORDS) categories = EVERY;
            masks.denying |= categories;
            _bind(masks, categories, place.issuedAt());
        }
    }

    /// @dev A deny takes its categories from every permit that was issued before it, of this level or a narrower one;
    /// from the later ones of this level `close` does.
    function _bind(Masks memory masks, uint256 categories, uint256 issuedAt) private pure {
        for (uint256 i; i < masks.many; ++i) {
            if (masks.permits[i] >> 56 < issuedAt) masks.permits[i] &= ~categories;
        }
    }

    /// @dev Ends the level: what it denies goes before its own permits, and before all wider ones.
    /// @param from number of its first permit
    function close(Masks memory masks, uint256 from) internal pure {
        uint256 denied = masks.denied | masks.denying;
        for (uint256 i = from; i < masks.many; ++i) {
            masks.permits[i] &= ~denied;
        }
        (masks.denied, masks.denying) = (denied, 0);
    }

    /// @dev The whole answer for an actor.
    function masksOf(
        Patients.Patient storage account,
        Levels.Asker memory asker,
        uint256 asked,
        Limits[] memory limits
    ) internal view returns (Masks memory masks) {
        uint32 house = asker.house & uint32(account.kinds);
        uint256 grantees = 1;
        for (uint32 rest = house; rest != 0; rest &= rest - 1) ++grantees;
        masks = start(grantees * limits.length);
        for (uint256 layer; layer < limits.length; ++layer) {
            look(masks, account, asker.institution, layer, asked, limits[layer], true);
        }
        close(masks, 0);
        uint256 from = masks.many;
        while (house != 0) {
            uint32 role = house & (~house + 1);
            house ^= role;
            for (uint256 layer; layer < limits.length; ++layer) {
                look(masks, account, address(uint160(role)), layer, asked, limits[layer], asker.own & role != 0);
            }
        }
        close(masks, from);
    }

    /// @dev What remains of the permits.
    function permitted(Masks memory masks) internal pure returns (uint256 categories) {
        for (uint256 i; i < masks.many; ++i) {
            categories |= masks.permits[i] & EVERY;
        }
    }
}
