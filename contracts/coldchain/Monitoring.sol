// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Bands} from "contracts/coldchain/Bands.sol";
import {Handovers} from "contracts/coldchain/Handovers.sol";
import {Parcels} from "contracts/coldchain/Parcels.sol";
import {TemperatureRules} from "contracts/coldchain/TemperatureRules.sol";
import {Verdicts} from "contracts/coldchain/Verdicts.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {ILoggers} from "interfaces/coldchain/ILoggers.sol";

/// @title Monitoring: loggers, their readings, and what is said of a shipment
abstract contract Monitoring is IColdChain, Licensed, AccessManaged, EIP712 {
    using Parcels for uint256;
    using Parcels for Parcels.Parcel;
    using Verdicts for Parcels.Parcel;

    /// @inheritdoc IColdChain
    uint16 public constant MAX_READINGS = Bands.MAX_READINGS;

    /// @dev Who may hold vaccine.
    uint32 internal constant HOLDERS =
        Roles.PROVIDER | Roles.PHARMACY | Roles.MANUFACTURER | Roles.CARRIER | Roles.LABORATORY | Roles.PUBLIC_HEALTH;

    uint256 private constant FORKED = 1 << 10;
    uint256 internal constant BY_HAND = 1 << 11;

    ILoggers private immutable _loggers;

    mapping(bytes32 shipment => Parcels.Parcel) internal _parcels;
    mapping(uint256 number => Parcels.Goods) internal _goods;
    mapping(bytes32 shipment => mapping(address device => uint256)) private _pairings;
    mapping(address device => uint256 until) private _busy;

    constructor(ILoggers loggers) {
        _loggers = loggers;
    }

    // ---- loggers -------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function pair(bytes32 id, address logger, uint40 from, uint40 to, uint16 model) external {
        (Parcels.Parcel storage p, uint256 custody) = _held(id);
        _licensed(logger, Roles.LOGGER);
        uint256 course = p.courseOf(custody);
        uint256 limits = _goods[custody.lotOf()].limits;
        bool first = course.flagsOf() & Parcels.JUDGED == 0;
        ILoggers.Device memory device = _loggers.device(logger);
        if (device.condition != ILoggers.Condition.InService) revert InvalidPairing("device");
        if (from >= device.calibratedUntil) revert InvalidPairing("calibration");
        if (from > block.timestamp || from < (first ? limits.madeAt() : course.untilOf())) {
            revert InvalidPairing("from");
        }
        if (to <= from) revert InvalidPairing("to");
        if (to > device.calibratedUntil) to = device.calibratedUntil;
        if (from < _busy[logger]) revert InvalidPairing("busy");
        if (model != 0 && !_loggers.model(model).trusted) revert InvalidPairing("model");

        _busy[logger] = to;
        _pairings[id][logger] = Parcels.pairing(from, to, model, custody.lotOf(), limits);
        if (first) {
            // From here on time is judged. What lies between its opening and here, nobody has seen.
            uint256 missed = p.sums.unknownOf();
            if (from > course.untilOf()) {
                missed += from - course.untilOf();
                p.sums += (from - course.untilOf()) << 96;
            }
            p.course = course.judged(from, 0, missed, limits.silence(), limits.unknown());
        }

        emit LoggerPaired(id, logger, from, to, model);
    }

    /// @inheritdoc IColdChain
    function unpair(bytes32 id, address logger, uint40 to) external {
        uint256 pairing_ = _pairings[id][logger];
        if (pairing_ == 0) revert NotPaired(id, logger);
        address institution = _employer(msg.sender);
        bool owns = institution == _loggers.device(logger).owner;
        if (!owns && institution != _parcels[id].custody.holderOf()) revert NotHolder(id, msg.sender);
        _licensed(msg.sender, owns ? Roles.LOGGER : HOLDERS);
        if (to < pairing_.fromOf() || to > pairing_.toOf()) revert InvalidPairing("to");

        // The pairings of a device follow one another, so that the end of its last one is that one's alone.
        if (_busy[logger] == pairing_.toOf()) _busy[logger] = to;
        _pairings[id][logger] = (pairing_ & ~(Parcels.MAX_32 << 32)) | (uint256(to) << 32);

        emit PairingEnded(id, logger, to);
    }

    // ---- readings ------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function log(Batch calldata batch, bytes calldata signature) external {
        Parcels.Parcel storage p = _parcels[batch.shipment];
        uint256 course = p.course;
        bytes calldata data = batch.data;
        bytes32 digest_ = _hashTypedDataV4(Handovers.readings(batch, data, course.chainOf()));
        (address device, uint256 pairing_) = _signer(batch.shipment, digest_, signature);
        _licensed(device, Roles.LOGGER);
        uint256 until = _check(batch, data.length, course, pairing_);

        uint256 sums = p.sums;
        uint256 unknown = sums.unknownOf();
        uint256 flags;
        if (!Bands.calm(course, pairing_, sums, batch.header, data)) {
            (sums, flags) = TemperatureRules.judge(p, _goods[pairing_.goodsOf()], course, pairing_, batch.header, data);
        }
        bool breach = sums.breachedOf() != 0 && course.dispositionOf() == Disposition.Active;
        if (breach) course = course.withDisposition(Disposition.Quarantined);
        course = course.judged(until, flags, sums.unknownOf(), (pairing_ >> 136) & Parcels.MAX_32, pairing_ >> 168);
        // Unchecked: `_check` keeps a number back; readings are at most one a second.
        unchecked {
            course += (1 << 64) + (uint256(uint16(batch.header >> 80)) << 88);
            unknown = sums.unknownOf() - unknown;
        }
        course = (course & type(uint128).max) | ((uint256(digest_) >> 128) << 128);
        p.course = course;

        emit ReadingsLogged(
            batch.shipment,
            device,
            batch.header,
            batch.file,
            uint32(unknown),
            bytes16(digest_),
            course.packed(sums)
        );
        if (!breach) return;
        emit ShipmentQuarantined(batch.shipment, uint16(sums.breachedOf()), uint40(sums.breachedAtOf()), address(0), 0);
    }

    /// @dev Who signed a batch, and its pairing: a stranger has none.
    function _signer(
        bytes32 id,
        bytes32 digest_,
        bytes calldata signature
    ) private view returns (address device, uint256 pairing_) {
        device = Handovers.signer(digest_, signature); // 0 for a bad one, which nobody pairs
        pairing_ = _pairings[id][device];
        if (pairing_ == 0) revert NotPaired(id, device);
    }

    /// @return until end of the last reading's step
    function _check(
        Batch calldata batch,
        uint256 length,
        uint256 course,
        uint256 pairing_
    ) private view returns (uint256 until) {
        uint256 header = batch.header;
        Bands.check(header, length, (pairing_ >> 136) & Parcels.MAX_32);
        // The last number is never used: after it none would come.
        if (uint24(header) != course.batchesOf() || uint24(header) == type(uint24).max) {
            revert OutOfSequence(batch.shipment, uint24(course.batchesOf()), uint24(header));
        }
        uint40 start = uint40(header >> 24);
        if (start < course.untilOf()) revert OutOfOrder(batch.shipment, uint40(course.untilOf()), start);
        // Unchecked: 40 bits and two of 16.
        unchecked {
            until = start + uint256(uint16(header >> 80)) * uint16(header >> 64);
            // A reading must have been taken; its step may still be running.
            uint256 last = until - uint16(header >> 64);
            if (start < pairing_.fromOf() || last >= pairing_.toOf()) {
                revert OutsidePairing(uint40(pairing_.fromOf()), uint40(pairing_.toOf()));
            }
            if (last > block.timestamp) revert FromTheFuture(uint40(last), block.timestamp);
        }
        uint256 model = pairing_.modelOf();
        if (model != 0 && _loggers.provenBy(batch.file) != model) revert FileNotProven(batch.file, uint16(model));
    }

    /// @inheritdoc IColdChain
    function reportFork(
        Batch[2] calldata batches,
        bytes16[2] calldata previous,
        bytes[2] calldata signatures
    ) external {
        bytes32 id = batches[0].shipment;
        bytes32 one = _digest(batches[0], previous[0]);
        bytes32 other = _digest(batches[1], previous[1]);
        (address device, ) = _signer(id, one, signatures[0]);
        bool fork = one != other && batches[1].shipment == id && Handovers.signer(other, signatures[1]) == device;
        // A release or a merger passes over batches that are on their way: a device then signs their number anew.
        uint256 restarted = _parcels[id].sums.restartedOf();
        fork = fork && uint24(batches[0].header) == uint24(batches[1].header);
        for (uint256 i; i < 2; ++i) {
            fork = fork && uint40(batches[i].header >> 24) >= restarted;
        }
        if (!fork) revert NoFork(id);

        emit LoggerForked(id, device, one, other);
        _quarantine(id, FORKED, address(0), 0);
    }

    /// @inheritdoc IColdChain
    function digest(Batch calldata batch) external view returns (bytes32) {
        return _digest(batch, _parcels[batch.shipment].course.chainOf());
    }

    function _digest(Batch calldata batch, bytes16 previous) private view returns (bytes32) {
        return _hashTypedDataV4(Handovers.readings(batch, batch.data, previous));
    }

    // ---- shared with custody -------------------------------------------------------------------------------------

    /// @dev Sets a bit that no reading sets; of what is closed or destroyed it changes no more than that.
    function _quarantine(bytes32 id, uint256 bit, address by, uint16 reason) internal {
        Parcels.Parcel storage p = _parcels[id];
        uint256 course = p.courseOf(p.custody);
        uint256 sums = p.sums | (bit << 128);
        p.sums = sums;
        if (course.dispositionOf() > Disposition.Quarantined) return;
        p.course = course.withDisposition(Disposition.Quarantined);

        emit ShipmentQuarantined(id, uint16(sums.breachedOf()), uint40(sums.breachedAtOf()), by, reason);
    }

    /// @dev The shipment, which the sender must hold, itself or as a licensed operator.
    function _held(bytes32 id) internal view returns (Parcels.Parcel storage p, uint256 custody) {
        (p, custody) = _known(id);
        if (_licensed(msg.sender, HOLDERS) != custody.holderOf()) revert NotHolder(id, msg.sender);
    }

    function _known(bytes32 id) internal view returns (Parcels.Parcel storage p, uint256 custody) {
        p = _parcels[id];
        custody = p.custody;
        if (custody == 0) revert UnknownShipment(id);
    }

    /// @dev The sender acts for an institution, in a role; or else the AccessManager lets it.
    /// @return whether it acts for the institution
    function _checkPower(address institution, uint32 role) internal returns (bool) {
        bool own = _employer(msg.sender) == institution;
        if (own) _licensed(msg.sender, role);
        else _checkCanCall(msg.sender, msg.data);
        return own;
    }

    /// @dev Whom an account acts for, licensed or not.
    function _employer(address account) internal view returns (address institution) {
        (institution, , ) = institutions.standing(account);
    }

    function _requireOpen(bytes32 id, uint256 course) internal pure {
        Disposition disposition = course.dispositionOf();
        if (disposition == Disposition.Closed) revert NotIntact(id, Verdict.Closed);
        if (disposition == Disposition.Destroyed) revert NotIntact(id, Verdict.Destroyed);
    }

    function _requireIntact(bytes32 id, uint256 custody, uint256 course, uint256 maker) internal view {
        Verdict verdict_ = Verdicts.verdict(custody, course, maker);
        if (verdict_ != Verdict.Intact) revert NotIntact(id, verdict_);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function pairing(bytes32 id, address logger) external view returns (Pairing memory) {
        uint256 pairing_ = _pairings[id][logger];
        return Pairing(uint40(pairing_.fromOf()), uint40(pairing_.toOf()), uint16(pairing_.modelOf()));
    }

    /// @inheritdoc IColdChain
    function verdict(bytes32 id) external view returns (Verdict) {
        Parcels.Parcel storage p = _parcels[id];
        uint256 custody = p.custody;
        if (custody == 0) return Verdict.None;
        return Verdicts.verdict(custody, p.courseOf(custody), _goods[custody.lotOf()].maker);
    }

    /// @inheritdoc IColdChain
    function report(bytes32 id) external view returns (Report memory r) {
        Parcels.Parcel storage p = _parcels[id];
        if (p.custody != 0) return p.report(_goods[p.custody.lotOf()]);
    }

    /// @inheritdoc IColdChain
    function shipment(bytes32 id) external view returns (Shipment memory s) {
        Parcels.Parcel storage p = _parcels[id];
        if (p.custody != 0) return p.shipment(_goods[p.custody.lotOf()]);
    }
}
