// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bands} from "contracts/coldchain/Bands.sol";
import {MeanKinetic} from "contracts/coldchain/MeanKinetic.sol";
import {Parcels} from "contracts/coldchain/Parcels.sol";
import {TemperatureRules} from "contracts/coldchain/TemperatureRules.sol";
import {PairingWord} from "contracts/coldchain/words/PairingWords.sol";
import {RunsWord, WindowWord} from "contracts/coldchain/words/RunsWords.sol";
import {SumsWord} from "contracts/coldchain/words/SumsWords.sol";
import {IColdChainTypes} from "interfaces/coldchain/IColdChainTypes.sol";

/// @title Opens the judging of readings to tests, with any profile and anything judged before
contract ReadingsJudge {
    Parcels.Parcel private _parcel;
    Parcels.LotData private _lotData;

    /// @notice Judges a batch by a profile; to be called, not sent.
    /// @return sums after
    /// @return runs after
    /// @return window after
    /// @return flags after
    /// @return calm whether the judging was not needed
    function judge(
        Parcels.Parcel calldata parcel,
        Parcels.LotData calldata lotData,
        PairingWord pairing,
        IColdChainTypes.HeaderWord header,
        bytes calldata data
    ) external returns (SumsWord sums, RunsWord runs, WindowWord window, uint256 flags, bool calm) {
        (_parcel, _lotData) = (parcel, lotData);
        calm = Bands.isInBand(parcel.monitoring, pairing, parcel.sums, header, data);
        (sums, flags) = TemperatureRules.judge(_parcel, _lotData, parcel.monitoring, pairing, header, data);
        return (sums, _parcel.runs, _parcel.window, flags, calm);
    }

    /// @notice The weights of as many temperatures from one on.
    function weights(int256 first, uint256 count) external pure returns (uint256[] memory found) {
        found = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            found[i] = MeanKinetic.weight(first + int256(i));
        }
    }
}
