// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @title Shipments: custody, readings, verdict
/// @notice A manufacturer opens shipments of its lots; each has one holder at a time, and loggers, one after another,
/// whose devices sign batches of readings. This contract judges every reading (see ITemperatureRules). A breach
/// quarantines the shipment in the same transaction. What is not `Intact` is neither handed on nor given; it may only
/// go to a laboratory or back to its manufacturer.
/// @dev Times are Unix seconds. The **verdict** is derived from facts and the clock: silence becomes unknown time by
/// itself. Warning: the contract judges what the device signed. It cannot know that the device lay beside the vaccine.
interface IColdChain is IColdChainTypes {
    /// @param origin,destination commitments to the two places, salted
    event ShipmentOpened(
        bytes32 indexed shipment,
        bytes32 indexed lot,
        address indexed holder,
        uint24 units,
        bytes32 origin,
        bytes32 destination,
        uint40 due
    );
    event ShipmentSplit(bytes32 indexed shipment, bytes32 indexed into, uint24 units);
    event ShipmentMerged(bytes32 indexed shipment, bytes32 indexed into, uint24 units);
    event ShipmentHanded(
        bytes32 indexed shipment,
        address indexed from,
        address indexed to,
        HandedWord terms,
        bytes32 seal
    );
    /// @notice The receiver refused what was offered; the holder keeps it.
    event ShipmentRejected(bytes32 indexed shipment, address indexed holder, address indexed by, uint16 reason);
    event UnitsDispensed(bytes32 indexed shipment, address indexed holder, uint24 units);
    event LoggerPaired(bytes32 indexed shipment, address indexed logger, uint40 from, uint40 to, uint16 model);
    event PairingEnded(bytes32 indexed shipment, address indexed logger, uint40 to);
    /// @param batch as in Batch.header
    /// @param unknown unknown time added by this batch and the gap before it, seconds
    /// @param judgement after this batch
    event ReadingsLogged(
        bytes32 indexed shipment,
        address indexed logger,
        HeaderWord batch,
        bytes32 file,
        uint32 unknown,
        bytes16 chain,
        JudgementWord judgement
    );
    /// @param breached see Judgement
    /// @param by who quarantined it by hand, with a coded reason; 0 when a rule did, or a fork
    event ShipmentQuarantined(bytes32 indexed shipment, uint16 breached, uint40 breachedAt, address by, uint16 reason);
    /// @notice Somebody else has the device's key, or the device lies: two batches of one number.
    event LoggerForked(bytes32 indexed shipment, address indexed logger, bytes32 one, bytes32 other);
    event ShipmentReleased(bytes32 indexed shipment, address indexed laboratory, uint16 reason);
    event ShipmentDestroyed(bytes32 indexed shipment, address indexed laboratory, uint16 reason);
    event LotRecalled(bytes32 indexed lot, address indexed by, uint16 reason);

    error UnitsExceeded(bytes32 lot, uint32 asked, uint32 left);
    error InvalidShipment(string field);
    error ShipmentExists(bytes32 shipment);
    error UnknownShipment(bytes32 shipment);
    error NotHolder(bytes32 shipment, address account);
    error NotManufacturer(bytes32 lot, address account);
    /// @notice Only what is intact moves.
    error NotIntact(bytes32 shipment, Verdict verdict);
    error SignatureExpired(uint40 deadline, uint256 nowAt);
    error InvalidSignature(bytes32 shipment, address account);
    error InvalidHandover(string field);
    error InvalidPairing(string field);
    error NotPaired(bytes32 shipment, address logger);
    error OutsidePairing(uint40 from, uint40 to);
    error FileNotProven(bytes32 file, uint16 model);
    error OutOfSequence(bytes32 shipment, uint24 expected, uint24 given);
    error OutOfOrder(bytes32 shipment, uint40 until, uint40 start);
    /// @param last start of the last reading
    error FromTheFuture(uint40 last, uint256 nowAt);
    error MalformedReadings(string field);
    error NoFork(bytes32 shipment);
    error NothingToRelease(bytes32 shipment);
    error AlreadyRecalled(bytes32 lot);
    error InvalidReason(uint16 reason);

    /// @notice Most readings in one batch.
    function MAX_READINGS() external view returns (uint16);

    // ---- opening, splitting, merging -----------------------------------------------------------------------------

    /// @notice The manufacturer opens a shipment of its lot; it is the first holder. It is not intact before a logger
    /// is paired.
    /// @dev Reverts `NotLicensed`, `NotManufacturer`, `UnknownLot`, `UnitsExceeded`, `ShipmentExists`,
    /// `InvalidShipment` (`units` 0, `hoursAllowed` above 8,760), `NotIntact` (the lot is expired or recalled; the
    /// shipment named is the new one).
    /// @param ref distinguishes the shipments of a lot, e.g. a salted hash of the SSCC
    /// @param hoursAllowed hours in which it must be handed on, 0: it stays
    function open(
        bytes32 lot,
        bytes32 ref,
        uint24 units,
        uint16 hoursAllowed,
        bytes32 origin,
        bytes32 destination
    ) external returns (bytes32 shipment);

