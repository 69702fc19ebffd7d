// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {ILoggers} from "interfaces/coldchain/ILoggers.sol";

/// @title Loggers: what each device is, and whose signature a file bears
contract Loggers is ILoggers, Licensed, AccessManaged {
    /// @dev The last second of the year 2105: whoever judges sums times in 32 bits.
    uint40 private constant LAST = 4_291_747_199;

    mapping(address device => Device) private _devices;
    uint16 private _modelCount;
    mapping(uint256 number => Model) private _models;
    mapping(bytes32 file => uint16 model) private _provenBy;

    constructor(address manager, IInstitutions institutions_) Licensed(institutions_) AccessManaged(manager) {}

    // ---- devices -------------------------------------------------------------------------------------------------

    /// @inheritdoc ILoggers
    function register(address device_, uint16 model_, uint16 accuracy, bytes32 serial) external {
        address owner = _licensed(msg.sender, Roles.LOGGER);
        (address institution, uint32 roles, ) = institutions.standing(device_);
        if (institution != owner || roles & Roles.LOGGER == 0) revert NotADevice(device_);
        if (_devices[device_].condition != Condition.None) revert DeviceExists(device_);
        if (model_ > _modelCount) revert UnknownModel(model_);

        _devices[device_] = Device({
            owner: owner,
            model: model_,
            accuracy: accuracy,
            calibratedUntil: 0,
            condition: Condition.InService,
            since: uint40(block.timestamp)
        });

        emit DeviceRegistered(device_, owner, model_, accuracy, serial);
    }

    /// @inheritdoc ILoggers
    function calibrate(address device_, uint40 until, bytes32 certificate) external {
        address laboratory = _licensed(msg.sender, Roles.LABORATORY);
        Device storage d = _known(device_);
        if (until <= block.timestamp || until > LAST) revert InvalidCalibration(until);

        d.calibratedUntil = until;

        emit DeviceCalibrated(device_, laboratory, until, certificate);
    }

    /// @inheritdoc ILoggers
    function setCondition(address device_, Condition condition, address successor) external {
        address owner = _licensed(msg.sender, Roles.LOGGER);
        Device storage d = _known(device_);
        if (d.owner != owner) revert NotOwner(device_, msg.sender);
        bool ended = d.condition == Condition.Replaced || d.condition == Condition.Retired;
        if (ended || condition == Condition.None || condition == d.condition) {
            revert InvalidCondition(device_, condition);
        }
        _checkSuccessor(device_, owner, condition, successor);

        (d.condition, d.since) = (condition, uint40(block.timestamp));

        emit DeviceConditionSet(device_, condition, successor);
    }

    /// @dev What replaces a device is another one of the same owner, in service; nothing else has a successor.
    function _checkSuccessor(address device_, address owner, Condition condition, address successor) private view {
        if (condition != Condition.Replaced) {
            if (successor != address(0)) revert InvalidCondition(device_, condition);
            return;
        }
        Device storage s = _known(successor);
        if (s.owner != owner) revert NotOwner(successor, msg.sender);
        if (successor == device_ || s.condition != Condition.InService) revert InvalidCondition(device_, condition);
    }

    // ---- models and their files ----------------------------------------------------------------------------------

    /// @inheritdoc ILoggers
    function accreditModel(bytes32 name, bytes32 x, bytes32 y) external restricted returns (uint16 model_) {
        if (!P256.isValidPublicKey(x, y)) revert InvalidKey(x, y);

        model_ = ++_modelCount;
        _models[model_] = Model({x: x, y: y, name: name, trusted: true});

        emit ModelAccredited(model_, name, x, y);
    }

    /// @inheritdoc ILoggers
    function distrustModel(uint16 model_) external restricted {
        Model storage m = _trusted(model_);

        m.trusted = false;

        emit ModelDistrusted(model_);
    }

    /// @inheritdoc ILoggers
    function proveFile(bytes32 file, uint16 model_, bytes32 r, bytes32 s) external {
        Model storage m = _trusted(model_);
        // Not an error: whoever comes second wanted just this.
        if (_provenBy[file] == model_) return;
        if (!P256.verify(file, r, s, m.x, m.y)) revert InvalidFileSignature(file, model_);

        _provenBy[file] = model_;

        emit FileProven(file, model_);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc ILoggers
    function device(address account) external view returns (Device memory) {
        return _devices[account];
    }

    /// @inheritdoc ILoggers
    function model(uint16 number) external view returns (Model memory) {
        return _models[number];
    }

    /// @inheritdoc ILoggers
    function provenBy(bytes32 file) external view returns (uint16) {
        return _provenBy[file];
    }

    function _known(address device_) private view returns (Device storage d) {
        d = _devices[device_];
        if (d.condition == Condition.None) revert UnknownDevice(device_);
    }

    function _trusted(uint16 model_) private view returns (Model storage m) {
        if (model_ == 0 || model_ > _modelCount) revert UnknownModel(model_);
        m = _models[model_];
        if (!m.trusted) revert ModelNotTrusted(model_);
    }
}
