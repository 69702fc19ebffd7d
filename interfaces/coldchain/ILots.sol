// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITemperatureRules} from "interfaces/coldchain/ITemperatureRules.sol";

/// @title What is shipped: temperature profiles, GS1 prefixes and lots
/// @notice The regulator registers profiles and says which GS1 company prefix is whose; a manufacturer registers the
/// lots of its GTINs.
/// @dev All of it is written once and never edited. A lot's id follows from what is printed on the box, GTIN and lot
/// number, so that whoever scans one can ask without knowing who made it. Times are Unix seconds.
interface ILots is ITemperatureRules {
    /// @param gtin GS1 GTIN-14 as a number, check digit included
    /// @param number lot number: up to 20 ASCII characters (GS1 AI 10), left-aligned, padded with zero bytes
    /// @param madeAt when it was made
    /// @param expiresAt first second at which it may no longer be given
    /// @param units doses (or whatever is counted) made
    /// @param profile id of a registered profile
    /// @param materials commitment to the raw materials' documents, salted; 0 without any
    struct Lot {
        address manufacturer;
        uint64 gtin;
        bytes32 number;
        uint40 madeAt;
        uint40 expiresAt;
        uint32 units;
        bytes32 profile;
        bytes32 materials;
    }

    /// @notice From the lowest bit: low 16, high 16, floor 16, ceiling 16, mktLimit 16, mktHours 10, rule count 4,
    /// silence 32, unknown 32, budget 32, storage class 3, vvm 5. Floor and ceiling bound the band in which nothing
    /// happens: inside the labelled range, clear of every rule, not above `mktLimit`; empty when floor exceeds ceiling.
    type LimitsWord is uint256;

    /// @notice 32 bits a rule, rule 0 lowest: bound in bit 31, span in bit 30, minutes in bits 16 to 29, threshold in
    /// bits 0 to 15.
    type RulesWord is uint256;

    /// @notice A profile as one word and the rules as another, for the contract that judges by it.
    struct Packed {
        LimitsWord limits;
        RulesWord rules;
    }

    event ProfileRegistered(bytes32 indexed profile, Profile terms);
    event PrefixAssigned(uint64 indexed prefix, uint8 digits, address indexed manufacturer);
    event LotRegistered(bytes32 indexed lot, address indexed manufacturer, Lot terms);

    /// @param subject a lot or a shipment
    /// @param epcisEvent the 32 bytes of an EPCIS event's CBV hash (`ni:///sha-256;…?ver=CBV2.0`)
    event EventAnchored(bytes32 indexed subject, address indexed institution, bytes32 indexed epcisEvent);

    error InvalidProfile(string field);
    error ProfileExists(bytes32 profile);
    error UnknownProfile(bytes32 profile);
    error InvalidPrefix(uint64 prefix, uint8 digits);
    error InvalidLot(string field);
    error LotExists(bytes32 lot);
    error UnknownLot(bytes32 lot);
    error NotManufacturer(bytes32 lot, address account);
    error TooMany(uint256 count, uint256 most);
    /// @notice No GS1 prefix of this manufacturer begins the GTIN.
    error ForeignGtin(uint64 gtin, address manufacturer);

    /// @notice Registers a temperature profile for ever. Regulator's rule maker only.
    /// @dev Reverts `InvalidProfile` (`low`: not below `high`; `silence`: 0; `vvm`: no such type; `mkt`: a limit
    /// without hours, hours above 1,023, or a limit outside −100 to 100 °C; `rules`: nothing to judge, or more than
    /// eight; `afterMinutes`: 0 or above 16,383; `threshold`: not between −273.15 and 150 °C), `ProfileExists`.
    /// @return id content hash
    function registerProfile(Profile calldata terms) external returns (bytes32 id);

    /// @notice Says that a GS1 company prefix is a manufacturer's; 0 takes it back. Regulator's registrar only. Lots
    /// that exist stay.
    /// @dev Reverts `InvalidPrefix` (not 4 to 12 digits, leading zeros included; or a number with more). Warning:
    /// whether prefixes of different lengths overlap is for the registrar to see; GS1 gives out none that do. A GTIN-8
    /// has no company prefix: its seven digits are assigned as one of 12.
    /// @param prefix the digits as a number
    /// @param digits how many digits, with leading zeros
    function assignPrefix(uint64 prefix, uint8 digits, address manufacturer) external;

    /// @notice Registers a lot of the caller's institution (role MANUFACTURER).
    /// @dev Reverts `NotLicensed`, `NotManufacturer` (terms name another), `ForeignGtin`, `UnknownProfile`,
    /// `LotExists`, `InvalidLot` (`gtin` check digit or length, `number`, `expiresAt` not after `madeAt`, past or
    /// beyond the year 2105, `madeAt` in the future, `units` 0).
    /// @param prefixDigits how many digits of the GTIN (after its indicator digit, the first of 14) are the company
    /// prefix
    function registerLot(Lot calldata terms, uint8 prefixDigits) external returns (bytes32 id);

    /// @notice The caller's institution says that EPCIS events about a lot or a shipment exist as they hash now. Only
    /// the log keeps it.
    /// @dev Whoever has the document can then tell who vouched for it, and since when it says what it says; nothing of
    /// it is here. Reverts `NotLicensed` (any role will do) and `TooMany` (more than 500).
    function anchor(bytes32 subject, bytes32[] calldata epcisEvents) external;

    function lot(bytes32 id) external view returns (Lot memory);

    function profile(bytes32 id) external view returns (Profile memory);

    /// @notice What a contract that judges needs of a lot, in one question. Reverts `UnknownLot`.
    function terms(
        bytes32 lot
    )
        external
        view
        returns (address manufacturer, uint40 madeAt, uint40 expiresAt, uint32 units, Packed memory profile);

    /// @notice Whose a GS1 company prefix is, 0 when nobody's.
    function prefixHolder(uint64 prefix, uint8 digits) external view returns (address);
}
