// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITemperatureRules} from "interfaces/coldchain/ITemperatureRules.sol";

/// @title What a shipment is, and what is signed of it
/// @dev Times are Unix seconds. See IColdChain.
interface IColdChainTypes is ITemperatureRules {
    enum Disposition {
        None, // no such shipment
        Active, // moves freely while the verdict is `Intact`
        Quarantined, // by rule, or by hand
        Closed, // merged into another one
        Destroyed
    }

    enum Verdict {
        None, // no such shipment
        Intact,
        Excursion, // a limit was breached and no laboratory has released it since (which: `Report.breached`)
        Unknown, // too much time without readings, or never monitored
        Overdue, // not handed on in the time allowed
        Expired, // the lot has expired
        Recalled, // the lot is recalled
        Closed, // its units are in another shipment
        Destroyed
    }

    /// @param lot id, see ILots
    /// @param units still in it, at most 16,777,215
    /// @param since minutes after 2025-01-01 00:00 UTC when the holder took it; grows at every handover and refusal, so
    /// that it never repeats
    /// @param due from when on it is overdue, a whole hour: what was allowed is never cut short; 0 while no time is set
    /// @param disposition see `Disposition`
    /// @param chain the first 16 bytes of the digest of the last batch, 0 before the first
    struct Shipment {
        bytes32 lot;
        address holder;
        uint24 units;
        uint32 since;
        uint40 due;
        Disposition disposition;
        bytes16 chain;
    }

    /// @notice Why the verdict is what it is.
    /// @param breached see `Judgement.breached`
    /// @param breachedAt start of the reading that breached first since the last release (of a merger: its time), 0
    /// while none; by hand and by a fork none
    /// @param runs for each rule, how long it has been hit, seconds (a single rule: in the present run or, once
    /// breached, in the one that breached it)
    /// @param silence seconds since `Judgement.until`; 0 while the last reading's step still runs
    /// @param intactUntil first second at which silence alone would turn it `Unknown`, 0 when it is so already
    /// @param recall code of the recall, 0 while there is none
    /// @param judgement `unknown` includes the silence until now when it is longer than the profile allows, or before
    /// anything was judged; until then `until` is the minute in which it was opened
    struct Report {
        Verdict verdict;
        uint16 breached;
        uint40 breachedAt;
        uint32[8] runs;
        uint32 silence;
        uint40 intactUntil;
        uint16 recall;
        Judgement judgement;
    }

    /// @param from readings that start before are not taken
    /// @param to readings that start at or after it are not taken; at most the end of the device's calibration
    /// @param model when not 0: only batches of a file that this model's key signed (ILoggers) are taken
    struct Pairing {
        uint40 from;
        uint40 to;
        uint16 model;
    }

    /// @notice From the lowest bit: sequence 24, start 40, step 16, count 16, base 16, width 8, resolution 8; the rest
    /// 0. sequence: number of the batch in the shipment, from 0, without a hole · start: time of the first reading ·
    /// step: seconds between readings · count: readings in the data, 1 to `MAX_READINGS` · base, width, resolution: see
    /// packing, ITemperatureRules
    type HeaderWord is uint256;

    /// @notice From the lowest bit: to 160, deadline 40, hoursAllowed 16, vvm 8, shake 8; the rest 0. to: the account
    /// that signs or sends for the receiver, an institution or its operator · deadline: last second at which a
    /// signature counts · hoursAllowed: hours in which the receiver must hand it on, 0: it stays; at most 8,760 · vvm:
    /// stage of the vial monitor that the receiver sees: 0 not read, 1 or 2 may be used, 3 or 4 must not · shake: shake
    /// test: 0 not done, 1 passed, 2 failed (was frozen)
    type HandoverWord is uint256;

    /// @notice From the lowest bit: since 32, due 40 (see Shipment), vvm 8, shake 8 (see HandoverWord).
    type HandedWord is uint256;

    /// @notice A `Judgement` from the lowest bit: lowest 16, highest 16, above 32, below 32, unknown 32, breached 16,
    /// until 32, batches 24, readings 32.
    type JudgementWord is uint256;

    /// @notice A batch of readings as the device signs it.
    /// @dev EIP-712: `Readings(bytes32 shipment,uint24 sequence,uint40 start,uint16 step,uint16 count,int16 base,uint8
    /// width,uint8 resolution,bytes16 previous,bytes32 file,bytes data)`, `previous` being the shipment's `chain`
    /// before it. The signer is the device: nothing else names it.
    /// @param file the digest of the export that the readings are from (ILoggers.proveFile), 0 without one
    /// @param data whole words; codes after the last reading hold "no reading"
    struct Batch {
        bytes32 shipment;
        HeaderWord header;
        bytes32 file;
        bytes data;
    }

    /// @notice What passes from the holder to the next one. Both prove it, by a signature or by sending the
    /// transaction.
    /// @dev EIP-712, giver: `Offer(bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16
    /// hoursAllowed,bytes32 seal)`; receiver: `Acceptance(` the same fields, then `,uint8 vvm,uint8 shake)`. `from` is
    /// the holder (an institution) and `since` its own, see Shipment: so no signature serves twice.
    /// @param seal commitment to the seal's number, salted; 0 without one
    struct Handover {
        bytes32 shipment;
        HandoverWord terms;
        bytes32 seal;
    }
}