    /// @notice The holder moves some units into a new shipment, which inherits all that was judged (the number of
    /// batches and the chain, too), the time allowed and the disposition; it needs a logger of its own.
    /// @dev Reverts `UnknownShipment`, `NotHolder`, `NotLicensed`, `InvalidShipment` (`units` 0 or all),
    /// `ShipmentExists`, `NotIntact` (closed or destroyed).
    /// @param ref see `open`; the id is made with the present holder's account
    function split(bytes32 shipment, bytes32 ref, uint24 units) external returns (bytes32 part);

    /// @notice The holder puts all units of `shipment` into `into`, of the same lot and intact like it. Both are judged
    /// until now, silence counting as unknown time, and `into` keeps of each sum, run and extreme the worse of the two,
    /// of two MKT windows the later start and the larger sum, and the sooner `due`. What it breaches by that
    /// quarantines it.
    /// @dev Reverts `UnknownShipment`, `NotHolder`, `NotLicensed`, `InvalidShipment` (`into`: itself, or of another
    /// lot; `units`: more than a shipment holds), `NotIntact`.
    function merge(bytes32 shipment, bytes32 into) external;

    // ---- custody -------------------------------------------------------------------------------------------------

    /// @notice One transaction, both parties proven: whoever sends it needs no signature; anyone may relay it with
    /// both.
    /// @dev The receiver's institution must be licensed to hold vaccine: as PROVIDER, PHARMACY, MANUFACTURER, CARRIER,
    /// LABORATORY or PUBLIC_HEALTH. The giver need not be: who lost its licence may still hand over what it holds. An
    /// operator that signs for the giver must be licensed. What is not intact goes only to a laboratory or back to the
    /// manufacturer of the lot, and keeps its disposition; what is closed or destroyed goes nowhere, and what is
    /// overdue stays so until a laboratory releases it. ERC-1271 wallets sign too. Reverts `UnknownShipment`,
    /// `NotHolder`, `NotIntact`, `NotLicensed`, `SignatureExpired`, `InvalidSignature`, `InvalidHandover` (`terms`:
    /// more bits than there are fields; `to`: the holder itself; `hoursAllowed`; `vvm`; `shake`; a monitor or a shake
    /// test that says the goods are spoilt is for `reject`, unless the goods go back as above: they are then
    /// quarantined).
    /// @param giver 65 bytes by the holder or its operator, or empty when it sends
    /// @param receiver 65 bytes by `to`, or empty when it sends
    function hand(Handover calldata handover, bytes calldata giver, bytes calldata receiver) external;

    /// @notice The receiver refuses what the holder offered to it (proven by the holder's signature, which is used up
    /// by that). A spoilt monitor (3, 4) or a failed shake test quarantines it.
    /// @dev Caller: `handover.to`. Reverts as `hand` (`InvalidSignature` for another caller), and `InvalidReason` (0).
    /// @param reason coded, no free text, not 0
    function reject(Handover calldata handover, bytes calldata giver, uint16 reason) external;

    /// @notice Units leave the shipment for use; refused unless it is intact.
    /// @dev Caller: the holder's institution or its operator, or a contract that the AccessManager lets act for any
    /// holder (IDoses). Reverts `NotHolder`, `NotIntact`, `NotLicensed`, `InvalidShipment` (`units`: 0 or more than
    /// there are), `AccessManagedUnauthorized`.
    /// @param holder who gives it; for a caller of its own: its institution
    function dispense(bytes32 shipment, address holder, uint24 units) external;

    // ---- loggers -------------------------------------------------------------------------------------------------

    /// @notice The holder (or its operator) pairs a device with a shipment from a time to a time. Time before the first
    /// pairing, since the shipment was opened (to the minute), is unknown time; what lies between two pairings is a gap
    /// like any other.
    /// @dev The device is in service, calibrated at `from` and paired with nothing from then on: its pairings follow
    /// one another in time. Paired anew with the same shipment, its readings from before are not taken any more. `to`
    /// is cut to the end of its calibration. Reverts `UnknownShipment`, `NotHolder`, `NotLicensed` (caller, or the
    /// device as a logger), `InvalidPairing` (`device` not in service; `calibration`; `from` before the shipment was
    /// judged until or, the first time, before the lot was made; or later than now; `to` not after `from`; `busy`;
    /// `model` not trusted).
    /// @param model when not 0: only batches of files that this model's key signed are taken, see ILoggers
    function pair(bytes32 shipment, address logger, uint40 from, uint40 to, uint16 model) external;

