// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Ids} from "contracts/common/Ids.sol";
import {Gs1} from "contracts/coldchain/Gs1.sol";
import {Profiles} from "contracts/coldchain/Profiles.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title Lots: profiles, GS1 prefixes, and what the manufacturers made
contract Lots is ILots, Licensed, AccessManaged {
    using Profiles for Packed;

    /// @dev The last second of the year 2105: times up to it fit the 32 bits in which they are kept.
    uint40 private constant LAST = 4_291_747_199;

    /// @dev At some 2,000 gas an event far below any block's limit.
    uint256 private constant MOST_EVENTS = 500;

    /// @dev Two slots, and a third for who commits to raw materials; `terms` reads the first two.
    /// @param profile short number of the profile: its id would take a slot of its own
    struct Entry {
        address manufacturer;
        uint32 madeAt;
        uint32 expiresAt;
        uint32 units;
        uint64 gtin;
        bytes20 number;
        uint32 profile;
        bytes32 materials;
    }

    uint32 private _profileCount;
    mapping(bytes32 profile => uint32 number) private _profileNumbers;
    mapping(uint256 number => bytes32 profile) private _profileIds;
    mapping(uint256 number => Packed) private _profiles;
    mapping(uint256 digits => mapping(uint64 prefix => address manufacturer)) private _prefixes;
    mapping(bytes32 lot => Entry) private _lots;

    constructor(address manager, IInstitutions institutions_) Licensed(institutions_) AccessManaged(manager) {}

    // ---- the regulator -------------------------------------------------------------------------------------------

    /// @inheritdoc ILots
    function registerProfile(Profile calldata profile_) external restricted returns (bytes32 id) {
        id = Ids.profile(keccak256(abi.encode(profile_)));
        if (_profileNumbers[id] != 0) revert ProfileExists(id);
        Packed memory packed = Profiles.pack(profile_);

        uint32 number = ++_profileCount;
        _profileNumbers[id] = number;
        _profileIds[number] = id;
        _profiles[number] = packed;

        emit ProfileRegistered(id, profile_);
    }

    /// @inheritdoc ILots
    function assignPrefix(uint64 prefix, uint8 digits, address manufacturer) external restricted {
        if (!Gs1.validPrefix(prefix, digits)) revert InvalidPrefix(prefix, digits);

        _prefixes[digits][prefix] = manufacturer;

        emit PrefixAssigned(prefix, digits, manufacturer);
    }

    // ---- the manufacturer ----------------------------------------------------------------------------------------

    /// @inheritdoc ILots
    function registerLot(Lot calldata lot_, uint8 prefixDigits) external returns (bytes32 id) {
        id = Ids.lot(lot_.gtin, lot_.number);
        if (_licensed(msg.sender, Roles.MANUFACTURER) != lot_.manufacturer) revert NotManufacturer(id, msg.sender);
        if (_lots[id].manufacturer != address(0)) revert LotExists(id);
        _checkLot(lot_);
        if (prefixHolder(Gs1.prefixOf(lot_.gtin, prefixDigits), prefixDigits) != lot_.manufacturer) {
            revert ForeignGtin(lot_.gtin, lot_.manufacturer);
        }
        uint32 profileNumber = _profileNumbers[lot_.profile];
        if (profileNumber == 0) revert UnknownProfile(lot_.profile);

        _lots[id] = Entry({
            manufacturer: lot_.manufacturer,
            madeAt: uint32(lot_.madeAt),
            expiresAt: uint32(lot_.expiresAt),
            units: lot_.units,
            gtin: lot_.gtin,
            number: bytes20(lot_.number),
            profile: profileNumber,
            materials: lot_.materials
        });

        emit LotRegistered(id, lot_.manufacturer, lot_);
    }

    function _checkLot(Lot calldata lot_) private view {
        if (!Gs1.validGtin(lot_.gtin)) revert InvalidLot("gtin");
        if (!Gs1.validLotNumber(lot_.number)) revert InvalidLot("number");
        if (lot_.madeAt > block.timestamp) revert InvalidLot("madeAt");
        if (lot_.expiresAt <= lot_.madeAt || lot_.expiresAt <= block.timestamp || lot_.expiresAt > LAST) {
            revert InvalidLot("expiresAt");
        }
        if (lot_.units == 0) revert InvalidLot("units");
    }

    // ---- whoever holds, ships or looks ---------------------------------------------------------------------------

    /// @inheritdoc ILots
    function anchor(bytes32 subject, bytes32[] calldata epcisEvents) external {
        address institution = _licensed(msg.sender, Roles.ALL);
        if (epcisEvents.length > MOST_EVENTS) revert TooMany(epcisEvents.length, MOST_EVENTS);

        for (uint256 i; i < epcisEvents.length; ++i) {
            emit EventAnchored(subject, institution, epcisEvents[i]);
        }
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc ILots
    function lot(bytes32 id) external view returns (Lot memory) {
        Entry storage e = _lots[id];
        return
            Lot({
                manufacturer: e.manufacturer,
                gtin: e.gtin,
                number: e.number,
                madeAt: e.madeAt,
                expiresAt: e.expiresAt,
                units: e.units,
                profile: _profileIds[e.profile],
                materials: e.materials
            });
    }

    /// @inheritdoc ILots
    function profile(bytes32 id) external view returns (Profile memory) {
        return _profiles[_profileNumbers[id]].unpack();
    }

    /// @inheritdoc ILots
    function terms(
        bytes32 id
    )
        external
        view
        returns (address manufacturer, uint40 madeAt, uint40 expiresAt, uint32 units, Packed memory packed)
    {
        Entry storage e = _lots[id];
        manufacturer = e.manufacturer;
        if (manufacturer == address(0)) revert UnknownLot(id);
        return (manufacturer, e.madeAt, e.expiresAt, e.units, _profiles[e.profile]);
    }

    /// @inheritdoc ILots
    function prefixHolder(uint64 prefix, uint8 digits) public view returns (address) {
        return _prefixes[digits][prefix];
    }
}
