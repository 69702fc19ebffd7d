// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITemperatureRules} from "interfaces/ITemperatureRules.sol";

/// @title Vaccine lots and their shipments: custody, readings, verdict
/// @notice A manufacturer registers lots and opens shipments, each with one logger. The logger's device key signs every batch of
/// readings; this contract judges every reading (see ITemperatureRules). A breach quarantines the shipment in the same transaction.
/// What is not `Intact` cannot be handed on.
/// @dev Times are Unix seconds. The **verdict** is derived from facts and the clock: silence becomes unknown time by itself.
/// Warning: the contract judges what the device signed. It cannot know that the device lay beside the vaccine.
interface IColdChain is ITemperatureRules {
    /// @param gtin GS1 GTIN-14 as a number, check digit included
    /// @param number lot number: up to 20 ASCII characters (GS1 AI 10), left-aligned, padded with zero bytes
    /// @param expiresAt first second at which it may no longer be given
    /// @param profile id of a registered profile
    struct Lot {
        address manufacturer;
        uint64 gtin;
        bytes32 number;
        uint40 madeAt;
        uint40 expiresAt;
        uint32 units;
        bytes32 profile;
    }

    enum Disposition {
        None, // no such shipment
        Active, // moves freely while the verdict is `Intact`
        Quarantined, // by rule: a breach
        Destroyed
    }

    enum Verdict {
        None, // no such shipment
        Intact,
        Excursion, // a rule was breached and no laboratory has released it since
        Unknown, // too much time without readings
        Expired, // the lot has expired
        Destroyed
    }

    /// @param offeredTo who may accept it now, 0 while not offered
    /// @param from start of monitoring: readings count from here, silence too
    /// @param breachedAt start of the reading that breached first since the last release, 0 while none
    /// @param chain rolling hash over all accepted batches
    struct Shipment {
        bytes32 lot;
        address holder;
        address offeredTo;
        address logger;
        uint32 units;
        uint40 from;
        uint40 breachedAt;
        Disposition disposition;
        bytes32 chain;
    }

    /// @notice A batch of readings as the device signs it.
    /// @dev EIP-712: `Readings(bytes32 shipment,address logger,uint24 sequence,uint40 start,uint16 step,uint16 count,int16
    /// base,bytes32 previous,bytes data)`, where `logger` is the shipment's and `previous` is the shipment's `chain` before this batch.
    /// @param sequence number of the batch, from 0, without a hole
    /// @param start time of the first reading
    /// @param step seconds between readings
    /// @param count readings in `data`, from 1 to `MAX_READINGS`
    /// @param base see packing, ITemperatureRules
    /// @param data ⌈count ÷ 16⌉ whole words; lanes after the last reading hold "no reading" (0x7fff)
    struct Batch {
        bytes32 shipment;
        uint24 sequence;
        uint40 start;
        uint16 step;
        uint16 count;
        int16 base;
        bytes data;
    }

    event ProfileRegistered(bytes32 indexed profile, Profile terms);
    event LotRegistered(bytes32 indexed lot, address indexed manufacturer, Lot terms);
    event ShipmentOpened(
        bytes32 indexed shipment, bytes32 indexed lot, address indexed holder, address logger, uint32 units, uint40 from
    );
    event ShipmentOffered(bytes32 indexed shipment, address indexed from, address indexed to);
    event ShipmentAccepted(bytes32 indexed shipment, address indexed from, address indexed to);
    /// @param unknown unknown time added by this batch and the gap before it, seconds
    /// @param judgement after this batch
    event ReadingsLogged(
        bytes32 indexed shipment,
        address indexed logger,
        uint24 sequence,
        uint40 start,
        uint16 step,
        uint16 count,
        uint32 unknown,
        bytes32 chain,
        Judgement judgement
    );
    /// @param breached bit i: rule i
    event ShipmentQuarantined(bytes32 indexed shipment, uint8 breached, uint40 breachedAt);
    event ShipmentReleased(bytes32 indexed shipment, address indexed laboratory, uint16 reason);
    event ShipmentDestroyed(bytes32 indexed shipment, address indexed laboratory, uint16 reason);

    error InvalidProfile(string field);
    error ProfileExists(bytes32 profile);
    error UnknownProfile(bytes32 profile);
    error InvalidLot(string field);
    error LotExists(bytes32 lot);
    error UnknownLot(bytes32 lot);
    error NotManufacturer(bytes32 lot, address account);
    error UnitsExceeded(bytes32 lot, uint32 asked, uint32 left);
    error InvalidShipment(string field);
    error ShipmentExists(bytes32 shipment);
    error UnknownShipment(bytes32 shipment);
    error NotHolder(bytes32 shipment, address account);
    error NotOffered(bytes32 shipment, address account);
    /// @notice Only what is intact moves.
    error NotIntact(bytes32 shipment, Verdict verdict);
    error NotTheLogger(bytes32 shipment, address signer);
    error OutOfSequence(bytes32 shipment, uint24 expected, uint24 given);
    error OutOfOrder(bytes32 shipment, uint40 until, uint40 start);
    error FromTheFuture(uint40 end, uint256 nowAt);
    error MalformedReadings(string field);
    error NothingToRelease(bytes32 shipment);
    error AlreadyDestroyed(bytes32 shipment);

