// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LimitsWords} from "contracts/coldchain/words/LimitsWords.sol";
import {ILots} from "interfaces/coldchain/ILots.sol";
import {ITemperatureRules} from "interfaces/coldchain/ITemperatureRules.sol";

/// @title Temperature profiles, checked and packed into two words
/// @dev The places of all fields: see `ILots.Packed`.
library Profiles {
    using LimitsWords for ILots.LimitsWord;

    /// @dev No logger lies beside a shipment at these: absolute zero, and far above a steriliser. 0.01 °C.
    int16 internal constant COLDEST = -27315;
    int16 internal constant HOTTEST = 15000;

    /// @dev Mean kinetic temperature is for what is stored, 0.01 °C; beyond, its weights would leave their words.
    int16 private constant MKT_LOWEST = -10000;
    int16 private constant MKT_HIGHEST = 10000;

    uint256 private constant MOST_RULES = 8;
    uint256 private constant MOST_MINUTES = 0x3fff;
    uint256 private constant MOST_HOURS = 0x3ff;

    /// @dev Types of vial monitors, one bit each: days to the end point at 37 °C, or none.
    uint256 private constant MONITORS = (1 << 0) | (1 << 2) | (1 << 7) | (1 << 11) | (1 << 14) | (1 << 30);

    // ---- packing -------------------------------------------------------------------------------------------------

    /// @dev Checks a profile and packs it. Reverts `InvalidProfile` naming the field.
    function pack(ITemperatureRules.Profile calldata profile) internal pure returns (ILots.Packed memory packed) {
        _check(profile);

        (int16 floor, int16 ceiling) = _band(profile);
        packed.limits = ILots.LimitsWord.wrap(
            _lane(profile.low, 0) |
                _lane(profile.high, 16) |
                _lane(floor, 32) |
                _lane(ceiling, 48) |
                _lane(profile.mktLimit, 64) |
                (uint256(profile.mktHours) << 80) |
                (profile.rules.length << 90) |
                (uint256(profile.silence) << 94) |
                (uint256(profile.unknown) << 126) |
                (uint256(profile.budget) << 158) |
                (uint256(profile.storageClass) << 190) |
                (uint256(profile.vvm) << 193)
        );
        uint256 rules;
        for (uint256 i; i < profile.rules.length; ++i) {
            ITemperatureRules.Rule calldata rule = profile.rules[i];
            rules |=
                ((uint256(rule.bound) << 31) |
                    (uint256(rule.span) << 30) |
                    (uint256(rule.afterMinutes) << 16) |
                    uint16(rule.threshold)) << (32 * i);
        }
        packed.rules = ILots.RulesWord.wrap(rules);
    }

    function _check(ITemperatureRules.Profile calldata profile) private pure {
        if (profile.low >= profile.high) revert ILots.InvalidProfile("low");
        if (profile.silence == 0) revert ILots.InvalidProfile("silence");
        if (profile.vvm > 30 || (MONITORS >> profile.vvm) & 1 == 0) revert ILots.InvalidProfile("vvm");
        bool judged = profile.mktHours != 0;
        if (judged ? !_mktSound(profile) : profile.mktLimit != 0) revert ILots.InvalidProfile("mkt");
        uint256 count = profile.rules.length;
        if (count > MOST_RULES || (count == 0 && profile.budget == 0 && !judged)) revert ILots.InvalidProfile("rules");
        for (uint256 i; i < count; ++i) {
            ITemperatureRules.Rule calldata rule = profile.rules[i];
            if (rule.afterMinutes == 0 || rule.afterMinutes > MOST_MINUTES) revert ILots.InvalidProfile("afterMinutes");
            if (rule.threshold <= COLDEST || rule.threshold >= HOTTEST) revert ILots.InvalidProfile("threshold");
        }
    }

    function _mktSound(ITemperatureRules.Profile calldata profile) private pure returns (bool) {
        return profile.mktHours <= MOST_HOURS && profile.mktLimit >= MKT_LOWEST && profile.mktLimit <= MKT_HIGHEST;
    }

    /// @dev Where nothing happens: inside the labelled range, clear of every rule, not above the MKT limit, and among
    /// the temperatures that can be, however wide the range: what cannot be is never quiet.
    function _band(ITemperatureRules.Profile calldata profile) private pure returns (int16 floor, int16 ceiling) {
        floor = profile.low < COLDEST ? COLDEST : profile.low;
        ceiling = profile.high > HOTTEST ? HOTTEST : profile.high;
        if (profile.mktHours != 0 && profile.mktLimit < ceiling) ceiling = profile.mktLimit;
        for (uint256 i; i < profile.rules.length; ++i) {
            ITemperatureRules.Rule calldata rule = profile.rules[i];
            if (rule.bound == ITemperatureRules.Bound.Above) {
                if (rule.threshold <= ceiling) ceiling = rule.threshold - 1;
            } else if (rule.threshold >= floor) {
                floor = rule.threshold + 1;
            }
        }
    }

    function _lane(int16 value, uint256 at) private pure returns (uint256) {
        return uint256(uint16(value)) << at;
    }

    // ---- unpacking -----------------------------------------------------------------------------------------------

    function unpack(ILots.Packed memory packed) internal pure returns (ITemperatureRules.Profile memory profile) {
        ILots.LimitsWord limits = packed.limits;
        profile.low = limits.low();
        profile.high = limits.high();
        profile.mktLimit = int16(limits.mktLimit());
        profile.mktHours = uint16(limits.mktHours());
        profile.silence = uint32(limits.silence());
        profile.unknown = uint32(limits.unknown());
        profile.budget = uint32(limits.budget());
        profile.storageClass = ITemperatureRules.StorageClass(limits.storageClass());
        profile.vvm = uint8(limits.vvm());
        profile.rules = new ITemperatureRules.Rule[](limits.ruleCount());
        for (uint256 i; i < profile.rules.length; ++i) {
            uint256 rule = ILots.RulesWord.unwrap(packed.rules) >> (32 * i);
            profile.rules[i] = ITemperatureRules.Rule({
                bound: ITemperatureRules.Bound((rule >> 31) & 1),
                span: ITemperatureRules.Span((rule >> 30) & 1),
                threshold: int16(uint16(rule)),
                afterMinutes: uint16((rule >> 16) & MOST_MINUTES)
            });
        }
    }
}
