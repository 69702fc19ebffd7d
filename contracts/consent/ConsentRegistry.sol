// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ImplicitPolicy} from "contracts/consent/ImplicitPolicy.sol";
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

    bytes32 private constant GRANT = keccak256(
        "Grant(address patient,address grantee,uint8 index,uint8 effect,uint32 purposes,uint56 categories,uint40 start,uint40 end,bytes32 document,uint40 issuedAt,uint40 deadline)"
    );
    bytes32 private constant REVOKE =
        keccak256("Revoke(address patient,address grantee,uint8 index,uint40 issuedAt,uint40 deadline)");

    /// @dev Directives of one pair; the bound of every loop here.
    uint8 private constant MAX_DIRECTIVES = 4;
    /// @dev In a revocation: all of the grantee's.
    uint8 private constant ALL = type(uint8).max;

    /// @param controller who signs for the patient; 0 while the account itself does
    struct Patient {
        uint40 revokedUntil;
        address controller;
    }

    IInstitutions public immutable institutions;
    IGuardians public immutable guardians;
    /// @inheritdoc IConsentRegistry
    Policy public immutable policy;

    mapping(address patient => mapping(address grantee => mapping(uint256 index => uint256 place))) private _places;
    mapping(address patient => Patient) private _patients;

    constructor(IInstitutions institutions_, IGuardians guardians_, Policy policy_) EIP712("Salus Consent", "1") {
        institutions = institutions_;
        guardians = guardians_;
        policy = policy_;
    }

    // ---- grant ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function grant(Directive calldata directive_) external {
        _grant(msg.sender, directive_, uint40(block.timestamp), false);
    }

    function _grant(address patient, Directive calldata d, uint40 issuedAt, bool signed) private {
        // An institution, or one known role: a directive for anything else would never match, and a deny be lost in silence.
        uint256 number = uint160(d.grantee);
        if (number <= type(uint32).max && !Roles.isOne(number)) revert InvalidGrantee(d.grantee);
        if (d.index >= MAX_DIRECTIVES) revert InvalidIndex(d.index);
        if (d.effect == Effect.None) revert InvalidEffect(d.effect);
        if (d.purposes == 0 || d.categories == 0) revert EmptyScope(d.purposes, d.categories);
        if (d.end <= d.start || d.end <= block.timestamp) revert InvalidPeriod(d.start, d.end);

        mapping(uint256 => uint256) storage places = _places[patient][d.grantee];
        uint256 place = places[d.index];
        Patient memory account = _patients[patient];
        uint40 since = account.revokedUntil;
        if (!signed && account.controller != address(0)) revert InvalidSignature(account.controller);
        if (signed) {
            uint40 refused = d.index == 0 ? place.refusedUntil() : places[0].refusedUntil();
            since = uint40(Math.max(since, Math.max(place.issuedAt(), refused)));
        }
        if (issuedAt <= since) revert Superseded(patient, d.grantee, d.index, since);

        _store(places, d.index, place.write(uint8(d.effect), d.purposes, d.categories, d.start, d.end, issuedAt));

        emit ConsentGranted(
            patient, d.grantee, d.index, d.effect, d.purposes, d.categories, d.start, d.end, issuedAt, d.document
        );
    }

    // ---- revoke --------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function revoke(address grantee, uint8 index) external {
        if (_controllerOf(msg.sender) != msg.sender) revert InvalidSignature(_controllerOf(msg.sender));
        _revoke(msg.sender, grantee, index, uint40(block.timestamp), false);
    }

    function _revoke(address patient, address grantee, uint8 index, uint40 issuedAt, bool signed) private {
        bool changed;
        if (grantee == address(0)) {
            if (index != ALL) revert InvalidGrantee(grantee);
            changed = issuedAt > _patients[patient].revokedUntil;
            if (changed) _patients[patient].revokedUntil = issuedAt;
        } else {
            if (index != ALL && index >= MAX_DIRECTIVES) revert InvalidIndex(index);
            mapping(uint256 => uint256) storage places = _places[patient][grantee];
            changed = index == ALL ? _revokeAll(places, issuedAt) : _revokeOne(places, index, issuedAt);
            // A signed revocation of one place leaves the others alone: the order of arrival must not matter.
            if (index == ALL || !signed) changed = _refuse(places, issuedAt) || changed;
        }
        if (changed) emit ConsentRevoked(patient, grantee, index, issuedAt);
        else if (signed) revert Superseded(patient, grantee, index, issuedAt);
    }

    function _revokeOne(mapping(uint256 => uint256) storage places, uint8 index, uint40 issuedAt)
        private
        returns (bool)
    {
        uint256 place = places[index];
        if (issuedAt < place.issuedAt() || (issuedAt == place.issuedAt() && place.effectOf() == 0)) return false;

        _store(places, index, place.revoke(issuedAt));
        return true;
    }

    function _revokeAll(mapping(uint256 => uint256) storage places, uint40 issuedAt) private returns (bool changed) {
        uint256 used = places[0].used();
        for (uint8 i; i < used; ++i) {
            // What is there and was issued later stands.
            if (places[i].effectOf() != 0) changed = _revokeOne(places, i, issuedAt) || changed;
        }
    }

    /// @dev From here on signed grants of the pair issued until `issuedAt` are dead, at whichever place.
    function _refuse(mapping(uint256 => uint256) storage places, uint40 issuedAt) private returns (bool) {
        uint256 first = places[0];
        if (issuedAt <= first.refusedUntil()) return false;
        places[0] = first.refuse(issuedAt);
        return true;
    }

    /// @dev Writes one place, and the pair's count of places when it grows.
    function _store(mapping(uint256 => uint256) storage places, uint8 index, uint256 place) private {
        if (index == 0) {
            places[0] = place.used() == 0 ? place.setUsed(1) : place;
        } else {
            places[index] = place;
            uint256 first = places[0];
            if (first.used() <= index) places[0] = first.setUsed(index + 1);
        }
    }

    // ---- relay ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function relay(Order[] calldata orders) external {
        for (uint256 i; i < orders.length; ++i) {
            Order calldata order = orders[i];
            Directive calldata d = order.directive;
            if (order.issuedAt > block.timestamp) revert IssuedInFuture(order.issuedAt, block.timestamp);
            if (order.deadline < block.timestamp) revert DeadlinePassed(order.deadline, block.timestamp);
            _authorize(order);

            if (d.effect != Effect.None) {
                _grant(order.patient, d, order.issuedAt, true);
            } else {
                // The signature of a revocation does not cover these: they must not be there.
                if (d.purposes != 0 || d.categories != 0) revert EmptyScope(d.purposes, d.categories);
                if (d.start != 0 || d.end != 0 || d.document != 0) revert InvalidPeriod(d.start, d.end);
                _revoke(order.patient, d.grantee, d.index, order.issuedAt, true);
            }
        }
    }

    /// @inheritdoc IConsentRegistry
    function digest(Order calldata order) public view returns (bytes32) {
        Directive calldata d = order.directive;
        (address patient, uint40 issuedAt, uint40 deadline) = (order.patient, order.issuedAt, order.deadline);
        if (d.effect == Effect.None) {
            bytes memory revocation = abi.encode(REVOKE, patient, d.grantee, d.index, issuedAt, deadline);
            return _hashTypedDataV4(keccak256(revocation));
        }
        bytes memory encoded = abi.encode(
            GRANT, patient, d.grantee, d.index, d.effect, d.purposes, d.categories, d.start, d.end, d.document, issuedAt, deadline
        );
        return _hashTypedDataV4(keccak256(encoded));
    }

    /// @dev Reverts unless who controls the patient's account, or a delegate within its scope, signed the order or sends it.
    function _authorize(Order calldata order) private {
        address controller = _controllerOf(order.patient);
        address signer = order.signer == address(0) ? controller : order.signer;
        bool own = order.signature.length == 0;
        if (own ? msg.sender != signer : !Signatures.signed(signer, digest(order), order.signature)) {
            revert InvalidSignature(signer);
        }
        if (signer == controller) return;

        // A delegate replaces or revokes only what it could have granted; several at once, or what was never written, only when it
        // could grant anything: such a revocation kills what the patient signed and nobody submitted yet.
        Directive calldata d = order.directive;
        uint256 place = d.index < MAX_DIRECTIVES ? _places[order.patient][d.grantee][d.index] : 0;
        bool any = d.effect == Effect.None && place.issuedAt() == 0;
        uint32 purposes = any ? type(uint32).max : d.purposes | place.purposesOf();
        uint56 categories = any ? type(uint56).max : d.categories | place.categoriesOf();
        if (!guardians.mayAct(order.patient, signer, purposes, categories)) revert OutOfScope(order.patient, signer);

        emit SignedByDelegate(order.patient, signer);
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
        returns (Decision memory d)
    {
        if (purpose == 0 || categories == 0) return d;
        (address institution, uint32 roles, IInstitutions.Standing status) = institutions.standing(actor);
        if (status != IInstitutions.Standing.Licensed) return Decision(Answer.Deny, Reason.NotLicensed, address(0), 0);

        uint40 since = _patients[patient].revokedUntil;
        (d.answer, d.reason, d.index) = _level(patient, institution, since, purpose, categories);
        if (d.reason != Reason.NoDirective) d.grantee = institution;
        if (d.answer != Answer.None) return d;

        // All roles of the institution are one level: a deny for any goes before a permit for another. A permit must be for a role
        // that the actor has; a deny binds every actor of the institution, or an operator with fewer roles would escape it.
        uint32 own = roles;
        bool said = d.reason != Reason.NoDirective || since != 0;
        if (institution != actor) (, roles,) = institutions.standing(institution);
        while (roles != 0) {
            uint32 role = roles & (~roles + 1);
            roles ^= role;
            address grantee = address(uint160(role));
            (Answer answer, Reason reason, uint8 index) = _level(patient, grantee, since, purpose, categories);
            if (answer == Answer.Deny) return Decision(answer, Reason.Role, grantee, index);
            said = said || reason != Reason.NoDirective;
            if (own & role == 0 || d.answer != Answer.None) continue;
            if (answer == Answer.Permit) d = Decision(answer, Reason.Role, grantee, index);
            else if (reason > d.reason) (d.reason, d.grantee, d.index) = (reason, grantee, index);
        }
        // The deployment's policy speaks only where the patient never did.
        if (!said && policy.permits(own, purpose, categories)) (d.answer, d.reason) = (Answer.Permit, Reason.Implied);
    }

    /// @dev What the directives of one grantee answer, with the index of the one that decides; or none, with the nearest miss.
    function _level(address patient, address grantee, uint40 since, uint32 purpose, uint56 categories)
        private
        view
        returns (Answer answer, Reason reason, uint8 index)
    {
        mapping(uint256 => uint256) storage places = _places[patient][grantee];
        uint256 place = places[0];
        uint256 used = place.used();
        if (used == 0 && place.refusedUntil() != 0) reason = Reason.Revoked; // before anything was ever granted
        for (uint8 i; i < used; ++i) {
            if (i != 0) place = places[i];
            (Reason found, bool denies) = place.judge(since, purpose, categories);
            if (found == Reason.Named && denies) return (Answer.Deny, found, i);
            if (found == Reason.Named && answer == Answer.None) (answer, reason, index) = (Answer.Permit, found, i);
            else if (answer == Answer.None && found > reason) (reason, index) = (found, i);
        }
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IConsentRegistry
    function directive(address patient, address grantee, uint8 index) external view returns (Record memory) {
        uint256 p = _places[patient][grantee][index];
        Status status = p.status(_patients[patient].revokedUntil);
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
        return _places[patient][grantee][0].refusedUntil();
    }
}
