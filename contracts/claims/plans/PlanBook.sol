// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {PriceWord} from "contracts/claims/plans/Prices.sol";
import {TotalsWord} from "contracts/claims/plans/Totals.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @notice The three slots of a `PlanBook.Plan`.
type PlanSlot0 is uint256;
type PlanSlot1 is uint256;
type PlanSlot2 is uint256;

/// @title What plans keep
/// @dev A usual claim reads three slots of the plan, one of the member, one of the member's year and one a code:
/// everything that not every plan has lies elsewhere, behind a bit of `rules`.
library PlanBook {
    uint16 internal constant WHOLE = 10_000;

    // Bits of `rules`: the first five are the terms', the others say which of the rarer bounds there are.
    uint256 internal constant COPAY_FIRST = 1;
    uint256 internal constant COPAY_COUNTS = 2;
    uint256 internal constant NETWORK = 4;
    uint256 internal constant OUT_OF_NETWORK = 8;
    uint256 internal constant CAPS = 16;
    uint256 internal constant TERMS = 31;
    uint256 internal constant FAMILY = 32;
    uint256 internal constant ANNUAL = 64;
    uint256 internal constant LIFETIME_LIMIT = 128;

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
        mapping(bytes32 plan => mapping(uint256 number => IPlanTypes.Category)) categories;
        mapping(bytes32 plan => mapping(uint32 schedule => mapping(bytes32 code => PriceWord))) prices;
        mapping(bytes32 series => uint32) versions;
        mapping(bytes32 series => mapping(address member => IPlanTypes.Membership)) members;
        mapping(bytes32 series => mapping(address provider => IPlanTypes.Contract)) contracts;
        mapping(bytes32 series => mapping(address => mapping(bytes32 code => IPlanTypes.Authorization))) authorizations;
        mapping(bytes32 series => mapping(address member => mapping(address to => IPlanTypes.Referral))) referrals;
        mapping(bytes32 series => mapping(address provider => IPlanTypes.Cap)) caps; // of provider 0: everyone's
        mapping(bytes32 key => TotalsWord) totals; // what was used; see `totalKey`
        mapping(bytes32 key => uint256) units; // see Contexts; or amounts, see Caps
    }

    // ---- terms ---------------------------------------------------------------------------------------------------

    /// @param series 0 for a new one
    function register(Book storage b, bytes32 series, IPlanTypes.Terms calldata t) internal returns (bytes32 plan) {
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

    function _checkSuccessor(Book storage b, bytes32 series, uint32 version, IPlanTypes.Terms calldata t) private view {
        if (version == 0) revert IPlans.UnknownPlan(series);
        Plan storage last = b.plans[Ids.version(series, version)];
        if (last.insurer != t.insurer) revert IPlans.NotInsurer(series, msg.sender);
        // The accumulators go on, and one day is judged by one version only.
        if (last.token != t.token) revert IPlans.InvalidTerms("token");
        if (t.validFrom < last.validUntil) revert IPlans.InvalidTerms("validFrom");
    }

    function _checkTerms(IPlanTypes.Terms calldata t) private view {
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

    function _write(Book storage b, bytes32 plan, IPlanTypes.Terms calldata t) private {
        uint256 rules = t.rules;
        if (t.familyDeductible != 0 || t.familyOutOfPocketMaximum != 0) rules |= FAMILY;
        if (t.annualLimit != 0) rules |= ANNUAL;
        if (t.lifetimeLimit != 0) rules |= LIFETIME_LIMIT;
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

    function addCategories(Book storage b, bytes32 plan, IPlanTypes.Category[] calldata categories) internal {
        uint256 number = b.plans[plan].categories;
        for (uint256 i; i < categories.length; ++i) {
            IPlanTypes.Category calldata c = categories[i];
            bool valid = c.coinsurance <= WHOLE && c.coinsuranceOut <= WHOLE && ++number <= type(uint8).max;
            if (!valid) revert IPlans.InvalidCategory(i);
            b.categories[plan][number] = c;
        }
        b.plans[plan].categories = uint8(number);
    }

    function addPrices(
        Book storage b,
        bytes32 plan,
        uint32 schedule,
        bytes32[] calldata codes,
        uint256[] calldata prices,
        uint256 categories
    ) internal {
        mapping(bytes32 => PriceWord) storage list = b.prices[plan][schedule];
        for (uint256 i; i < codes.length; ++i) {
            PriceWord price = PriceWord.wrap(prices[i]);
            if (!price.valid(categories)) revert IPlans.InvalidPrice(codes[i], prices[i]);
            if (list[codes[i]].exists()) revert IPlans.PriceExists(plan, codes[i]);
            list[codes[i]] = price;
        }
    }

    function terms(Book storage b, bytes32 plan) internal view returns (IPlanTypes.Terms memory) {
        Plan memory p = b.plans[plan];
        Bounds memory most = b.bounds[plan];
        return
            IPlanTypes.Terms({
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

    // ---- the series ----------------------------------------------------------------------------------------------

    function enroll(Book storage b, bytes32 series, address account, IPlanTypes.Membership calldata m) internal {
        _checkPeriod(m.from, m.until);
        // Accounts of so small a number stand for families.
        if (uint160(account) <= type(uint64).max) revert IPlans.InvalidMember(account);

        b.members[series][account] = m;

        emit IPlans.MemberEnrolled(series, account, m);
    }

    function authorize(
        Book storage b,
        bytes32 series,
        address member,
        bytes32 code,
        uint16 units,
        uint24 from,
        uint24 until
    ) internal {
        _checkPeriod(from, until);
        IPlanTypes.Authorization storage a = b.authorizations[series][member][code];

        (a.from, a.until, a.units) = (from, until, units);
        ++a.serial;

        emit IPlans.Authorized(series, member, code, a);
    }

    function refer(
        Book storage b,
        bytes32 series,
        address member,
        address to,
        address by,
        uint24 from,
        uint24 until
    ) internal {
        _checkPeriod(from, until);
        if (by == to) revert IPlans.OwnReferral(by);
        IPlanTypes.Referral storage r = b.referrals[series][member][to];
        // Only what counts today stands in the way, so that nobody can keep a place with a period far off.
        bool counts = r.from <= block.timestamp / 1 days && block.timestamp / 1 days < r.until;
        if (counts && r.by != by) revert IPlans.ReferralExists(member, to, r.by);

        (r.by, r.from, r.until) = (by, from, until);

        emit IPlans.Referred(series, member, to, r);
    }

    function _checkPeriod(uint24 from, uint24 until) private pure {
        if (until <= from) revert IPlans.InvalidPeriod(from, until);
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
}