    /// @notice Ends a pairing: the device was lost, replaced or is needed elsewhere. By the holder, or by the device's
    /// owner.
    /// @param to not after its present end and not before its beginning; readings that start at or after it are not
    /// taken any more
    /// @dev Reverts `NotPaired` (an unknown shipment too), `NotHolder`, `NotLicensed` (the owner: as a logger),
    /// `InvalidPairing` (`to`).
    function unpair(bytes32 shipment, address logger, uint40 to) external;

    /// @notice Takes a signed batch, judges every reading and quarantines the shipment on a breach. Anyone may relay
    /// it.
    /// @dev Reverts `NotPaired` (an unknown shipment, a bad signature, another field or `previous` than was signed: the
    /// signer is then a stranger), `NotLicensed` (the device), `MalformedReadings` (`header`; `step` 0 or longer than
    /// the profile's silence; `count`; `width`; `resolution` 0; `data` length or a code with its topmost bit set;
    /// `padding`; `temperature` below −273.15 or above 150 °C), `OutOfSequence`, `OutOfOrder` (overlaps what is
    /// judged), `OutsidePairing`, `FileNotProven`, `FromTheFuture` (the last reading is yet to be taken; its step may
    /// still run). A gap shorter than one step (in which no reading can be missing) is tolerated; another one is
    /// unknown time as a whole. The last number, 16,777,215, is never taken. Readings of what is destroyed or closed
    /// are taken like others and change no verdict.
    /// @param signature 65 bytes of the device key over the EIP-712 digest
    function log(Batch calldata batch, bytes calldata signature) external;

    /// @notice Anyone shows two different batches of one number that the same paired device signed: its key is in two
    /// hands. Quarantines the shipment.
    /// @dev Reverts `NotPaired`, `NoFork` (another shipment or number, the same digest, other signers, or one that
    /// starts before the last release or merger: that passes over batches on their way, whose numbers an honest device
    /// then signs anew).
    /// @param previous the `chain` that each was signed upon
    function reportFork(Batch[2] calldata batches, bytes16[2] calldata previous, bytes[2] calldata signatures) external;

    /// @notice The EIP-712 digest of a batch upon the shipment's chain as it is now.
    function digest(Batch calldata batch) external view returns (bytes32);

    // ---- disposition ---------------------------------------------------------------------------------------------

    /// @notice The holder or a laboratory quarantines a shipment by hand (bit 11).
    /// @dev Reverts `UnknownShipment`, `NotLicensed`, `NotHolder`, `NotIntact` (closed or destroyed), `InvalidReason`
    /// (0).
    function quarantine(bytes32 shipment, uint16 reason) external;

    /// @notice A laboratory (role LABORATORY) answers for a shipment that is in excursion, unknown or overdue:
    /// breaches, unknown time until now and the time allowed are excused, rules start anew, an MKT window closes, and
    /// readings of the time until now are no longer taken; extremes and times above and below stay. A stability budget
    /// that is used up cannot be released.
    /// @dev Reverts `NothingToRelease` (intact, or merely expired, recalled, closed or destroyed; or the budget),
    /// `InvalidReason` (0), `NotLicensed`. What is expired or recalled as well may be released, and stays expired or
    /// recalled.
    /// @param reason coded, no free text, not 0
    function release(bytes32 shipment, uint16 reason) external;

    /// @notice A laboratory destroys a shipment; final.
    /// @dev Reverts `UnknownShipment`, `NotLicensed`, `InvalidReason` (0), `NotIntact` (closed or destroyed).
    function destroy(bytes32 shipment, uint16 reason) external;

    /// @notice The manufacturer, or the regulator's recaller, recalls a lot: final, at once for every shipment of it,
    /// those to come included, at constant cost.
    /// @dev Reverts `UnknownLot`, `AlreadyRecalled`, `InvalidReason` (0), `NotLicensed` or `AccessManagedUnauthorized`.
    function recall(bytes32 lot, uint16 reason) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice The verdict at this block. The most lasting reason goes first: destroyed, closed, recalled, expired,
    /// excursion, unknown, overdue.
    function verdict(bytes32 shipment) external view returns (Verdict);

    /// @notice The verdict, and all that it rests on.
    function report(bytes32 shipment) external view returns (Report memory);

    function shipment(bytes32 id) external view returns (Shipment memory);

    function pairing(bytes32 shipment, address logger) external view returns (Pairing memory);

    /// @notice Units of a lot that are not yet in a shipment; all of them before the first.
    function unitsLeft(bytes32 lot) external view returns (uint32);

    /// @notice Code of a lot's recall, 0 while there is none.
    function recallOf(bytes32 lot) external view returns (uint16);
}
