// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";

/// @title What plans keep
/// @dev A usual claim reads three slots of the plan, one of the member, one of the member's year and one a code: everything that
/// not every plan has lies elsewhere, behind a bit of `rules`.
library PlanBook {
    uint16 internal constant WHOLE = 10_000;

    // Bits of `rules`: the first five are the terms', the others say which of the rarer bounds there are.
    uint256 internal constant COPAY_FIRST = 1;
    uint256 internal constant COPAY_COUNTS = 2;
    uint256 internal constant NETWORK = 4;
    uint256 internal constant OUTSIDE = 8;
    uint256 internal constant CAPS = 16;
    uint256 internal constant TERMS = 31;
    uint256 internal constant FAMILY = 32;
    uint256 internal constant ANNUAL = 64;
    uint256 internal constant EVER = 128;

    /// @dev Three slots, which the judge reads by PlanWords. `insurer` 0: not registered; `inForceAt` 0: not sealed.
    struct Plan {
        address insurer;
        uint24 validFrom;
        uint24 validUntil;
        uint16 coinsurance;
        uint16 coinsuranceOut;
        uint16 filingDays;
        address token;
        uint80 deductible;
        uint16 waitingDays;
        uint80 outOfPocketMaximum;
        uint40 inForceAt;
        uint80 reviewThreshold;
        uint8 rules;
        uint8 categories;
        uint16 reviewDays;
        uint16 appealDays;
    }

    struct Bounds {
        uint80 familyDeductible;
        uint80 familyOutOfPocketMaximum;
        uint96 annualLimit;
        uint96 lifetimeLimit;
    }

    struct Book {
        mapping(bytes32 plan => Plan) plans;
        mapping(bytes32 plan => Bounds) bounds;
        mapping(bytes32 plan => mapping(uint256 number => IPlans.Category)) categories;
        mapping(bytes32 plan => mapping(uint32 schedule => mapping(bytes32 code => uint256))) prices;
        mapping(bytes32 series => uint32) versions;
        mapping(bytes32 series => mapping(address member => IPlans.Membership)) members;
        mapping(bytes32 series => mapping(address provider => IPlans.Contract)) contracts;
        mapping(bytes32 series => mapping(address member => mapping(bytes32 code => IPlans.Authorization))) authorizations;
        mapping(bytes32 series => mapping(address member => mapping(address to => IPlans.Referral))) referrals;
        mapping(bytes32 series => mapping(address provider => IPlans.Cap)) caps; // of provider 0: everyone's
        mapping(bytes32 key => uint256) totals; // `Totals` of what was used; see `totalKey`
        mapping(bytes32 key => uint256) units; // see `periodKey` and `serialKey`; or amounts, see Caps
    }

    /// @notice Whose claim it is, of which day, and what its lines share.
    /// @param counted whether anything is counted line by line: units, or a category's limit
    /// @param mine key of what the member used in the year
    /// @param used what was there before the claim
    /// @param first with `second` and `third`: the version's slots, see PlanWords
    struct Case {
        address desk;
        bytes32 series;
        uint256 day;
        uint256 year;
        uint256 groups;
        uint64 family;
        uint32 schedule;
        bool out;
        bool counted;
        bytes32 mine;
        uint256 used;
        uint256 first;
        uint256 second;
        uint256 third;
    }

    /// @notice An empty case, tally and rule, each as an array of one.
    /// @dev Cleared at once; the compiler would clear them word by word, 600 gas a claim.
    function room()
        internal
        pure
        returns (Case[] memory cases, Adjudication.Tally[] memory tallies, Adjudication.Rule[] memory rules)
    {
        // 14 words of a case, 7 of a tally, 6 of a rule, and for each array its length and its one pointer; taken from
        // the free memory.
        assembly ("memory-safe") {
            cases := mload(0x40)
            mstore(0x40, add(cases, 0x420))
            calldatacopy(add(cases, 0xc0), calldatasize(), 0x360)
            tallies := add(cases, 0x40)
            rules := add(cases, 0x80)
            mstore(cases, 1)
            mstore(add(cases, 0x20), add(cases, 0xc0))
            mstore(tallies, 1)
            mstore(add(tallies, 0x20), add(cases, 0x280))
            mstore(rules, 1)
            mstore(add(rules, 0x20), add(cases, 0x360))
        }
    }

    // ---- terms ---------------------------------------------------------------------------------------------------

    /// @param series 0 for a new one
    function register(Book storage b, bytes32 series, IPlans.Terms calldata t) internal returns (bytes32 plan) {
        bool first = series == 0;
        series = first ? Ids.plan(t.insurer, t.document) : Ids.series(series);
        uint32 version = b.versions[series];
        if (first && version != 0) revert IPlans.PlanExists(series);
        if (!first) _checkSuccessor(b, series, version, t);
        _checkTerms(t);

        plan = Ids.version(series, version + 1);
        b.versions[series] = version + 1;
        _write(b, plan, t);
    }

    function _checkSuccessor(Book storage b, bytes32 series, uint32 version, IPlans.Terms calldata t) private view {
        if (version == 0) revert IPlans.UnknownPlan(series);
        Plan storage last = b.plans[Ids.version(series, version)];
        if (last.insurer != t.insurer) revert IPlans.NotInsurer(series, msg.sender);
        // The accumulators go on, and one day is judged by one version only.
        if (last.token != t.token) revert IPlans.InvalidTerms("token");
        if (t.validFrom < last.validUntil) revert IPlans.InvalidTerms("validFrom");
    }

    function _checkTerms(IPlans.Terms calldata t) private view {
        if (t.validUntil <= t.validFrom) revert IPlans.InvalidTerms("validUntil");
        if (t.token.code.length == 0) revert IPlans.InvalidTerms("token");
        if (t.coinsurance > WHOLE) revert IPlans.InvalidTerms("coinsurance");
        if (t.coinsuranceOut > WHOLE) revert IPlans.InvalidTerms("coinsuranceOut");
        if (t.outOfPocketMaximum < t.deductible) revert IPlans.InvalidTerms("outOfPocketMaximum");
        if (t.familyOutOfPocketMaximum != 0 && t.familyOutOfPocketMaximum < t.familyDeductible) {
            revert IPlans.InvalidTerms("familyOutOfPocketMaximum");
        }
        if (t.rules > TERMS) revert IPlans.InvalidTerms("rules");
        // What a cap holds back is reviewed: without days for that it would be paid a second later.
        if (t.rules & CAPS != 0 && t.reviewDays == 0) revert IPlans.InvalidTerms("reviewDays");
        if (t.document == 0) revert IPlans.InvalidTerms("document");
    }

    function _write(Book storage b, bytes32 plan, IPlans.Terms calldata t) private {
        uint256 rules = t.rules;
        if (t.familyDeductible != 0 || t.familyOutOfPocketMaximum != 0) rules |= FAMILY;
        if (t.annualLimit != 0) rules |= ANNUAL;
        if (t.lifetimeLimit != 0) rules |= EVER;
        if (rules > TERMS) {
            b.bounds[plan] = Bounds(t.familyDeductible, t.familyOutOfPocketMaximum, t.annualLimit, t.lifetimeLimit);
        }
        b.plans[plan] = Plan({
            insurer: t.insurer,
            validFrom: t.validFrom,
            validUntil: t.validUntil,
            coinsurance: t.coinsurance,
            coinsuranceOut: t.coinsuranceOut,
            filingDays: t.filingDays,
            token: t.token,
            deductible: t.deductible,
            waitingDays: t.waitingDays,
            outOfPocketMaximum: t.outOfPocketMaximum,
            inForceAt: 0,
            reviewThreshold: t.reviewThreshold,
            rules: uint8(rules),
            categories: 0,
            reviewDays: t.reviewDays,
            appealDays: t.appealDays
        });
    }

    function checkPeriod(uint24 from, uint24 until) internal pure {
        if (until <= from) revert IPlans.InvalidPeriod(from, until);
    }

    function addCategories(Book storage b, bytes32 plan, IPlans.Category[] calldata categories) internal {
        uint256 number = b.plans[plan].categories;
        for (uint256 i; i < categories.length; ++i) {
            IPlans.Category calldata c = categories[i];
            bool valid = c.coinsurance <= WHOLE && c.coinsuranceOut <= WHOLE && ++number <= type(uint8).max;
            if (!valid) revert IPlans.InvalidCategory(i);
            b.categories[plan][number] = c;
        }
        b.plans[plan].categories = uint8(number);
    }

    function terms(Book storage b, bytes32 plan) internal view returns (IPlans.Terms memory) {
        Plan memory p = b.plans[plan];
        Bounds memory most = b.bounds[plan];
        return
            IPlans.Terms({
                insurer: p.insurer,
                validFrom: p.validFrom,
                validUntil: p.validUntil,
                token: p.token,
                coinsurance: p.coinsurance,
                coinsuranceOut: p.coinsuranceOut,
                deductible: p.deductible,
                outOfPocketMaximum: p.outOfPocketMaximum,
                familyDeductible: most.familyDeductible,
                familyOutOfPocketMaximum: most.familyOutOfPocketMaximum,
                annualLimit: most.annualLimit,
                lifetimeLimit: most.lifetimeLimit,
                waitingDays: p.waitingDays,
                filingDays: p.filingDays,
                reviewThreshold: p.reviewThreshold,
                reviewDays: p.reviewDays,
                appealDays: p.appealDays,
                rules: uint8(p.rules & TERMS),
                document: 0
            });
    }

    // ---- keys ----------------------------------------------------------------------------------------------------

    /// @param who the member, or a family's number as an account
    /// @param year benefit year, or 0 for all
    /// @param number category with a limit, or 0 for everything
    function totalKey(
        address desk,
        bytes32 series,
        address who,
        uint256 year,
        uint256 number
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(desk, series, who, year, number));
    }

    /// @dev The length of the period is part of it: another version may count in other periods.
    function periodKey(Case memory k, address member, bytes32 code, uint256 period) internal pure returns (bytes32) {
        return keccak256(abi.encode(k.desk, k.series, member, code, period, period == 0 ? k.year : k.day / period, 1));
    }

    function serialKey(Case memory k, address member, bytes32 code, uint32 serial) internal pure returns (bytes32) {
        return keccak256(abi.encode(k.desk, k.series, member, code, serial));
    }
}
