// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Acts, Author} from "contracts/consent/Acts.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {ImplicitPolicy} from "contracts/consent/ImplicitPolicy.sol";
import {Levels} from "contracts/consent/Levels.sol";
import {Orders} from "contracts/consent/Orders.sol";
import {Pairs} from "contracts/consent/Pairs.sol";
import {Patients} from "contracts/consent/Patients.sol";
import {Limits, Places, PlaceWord} from "contracts/consent/Places.sol";
import {Scopes} from "contracts/consent/Scopes.sol";
import {TermsWords} from "contracts/consent/TermsWords.sol";
import {Signatures} from "contracts/common/Signatures.sol";
import {LicenceStatus} from "contracts/institutions/LicenceStatus.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IGuardians} from "interfaces/consent/IGuardians.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title Consents of patients, as directives that the time of their issue puts in order
/// @dev One slot a directive. Nobody has any power here but the patient and whom the patient names: no owner, no pause.
contract ConsentRegistry is IConsentRegistry, EIP712 {
    using Acts for Patients.Patient;
    using ImplicitPolicy for Policy;
    using Pairs for Pairs.Pair;
    using Patients for Patients.Patient;
    using LicenceStatus for IInstitutions;
    using Scopes for Scopes.Masks;
    using TermsWords for Terms;

    Author private constant DIRECT = Author.wrap(0);

    IInstitutions public immutable institutions;
    IGuardians public immutable guardians;
    /// @inheritdoc IConsentRegistry
    Policy public immutable policy;

    mapping(address patient => Patients.Patient) private _patients;

    constructor(IInstitutions institutions_, IGuardians guardians_, Policy policy_) EIP712("Salus Consent", "1") {
        institutions = institutions_;
        guardians = guardians_;
        policy = policy_;
    }

    // ---- grant ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function grant(address grantee, Terms terms, bytes32 document) external {
        if (terms.issuedAt() | terms.deadline() != 0) revert UnexpectedTimes(terms.issuedAt(), terms.deadline());
        Patients.Patient storage account = _patients[msg.sender];
        (uint256 revoked, address controller) = (account.revokedUntil, account.controller);
        if (controller != address(0) && controller != msg.sender) revert InvalidSignature(controller);

        terms = terms.withIssuedAt(block.timestamp);
        _orRevert(account.grant(msg.sender, DIRECT, grantee, terms, document, revoked));
    }

    // ---- revoke --------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function revoke(address grantee, uint8 index) external {
        Patients.Patient storage account = _patients[msg.sender];
        (uint256 revoked, address controller) = (account.revokedUntil, account.controller);
        if (controller != address(0) && controller != msg.sender) revert InvalidSignature(controller);
        if (index >= Pairs.ALL && index != type(uint8).max) revert InvalidIndex(index);

        Terms terms = TermsWords.revocation(block.timestamp, index);
        _orRevert(account.revoke(msg.sender, DIRECT, grantee, terms, revoked));
    }

    function _orRevert(bytes memory refusal) private pure {
        if (refusal.length == 0) return;
        assembly ("memory-safe") {
            revert(add(refusal, 0x20), mload(refusal))
        }
    }

    // ---- relay ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function relay(
        Order[] calldata orders,
        Proof[] calldata proofs,
        Mode mode
    ) external returns (bytes4[] memory refusals) {
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i; i < orders.length; ++i) {
            bytes memory refusal = _carryOut(orders[i], proofs, domain);
            if (refusal.length == 0) continue;
            if (mode == Mode.Strict) _orRevert(refusal);
            if (refusals.length == 0) refusals = new bytes4[](orders.length);
            refusals[i] = bytes4(refusal);
            emit OrderSkipped(orders[i].patient, orders[i].grantee, orders[i].terms, refusal);
        }
    }

    function _carryOut(
        Order calldata order,
        Proof[] calldata proofs,
        bytes32 domain
    ) private returns (bytes memory refusal) {
        (address patient, address grantee) = (order.patient, order.grantee);
        (Terms terms, bytes32 document) = (order.terms, order.document);
        if (terms.issuedAt() > block.timestamp) {
            return abi.encodeWithSelector(IssuedInFuture.selector, terms.issuedAt(), block.timestamp);
        }
        if (terms.deadline() < block.timestamp) {
            return abi.encodeWithSelector(DeadlinePassed.selector, terms.deadline(), block.timestamp);
        }
        Patients.Patient storage account = _patients[patient];
        (uint256 revoked, address controller) = (account.revokedUntil, account.controller);
        bool moved = controller != address(0);
        if (!moved) controller = patient;
        bytes32 hash = MessageHashUtils.toTypedDataHash(domain, Orders.structHash(patient, grantee, terms, document));
        Author author = Acts.ofOrder(address(0), 0);
        if (order.r == 0) {
            (address signer, bool proven) = Orders.signerOf(order.vs, proofs, hash, controller);
            if (!proven) return abi.encodeWithSelector(InvalidSignature.selector, signer);
            if (signer != controller) {
                uint256 layer;
                (refusal, layer) = _asDelegate(account, patient, terms, signer);
                if (refusal.length != 0) return refusal;
                author = Acts.ofOrder(signer, layer);
            }
        } else if (!Signatures.signed(controller, hash, order.r, order.vs)) {
            return abi.encodeWithSelector(InvalidSignature.selector, controller);
        }
        if (moved && author.layerOf() == 0) {
            // What a key signed before it got the account is dead, also where the account comes back to it.
            uint40 movedAt = guardians.controlledSince(patient);
            if (terms.issuedAt() < movedAt) return abi.encodeWithSelector(SignedBeforeMove.selector, patient, movedAt);
        }

        if (terms.effectOf() != 0) {
            return account.grant(patient, author, grantee, terms, document, revoked);
        }
        // The signature of a revocation does not cover these: they must not be there.
        (uint32 purposes, uint56 categories) = (terms.purposesOf(), terms.categoriesOf());
        if (purposes != 0 || categories != 0) {
            return abi.encodeWithSelector(EmptyScope.selector, purposes, categories);
        }
        (uint40 start, uint40 end) = (terms.startsAt(), terms.endsAt());
        if (start != 0 || end != 0 || document != 0) {
            return abi.encodeWithSelector(InvalidPeriod.selector, start, end);
        }
        return account.revoke(patient, author, grantee, terms, revoked);
    }

    /// @dev A delegate writes in its own layer, within its mandate, and what it signed since it has that.
    function _asDelegate(
        Patients.Patient storage account,
        address patient,
        Terms terms,
        address delegate
    ) private view returns (bytes memory refusal, uint256 layer) {
        (uint32 purposes, uint56 categories, uint40 since, uint40 until) = guardians.mandate(patient, delegate);
        if (
            block.timestamp >= until ||
            terms.issuedAt() < since ||
            terms.purposesOf() & ~purposes != 0 ||
            terms.categoriesOf() & ~categories != 0
        ) return (abi.encodeWithSelector(OutOfScope.selector, patient, delegate), 0);

        layer = account.layerOf(delegate);
        if (layer > Patients.DELEGATES) {
            refusal = abi.encodeWithSelector(TooManyDelegates.selector, patient, Patients.DELEGATES);
        }
    }

    /// @inheritdoc IConsentRegistry
    function digest(Order calldata order) external view returns (bytes32) {
        return _hashTypedDataV4(Orders.structHash(order.patient, order.grantee, order.terms, order.document));
    }

    /// @inheritdoc IConsentRegistry
    function follow(address patient) external {
        // Never moved: its own key signs, and nothing of it is too early.
        if (guardians.controlledSince(patient) == 0) return;
        address controller = guardians.controllerOf(patient);
        if (controller == _patients[patient].controller) return;

        _patients[patient].controller = controller;

        emit ControllerFollowed(patient, controller);
    }

    // ---- decide --------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function decide(
        address patient,
        address actor,
        uint32 purpose,
        uint56 categories
    ) external view returns (Answer answer, Reason reason, address grantee, uint256 index) {
        if (purpose == 0 || categories & ConsentCodes.ALL_RECORDS == 0) return (answer, reason, grantee, index);
        (address institution, uint32 roles, IInstitutions.Standing status) = institutions.licenceStatusOf(actor);
        if (status != IInstitutions.Standing.Licensed) return (Answer.Deny, Reason.NotLicensed, grantee, index);

        Patients.Patient storage account = _patients[patient];
        (uint256 revoked, uint256 kinds) = (account.revokedUntil, account.kinds);
        uint256 asked = Places.request(purpose, categories);
        uint256 issuedAt;
        (answer, reason, index, issuedAt) = account.pairOf(institution, 0).evaluate(revoked, asked, Limits.wrap(0));
        if (reason != Reason.NoDirective) grantee = institution;
        bool said = reason != Reason.NoDirective || revoked != 0;
        if (answer != Answer.Deny && kinds != 0) {
            Levels.Verdict memory verdict = Levels.Verdict(answer, reason, grantee, index, issuedAt, said);
            _widen(verdict, account, patient, _asker(actor, institution, roles), asked);
            (answer, reason, grantee, index) = (verdict.answer, verdict.reason, verdict.grantee, verdict.index);
            said = verdict.said;
        }
        // The deployment's policy speaks only where the patient never did.
        if (!said && policy.permits(roles, purpose, categories)) (answer, reason) = (Answer.Permit, Reason.Implied);
    }

    function _widen(
        Levels.Verdict memory verdict,
        Patients.Patient storage account,
        address patient,
        Levels.Asker memory asker,
        uint256 asked
    ) private view {
        Limits[] memory limits = account.layers(guardians, patient);
        Levels.byDelegates(account, asker.institution, asked, limits, verdict);
        if (verdict.answer != Answer.Deny) Levels.byRoles(account, asker, asked, limits, verdict);
    }

    function _asker(address actor, address institution, uint32 roles) private view returns (Levels.Asker memory) {
        uint32 house = roles;
        if (institution != actor) (, house, ) = institutions.licenceStatusOf(institution);
        return Levels.Asker(institution, roles, house);
    }

    /// @inheritdoc IConsentRegistry
    function scope(
        address patient,
        address actor,
        uint32 purpose
    ) external view returns (uint56 permitted, uint56 denied) {
        if (purpose == 0) return (0, 0);
        (address institution, uint32 roles, IInstitutions.Standing status) = institutions.licenceStatusOf(actor);
        if (status != IInstitutions.Standing.Licensed) return (0, type(uint56).max);

        Patients.Patient storage account = _patients[patient];
        Levels.Asker memory asker = _asker(actor, institution, roles);
        Limits[] memory limits = account.layers(guardians, patient);
        Scopes.Masks memory masks = Scopes.masksOf(account, asker, Places.request(purpose, 0), limits);
        permitted = uint56(masks.permitted());
        denied = uint56(masks.denied & ~uint256(permitted));
        if (!masks.said && account.revokedUntil == 0 && policy.permits(roles, purpose, ConsentCodes.ALL_RECORDS)) {
            permitted = ConsentCodes.ALL_RECORDS;
        }
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function directive(address patient, address grantee, uint8 index) external view returns (Record memory) {
        Patients.Patient storage account = _patients[patient];
        uint256 layer = index / Pairs.PLACES;
        PlaceWord p;
        Status status;
        if (layer <= account.delegates.length) {
            Pairs.Pair storage pair = account.pairOf(grantee, layer);
            p = pair.places[index % Pairs.PLACES];
            uint256 since = pair.revokedUntil(pair.places[0], account.revokedAround(grantee, layer));
            status = p.status(since, account.limitsOf(guardians, patient, layer));
        }
        // Wider revocations leave the places as they are: who reads the effect alone must not take it for a permit.
        Effect effect = status == Status.Revoked ? Effect.None : Effect(p.effectOf());
        return Record(effect, p.purposesOf(), p.categoriesOf(), p.startsAt(), p.endsAt(), p.issuedAt(), status);
    }

    /// @inheritdoc IConsentRegistry
    function delegatesOf(address patient) external view returns (address[] memory accounts) {
        Patients.Delegate[] storage delegates = _patients[patient].delegates;
        accounts = new address[](delegates.length);
        for (uint256 i; i < accounts.length; ++i) {
            accounts[i] = delegates[i].account;
        }
    }

    /// @inheritdoc IConsentRegistry
    function revokedUntil(address patient) external view returns (uint40) {
        return _patients[patient].revokedUntil;
    }

    /// @inheritdoc IConsentRegistry
    function refusedUntil(address patient, address grantee) external view returns (uint40 permits, uint40 all) {
        Pairs.Pair storage pair = _patients[patient].pairOf(grantee, 0);
        PlaceWord first = pair.places[0];
        return (first.bar(), uint40(pair.revokedUntil(first, 0)));
    }
}
