// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Pairs} from "contracts/consent/Pairs.sol";
import {Patients} from "contracts/consent/Patients.sol";
import {Limits} from "contracts/consent/Places.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";

/// @title The levels of a decision beyond the patient's own word to the institution: delegates, then roles
/// @dev From narrow to wide. Within a level a deny goes before any permit, whoever of the patient and the delegates
/// said either. A wider deny binds against a narrower permit only when it was issued later; a wider permit never
/// lifts a narrower deny. The caller has looked at the narrowest level, see `ConsentRegistry.decide`.
library Levels {
    using Pairs for Pairs.Pair;
    using Patients for Patients.Patient;

    /// @param institution for whom the actor acts
    /// @param own roles that the actor has: a permit is for them
    /// @param house roles of its institution: a deny for any of them binds every actor, or an operator with fewer
    /// roles would escape it
    struct Asker {
        address institution;
        uint32 own;
        uint32 house;
    }

    /// @param issuedAt of the permit or deny that answers
    /// @param said whether anything was ever said to the institution or its roles
    struct Verdict {
        IConsentRegistry.Answer answer;
        IConsentRegistry.Reason reason;
        address grantee;
        uint256 index;
        uint256 issuedAt;
        bool said;
    }

    /// @dev What the delegates said to the institution, over what the patient did.
    /// @param asked see `Places.request`
    /// @param limits of each layer
    /// @param verdict not a deny; changed in place
    function byDelegates(
        Patients.Patient storage account,
        address institution,
        uint256 asked,
        Limits[] memory limits,
        Verdict memory verdict
    ) internal view {
        for (uint256 layer = 1; layer < limits.length; ++layer) {
            Verdict memory other = _ask(account, institution, layer, asked, limits[layer]);
            other.said = other.said || verdict.said;
            if (other.answer == IConsentRegistry.Answer.Deny) {
                _take(verdict, other);
                return;
            }
            if (_isNearer(other, verdict)) _take(verdict, other);
            verdict.said = other.said;
        }
    }

    /// @dev What the patient and the delegates said to the institution's roles, over what they said to the
    /// institution.
    /// @param verdict not a deny; changed in place
    function byRoles(
        Patients.Patient storage account,
        Asker memory asker,
        uint256 asked,
        Limits[] memory limits,
        Verdict memory verdict
    ) internal view {
        // A permit for the institution stands against the denies for roles that were not issued later.
        bool permitted = verdict.answer == IConsentRegistry.Answer.Permit;
        uint256 laterThan = permitted ? verdict.issuedAt : 0;
        uint32 house = asker.house & uint32(account.kinds);
        while (house != 0) {
            uint32 role = house & (~house + 1);
            house ^= role;
            for (uint256 layer; layer < limits.length; ++layer) {
                Limits within = limits[layer].withLaterThan(laterThan);
                Verdict memory other = _ask(account, address(uint160(role)), layer, asked, within);
                other.said = other.said || verdict.said;
                if (other.answer == IConsentRegistry.Answer.Deny) {
                    other.reason = IConsentRegistry.Reason.Role;
                    _take(verdict, other);
                    return;
                }
                verdict.said = other.said;
                if (permitted || asker.own & role == 0) continue;
                if (_isNearer(other, verdict)) _take(verdict, other);
                if (verdict.reason == IConsentRegistry.Reason.Named) verdict.reason = IConsentRegistry.Reason.Role;
            }
        }
    }

    function _ask(
        Patients.Patient storage account,
        address grantee,
        uint256 layer,
        uint256 asked,
        Limits limits
    ) private view returns (Verdict memory found) {
        uint256 since = account.revokedAround(grantee, layer);
        Pairs.Pair storage pair = account.pairOf(grantee, layer);
        (found.answer, found.reason, found.index, found.issuedAt) = pair.evaluate(since, asked, limits);
        found.said = found.reason != IConsentRegistry.Reason.NoDirective;
        found.grantee = grantee;
        found.index += layer * Pairs.PLACES;
    }

    /// @dev Whether one answer goes before another of its level, neither of them a deny: the later permit, else a
    /// permit, else the nearer miss.
    function _isNearer(Verdict memory one, Verdict memory other) private pure returns (bool) {
        if (one.answer != other.answer) return one.answer == IConsentRegistry.Answer.Permit;
        if (one.answer == IConsentRegistry.Answer.Permit) return one.issuedAt > other.issuedAt;
        return one.reason > other.reason;
    }

    function _take(Verdict memory verdict, Verdict memory other) private pure {
        (verdict.answer, verdict.reason, verdict.grantee) = (other.answer, other.reason, other.grantee);
        (verdict.index, verdict.issuedAt, verdict.said) = (other.index, other.issuedAt, other.said);
    }
}
