// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Signatures} from "contracts/common/Signatures.sol";
import {Circles} from "contracts/consent/Circles.sol";
import {IGuardians} from "interfaces/consent/IGuardians.sol";

/// @title Guardians: delegates of patients, and the way back for who lost the key
/// @dev Nobody has any power here but patients and those whom they name: no owner, no pause.
contract Guardians is IGuardians, EIP712 {
    using Circles for Circles.Circle;

    bytes32 private constant DELEGATE = keccak256(
        "Delegate(address patient,address delegate,uint32 purposes,uint56 categories,uint40 until"
        ",uint40 issuedAt,uint40 deadline)"
    );
    bytes32 private constant SET_GUARDIANS = keccak256(
        "SetGuardians(address patient,address[] guardians,uint8 threshold,uint40 delay,uint40 issuedAt,uint40 deadline)"
    );
    bytes32 private constant RECOVER = keccak256(
        "Recover(address patient,address successor,uint32 version,uint40 deadline)"
    );
    bytes32 private constant WITHDRAW = keccak256(
        "Withdraw(address patient,address successor,uint32 version,uint40 deadline)"
    );
    bytes32 private constant VETO = keccak256("Veto(address patient,address successor,uint32 version,uint40 deadline)");
    bytes32 private constant CONTACT = keccak256(
        "EmergencyContact(address patient,address contact,uint40 issuedAt,uint40 deadline)"
    );

    /// @inheritdoc IGuardians
    uint40 public constant MIN_DELAY = Circles.MIN_DELAY;
    /// @inheritdoc IGuardians
    uint40 public constant MAX_DELAY = Circles.MAX_DELAY;
    /// @inheritdoc IGuardians
    uint40 public constant FINISH_WITHIN = Circles.FINISH_WITHIN;

    /// @param account 0 while the patient's own account signs and always did
    /// @param since second of the last move
    struct Controller {
        address account;
        uint40 since;
    }

    /// @param account who is told of emergencies
    /// @param issuedAt issue of the last change
    struct Contact {
        address account;
        uint40 issuedAt;
    }

    mapping(address patient => mapping(address delegate => Delegation)) private _delegations;
    mapping(address patient => Circles.Circle) private _circles;
    mapping(address patient => Controller) private _controllers;
    mapping(address patient => Contact) private _contacts;
    /// @dev Issue of the naming since which a delegate's mandate has run without a break.
    mapping(address patient => mapping(address delegate => uint40)) private _mandatedSince;

    constructor() EIP712("Salus Guardians", "1") {}

    // ---- delegates -----------------------------------------------------------------------------------------------

    /// @inheritdoc IGuardians
    function setDelegate(
        address patient,
        address delegate,
        uint32 purposes,
        uint56 categories,
        uint40 until,
        Authorization calldata a
    ) external {
        if (delegate == address(0) || delegate == patient) revert InvalidDelegate(delegate);
        bool removal = until == 0;
        if (!removal && (purposes == 0 || categories == 0)) revert EmptyScope(purposes, categories);
        bytes memory encoded = abi.encode(
            DELEGATE,
            patient,
            delegate,
            purposes,
            categories,
            until,
            a.issuedAt,
            a.deadline
        );
        uint40 issuedAt = _authorized(patient, encoded, a);
        Delegation memory stored = _delegations[patient][delegate];
        // At the same second a removal wins, as in the ConsentRegistry; once, for a replay changes nothing.
        bool later = issuedAt > stored.issuedAt || (issuedAt == stored.issuedAt && removal && stored.until != 0);
        if (!later) revert Superseded(patient, stored.issuedAt);

        _delegations[patient][delegate] = Delegation(purposes, categories, until, issuedAt);
        if (stored.until <= issuedAt) _mandatedSince[patient][delegate] = issuedAt;

        emit DelegateSet(patient, delegate, purposes, categories, until, issuedAt);
    }

    // ---- guardians -----------------------------------------------------------------------------------------------

    /// @inheritdoc IGuardians
    function setGuardians(
        address patient,
        address[] calldata guardians,
        uint8 threshold,
        uint40 delay,
        Authorization calldata a
    ) external {
        Circles.checkSet(patient, guardians, threshold, delay);
        bytes32 list = keccak256(abi.encodePacked(guardians));
        bytes memory encoded = abi.encode(SET_GUARDIANS, patient, list, threshold, delay, a.issuedAt, a.deadline);
        uint40 issuedAt = _authorized(patient, encoded, a);

        _circles[patient].change(patient, guardians, threshold, delay, issuedAt);
    }

    /// @inheritdoc IGuardians
    function applyGuardians(address patient) external {
        _circles[patient].applyPending(patient);
    }

    // ---- recovery ------------------------------------------------------------------------------------------------

    /// @inheritdoc IGuardians
    function startRecovery(
        address patient,
        address successor,
        uint40 deadline,
        address[] calldata guardians,
        bytes[] calldata signatures
    ) external {
        if (successor == address(0) || successor == controllerOf(patient)) revert InvalidSuccessor(successor);
        // Before the signatures: whoever submits them once more learns that they are used, not that they are wrong.
        _circles[patient].requireNoneRuns(patient);
        _requireAgreed(patient, RECOVER, successor, deadline, guardians, signatures);

        _circles[patient].start(patient, successor);
    }

    function _requireAgreed(
        address patient,
        bytes32 kind,
        address successor,
        uint40 deadline,
        address[] calldata guardians,
        bytes[] calldata signatures
    ) private view {
        if (deadline < block.timestamp) revert DeadlinePassed(deadline, block.timestamp);
        Circles.Circle storage circle = _circles[patient];
        bytes32 hash = keccak256(abi.encode(kind, patient, successor, circle.set.version, deadline));
        circle.requireAgreed(patient, _hashTypedDataV4(hash), guardians, signatures);
    }

    /// @inheritdoc IGuardians
    function withdrawRecovery(
        address patient,
        uint40 deadline,
        address[] calldata guardians,
        bytes[] calldata signatures
    ) external {
        address successor = _circles[patient].running(patient);
        _requireAgreed(patient, WITHDRAW, successor, deadline, guardians, signatures);

        _circles[patient].end(patient, block.timestamp);

        emit RecoveryWithdrawn(patient, successor);
    }

    /// @inheritdoc IGuardians
    function veto(address patient, Authorization calldata a) external {
        Circles.Circle storage circle = _circles[patient];
        address successor = circle.running(patient);
        _authorized(patient, abi.encode(VETO, patient, successor, circle.set.version, a.deadline), a);

        circle.end(patient, block.timestamp);

        emit RecoveryVetoed(patient, successor);
    }

    /// @inheritdoc IGuardians
    function finishRecovery(address patient) external {
        address successor = _circles[patient].finish(patient);
        _controllers[patient] = Controller(successor, uint40(block.timestamp));

        emit PatientMoved(patient, successor);
    }

    // ---- emergency contact ---------------------------------------------------------------------------------------

    /// @inheritdoc IGuardians
    function setEmergencyContact(address patient, address contact, Authorization calldata a) external {
        if (contact == patient) revert InvalidContact(contact);
        uint40 issuedAt = _authorized(patient, abi.encode(CONTACT, patient, contact, a.issuedAt, a.deadline), a);
        Contact memory stored = _contacts[patient];
        // At the same second a removal wins, as with delegates.
        bool tie = issuedAt == stored.issuedAt && contact == address(0) && stored.account != address(0);
        if (issuedAt <= stored.issuedAt && !tie) revert Superseded(patient, stored.issuedAt);

        _contacts[patient] = Contact(contact, issuedAt);

        emit EmergencyContactSet(patient, contact, issuedAt);
    }

    // ---- signatures ----------------------------------------------------------------------------------------------

    /// @dev Reverts unless the patient's controller sends this itself or has signed it. Returns when it was issued.
    function _authorized(
        address patient,
        bytes memory encoded,
        Authorization calldata a
    ) private view returns (uint40 issuedAt) {
        address controller = controllerOf(patient);
        if (a.signature.length == 0) {
            if (msg.sender != controller) revert InvalidSignature(controller);
            return uint40(block.timestamp);
        }
        if (a.issuedAt > block.timestamp) revert IssuedInFuture(a.issuedAt, block.timestamp);
        if (a.deadline < block.timestamp) revert DeadlinePassed(a.deadline, block.timestamp);
        uint40 since = _controllers[patient].since;
        if (a.issuedAt < since) revert SignedBeforeMove(patient, since);
        bytes32 hash = _hashTypedDataV4(keccak256(encoded));
        if (!Signatures.signed(controller, hash, a.signature)) revert InvalidSignature(controller);
        return a.issuedAt;
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IGuardians
    function controllerOf(address patient) public view returns (address) {
        address controller = _controllers[patient].account;
        return controller == address(0) ? patient : controller;
    }

    /// @inheritdoc IGuardians
    function controlledSince(address patient) external view returns (uint40) {
        return _controllers[patient].since;
    }

    /// @inheritdoc IGuardians
    function mayAct(
        address patient,
        address delegate,
        uint32 purposes,
        uint56 categories
    ) external view returns (bool) {
        Delegation memory d = _delegations[patient][delegate];
        return block.timestamp < d.until && purposes & ~d.purposes == 0 && categories & ~d.categories == 0;
    }

    /// @inheritdoc IGuardians
    function delegation(address patient, address delegate) external view returns (Delegation memory) {
        return _delegations[patient][delegate];
    }

    /// @inheritdoc IGuardians
    function guardianSet(address patient) external view returns (GuardianSet memory) {
        return _circles[patient].set;
    }

    /// @inheritdoc IGuardians
    function pendingGuardians(address patient) external view returns (PendingSet memory) {
        return _circles[patient].pending;
    }

    /// @inheritdoc IGuardians
    function contactOf(address patient) external view returns (address) {
        return _contacts[patient].account;
    }

    /// @inheritdoc IGuardians
    function recovery(address patient) external view returns (Recovery memory) {
        return _circles[patient].recovery;
    }

    /// @inheritdoc IGuardians
    function mandate(
        address patient,
        address delegate
    ) external view returns (uint32 purposes, uint56 categories, uint40 since, uint40 until) {
        Delegation memory d = _delegations[patient][delegate];
        return (d.purposes, d.categories, _mandatedSince[patient][delegate], d.until);
    }
}
