// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title What a patient's directives said at an earlier second, as far as the registry still knows
/// @dev A place of the registry holds one word and no history. So what was written after that second, or revoked since,
/// leaves the answer open; what was not touched since says the same now as then.
library LateUses {
    /// @dev Places of a pair in the registry.
    uint8 private constant PLACES = 4;

    /// @param permittedAt issue of the latest permit that covered the request, 0 when none did
    /// @param deniedAt issue of the latest deny that touched it, 0 when none did
    /// @param open whether something was written since that may have answered then
    struct Said {
        uint256 permittedAt;
        uint256 deniedAt;
        bool open;
    }

    /// @param own roles that the actor may use
    /// @param house all roles of its institution
    /// @param at Unix seconds, not later than the block
    /// @return permitted whether a permit answered then
    /// @return denied whether a deny did
    /// @return certain whether the registry still proves it
    function answerAt(
        IConsentRegistry consents,
        address patient,
        address institution,
        uint32 own,
        uint32 house,
        uint32 purpose,
        uint56 categories,
        uint256 at
    ) internal view returns (bool permitted, bool denied, bool certain) {
        uint256 delegates = consents.delegatesOf(patient).length;
        Said memory named;
        _listen(consents, patient, institution, purpose, categories, at, named);
        if (_delegateSpoke(consents, patient, institution, delegates)) named.open = true;
        // Nothing goes before a deny that names the institution.
        if (named.deniedAt != 0) return (false, true, true);

        Said memory roles;
        while (house != 0) {
            uint32 role = house & (~house + 1);
            house ^= role;
            uint256 before = roles.permittedAt;
            _listen(consents, patient, address(uint160(role)), purpose, categories, at, roles);
            if (_delegateSpoke(consents, patient, address(uint160(role)), delegates)) roles.open = true;
            // A permit for a role serves those who have it; a deny binds the whole house.
            if (own & role == 0) roles.permittedAt = before;
        }
        // Across levels a wider deny binds against a narrower permit only when it was issued later.
        denied = roles.deniedAt > named.permittedAt;
        permitted = !denied && named.permittedAt | roles.permittedAt != 0;
        certain = !named.open && !roles.open && consents.revokedUntil(patient) <= at;
    }

    /// @dev Whether a delegate ever said anything about a grantee. What its mandate covered at an earlier second is not
    /// kept, so that leaves the answer open.
    /// @param delegates how many have said anything for the patient; at most 14
    function _delegateSpoke(
        IConsentRegistry consents,
        address patient,
        address grantee,
        uint256 delegates
    ) private view returns (bool) {
        for (uint256 i = PLACES; i < PLACES * (delegates + 1); ++i) {
            if (consents.directive(patient, grantee, uint8(i)).issuedAt != 0) return true;
        }
        return false;
    }

    /// @dev Adds what the places of one grantee said.
    function _listen(
        IConsentRegistry consents,
        address patient,
        address grantee,
        uint32 purpose,
        uint56 categories,
        uint256 at,
        Said memory said
    ) private view {
        // A revocation of what was never granted is a word too: the policy was silent from then on.
        (uint40 permits, uint40 all) = consents.refusedUntil(patient, grantee);
        if (permits > at || all > at) said.open = true;
        for (uint8 i; i < PLACES; ++i) {
            IConsentRegistry.Record memory r = consents.directive(patient, grantee, i);
            if (r.issuedAt > at) {
                said.open = true;
            } else if (r.effect != IConsentRegistry.Effect.None && r.start <= at && at < r.end) {
                if (r.effect == IConsentRegistry.Effect.Deny) {
                    bool touches = r.purposes & purpose != 0 && r.categories & categories != 0;
                    if (touches && r.issuedAt > said.deniedAt) said.deniedAt = r.issuedAt;
                } else {
                    bool covers = purpose & ~r.purposes == 0 && categories & ~r.categories == 0;
                    if (covers && r.issuedAt > said.permittedAt) said.permittedAt = r.issuedAt;
                }
            }
        }
    }
}
