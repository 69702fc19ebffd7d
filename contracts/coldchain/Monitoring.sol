// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Bands} from "contracts/coldchain/Bands.sol";
import {Handovers} from "contracts/coldchain/Handovers.sol";
import {Parcels} from "contracts/coldchain/Parcels.sol";
import {TemperatureRules} from "contracts/coldchain/TemperatureRules.sol";
import {Verdicts} from "contracts/coldchain/Verdicts.sol";
import {CustodyWord} from "contracts/coldchain/words/CustodyWords.sol";
import {HeaderWords} from "contracts/coldchain/words/HeaderWords.sol";
import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {MonitoringWord, MonitoringWords} from "contracts/coldchain/words/MonitoringWords.sol";
import {PairingWord, PairingWords} from "contracts/coldchain/words/PairingWords.sol";
import {SumsWord} from "contracts/coldchain/words/SumsWords.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {ILoggers} from "interfaces/coldchain/ILoggers.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title Monitoring: loggers, their readings, and what is said of a shipment
abstract contract Monitoring is IColdChain, Licensed, AccessManaged, EIP712 {
    using HeaderWords for HeaderWord;
    using LimitsWords for ILots.LimitsWord;
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
    mapping(uint256 number => Parcels.LotData) internal _lotData;
    mapping(bytes32 shipment => mapping(address device => PairingWord)) private _pairings;
    mapping(address device => uint256 until) private _busy;

    constructor(ILoggers loggers) {
        _loggers = loggers;
    }

    // ---- loggers -------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function pair(bytes32 id, address logger, uint40 from, uint40 to, uint16 model) external {
        (Parcels.Parcel storage p, CustodyWord custody) = _held(id);
        _licensed(logger, Roles.LOGGER);
        MonitoringWord monitoring = p.monitoringOf(custody);
        ILots.LimitsWord limits = _lotData[custody.lotNumberOf()].limits;
        bool first = monitoring.flagsOf() & MonitoringWords.JUDGED == 0;
        ILoggers.Device memory device = _loggers.device(logger);
        if (device.condition != ILoggers.Condition.InService) revert InvalidPairing("device");
        if (from >= device.calibratedUntil) revert InvalidPairing("calibration");
        if (from > block.timestamp || from < (first ? limits.madeAt() : monitoring.untilOf())) {
            revert InvalidPairing("from");
        }
        if (to <= from) revert InvalidPairing("to");
        if (to > device.calibratedUntil) to = device.calibratedUntil;
        if (from < _busy[logger]) revert InvalidPairing("busy");
        if (model != 0 && !_loggers.model(model).trusted) revert InvalidPairing("model");

        _busy[logger] = to;
        _pairings[id][logger] = PairingWords.pack(from, to, model, custody.lotNumberOf(), limits);
        if (first) {
            // From here on time is judged. What lies between its opening and here, nobody has seen.
            uint256 missed = p.sums.unknownOf();
            if (from > monitoring.untilOf()) {
                missed += from - monitoring.untilOf();
                p.sums = p.sums.plusUnknown(from - monitoring.untilOf());
            }
            p.monitoring = limits.judged(monitoring, from, 0, missed);
        }

        emit LoggerPaired(id, logger, from, to, model);
    }

    /// @inheritdoc IColdChain
    function unpair(bytes32 id, address logger, uint40 to) external {
        PairingWord pairing_ = _pairings[id][logger];
        if (!pairing_.exists()) revert NotPaired(id, logger);
        address institution = _employer(msg.sender);
        bool owns = institution == _loggers.device(logger).owner;
        if (!owns && institution != _parcels[id].custody.holderOf()) revert NotHolder(id, msg.sender);
        _licensed(msg.sender, owns ? Roles.LOGGER : HOLDERS);
        if (to < pairing_.fromOf() || to > pairing_.toOf()) revert InvalidPairing("to");

        // The pairings of a device follow one another, so that the end of its last one is that one's alone.
        if (_busy[logger] == pairing_.toOf()) _busy[logger] = to;
        _pairings[id][logger] = pairing_.withTo(to);

        emit PairingEnded(id, logger, to);
    }

    // ---- readings ------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function log(Batch calldata batch, bytes calldata signature) external {
        Parcels.Parcel storage p = _parcels[batch.shipment];
        MonitoringWord monitoring = p.monitoring;
        bytes calldata data = batch.data;
        bytes32 digest_ = _hashTypedDataV4(Handovers.readings(batch, data, monitoring.chainOf()));
        (address device, PairingWord pairing_) = _signer(batch.shipment, digest_, signature);
        _licensed(device, Roles.LOGGER);
        uint256 until = _check(batch, data.length, monitoring, pairing_);

        SumsWord sums = p.sums;
        uint256 unknown = sums.unknownOf();
        uint256 flags;
        if (!Bands.isInBand(monitoring, pairing_, sums, batch.header, data)) {
            (sums, flags) = TemperatureRules.judge(
                p,
                _lotData[pairing_.lotNumberOf()],
                monitoring,
                pairing_,
                batch.header,
                data
            );
        }
        bool breach = sums.breachedOf() != 0 && monitoring.dispositionOf() == Disposition.Active;
        if (breach) monitoring = monitoring.withDisposition(Disposition.Quarantined);
        monitoring = monitoring.judged(until, flags, sums.unknownOf(), pairing_.silenceOf(), pairing_.unknownOf());
        // Unchecked: `_check` keeps a number back; readings are at most one a second.
        unchecked {
            unknown = sums.unknownOf() - unknown;
        }
        monitoring = monitoring.withBatch(batch.header.countOf(), digest_);
        p.monitoring = monitoring;

        emit ReadingsLogged(
            batch.shipment,
            device,
            batch.header,
            batch.file,
            uint32(unknown),
            bytes16(digest_),
            sums.packed(monitoring)
        );
        if (breach) _emitQuarantined(batch.shipment, sums, address(0), 0);
    }

    /// @dev Who signed a batch, and its pairing: a stranger has none.
    function _signer(
        bytes32 id,
        bytes32 digest_,
        bytes calldata signature
    ) private view returns (address device, PairingWord pairing_) {
        device = Handovers.signer(digest_, signature); // 0 for a bad one, which nobody pairs
        pairing_ = _pairings[id][device];
        if (!pairing_.exists()) revert NotPaired(id, device);
    }

    /// @return until end of the last reading's step
    function _check(
        Batch calldata batch,
        uint256 length,
        MonitoringWord monitoring,
        PairingWord pairing_
    ) private view returns (uint256 until) {
        HeaderWord header = batch.header;
        Bands.check(header, length, pairing_.silenceOf());
        // The last number is never used: after it none would come.
        if (header.sequenceOf() != monitoring.batchesOf() || header.sequenceOf() == type(uint24).max) {
            revert OutOfSequence(batch.shipment, uint24(monitoring.batchesOf()), header.sequenceOf());
        }
        uint40 start = header.startOf();
        if (start < monitoring.untilOf()) revert OutOfOrder(batch.shipment, uint40(monitoring.untilOf()), start);
        // Unchecked: 40 bits and two of 16.
        unchecked {
            until = start + header.countOf() * header.stepOf();
            // A reading must have been taken; its step may still be running.
            uint256 last = until - header.stepOf();
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
        fork = fork && batches[0].header.sequenceOf() == batches[1].header.sequenceOf();
        for (uint256 i; i < 2; ++i) {
            fork = fork && batches[i].header.startOf() >= restarted;
        }
        if (!fork) revert NoFork(id);

        emit LoggerForked(id, device, one, other);
        _quarantine(id, FORKED, address(0), 0);
    }

    /// @inheritdoc IColdChain
    function digest(Batch calldata batch) external view returns (bytes32) {
        return _digest(batch, _parcels[batch.shipment].monitoring.chainOf());
    }

    function _digest(Batch calldata batch, bytes16 previous) private view returns (bytes32) {
        return _hashTypedDataV4(Handovers.readings(batch, batch.data, previous));
    }

    // ---- shared with custody -------------------------------------------------------------------------------------

    /// @dev Sets a bit that no reading sets; of what is closed or destroyed it changes no more than that.
    function _quarantine(bytes32 id, uint256 bit, address by, uint16 reason) internal {
        Parcels.Parcel storage p = _parcels[id];
        MonitoringWord monitoring = p.monitoringOf(p.custody);
        SumsWord sums = p.sums.withBreach(bit);
        p.sums = sums;
        if (monitoring.dispositionOf() > Disposition.Quarantined) return;
        p.monitoring = monitoring.withDisposition(Disposition.Quarantined);

        _emitQuarantined(id, sums, by, reason);
    }

    function _emitQuarantined(bytes32 id, SumsWord sums, address by, uint16 reason) internal {
        emit ShipmentQuarantined(id, uint16(sums.breachedOf()), uint40(sums.breachedAtOf()), by, reason);
    }

    /// @dev The shipment, which the sender must hold, itself or as a licensed operator.
    function _held(bytes32 id) internal view returns (Parcels.Parcel storage p, CustodyWord custody) {
        (p, custody) = _known(id);
        if (_licensed(msg.sender, HOLDERS) != custody.holderOf()) revert NotHolder(id, msg.sender);
    }

    function _known(bytes32 id) internal view returns (Parcels.Parcel storage p, CustodyWord custody) {
        p = _parcels[id];
        custody = p.custody;
        if (!custody.exists()) revert UnknownShipment(id);
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

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function pairing(bytes32 id, address logger) external view returns (Pairing memory) {
        PairingWord pairing_ = _pairings[id][logger];
        return Pairing(uint40(pairing_.fromOf()), uint40(pairing_.toOf()), uint16(pairing_.modelOf()));
    }

    /// @inheritdoc IColdChain
    function verdict(bytes32 id) external view returns (Verdict) {
        Parcels.Parcel storage p = _parcels[id];
        CustodyWord custody = p.custody;
        if (!custody.exists()) return Verdict.None;
        return Verdicts.verdict(custody, p.monitoringOf(custody), _lotData[custody.lotNumberOf()].manufacturerWord);
    }

    /// @inheritdoc IColdChain
    function report(bytes32 id) external view returns (Report memory r) {
        Parcels.Parcel storage p = _parcels[id];
        if (p.custody.exists()) return p.report(_lotData[p.custody.lotNumberOf()]);
    }

    /// @inheritdoc IColdChain
    function shipment(bytes32 id) external view returns (Shipment memory s) {
        Parcels.Parcel storage p = _parcels[id];
        if (p.custody.exists()) return p.shipment(_lotData[p.custody.lotNumberOf()]);
    }
}
