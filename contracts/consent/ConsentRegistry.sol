// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {ImplicitPolicy} from "contracts/consent/ImplicitPolicy.sol";
import {Orders} from "contracts/consent/Orders.sol";
import {Pairs} from "contracts/consent/Pairs.sol";
import {PlaceWord} from "contracts/consent/Places.sol";
import {TermsWords} from "contracts/consent/TermsWords.sol";
import {Signatures} from "contracts/common/Signatures.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {LicenceStatus} from "contracts/institutions/LicenceStatus.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IGuardians} from "interfaces/consent/IGuardians.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";

/// @title Consents of patients, as directives that the time of their issue puts in order
/// @dev One slot a directive. Nobody has any power here but the patient: no owner, no pause.
contract ConsentRegistry is IConsentRegistry, EIP712 {
    using ImplicitPolicy for Policy;
    using Pairs for Pairs.Pair;
    using LicenceStatus for IInstitutions;
    using TermsWords for Terms;

    /// @dev In a revocation: all of the grantee's.
    uint8 private constant ALL = uint8(Pairs.ALL);
    /// @dev A place that was never written.
    PlaceWord private constant NOTHING = PlaceWord.wrap(0);

    /// @param controller who signs for the patient; 0 while the account itself does
    /// @param pairs the directives for each grantee
    struct Patient {
        uint40 revokedUntil;
        address controller;
        mapping(address grantee => Pairs.Pair) pairs;
    }

    IInstitutions public immutable institutions;
    IGuardians public immutable guardians;
    /// @inheritdoc IConsentRegistry
    Policy public immutable policy;

    mapping(address patient => Patient) private _patients;

    constructor(IInstitutions institutions_, IGuardians guardians_, Policy policy_) EIP712("Salus Consent", "1") {
        institutions = institutions_;
        guardians = guardians_;
        policy = policy_;
    }

    // ---- grant ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function grant(address grantee, Terms terms, bytes32 document) external {
        if (terms.issuedAt() | terms.deadline() != 0) revert UnexpectedTimes(terms.issuedAt(), terms.deadline());
        Patient storage account = _patients[msg.sender];
        (uint256 revoked, address controller) = (account.revokedUntil, account.controller);
        if (controller != address(0)) revert InvalidSignature(controller);

        _grant(msg.sender, account, grantee, terms.withIssuedAt(block.timestamp), document, revoked, false);
    }

    function _grant(
        address patient,
        Patient storage account,
        address grantee,
        Terms terms,
        bytes32 document,
        uint256 revoked,
        bool signed
    ) private {
        _check(grantee, terms);
        (bool granted, uint40 last) = account.pairs[grantee].grant(terms, revoked, signed);
        if (!granted) revert Superseded(patient, grantee, terms.indexOf(), last);

        emit ConsentGranted(patient, grantee, terms, document);
    }

    function _check(address grantee, Terms terms) private view {
        // An institution, or one known role: a directive for anything else would never match, and a deny be lost in
        // silence.
        uint256 number = uint160(grantee);
        if (number <= type(uint32).max && !Roles.isOne(number)) revert InvalidGrantee(grantee);
        if (terms.at() >= Pairs.PLACES) revert InvalidIndex(terms.indexOf());
        uint8 effect = terms.effectOf();
        if (effect == 0 || effect > uint8(Effect.Deny)) revert InvalidEffect(effect);
        (uint32 purposes, uint56 categories) = (terms.purposesOf(), terms.categoriesOf());
        if (purposes == 0 || categories == 0) revert EmptyScope(purposes, categories);
        (uint40 start, uint40 end) = (terms.startsAt(), terms.endsAt());
        if (end <= start || end <= block.timestamp) revert InvalidPeriod(start, end);
    }

    // ---- revoke --------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function revoke(address grantee, uint8 index) external {
        Patient storage account = _patients[msg.sender];
        if (account.controller != address(0)) revert InvalidSignature(account.controller);

        _revoke(msg.sender, account, grantee, index, uint40(block.timestamp), false);
    }

    function _revoke(
        address patient,
        Patient storage account,
        address grantee,
        uint8 index,
        uint40 issuedAt,
        bool signed
    ) private {
        bool changed;
        if (grantee == address(0)) {
            if (index != ALL) revert InvalidGrantee(grantee);
            changed = issuedAt > account.revokedUntil;
            if (changed) account.revokedUntil = issuedAt;
        } else {
            if (index != ALL && index >= Pairs.PLACES) revert InvalidIndex(index);
            changed = account.pairs[grantee].revoke(index, issuedAt, signed);
        }
        if (changed) emit ConsentRevoked(patient, grantee, index, issuedAt);
        else if (signed) revert Superseded(patient, grantee, index, issuedAt);
    }

    // ---- relay ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function relay(Order[] calldata orders, Proof[] calldata proofs) external {
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i; i < orders.length; ++i) {
            _carryOut(orders[i], proofs, domain);
        }
    }

    function _carryOut(Order calldata order, Proof[] calldata proofs, bytes32 domain) private {
        (address patient, address grantee) = (order.patient, order.grantee);
        (Terms terms, bytes32 document) = (order.terms, order.document);
        if (terms.issuedAt() > block.timestamp) revert IssuedInFuture(terms.issuedAt(), block.timestamp);
        if (terms.deadline() < block.timestamp) revert DeadlinePassed(terms.deadline(), block.timestamp);
        Patient storage account = _patients[patient];
        (uint256 revoked, address controller) = (account.revokedUntil, account.controller);
        if (controller == address(0)) controller = patient;
        bytes32 hash = MessageHashUtils.toTypedDataHash(domain, Orders.structHash(patient, grantee, terms, document));
        if (order.r == 0) {
            address signer = _proven(order.vs, proofs, hash, controller);
            if (signer != controller) _delegated(order, account, signer);
        } else if (!Signatures.signed(controller, hash, order.r, order.vs)) {
            revert InvalidSignature(controller);
        }

        if (terms.effectOf() != 0) {
            _grant(patient, account, grantee, terms, document, revoked, true);
        } else {
            // The signature of a revocation does not cover these: they must not be there.
            (uint32 purposes, uint56 categories) = (terms.purposesOf(), terms.categoriesOf());
            if (purposes != 0 || categories != 0) revert EmptyScope(purposes, categories);
            (uint40 start, uint40 end) = (terms.startsAt(), terms.endsAt());
            if (start != 0 || end != 0 || document != 0) revert InvalidPeriod(start, end);
            _revoke(patient, account, grantee, terms.indexOf(), terms.issuedAt(), true);
        }
    }

    /// @dev Who signed by a proof, or sends this itself; reverts when nobody did.
    function _proven(
        bytes32 number,
        Proof[] calldata proofs,
        bytes32 hash,
        address controller
    ) private view returns (address signer) {
        if (uint256(number) >= proofs.length) revert InvalidSignature(controller);
        Proof calldata proof = proofs[uint256(number)];
        signer = proof.signer == address(0) ? controller : proof.signer;
        bool own = proof.signature.length == 0;
        if (own ? msg.sender != signer : !Signatures.signed(signer, hash, proof.signature)) {
            revert InvalidSignature(signer);
        }
    }

    /// @dev A delegate replaces or revokes only what it could have granted; several at once, or where nothing stands,
    /// only when it could grant anything: such a revocation kills what the patient signed and nobody submitted yet.
    function _delegated(Order calldata order, Patient storage account, address delegate) private {
        Terms terms = order.terms;
        uint256 index = terms.indexOf();
        PlaceWord place = index < Pairs.PLACES ? account.pairs[order.grantee].places[index] : NOTHING;
        // What was revoked binds nobody: whether it or its revocation arrived first must not matter.
        if (!place.stands(account.revokedUntil)) place = NOTHING;
        bool any = terms.effectOf() == 0 && place.isEmpty();
        uint32 purposes = any ? type(uint32).max : terms.purposesOf() | place.purposesOf();
        uint56 categories = any ? type(uint56).max : terms.categoriesOf() | place.categoriesOf();
        if (!guardians.mayAct(order.patient, delegate, purposes, categories)) {
            revert OutOfScope(order.patient, delegate);
        }

        emit SignedByDelegate(order.patient, delegate);
    }

    /// @inheritdoc IConsentRegistry
    function digest(Order calldata order) external view returns (bytes32) {
        return _hashTypedDataV4(Orders.structHash(order.patient, order.grantee, order.terms, order.document));
    }

    /// @inheritdoc IConsentRegistry
    function follow(address patient) external {
        address controller = guardians.controllerOf(patient);
        address kept = controller == patient ? address(0) : controller;
        if (kept == _patients[patient].controller) return;

        _patients[patient].controller = kept;

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
        if (purpose == 0 || categories == 0) return (answer, reason, grantee, index);
        (address institution, uint32 roles, IInstitutions.Standing status) = institutions.licenceStatusOf(actor);
        if (status != IInstitutions.Standing.Licensed) return (Answer.Deny, Reason.NotLicensed, grantee, index);

        Patient storage account = _patients[patient];
        uint256 revoked = account.revokedUntil;
        (answer, reason, index) = account.pairs[institution].evaluate(revoked, purpose, categories);
        if (reason != Reason.NoDirective) grantee = institution;
        if (answer != Answer.None) return (answer, reason, grantee, index);

        uint32 house = roles;
        if (institution != actor) (, house, ) = institutions.licenceStatusOf(institution);
        return _byRole(account, roles, house, revoked, purpose, categories, reason, grantee, index);
    }

    /// @dev All roles of the institution are one level: a deny for any goes before a permit for another. A permit must
    /// be for a role that the actor has (`own`); a deny binds every actor of the institution (of the roles `house`), or
    /// an operator with fewer roles would escape it. The last three come, and go, as the nearest miss.
    function _byRole(
        Patient storage account,
        uint32 own,
        uint32 house,
        uint256 revoked,
        uint32 purpose,
        uint56 categories,
        Reason reason,
        address grantee,
        uint256 index
    ) private view returns (Answer answer, Reason, address, uint256) {
        bool said = reason != Reason.NoDirective || revoked != 0;
        while (house != 0) {
            uint32 role = house & (~house + 1);
            house ^= role;
            address named = address(uint160(role));
            (Answer a, Reason r, uint256 i) = account.pairs[named].evaluate(revoked, purpose, categories);
            if (a == Answer.Deny) return (a, Reason.Role, named, i);
            said = said || r != Reason.NoDirective;
            if (own & role == 0 || answer != Answer.None) continue;
            if (a == Answer.Permit) (answer, reason, grantee, index) = (a, Reason.Role, named, i);
            else if (r > reason) (reason, grantee, index) = (r, named, i);
        }
        // The deployment's policy speaks only where the patient never did.
        if (!said && policy.permits(own, purpose, categories)) (answer, reason) = (Answer.Permit, Reason.Implied);
        return (answer, reason, grantee, index);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function directive(address patient, address grantee, uint8 index) external view returns (Record memory) {
        Patient storage account = _patients[patient];
        PlaceWord p = index < Pairs.PLACES ? account.pairs[grantee].places[index] : NOTHING;
        Status status = p.status(account.revokedUntil);
        // Revoking everything leaves the places as they are: who reads the effect alone must not take it for a permit.
        Effect effect = status == Status.Revoked ? Effect.None : Effect(p.effectOf());
        return Record(effect, p.purposesOf(), p.categoriesOf(), p.startsAt(), p.endsAt(), p.issuedAt(), status);
    }

    /// @inheritdoc IConsentRegistry
    function revokedUntil(address patient) external view returns (uint40) {
        return _patients[patient].revokedUntil;
    }

    /// @inheritdoc IConsentRegistry
    function refusedUntil(address patient, address grantee) external view returns (uint40) {
        return _patients[patient].pairs[grantee].places[0].refusedUntil();
    }

    /// @inheritdoc IConsentRegistry
    function pack(Fields calldata fields) external pure returns (Terms) {
        return TermsWords.pack(fields);
    }

    /// @inheritdoc IConsentRegistry
    function unpack(Terms terms) external pure returns (Fields memory) {
        return terms.unpack();
    }
}
