// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CustodyWord} from "contracts/coldchain/words/CustodyWords.sol";
import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {ManufacturerWord, ManufacturerWords} from "contracts/coldchain/words/ManufacturerWords.sol";
import {MonitoringWord, MonitoringWords} from "contracts/coldchain/words/MonitoringWords.sol";
import {RunsWord, WindowWord} from "contracts/coldchain/words/RunsWords.sol";
import {SumsWord} from "contracts/coldchain/words/SumsWords.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";

/// @title How shipments and lots are kept: each act reads and writes as few words as it can
/// @dev Packed by hand, because the compiler writes a packed struct field by field, at 200 gas each.
library Parcels {
    using LimitsWords for ILots.LimitsWord;

    /// @param monitoring 0 until anything but custody is known of it, see `monitoringOf`
    struct Parcel {
        CustodyWord custody;
        MonitoringWord monitoring;
        SumsWord sums;
        RunsWord runs;
        WindowWord window;
    }

    /// @dev A lot as this contract keeps it, from its first shipment or its recall on, under a short number.
    /// @param limits those of its profile, and when it was made
    struct LotData {
        ManufacturerWord manufacturerWord;
        ILots.LimitsWord limits;
        ILots.RulesWord rules;
        bytes32 lot;
    }

    /// @dev The monitoring of a shipment of which nothing is known yet begins when it was opened, to the minute, and is
    /// unknown from there on.
    function monitoringOf(Parcel storage p, CustodyWord custody) internal view returns (MonitoringWord monitoring) {
        monitoring = p.monitoring;
        if (!monitoring.exists()) return MonitoringWords.begun(custody.sinceSecondsOf());
    }

    /// @dev A part of a shipment inherits all that was judged, and the disposition.
    function inherit(Parcel storage part, Parcel storage p) internal {
        part.monitoring = p.monitoring;
        part.sums = p.sums;
        part.runs = p.runs;
        part.window = p.window;
    }

    /// @dev What is asked of a lot again and again. Reverts `UnknownLot`.
    function readLot(ILots lots, bytes32 lot) internal view returns (LotData memory) {
        (address maker, uint40 madeAt, uint40 expiresAt, uint32 units, ILots.Packed memory profile) = lots.terms(lot);
        return
            LotData({
                manufacturerWord: ManufacturerWords.pack(maker, units, expiresAt),
                limits: profile.limits.withMadeAt(madeAt),
                rules: profile.rules,
                lot: lot
            });
    }
}
