// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {ImplicitPolicy} from "contracts/consent/ImplicitPolicy.sol";
import {Orders} from "contracts/consent/Orders.sol";
import {Places} from "contracts/consent/Places.sol";
import {Signatures} from "contracts/consent/Signatures.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IConsentRegistry} from "interfaces/IConsentRegistry.sol";
import {IGuardians} from "interfaces/IGuardians.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";

/// @title Consents of patients, as directives that the time of their issue puts in order
/// @dev One slot a directive. Nobody has any power here but the patient: no owner, no pause.
contract ConsentRegistry is IConsentRegistry, EIP712 {
    using ImplicitPolicy for Policy;
    using Places for uint256;

    /// @dev Directives of one pair; the bound of every loop here.
    uint256 private constant MAX_DIRECTIVES = 4;
    /// @dev In a revocation: all of the grantee's.
    uint8 private constant ALL = type(uint8).max;

    /// @param controller who signs for the patient; 0 while the account itself does
    /// @param places the directives for each grantee, see Places
    struct Patient {
        uint40 revokedUntil;
        address controller;
        mapping(address grantee => uint256[MAX_DIRECTIVES]) places;
    }

    IInstitutions public immutable institutions;
    IGuardians public immutable guardians;
    /// @inheritdoc IConsentRegistry
    Policy public immutable policy;

    mapping(address account => Patient) private _patients;

    constructor(IInstitutions institutions_, IGuardians guardians_, Policy policy_) EIP712("Salus Consent", "1") {
        institutions = institutions_;
        guardians = guardians_;
        policy = policy_;
    }

    // ---- grant ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function grant(address grantee, Terms terms, bytes32 document) external {
        uint256 t = Terms.unwrap(terms);
        if (t.issuedAt() | t.deadline() != 0) revert UnexpectedTimes(t.issuedAt(), t.deadline());
        Patient storage patient = _patients[msg.sender];
        (uint40 revoked, address controller) = (patient.revokedUntil, patient.controller);
        if (controller != address(0)) revert InvalidSignature(controller);
        _grant(msg.sender, patient.places[grantee], grantee, t.issue(block.timestamp), document, revoked, false);
    }

    /// @param since what was issued until then is revoked
    function _grant(
        address account,
        uint256[MAX_DIRECTIVES] storage places,
        address grantee,
        uint256 terms,
        bytes32 document,
        uint256 since,
        bool signed
    ) private {
        _check(grantee, terms);
        uint256 index = terms.used();
        uint256 first = places[0];
        uint256 place = index == 0 ? first : places[index];
        if (signed) {
            if (since < place.issuedAt()) since = place.issuedAt();
            if (since < first.refusedUntil()) since = first.refusedUntil();
        }
        if (terms.issuedAt() <= since) revert Superseded(account, grantee, uint8(index), uint40(since));

        place = place.write(terms);
        if (index == 0) {
            places[0] = place.count(0);
        } else {
            places[index] = place;
            if (first.used() <= index) places[0] = first.count(index);
        }

        emit ConsentGranted(account, grantee, Terms.wrap(terms), document);
    }

    function _check(address grantee, uint256 terms) private view {
        // An institution, or one known role: a directive for anything else would never match, and a deny be lost in silence.
        uint256 number = uint160(grantee);
        if (number <= type(uint32).max && !Roles.isOne(number)) revert InvalidGrantee(grantee);
        uint8 index = terms.indexOf();
        if (index >= MAX_DIRECTIVES) revert InvalidIndex(index);
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
        Patient storage patient = _patients[msg.sender];
        if (patient.controller != address(0)) revert InvalidSignature(patient.controller);
        _revoke(msg.sender, patient, grantee, index, uint40(block.timestamp), false);
    }

    function _revoke(address account, Patient storage patient, address grantee, uint8 index, uint40 issuedAt, bool signed)
        private
    {
        bool changed;
        if (grantee == address(0)) {
            if (index != ALL) revert InvalidGrantee(grantee);
            changed = issuedAt > patient.revokedUntil;
            if (changed) patient.revokedUntil = issuedAt;
        } else {
            if (index != ALL && index >= MAX_DIRECTIVES) revert InvalidIndex(index);
            changed = _revokeOf(patient.places[grantee], index, issuedAt, signed);
        }
        if (changed) emit ConsentRevoked(account, grantee, index, issuedAt);
        else if (signed) revert Superseded(account, grantee, index, issuedAt);
    }

    /// @dev The pair's first place is written once, with all that changes in it.
    function _revokeOf(uint256[MAX_DIRECTIVES] storage places, uint256 index, uint256 issuedAt, bool signed)
        private
        returns (bool changed)
    {
        uint256 before = places[0];
        uint256 first = before;
        if (index == 0) {
            first = first.revoke(issuedAt);
        } else if (index == ALL) {
            // What is there and was issued later stands.
            if (first.effectOf() != 0) first = first.revoke(issuedAt);
            for (uint256 i = 1; i < before.used(); ++i) {
                if (places[i].effectOf() != 0) changed = _revokeAt(places, i, issuedAt) || changed;
            }
        } else {
            changed = _revokeAt(places, index, issuedAt);
            if (changed) first = first.count(index);
        }
        // From here on signed grants of the pair issued until now are dead, at whichever place. A signed revocation of one place
        // leaves the others alone: the order of arrival must not matter.
        if ((!signed || index == ALL) && issuedAt > first.refusedUntil()) first = first.refuse(issuedAt);
        if (first == before) return changed;
        places[0] = first;
        return true;
    }

    function _revokeAt(uint256[MAX_DIRECTIVES] storage places, uint256 index, uint256 issuedAt) private returns (bool) {
        uint256 place = places[index];
        uint256 revoked = place.revoke(issuedAt);
        if (revoked == place) return false;
        places[index] = revoked;
        return true;
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
        (address account, address grantee) = (order.patient, order.grantee);
        (uint256 terms, bytes32 document) = (Terms.unwrap(order.terms), order.document);
        if (terms.issuedAt() > block.timestamp) revert IssuedInFuture(terms.issuedAt(), block.timestamp);
        if (terms.deadline() < block.timestamp) revert DeadlinePassed(terms.deadline(), block.timestamp);

        Patient storage patient = _patients[account];
        (uint256 revoked, address controller) = (patient.revokedUntil, patient.controller);
        if (controller == address(0)) controller = account;
        bytes32 hash = MessageHashUtils.toTypedDataHash(domain, Orders.structHash(account, grantee, terms, document));
        if (order.r != 0) {
            if (!Signatures.signed(controller, hash, order.r, order.vs)) revert InvalidSignature(controller);
        } else {
            if (uint256(order.vs) >= proofs.length) revert InvalidSignature(controller);
            address signer = _prove(proofs[uint256(order.vs)], hash, controller);
            if (signer != controller) _delegated(order, patient, signer);
        }

        if (terms.effectOf() != 0) {
            _grant(account, patient.places[grantee], grantee, terms, document, revoked, true);
        } else {
            // The signature of a revocation does not cover these: they must not be there.
            (uint32 purposes, uint56 categories) = (terms.purposesOf(), terms.categoriesOf());
            if (purposes != 0 || categories != 0) revert EmptyScope(purposes, categories);
            (uint40 start, uint40 end) = (terms.startsAt(), terms.endsAt());
            if (start != 0 || end != 0 || document != 0) revert InvalidPeriod(start, end);
            _revoke(account, patient, grantee, terms.indexOf(), terms.issuedAt(), true);
        }
    }

    /// @inheritdoc IConsentRegistry
    function digest(Order calldata order) external view returns (bytes32) {
        return _hashTypedDataV4(
            Orders.structHash(order.patient, order.grantee, Terms.unwrap(order.terms), order.document)
        );
    }

    /// @dev Who signed, or sends this itself.
    function _prove(Proof calldata proof, bytes32 hash, address controller) private view returns (address signer) {
        signer = proof.signer == address(0) ? controller : proof.signer;
        bool own = proof.signature.length == 0;
        if (own ? msg.sender != signer : !Signatures.signed(signer, hash, proof.signature)) revert InvalidSignature(signer);
    }

    /// @dev A delegate replaces or revokes only what it could have granted; several at once, or where nothing stands, only when it
    /// could grant anything: such a revocation kills what the patient signed and nobody submitted yet.
    function _delegated(Order calldata order, Patient storage patient, address delegate) private {
        uint256 terms = Terms.unwrap(order.terms);
        uint256 index = terms.indexOf();
        uint256 place = index < MAX_DIRECTIVES ? patient.places[order.grantee][index] : 0;
        bool stands = place.stands(patient.revokedUntil);
        bool any = terms.effectOf() == 0 && !stands;
        uint32 purposes = any ? type(uint32).max : terms.purposesOf() | (stands ? place.purposesOf() : 0);
        uint56 categories = any ? type(uint56).max : terms.categoriesOf() | (stands ? place.categoriesOf() : 0);
        if (!guardians.mayAct(order.patient, delegate, purposes, categories)) revert OutOfScope(order.patient, delegate);

        emit SignedByDelegate(order.patient, delegate);
    }

    function _controllerOf(address patient) private view returns (address) {
        address controller = _patients[patient].controller;
        return controller == address(0) ? patient : controller;
    }

    /// @inheritdoc IConsentRegistry
    function follow(address patient) external {
        address controller = guardians.controllerOf(patient);
        if (controller == _controllerOf(patient)) return;

        _patients[patient].controller = controller == patient ? address(0) : controller;

        emit ControllerFollowed(patient, controller);
    }

    // ---- decide --------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function decide(address patient, address actor, uint32 purpose, uint56 categories)
        external
        view
        returns (Answer answer, Reason reason, address grantee, uint256 index)
    {
        if (purpose == 0 || categories == 0) return (answer, reason, grantee, index);
        (address institution, uint32 roles, IInstitutions.Standing status) = institutions.standing(actor);
        if (status != IInstitutions.Standing.Licensed) return (Answer.Deny, Reason.NotLicensed, grantee, index);

        Patient storage p = _patients[patient];
        uint40 since = p.revokedUntil;
        (answer, reason, index) = _level(p.places[institution], since, purpose, categories);
        if (reason != Reason.NoDirective) grantee = institution;
        if (answer != Answer.None) return (answer, reason, grantee, index);

        // All roles of the institution are one level: a deny for any goes before a permit for another. A permit must be for a role
        // that the actor has; a deny binds every actor of the institution, or an operator with fewer roles would escape it.
        uint32 own = roles;
        bool said = reason != Reason.NoDirective || since != 0;
        if (institution != actor) (, roles,) = institutions.standing(institution);
        while (roles != 0) {
            uint32 role = roles & (~roles + 1);
            roles ^= role;
            (Answer a, Reason r, uint256 i) = _level(p.places[address(uint160(role))], since, purpose, categories);
            if (a == Answer.Deny) return (a, Reason.Role, address(uint160(role)), i);
            said = said || r != Reason.NoDirective;
            if (own & role == 0 || answer != Answer.None) continue;
            if (a == Answer.Permit) (answer, r) = (a, Reason.Role);
            else if (r <= reason) continue;
            (reason, grantee, index) = (r, address(uint160(role)), i);
        }
        // The deployment's policy speaks only where the patient never did.
        if (!said && policy.permits(own, purpose, categories)) (answer, reason) = (Answer.Permit, Reason.Implied);
    }

    /// @dev What the directives of one grantee answer, with the index of the one that decides; or none, with the nearest miss.
    function _level(uint256[MAX_DIRECTIVES] storage places, uint256 since, uint256 purpose, uint256 categories)
        private
        view
        returns (Answer answer, Reason reason, uint256 index)
    {
        uint256 place = places[0];
        uint256 used = place.used();
        // Nothing was ever granted: at most revoked.
        if (used == 0) return (answer, place != 0 ? Reason.Revoked : reason, index);
        for (uint256 i; ;) {
            Reason found = place.judge(since, purpose, categories);
            if (found == Reason.Named) {
                if (place.denies()) return (Answer.Deny, found, i);
                if (answer == Answer.None) (answer, reason, index) = (Answer.Permit, found, i);
            } else if (answer == Answer.None && found > reason) {
                (reason, index) = (found, i);
            }
            unchecked {
                if (++i == used) return (answer, reason, index); // at most four
            }
            place = places[i];
        }
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function directive(address patient, address grantee, uint8 index) external view returns (Record memory) {
        Patient storage account = _patients[patient];
        uint256 p = index < MAX_DIRECTIVES ? account.places[grantee][index] : 0;
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
        return _patients[patient].places[grantee][0].refusedUntil();
    }

    /// @inheritdoc IConsentRegistry
    function pack(Fields calldata fields) external pure returns (Terms) {
        return Terms.wrap(Places.pack(fields));
    }

    /// @inheritdoc IConsentRegistry
    function unpack(Terms terms) external pure returns (Fields memory) {
        return Terms.unwrap(terms).unpack();
    }
}
