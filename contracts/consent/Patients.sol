// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Pairs} from "contracts/consent/Pairs.sol";
import {Limits, Places} from "contracts/consent/Places.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IGuardians} from "interfaces/consent/IGuardians.sol";

/// @title What the registry keeps of a patient: the patient's own word, and each delegate's in a layer of its own
/// @dev Layer 0 is the patient's; a delegate gets the next number with its first order. So neither takes the other's
/// place, in whichever order they arrive.
library Patients {
    /// @dev The bound of every loop over layers. An index in `Terms` has six bits: 4 · 14 + 3 is 59, and 63 means all.
    uint256 internal constant DELEGATES = 14;

    /// @dev In `kinds`: bits 0 to 31 are the roles ever named. Bits 32, 33 and 34 are for operators, units and
    /// parents.
    uint256 internal constant ANY_ROLE = type(uint32).max;
    uint256 internal constant BY_DELEGATES = 1 << 35;

    /// @param account who signs
    /// @param revokedUntil issue of the delegate's last revocation of everything that it said
    struct Delegate {
        address account;
        uint40 revokedUntil;
    }

    /// @param revokedUntil issue of the last revocation of everything
    /// @param controller who signs for the patient; 0 while the account was never moved
    /// @param kinds of grantees that were ever named, so that nobody looks for what cannot be there
    /// @param pairs by grantee and layer, see `pairOf`
    /// @param delegates number 1 first
    struct Patient {
        uint40 revokedUntil;
        address controller;
        uint56 kinds;
        mapping(uint256 key => Pairs.Pair) pairs;
        Delegate[] delegates;
    }

    // ---- writing -------------------------------------------------------------------------------------------------

    /// @dev The layer of a delegate: its number, or the next one when it never said anything.
    function layerOf(Patient storage account, address delegate) internal view returns (uint256 layer) {
        uint256 many = account.delegates.length;
        for (; layer < many; ++layer) {
            if (account.delegates[layer].account == delegate) break;
        }
        return layer + 1;
    }

    /// @dev Notes that a kind of grantee was named, and a delegate heard.
    function note(Patient storage account, address grantee, uint256 layer, address delegate) internal {
        uint256 kinds = account.kinds;
        uint256 noted = kinds;
        if (Roles.isOne(uint160(grantee))) noted |= uint160(grantee);
        if (layer != 0) {
            noted |= BY_DELEGATES;
            if (layer > account.delegates.length) account.delegates.push(Delegate(delegate, 0));
        }
        if (noted != kinds) account.kinds = uint56(noted);
    }

    /// @dev Ends all that was said in a layer until then; the patient's own layer: in every layer.
    /// @return changed false when it was ended already
    function revokeEverything(
        Patient storage account,
        uint256 layer,
        address delegate,
        uint40 until
    ) internal returns (bool changed) {
        if (until <= revokedAround(account, address(0), layer)) return false;
        if (layer == 0) {
            account.revokedUntil = until;
        } else {
            note(account, address(0), layer, delegate);
            account.delegates[layer - 1].revokedUntil = until;
        }
        return true;
    }

    // ---- reading -------------------------------------------------------------------------------------------------

    function pairOf(
        Patient storage account,
        address grantee,
        uint256 layer
    ) internal view returns (Pairs.Pair storage) {
        return account.pairs[(layer << 160) | uint160(grantee)];
    }

    /// @dev What of a grantee in a layer is revoked by more than the layer's own pair: everything, or by the patient
    /// all of the grantee's.
    function revokedAround(
        Patient storage account,
        address grantee,
        uint256 layer
    ) internal view returns (uint256 since) {
        since = account.revokedUntil;
        if (layer == 0) return since;
        Pairs.Pair storage own = pairOf(account, grantee, 0);
        since = Pairs.revokedUntil(own, own.places[0], since);
        if (layer > account.delegates.length) return since;
        uint256 byDelegate = account.delegates[layer - 1].revokedUntil;
        return byDelegate > since ? byDelegate : since;
    }

    /// @dev What counts of a layer now: of a delegate's, what its mandate covers and was said since it has the
    /// mandate.
    function limitsOf(
        Patient storage account,
        IGuardians guardians,
        address patient,
        uint256 layer
    ) internal view returns (Limits) {
        if (layer == 0) return Limits.wrap(0);
        address delegate = account.delegates[layer - 1].account;
        (uint32 purposes, uint56 categories, uint40 since, uint40 until) = guardians.mandate(patient, delegate);
        return Places.ofMandate(block.timestamp < until ? Places.request(purposes, categories) : 0, since);
    }

    /// @dev The limits of every layer.
    function layers(
        Patient storage account,
        IGuardians guardians,
        address patient
    ) internal view returns (Limits[] memory found) {
        found = new Limits[](account.delegates.length + 1);
        for (uint256 layer = 1; layer < found.length; ++layer) {
            found[layer] = limitsOf(account, guardians, patient, layer);
        }
    }
}
