// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Ids} from "contracts/Ids.sol";
import {Gs1} from "contracts/coldchain/Gs1.sol";
import {TemperatureRules} from "contracts/coldchain/TemperatureRules.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IColdChain} from "interfaces/IColdChain.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";

/// @title Cold chain: every reading judged, custody only of what is intact
contract ColdChain is IColdChain, Licensed, AccessManaged, EIP712 {
    using TemperatureRules for TemperatureRules.Limits;

    bytes32 private constant READINGS = keccak256(
        "Readings(bytes32 shipment,address logger,uint24 sequence,uint40 start,uint16 step,uint16 count,int16 base,bytes32 previous,bytes data)"
    );

    /// @inheritdoc IColdChain
    uint16 public constant MAX_READINGS = 5000;

    /// @dev Who may hold vaccine.
    uint32 private constant HOLDERS =
        Roles.PROVIDER | Roles.PHARMACY | Roles.MANUFACTURER | Roles.CARRIER | Roles.LABORATORY | Roles.PUBLIC_HEALTH;

    /// @dev The first slot is all that a batch of readings needs of it; so profiles have a short number inside.
    struct Parcel {
        address logger;
        Disposition disposition;
        uint40 from;
        uint48 profile;
        address holder;
        uint32 units;
        uint40 breachedAt;
        address offeredTo;
        bytes32 lot;
        bytes32 chain;
    }

    uint48 private _profileCount;
    mapping(bytes32 profile => uint48 number) private _profileNumbers;
    mapping(uint256 number => TemperatureRules.Limits) private _profiles;
    mapping(bytes32 lot => Lot) private _lots;
    mapping(bytes32 lot => uint32) private _unitsLeft;
    mapping(bytes32 shipment => Parcel) private _parcels;
    mapping(bytes32 shipment => Judgement) private _judgements;
    mapping(bytes32 shipment => uint256) private _runs;

    constructor(address manager, IInstitutions institutions_)
        Licensed(institutions_) AccessManaged(manager) EIP712("Salus Cold Chain", "1") {}

    // ---- profiles and lots ---------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function registerProfile(Profile calldata terms) external restricted returns (bytes32 id) {
        id = Ids.profile(keccak256(abi.encode(terms)));
        if (_profileNumbers[id] != 0) revert ProfileExists(id);

        _profileNumbers[id] = ++_profileCount;
        _profiles[_profileCount] = TemperatureRules.pack(terms);

        emit ProfileRegistered(id, terms);
    }

    /// @inheritdoc IColdChain
    function registerLot(Lot calldata terms) external returns (bytes32 id) {
        id = Ids.lot(terms.manufacturer, terms.gtin, terms.number);
        if (_licensed(msg.sender, Roles.MANUFACTURER) != terms.manufacturer) revert NotManufacturer(id, msg.sender);
        if (_lots[id].manufacturer != address(0)) revert LotExists(id);
        if (_profileNumbers[terms.profile] == 0) revert UnknownProfile(terms.profile);
        if (!Gs1.validGtin(terms.gtin)) revert InvalidLot("gtin");
        if (!Gs1.validLotNumber(terms.number)) revert InvalidLot("number");
        if (terms.madeAt > block.timestamp) revert InvalidLot("madeAt");
        if (terms.expiresAt <= terms.madeAt || terms.expiresAt <= block.timestamp) revert InvalidLot("expiresAt");
        if (terms.units == 0) revert InvalidLot("units");

        _lots[id] = terms;
        _unitsLeft[id] = terms.units;

        emit LotRegistered(id, terms.manufacturer, terms);
    }

    // ---- custody -------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function openShipment(bytes32 lotId, bytes32 ref, uint32 units, address logger, uint40 from)
        external
        returns (bytes32 id)
    {
        Lot storage lot_ = _lots[lotId];
        address holder = lot_.manufacturer;
        if (holder == address(0)) revert UnknownLot(lotId);
        if (_licensed(msg.sender, Roles.MANUFACTURER) != holder) revert NotManufacturer(lotId, msg.sender);
        if (_licensed(logger, Roles.LOGGER) != logger) revert InvalidShipment("logger");
        if (units == 0) revert InvalidShipment("units");
        if (units > _unitsLeft[lotId]) revert UnitsExceeded(lotId, units, _unitsLeft[lotId]);
        if (from < lot_.madeAt || from > block.timestamp) revert InvalidShipment("from");
        id = Ids.shipment(lotId, holder, ref);
        if (_parcels[id].disposition != Disposition.None) revert ShipmentExists(id);

        _unitsLeft[lotId] -= units;
        Parcel storage s = _parcels[id];
        (s.logger, s.disposition, s.from, s.profile) = (logger, Disposition.Active, from, _profileNumbers[lot_.profile]);
        (s.holder, s.units, s.lot) = (holder, units, lotId);
        Judgement storage j = _judgements[id];
        (j.until, j.lowest, j.highest) = (from, type(int16).max, type(int16).min);

        emit ShipmentOpened(id, lotId, holder, logger, units, from);
    }

    /// @inheritdoc IColdChain
    function offer(bytes32 id, address to) external {
        Parcel storage s = _known(id);
        address holder = _licensed(msg.sender, HOLDERS);
        if (holder != s.holder) revert NotHolder(id, msg.sender);
        if (to != address(0)) {
            _requireIntact(id);
            to = _licensed(to, HOLDERS); // an operator's key stands for its institution
        }

        s.offeredTo = to;

        emit ShipmentOffered(id, holder, to);
    }

    /// @inheritdoc IColdChain
    function accept(bytes32 id) external {
        Parcel storage s = _known(id);
        address receiver = _licensed(msg.sender, HOLDERS);
        if (receiver != s.offeredTo) revert NotOffered(id, msg.sender);
        _requireIntact(id);

        address giver = s.holder;
        s.holder = receiver;
        s.offeredTo = address(0);

        emit ShipmentAccepted(id, giver, receiver);
    }

    function _requireIntact(bytes32 id) private view {
        Verdict verdict_ = verdict(id);
        if (verdict_ != Verdict.Intact) revert NotIntact(id, verdict_);
    }

    // ---- readings ------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function log(Batch calldata batch, bytes calldata signature) external {
        bytes32 id = batch.shipment;
        Parcel storage s = _known(id);
        if (s.disposition == Disposition.Destroyed) revert AlreadyDestroyed(id);
        Judgement memory j = _judgements[id];
        uint32 before = j.unknown;

        TemperatureRules.Limits memory limits = _profiles[s.profile];
        _checkBatch(batch, j, limits.silence);
        address logger = s.logger;
        bytes32 chain = _digest(batch, logger, s.chain);
        _checkDevice(id, logger, chain, signature);

        // Within a gap shorter than a step no reading can be missing.
        if (batch.start - j.until >= batch.step) j.unknown += uint32(batch.start - j.until);
        uint256 firstBreach;
        (j, _runs[id], firstBreach) = limits.judge(j, _runs[id], batch);
        j.until = batch.start + uint40(batch.count) * batch.step;
        j.batches += 1;
        j.readings += batch.count;

        s.chain = chain;
        _judgements[id] = j;

        emit ReadingsLogged(id, logger, batch.sequence, batch.start, batch.step, batch.count, j.unknown - before, chain, j);
        if (j.breached != 0 && s.disposition == Disposition.Active) {
            uint40 breachedAt = batch.start + uint40(firstBreach) * batch.step;
            (s.disposition, s.breachedAt, s.offeredTo) = (Disposition.Quarantined, breachedAt, address(0));
            emit ShipmentQuarantined(id, j.breached, breachedAt);
        }
    }

    function _checkBatch(Batch calldata batch, Judgement memory j, uint32 silence) private view {
        // A longer step would be silence in disguise: one reading would stand for hours that nobody measured.
        if (batch.step == 0 || batch.step > silence) revert MalformedReadings("step");
        if (batch.count == 0 || batch.count > MAX_READINGS) revert MalformedReadings("count");
        if (batch.data.length != (uint256(batch.count) + 15) / 16 * 32) revert MalformedReadings("data");
        if (batch.sequence != j.batches) revert OutOfSequence(batch.shipment, j.batches, batch.sequence);
        if (batch.start < j.until) revert OutOfOrder(batch.shipment, j.until, batch.start);
        // A reading must have been taken; its step may still be running.
        uint256 last = batch.start + uint256(batch.count - 1) * batch.step;
        if (last > block.timestamp) revert FromTheFuture(uint40(last), block.timestamp);
    }

    /// @dev The signer must be the logger's own account or its licensed operator: the device key.
    function _checkDevice(bytes32 id, address logger, bytes32 hash, bytes calldata signature) private view {
        (address signer,,) = ECDSA.tryRecover(hash, signature); // 0 for a bad one, and nobody's account
        (address device, uint32 roles,) = institutions.standing(signer);
        if (device != logger || roles & Roles.LOGGER == 0) revert NotTheLogger(id, signer);
    }

    /// @inheritdoc IColdChain
    function digest(Batch calldata batch) external view returns (bytes32) {
        Parcel storage s = _parcels[batch.shipment];
        return _digest(batch, s.logger, s.chain);
    }

    function _digest(Batch calldata b, address logger, bytes32 chain) private view returns (bytes32) {
        bytes32 data = keccak256(b.data);
        bytes memory encoded =
            abi.encode(READINGS, b.shipment, logger, b.sequence, b.start, b.step, b.count, b.base, chain, data);
        return _hashTypedDataV4(keccak256(encoded));
    }

    // ---- disposition ---------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function release(bytes32 id, uint16 reason) external {
        Parcel storage s = _known(id);
        address laboratory = _licensed(msg.sender, Roles.LABORATORY);
        if (s.disposition == Disposition.Destroyed) revert AlreadyDestroyed(id);
        Judgement memory j = _judgements[id];
        TemperatureRules.Limits memory limits = _profiles[s.profile];
        if (j.breached == 0 && _unknown(j, limits) <= limits.unknown) revert NothingToRelease(id);

        (s.disposition, s.breachedAt) = (Disposition.Active, 0);
        (j.breached, j.unknown) = (0, 0);
        if (j.until < block.timestamp) j.until = uint40(block.timestamp);
        _judgements[id] = j;
        _runs[id] = 0;

        emit ShipmentReleased(id, laboratory, reason);
    }

    /// @inheritdoc IColdChain
    function destroy(bytes32 id, uint16 reason) external {
        Parcel storage s = _known(id);
        address laboratory = _licensed(msg.sender, Roles.LABORATORY);
        if (s.disposition == Disposition.Destroyed) revert AlreadyDestroyed(id);

        (s.disposition, s.offeredTo) = (Disposition.Destroyed, address(0));

        emit ShipmentDestroyed(id, laboratory, reason);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function verdict(bytes32 id) public view returns (Verdict) {
        Parcel storage s = _parcels[id];
        if (s.disposition == Disposition.None) return Verdict.None;
        if (s.disposition == Disposition.Destroyed) return Verdict.Destroyed;
        if (_lots[s.lot].expiresAt <= block.timestamp) return Verdict.Expired;
        Judgement memory j = _judgements[id];
        if (j.breached != 0) return Verdict.Excursion;
        TemperatureRules.Limits memory limits = _profiles[s.profile];
        return _unknown(j, limits) > limits.unknown ? Verdict.Unknown : Verdict.Intact;
    }

    /// @dev Unknown time, with the silence since the last reading once it is longer than allowed.
    function _unknown(Judgement memory j, TemperatureRules.Limits memory limits) private view returns (uint256) {
        uint256 silence = block.timestamp > j.until ? block.timestamp - j.until : 0;
        return silence > limits.silence ? j.unknown + silence : j.unknown;
    }

    /// @inheritdoc IColdChain
    function judgement(bytes32 id) external view returns (Judgement memory j) {
        Parcel storage s = _parcels[id];
        j = _judgements[id];
        if (s.disposition != Disposition.None) j.unknown = uint32(_unknown(j, _profiles[s.profile]));
    }

    /// @inheritdoc IColdChain
    function shipment(bytes32 id) external view returns (Shipment memory) {
        Parcel memory s = _parcels[id];
        return Shipment(s.lot, s.holder, s.offeredTo, s.logger, s.units, s.from, s.breachedAt, s.disposition, s.chain);
    }

    /// @inheritdoc IColdChain
    function lot(bytes32 id) external view returns (Lot memory) {
        return _lots[id];
    }

    /// @inheritdoc IColdChain
    function profile(bytes32 id) external view returns (Profile memory) {
        return _profiles[_profileNumbers[id]].unpack();
    }

    /// @inheritdoc IColdChain
    function unitsLeft(bytes32 id) external view returns (uint32) {
        return _unitsLeft[id];
    }

    function _known(bytes32 id) private view returns (Parcel storage s) {
        s = _parcels[id];
        if (s.disposition == Disposition.None) revert UnknownShipment(id);
    }
}
