// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Ids} from "contracts/common/Ids.sol";
import {Handovers} from "contracts/coldchain/Handovers.sol";
import {Monitoring} from "contracts/coldchain/Monitoring.sol";
import {Parcels} from "contracts/coldchain/Parcels.sol";
import {TemperatureRules} from "contracts/coldchain/TemperatureRules.sol";
import {Verdicts} from "contracts/coldchain/Verdicts.sol";
import {CustodyWord, CustodyWords} from "contracts/coldchain/words/CustodyWords.sol";
import {HandoverWords} from "contracts/coldchain/words/HandoverWords.sol";
import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {ManufacturerWord} from "contracts/coldchain/words/ManufacturerWords.sol";
import {MonitoringWord} from "contracts/coldchain/words/MonitoringWords.sol";
import {RunsWord} from "contracts/coldchain/words/RunsWords.sol";
import {SumsWord} from "contracts/coldchain/words/SumsWords.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {ILoggers} from "interfaces/coldchain/ILoggers.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title Cold chain: every reading judged, custody only of what is intact
contract ColdChain is Monitoring {
    using HandoverWords for HandoverWord;
    using LimitsWords for ILots.LimitsWord;
    using Parcels for Parcels.Parcel;

    ILots private immutable _lots;

    uint24 private _lotCount;
    mapping(bytes32 lot => uint256) private _numbers;

    constructor(
        address manager,
        IInstitutions institutions_,
        ILots lots,
        ILoggers loggers
    ) Licensed(institutions_) AccessManaged(manager) EIP712("Salus Cold Chain", "1") Monitoring(loggers) {
        _lots = lots;
    }

    // ---- opening, splitting, merging -----------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function open(
        bytes32 lot,
        bytes32 ref,
        uint24 units,
        uint16 hoursAllowed,
        bytes32 origin,
        bytes32 destination
    ) external returns (bytes32 id) {
        address holder = _licensed(msg.sender, Roles.MANUFACTURER);
        uint256 number = _admit(lot);
        ManufacturerWord word = _lotData[number].manufacturerWord;
        if (word.manufacturer() != holder) revert NotManufacturer(lot, msg.sender);
        if (units == 0) revert InvalidShipment("units");
        if (hoursAllowed > Handovers.MAX_HOURS) revert InvalidShipment("hoursAllowed");
        if (units > word.unitsLeft()) revert UnitsExceeded(lot, units, uint32(word.unitsLeft()));
        id = Ids.shipment(lot, holder, ref);
        if (_parcels[id].custody.exists()) revert ShipmentExists(id);
        if (word.recalled() != 0) revert NotIntact(id, Verdict.Recalled);
        if (word.expiresAt() <= block.timestamp) revert NotIntact(id, Verdict.Expired);

        uint256 due = CustodyWords.dueAfter(hoursAllowed);
        _lotData[number].manufacturerWord = word.minusUnits(units);
        _parcels[id].custody = CustodyWords.pack(holder, units, number, due / 1 hours, CustodyWords.next(0));

        emit ShipmentOpened(id, lot, holder, units, origin, destination, uint40(due));
    }

    /// @dev The number of a lot; the first time, what is asked of it again and again is copied.
    function _admit(bytes32 lot) private returns (uint256 number) {
        number = _numbers[lot];
        if (number != 0) return number;
        Parcels.LotData memory data = Parcels.readLot(_lots, lot);
        number = ++_lotCount;
        (_numbers[lot], _lotData[number]) = (number, data);
    }

    /// @inheritdoc IColdChain
    function split(bytes32 id, bytes32 ref, uint24 units) external returns (bytes32 part) {
        (Parcels.Parcel storage p, CustodyWord custody) = _held(id);
        Verdicts.requireOpen(id, p.monitoring);
        if (units == 0 || units >= custody.unitsOf()) revert InvalidShipment("units");
        part = Ids.shipment(_lotData[custody.lotNumberOf()].lot, custody.holderOf(), ref);
        Parcels.Parcel storage q = _parcels[part];
        if (q.custody.exists()) revert ShipmentExists(part);

        p.custody = custody.withUnits(custody.unitsOf() - units);
        q.custody = custody.withUnits(units);
        q.inherit(p);

        emit ShipmentSplit(id, part, units);
    }

    /// @inheritdoc IColdChain
    function merge(bytes32 id, bytes32 into) external {
        (Parcels.Parcel storage p, CustodyWord from) = _held(id);
        (Parcels.Parcel storage q, CustodyWord to) = _held(into);
        if (id == into || from.lotNumberOf() != to.lotNumberOf()) revert InvalidShipment("into");
        uint256 units = from.unitsOf();
        if (to.unitsOf() + units > type(uint24).max) revert InvalidShipment("units");

        uint256 breached = TemperatureRules.unite(p, q, _lotData[from.lotNumberOf()], id, into);
        p.custody = from.withUnits(0);
        to = to.withUnits(to.unitsOf() + units);
        if (from.dueOf() != 0 && (to.dueOf() == 0 || from.dueOf() < to.dueOf())) to = to.withDue(from.dueOf());
        q.custody = to;

        emit ShipmentMerged(id, into, uint24(units));
        if (breached != 0) _emitQuarantined(into, q.sums, address(0), 0);
    }

    // ---- custody -------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function hand(Handover calldata handover, bytes calldata giver, bytes calldata receiver) external {
        bytes32 id = handover.shipment;
        HandoverWord terms = handover.terms;
        (Parcels.Parcel storage p, CustodyWord custody) = _known(id);
        (address to, uint32 roles) = _checkOffer(handover, terms, custody, giver);
        address by = terms.receiverOf();
        if (receiver.length != 0 || msg.sender != by) {
            bytes32 accepted = _hashTypedDataV4(Handovers.acceptance(handover, terms, custody));
            if (!Handovers.signed(by, accepted, receiver)) revert InvalidSignature(id, by);
        }
        bool spoilt = terms.saysSpoilt();
        if (!_mayReceive(id, p, custody, to, roles) && spoilt) {
            revert InvalidHandover(terms.vvmOf() > 2 ? "vvm" : "shake");
        }

        // Who is late is late, until a laboratory says otherwise.
        uint256 due = custody.overdue() ? custody.dueOf() : CustodyWords.dueAfter(terms.hoursOf());
        uint256 since = CustodyWords.next(custody.sinceOf());
        p.custody = CustodyWords.pack(to, custody.unitsOf(), custody.lotNumberOf(), due / 1 hours, since);

        emit ShipmentHanded(id, custody.holderOf(), to, terms.handed(since, due), handover.seal);
        if (spoilt) _quarantine(id, BY_HAND, to, 0); // it went back, and comes out again only released
    }

    /// @inheritdoc IColdChain
    function reject(Handover calldata handover, bytes calldata giver, uint16 reason) external {
        bytes32 id = handover.shipment;
        HandoverWord terms = handover.terms;
        (Parcels.Parcel storage p, CustodyWord custody) = _known(id);
        if (reason == 0) revert InvalidReason(0);
        if (msg.sender != terms.receiverOf()) revert InvalidSignature(id, terms.receiverOf());
        (address by, uint32 roles) = _checkOffer(handover, terms, custody, giver);
        _mayReceive(id, p, custody, by, roles);

        // What was offered is offered no more.
        p.custody = custody.withSince(CustodyWords.next(custody.sinceOf()));

        emit ShipmentRejected(id, custody.holderOf(), by, reason);
        if (terms.saysSpoilt()) _quarantine(id, BY_HAND, by, reason);
    }

    /// @dev Checks the terms of an offer, and that the holder makes it: by its key, its wallet, or a licensed operator.
    /// @return to institution that receives
    /// @return roles in which
    function _checkOffer(
        Handover calldata handover,
        HandoverWord terms,
        CustodyWord custody,
        bytes calldata giver
    ) private view returns (address to, uint32 roles) {
        Handovers.check(terms);
        address holder = custody.holderOf();
        if (giver.length == 0) {
            if (msg.sender != holder && _licensed(msg.sender, HOLDERS) != holder) {
                revert NotHolder(handover.shipment, msg.sender);
            }
        } else {
            bytes32 offered = _hashTypedDataV4(Handovers.offer(handover, terms, custody));
            address by = Handovers.signer(offered, giver);
            if (by != holder && !Handovers.byWallet(holder, offered, giver)) {
                if (_employer(by) != holder) revert InvalidSignature(handover.shipment, holder);
                _licensed(by, HOLDERS);
            }
        }
        (to, roles) = _licence(terms.receiverOf(), HOLDERS);
        if (to == holder) revert InvalidHandover("to");
    }

    /// @dev What is not intact goes only to where it is looked into: to a laboratory, or back to its manufacturer.
    /// @return back whether it goes there
    function _mayReceive(
        bytes32 id,
        Parcels.Parcel storage p,
        CustodyWord custody,
        address to,
        uint32 roles
    ) private returns (bool back) {
        MonitoringWord monitoring = p.monitoringOf(custody);
        ManufacturerWord word = _lotData[custody.lotNumberOf()].manufacturerWord;
        back = roles & Roles.LABORATORY != 0 || to == word.manufacturer();
        if (back) Verdicts.requireOpen(id, monitoring);
        else Verdicts.requireIntact(id, custody, monitoring, word);
        if (back && !p.monitoring.exists()) p.monitoring = monitoring; // `since` will say no more when it was opened
    }

    /// @inheritdoc IColdChain
    function dispense(bytes32 id, address holder, uint24 units) external {
        (Parcels.Parcel storage p, CustodyWord custody) = _known(id);
        if (holder != custody.holderOf()) revert NotHolder(id, holder);
        _checkPower(holder, HOLDERS);
        if (units == 0 || units > custody.unitsOf()) revert InvalidShipment("units");
        Verdicts.requireIntact(id, custody, p.monitoringOf(custody), _lotData[custody.lotNumberOf()].manufacturerWord);

        p.custody = custody.withUnits(custody.unitsOf() - units);

        emit UnitsDispensed(id, holder, units);
    }

    // ---- disposition ---------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function quarantine(bytes32 id, uint16 reason) external {
        (Parcels.Parcel storage p, CustodyWord custody) = _known(id);
        (address by, uint32 roles) = _licence(msg.sender, HOLDERS);
        if (by != custody.holderOf() && roles & Roles.LABORATORY == 0) revert NotHolder(id, msg.sender);
        if (reason == 0) revert InvalidReason(0);
        Verdicts.requireOpen(id, p.monitoring);

        _quarantine(id, BY_HAND, by, reason);
    }

    /// @inheritdoc IColdChain
    function release(bytes32 id, uint16 reason) external {
        (Parcels.Parcel storage p, CustodyWord custody, address laboratory) = _byLaboratory(id, reason);
        MonitoringWord monitoring = p.monitoringOf(custody);
        SumsWord sums = p.sums;
        bool lapsed = monitoring.intactUntilOf() < block.timestamp || custody.overdue() || sums.breachedOf() != 0;
        if (!lapsed || sums.budgetSpent() || monitoring.dispositionOf() > Disposition.Quarantined)
            revert NothingToRelease(id);

        // After the year 2106, whose seconds do not fit, everything has expired.
        uint256 at = block.timestamp < type(uint32).max ? block.timestamp : type(uint32).max;
        p.custody = custody.withDue(0);
        uint256 until = monitoring.untilOf() < at ? at : monitoring.untilOf();
        monitoring = _lotData[custody.lotNumberOf()].limits.judged(monitoring, until, 0, 0);
        p.monitoring = monitoring.withDisposition(Disposition.Active);
        p.sums = sums.released(at);
        p.runs = RunsWord.wrap(0);

        emit ShipmentReleased(id, laboratory, reason);
    }

    /// @inheritdoc IColdChain
    function destroy(bytes32 id, uint16 reason) external {
        (Parcels.Parcel storage p, CustodyWord custody, address laboratory) = _byLaboratory(id, reason);
        Verdicts.requireOpen(id, p.monitoring);

        p.monitoring = p.monitoringOf(custody).withDisposition(Disposition.Destroyed);

        emit ShipmentDestroyed(id, laboratory, reason);
    }

    function _byLaboratory(
        bytes32 id,
        uint16 reason
    ) private view returns (Parcels.Parcel storage p, CustodyWord custody, address laboratory) {
        (p, custody) = _known(id);
        laboratory = _licensed(msg.sender, Roles.LABORATORY);
        if (reason == 0) revert InvalidReason(0);
    }

    /// @inheritdoc IColdChain
    function recall(bytes32 lot, uint16 reason) external {
        Parcels.LotData storage lotData = _lotData[_admit(lot)];
        ManufacturerWord word = lotData.manufacturerWord;
        address by = _checkPower(word.manufacturer(), Roles.MANUFACTURER) ? word.manufacturer() : msg.sender;
        if (reason == 0) revert InvalidReason(0);
        if (word.recalled() != 0) revert AlreadyRecalled(lot);

        lotData.manufacturerWord = word.withRecall(reason);

        emit LotRecalled(lot, by, reason);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function unitsLeft(bytes32 lot) external view returns (uint32 units) {
        uint256 number = _numbers[lot];
        if (number != 0) return uint32(_lotData[number].manufacturerWord.unitsLeft());
        (, , , units, ) = _lots.terms(lot);
    }

    /// @inheritdoc IColdChain
    function recallOf(bytes32 lot) external view returns (uint16) {
        return uint16(_lotData[_numbers[lot]].manufacturerWord.recalled());
    }
}
