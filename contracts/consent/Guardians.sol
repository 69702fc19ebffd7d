// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Signatures} from "contracts/common/Signatures.sol";
import {IGuardians} from "interfaces/consent/IGuardians.sol";

/// @title Guardians: delegates of patients, and the way back for who lost the key
/// @dev Nobody has any power here but patients and those whom they name: no owner, no pause.
contract Guardians is IGuardians, EIP712 {
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
    bytes32 private constant VETO = keccak256("Veto(address patient,address successor,uint32 version,uint40 deadline)");

    /// @inheritdoc IGuardians
    uint40 public constant MIN_DELAY = 2 days;
    /// @inheritdoc IGuardians
    uint40 public constant MAX_DELAY = 60 days;
    /// @dev The bound of every loop here.
    uint256 private constant MAX_GUARDIANS = 10;

    mapping(address patient => mapping(address delegate => Delegation)) private _delegations;
    mapping(address patient => GuardianSet) private _sets;
    mapping(address patient => Recovery) private _recoveries;
    /// @dev 0 while the patient's own account signs.
    mapping(address patient => address controller) private _controllers;
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
        _checkSet(patient, guardians, threshold, delay);
        bytes32 list = keccak256(abi.encodePacked(guardians));
        bytes memory encoded = abi.encode(SET_GUARDIANS, patient, list, threshold, delay, a.issuedAt, a.deadline);
        uint40 issuedAt = _authorized(patient, encoded, a);
        GuardianSet storage set = _sets[patient];
        if (issuedAt <= set.issuedAt) revert Superseded(patient, set.issuedAt);

        (set.guardians, set.threshold, set.delay, set.issuedAt) = (guardians, threshold, delay, issuedAt);
        ++set.version;
        delete _recoveries[patient];

        emit GuardiansSet(patient, guardians, threshold, delay, set.version, issuedAt);
    }

    function _checkSet(address patient, address[] calldata guardians, uint8 threshold, uint40 delay) private pure {
        if (guardians.length > MAX_GUARDIANS) revert InvalidGuardians("guardians");
        address last;
        for (uint256 i; i < guardians.length; ++i) {
            if (guardians[i] <= last || guardians[i] == patient) revert InvalidGuardians("guardians");
            last = guardians[i];
        }
        // None at all: then nobody has to agree on anything, and the record says so.
        if (guardians.length == 0 && threshold == 0) {
            if (delay != 0) revert InvalidGuardians("delay");
            return;
        }
        if (threshold == 0 || threshold > guardians.length) revert InvalidGuardians("threshold");
        if (delay < MIN_DELAY || delay > MAX_DELAY) revert InvalidGuardians("delay");
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
        GuardianSet memory set = _sets[patient];
        if (successor == address(0) || successor == controllerOf(patient)) revert InvalidSuccessor(successor);
        address pending = _recoveries[patient].successor;
        if (pending != address(0)) revert RecoveryPending(patient, pending);
        if (deadline < block.timestamp) revert DeadlinePassed(deadline, block.timestamp);
        if (guardians.length < set.threshold || set.threshold == 0 || signatures.length != guardians.length) {
            revert TooFewGuardians(patient, signatures.length, set.threshold);
        }
        bytes32 hash = _hashTypedDataV4(keccak256(abi.encode(RECOVER, patient, successor, set.version, deadline)));
        uint256 at;
        for (uint256 i; i < guardians.length; ++i) {
            // Both lists ascend, so one walk finds each; a duplicate or a stranger runs off the end.
            while (at < set.guardians.length && set.guardians[at] != guardians[i]) ++at;
            if (at == set.guardians.length) revert NotGuardian(patient, guardians[i]);
            ++at;
            if (!Signatures.signed(guardians[i], hash, signatures[i])) revert InvalidSignature(guardians[i]);
        }

        uint40 readyAt = uint40(block.timestamp) + set.delay;
        _recoveries[patient] = Recovery(successor, readyAt);

        emit RecoveryStarted(patient, successor, readyAt);
    }

    /// @inheritdoc IGuardians
    function veto(address patient, Authorization calldata a) external {
        address successor = _recoveries[patient].successor;
        if (successor == address(0)) revert NoRecovery(patient);
        GuardianSet storage set = _sets[patient];
        _authorized(patient, abi.encode(VETO, patient, successor, set.version, a.deadline), a);

        delete _recoveries[patient];
        ++set.version;

        emit RecoveryVetoed(patient, successor);
    }

    /// @inheritdoc IGuardians
    function finishRecovery(address patient) external {
        Recovery memory pending = _recoveries[patient];
        if (pending.successor == address(0)) revert NoRecovery(patient);
        if (block.timestamp < pending.readyAt) revert NotReady(patient, pending.readyAt);

        delete _recoveries[patient];
        _controllers[patient] = pending.successor;
        ++_sets[patient].version;

        emit PatientMoved(patient, pending.successor);
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
        bytes32 hash = _hashTypedDataV4(keccak256(encoded));
        if (!Signatures.signed(controller, hash, a.signature)) revert InvalidSignature(controller);
        return a.issuedAt;
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IGuardians
    function controllerOf(address patient) public view returns (address) {
        address controller = _controllers[patient];
        return controller == address(0) ? patient : controller;
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
        return _sets[patient];
    }

    /// @inheritdoc IGuardians
    function recovery(address patient) external view returns (Recovery memory) {
        return _recoveries[patient];
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
