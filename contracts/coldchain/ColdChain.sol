// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Ids} from "contracts/common/Ids.sol";
import {Handovers} from "contracts/coldchain/Handovers.sol";
import {Monitoring} from "contracts/coldchain/Monitoring.sol";
import {Parcels} from "contracts/coldchain/Parcels.sol";
import {Stretches} from "contracts/coldchain/Stretches.sol";
import {TemperatureRules} from "contracts/coldchain/TemperatureRules.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IColdChain} from "interfaces/coldchain/IColdChain.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {ILoggers} from "interfaces/coldchain/ILoggers.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title Cold chain: every reading judged, custody only of what is intact
contract ColdChain is Monitoring {
    using Handovers for uint256;
    using Parcels for uint256;
    using Parcels for Parcels.Parcel;

    uint256 private constant MAX_HOURS = 8760;

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
        uint256 maker = _goods[number].maker;
        if (maker.manufacturer() != holder) revert NotManufacturer(lot, msg.sender);
        if (units == 0) revert InvalidShipment("units");
        if (hoursAllowed > MAX_HOURS) revert InvalidShipment("hoursAllowed");
        if (units > maker.unitsLeft()) revert UnitsExceeded(lot, units, uint32(maker.unitsLeft()));
        id = Ids.shipment(lot, holder, ref);
        if (_parcels[id].custody != 0) revert ShipmentExists(id);
        if (maker.recalled() != 0) revert NotIntact(id, Verdict.Recalled);
        if (maker.expiresAt() <= block.timestamp) revert NotIntact(id, Verdict.Expired);

        uint256 due = Parcels.dueAfter(hoursAllowed);
        // Safe: there are as many left, see above.
        unchecked {
            _goods[number].maker = maker - (uint256(units) << 160);
        }
        _parcels[id].custody = Parcels.custodyOf(holder, units, number, due / 1 hours, Parcels.next(0));

        emit ShipmentOpened(id, lot, holder, units, origin, destination, uint40(due));
    }

    /// @dev The number of a lot; the first time, what is asked of it again and again is copied.
    function _admit(bytes32 lot) private returns (uint256 number) {
        number = _numbers[lot];
        if (number != 0) return number;
        (address maker, uint40 madeAt, uint40 expiresAt, uint32 units, ILots.Packed memory profile) = _lots.terms(lot);
        number = ++_lotCount;
        _numbers[lot] = number;
        _goods[number] = Parcels.Goods({
            maker: uint160(maker) | (uint256(units) << 160) | (uint256(expiresAt) << 192),
            limits: profile.limits | (uint256(madeAt) << 200),
            rules: profile.rules,
            lot: lot
        });
    }

    /// @inheritdoc IColdChain
    function split(bytes32 id, bytes32 ref, uint24 units) external returns (bytes32 part) {
        (Parcels.Parcel storage p, uint256 custody) = _held(id);
        _requireOpen(id, p.course);
        if (units == 0 || units >= custody.unitsOf()) revert InvalidShipment("units");
        part = Ids.shipment(_goods[custody.lotOf()].lot, custody.holderOf(), ref);
        Parcels.Parcel storage q = _parcels[part];
        if (q.custody != 0) revert ShipmentExists(part);

        p.custody = custody.withUnits(custody.unitsOf() - units);
        q.custody = custody.withUnits(units);
        q.course = p.course;
        q.sums = p.sums;
        q.runs = p.runs;
        q.window = p.window;

        emit ShipmentSplit(id, part, units);
    }

    /// @inheritdoc IColdChain
    function merge(bytes32 id, bytes32 into) external {
        (Parcels.Parcel storage p, uint256 from) = _held(id);
        (Parcels.Parcel storage q, uint256 to) = _held(into);
        if (id == into || from.lotOf() != to.lotOf()) revert InvalidShipment("into");
        uint256 units = from.unitsOf();
        if (to.unitsOf() + units > type(uint24).max) revert InvalidShipment("units");

        uint256 breached = TemperatureRules.unite(p, q, _goods[from.lotOf()], id, into);
        p.custody = from.withUnits(0);
        to = to.withUnits(to.unitsOf() + units);
        if (from.dueOf() != 0 && (to.dueOf() == 0 || from.dueOf() < to.dueOf())) to = to.withDue(from.dueOf());
        q.custody = to;

        emit ShipmentMerged(id, into, uint24(units));
        if (breached != 0) {
            emit ShipmentQuarantined(into, uint16(breached), uint40(q.sums.breachedAtOf()), address(0), 0);
        }
    }

    // ---- custody -------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function hand(Handover calldata handover, bytes calldata giver, bytes calldata receiver) external {
        bytes32 id = handover.shipment;
        uint256 terms = handover.terms;
        (Parcels.Parcel storage p, uint256 custody) = _known(id);
        (address to, uint32 roles) = _checkOffer(handover, terms, custody, giver);
        if (receiver.length != 0 || msg.sender != terms.receiverOf()) {
            bytes32 accepted = _hashTypedDataV4(Handovers.acceptance(handover, terms, custody));
            if (!Handovers.signed(terms.receiverOf(), accepted, receiver)) {
                revert InvalidSignature(id, terms.receiverOf());
            }
        }
        bool spoilt = terms.vvmOf() > 2 || terms.shakeOf() > 1;
        if (!_mayReceive(id, p, custody, to, roles) && spoilt) {
            revert InvalidHandover(terms.vvmOf() > 2 ? "vvm" : "shake");
        }

        // Who is late is late, until a laboratory says otherwise.
        uint256 due = custody.overdue() ? custody.dueOf() : Parcels.dueAfter(terms.hoursOf());
        uint256 since = Parcels.next(custody.sinceOf());
        p.custody = Parcels.custodyOf(to, custody.unitsOf(), custody.lotOf(), due / 1 hours, since);

        emit ShipmentHanded(id, custody.holderOf(), to, since | (due << 32) | ((terms >> 216) << 72), handover.seal);
        if (spoilt) _quarantine(id, BY_HAND, to, 0); // it went back, and comes out again only released
    }

    /// @inheritdoc IColdChain
    function reject(Handover calldata handover, bytes calldata giver, uint16 reason) external {
        bytes32 id = handover.shipment;
        uint256 terms = handover.terms;
        (Parcels.Parcel storage p, uint256 custody) = _known(id);
        if (reason == 0) revert InvalidReason(0);
        if (msg.sender != terms.receiverOf()) revert InvalidSignature(id, terms.receiverOf());
        (address by, uint32 roles) = _checkOffer(handover, terms, custody, giver);
        _mayReceive(id, p, custody, by, roles);

        // What was offered is offered no more.
        p.custody = custody.withSince(Parcels.next(custody.sinceOf()));

        emit ShipmentRejected(id, custody.holderOf(), by, reason);
        if (terms.vvmOf() > 2 || terms.shakeOf() > 1) _quarantine(id, BY_HAND, by, reason);
    }

    /// @dev Checks the terms of an offer, and that the holder makes it: by its key, its wallet, or a licensed operator.
    /// @return to institution that receives
    /// @return roles in which
    function _checkOffer(
        Handover calldata handover,
        uint256 terms,
        uint256 custody,
        bytes calldata giver
    ) private view returns (address to, uint32 roles) {
        if (block.timestamp > terms.deadlineOf()) revert SignatureExpired(uint40(terms.deadlineOf()), block.timestamp);
        if (terms >> 232 != 0) revert InvalidHandover("terms");
        if (terms.hoursOf() > MAX_HOURS) revert InvalidHandover("hoursAllowed");
        if (terms.vvmOf() > 4) revert InvalidHandover("vvm");
        if (terms.shakeOf() > 2) revert InvalidHandover("shake");
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
        uint256 custody,
        address to,
        uint32 roles
    ) private returns (bool back) {
        uint256 course = p.courseOf(custody);
        uint256 maker = _goods[custody.lotOf()].maker;
        back = roles & Roles.LABORATORY != 0 || to == maker.manufacturer();
        if (back) _requireOpen(id, course);
        else _requireIntact(id, custody, course, maker);
        if (back && p.course == 0) p.course = course; // `since` will say no more when it was opened
    }

    /// @inheritdoc IColdChain
    function dispense(bytes32 id, address holder, uint24 units) external {
        (Parcels.Parcel storage p, uint256 custody) = _known(id);
        if (holder != custody.holderOf()) revert NotHolder(id, holder);
        _checkPower(holder, HOLDERS);
        if (units == 0 || units > custody.unitsOf()) revert InvalidShipment("units");
        _requireIntact(id, custody, p.courseOf(custody), _goods[custody.lotOf()].maker);

        p.custody = custody.withUnits(custody.unitsOf() - units);

        emit UnitsDispensed(id, holder, units);
    }

    // ---- disposition ---------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function quarantine(bytes32 id, uint16 reason) external {
        (Parcels.Parcel storage p, uint256 custody) = _known(id);
        (address by, uint32 roles) = _licence(msg.sender, HOLDERS);
        if (by != custody.holderOf() && roles & Roles.LABORATORY == 0) revert NotHolder(id, msg.sender);
        if (reason == 0) revert InvalidReason(0);
        _requireOpen(id, p.course);

        _quarantine(id, BY_HAND, by, reason);
    }

    /// @inheritdoc IColdChain
    function release(bytes32 id, uint16 reason) external {
        (Parcels.Parcel storage p, uint256 custody, address laboratory) = _byLaboratory(id, reason);
        uint256 course = p.courseOf(custody);
        uint256 sums = p.sums;
        bool lapsed = course.intactUntilOf() < block.timestamp || custody.overdue() || sums.breachedOf() != 0;
        bool spent = sums.breachedOf() & Stretches.BUDGET != 0;
        if (!lapsed || spent || course.dispositionOf() > Disposition.Quarantined) revert NothingToRelease(id);

        // After the year 2106, whose seconds do not fit, everything has expired.
        uint256 at = block.timestamp < Parcels.MAX_32 ? block.timestamp : Parcels.MAX_32;
        uint256 limits = _goods[custody.lotOf()].limits;
        p.custody = custody.withDue(0);
        course = course.judged(course.untilOf() < at ? at : course.untilOf(), 0, 0, limits.silence(), limits.unknown());
        p.course = course.withDisposition(Disposition.Active);
        // Of the sums the extremes and the times above and below stay.
        p.sums = (sums & type(uint96).max) | (at << 176);
        p.runs = 0;

        emit ShipmentReleased(id, laboratory, reason);
    }

    /// @inheritdoc IColdChain
    function destroy(bytes32 id, uint16 reason) external {
        (Parcels.Parcel storage p, uint256 custody, address laboratory) = _byLaboratory(id, reason);
        _requireOpen(id, p.course);

        p.course = p.courseOf(custody).withDisposition(Disposition.Destroyed);

        emit ShipmentDestroyed(id, laboratory, reason);
    }

    function _byLaboratory(
        bytes32 id,
        uint16 reason
    ) private view returns (Parcels.Parcel storage p, uint256 custody, address laboratory) {
        (p, custody) = _known(id);
        laboratory = _licensed(msg.sender, Roles.LABORATORY);
        if (reason == 0) revert InvalidReason(0);
    }

    /// @inheritdoc IColdChain
    function recall(bytes32 lot, uint16 reason) external {
        Parcels.Goods storage goods = _goods[_admit(lot)];
        uint256 maker = goods.maker;
        address by = _checkPower(maker.manufacturer(), Roles.MANUFACTURER) ? maker.manufacturer() : msg.sender;
        if (reason == 0) revert InvalidReason(0);
        if (maker.recalled() != 0) revert AlreadyRecalled(lot);

        goods.maker = maker | (uint256(reason) << 224);

        emit LotRecalled(lot, by, reason);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IColdChain
    function unitsLeft(bytes32 lot) external view returns (uint32 units) {
        uint256 number = _numbers[lot];
        if (number != 0) return uint32(_goods[number].maker.unitsLeft());
        (, , , units, ) = _lots.terms(lot);
    }

    /// @inheritdoc IColdChain
    function recallOf(bytes32 lot) external view returns (uint16) {
        return uint16(_goods[_numbers[lot]].maker.recalled());
    }
}