    // ---- data of the regulator and the manufacturer --------------------------------------------------------------

    /// @notice Most readings in one batch.
    function MAX_READINGS() external view returns (uint16);

    /// @notice Registers a temperature profile for ever. Regulator's rule maker only.
    /// @dev Reverts `InvalidProfile` (`low`: not below `high`; `silence`: 0; `rules`: none or more than eight; `afterMinutes`: 0 or above 16,383;
    /// `threshold`: not between −273.15 and 150 °C), `ProfileExists`.
    /// @return id content hash
    function registerProfile(Profile calldata terms) external returns (bytes32 id);

    /// @notice Registers a lot of the caller's institution (role MANUFACTURER).
    /// @dev Reverts `NotLicensed`, `NotManufacturer` (terms name another), `UnknownProfile`, `LotExists`, `InvalidLot`
    /// (`gtin` check digit or length, `number` empty, `expiresAt` not after `madeAt` or past, `madeAt` in the future, `units` 0).
    function registerLot(Lot calldata terms) external returns (bytes32 id);

    // ---- custody -------------------------------------------------------------------------------------------------

    /// @notice The manufacturer opens a shipment of its lot; it is the first holder.
    /// @dev Reverts `NotManufacturer`, `UnknownLot`, `UnitsExceeded`, `ShipmentExists`, `NotLicensed` (caller, or a logger that is not
    /// accredited as one), `InvalidShipment` (`units` 0, `from` before the lot was made or in the future).
    /// @param ref distinguishes the shipments of a lot, e.g. a salted hash of the SSCC
    /// @param from start of monitoring
    function openShipment(bytes32 lot, bytes32 ref, uint32 units, address logger, uint40 from)
        external
        returns (bytes32 shipment);

    /// @notice First step of a handover: the holder offers to another institution. 0 withdraws the offer.
    /// @dev Caller: the holder or its operator. Reverts `UnknownShipment`, `NotHolder`, `NotIntact`, `NotLicensed` (either side).
    function offer(bytes32 shipment, address to) external;

    /// @notice Second step: the receiver accepts and is the holder.
    /// @dev Caller: the receiver or its operator. Judged anew at this moment: reverts `NotOffered`, `NotIntact`, `NotLicensed`.
    function accept(bytes32 shipment) external;

    // ---- readings ------------------------------------------------------------------------------------------------

    /// @notice Takes a signed batch, judges every reading and quarantines the shipment on a breach. Anyone may relay it.
    /// @dev Reverts `UnknownShipment`, `MalformedReadings` (`step` 0 or longer than the profile's silence, `count`, `data` length or a lane above
    /// 15 bits, `padding`, `temperature` below −273.15 or above 150 °C), `OutOfSequence`,
    /// `OutOfOrder` (overlaps what is judged), `FromTheFuture`, `NotTheLogger` (signer is not the logger's licensed device key).
    /// A gap shorter than one step (in which no reading can be missing) is tolerated; a longer one is unknown time as a whole.
    /// @param signature 65 bytes of the device key over the EIP-712 digest
    function log(Batch calldata batch, bytes calldata signature) external;

    /// @notice The EIP-712 digest of a batch, with the shipment's logger and chain as they are now.
    function digest(Batch calldata batch) external view returns (bytes32);

    // ---- disposition ---------------------------------------------------------------------------------------------

    /// @notice A laboratory (role LABORATORY) answers for a shipment that is not intact: breaches and unknown time until now are
    /// excused, rules start anew, and readings of the time until now are no longer taken; extremes and times above and below stay.
    /// @dev Reverts `NothingToRelease` (intact, or merely expired), `AlreadyDestroyed`.
    /// @param reason coded, no free text
    function release(bytes32 shipment, uint16 reason) external;

    /// @notice A laboratory destroys a shipment; final.
    function destroy(bytes32 shipment, uint16 reason) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice The verdict at this block. The most lasting reason goes first: destroyed, expired, excursion, unknown.
    function verdict(bytes32 shipment) external view returns (Verdict);

    /// @notice The judgement so far; `unknown` includes the silence since the last reading when it is longer than the profile allows.
    function judgement(bytes32 shipment) external view returns (Judgement memory);

    function shipment(bytes32 id) external view returns (Shipment memory);

    function lot(bytes32 id) external view returns (Lot memory);

    function profile(bytes32 id) external view returns (Profile memory);

    /// @notice Units of a lot that are not yet in a shipment.
    function unitsLeft(bytes32 lot) external view returns (uint32);
}
