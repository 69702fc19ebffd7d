// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/claims/IAdjudication.sol";

/// @title What a plan consists of, and what it says of a claim
/// @dev Amounts are in the smallest unit of the plan's token; service dates are days since 1970-01-01 (UTC), see
/// IPlans.
interface IPlanTypes is IAdjudication {
    /// @param insurer the institution that owes
    /// @param validFrom,validUntil first service day that this version judges, and the first that it no longer judges
    /// @param token ERC-20 in which everything of the plan is counted and paid; the same in all versions
    /// @param coinsurance the patient's share in basis points (2,000 = 20 %), at most 10,000, for category 0;
    /// `coinsuranceOut` the same out of network
    /// @param deductible what the member pays first in a benefit year
    /// @param outOfPocketMaximum the most that a member pays in a benefit year, deductible included
    /// @param familyDeductible,familyOutOfPocketMaximum the same two of a whole family, 0 for none
    /// @param annualLimit,lifetimeLimit the most that is paid for a member in a benefit year, and ever; 0 for no limit
    /// @param waitingDays days from the member's first covered day on which nothing is covered yet
    /// @param filingDays days after the service day within which a claim must be submitted, 0 for no limit
    /// @param reviewThreshold a claim that would be paid more than this waits for review, 0 for never
    /// @param reviewDays within which the insurer reviews; after them the rules decide
    /// @param appealDays after the decision within which the claim may be appealed, or reversed by the insurer
    /// @param rules bit set: 1 copay first, 2 the copay counts to the deductible, 4 the plan has a network (only then
    /// do providers' contracts count), 8 it covers outside too, 16 providers' payments have caps (see `Cap`;
    /// `reviewDays` must not be 0)
    /// @param document commitment to the plan's file: distinguishes the insurer's plans and versions
    struct Terms {
        address insurer;
        uint24 validFrom;
        uint24 validUntil;
        address token;
        uint16 coinsurance;
        uint16 coinsuranceOut;
        uint80 deductible;
        uint80 outOfPocketMaximum;
        uint80 familyDeductible;
        uint80 familyOutOfPocketMaximum;
        uint96 annualLimit;
        uint96 lifetimeLimit;
        uint16 waitingDays;
        uint16 filingDays;
        uint80 reviewThreshold;
        uint16 reviewDays;
        uint16 appealDays;
        uint8 rules;
        bytes32 document;
    }

    /// @notice What holds for the prices of one category. Category 0 has the plan's own coinsurance, the deductible, no
    /// copay, no limit.
    /// @param limit the most that is paid for a member in a benefit year, 0 for no limit
    struct Category {
        uint16 coinsurance;
        uint16 coinsuranceOut;
        bool deductible;
        uint80 copay;
        uint96 limit;
    }

    /// @notice A price. It is loaded and stored as one word; from the top: allowed 80, category 8, flags 8, groups 16,
    /// limit 16, period 16; the rest 0.
    /// @param allowed most that is allowed for one unit
    /// @param category 0, or the number of one of the version's categories
    /// @param flags bit set: 1 listed (always), 2 not covered, 4 needs pre-authorisation, 8 needs a referral
    /// @param groups of which the member must have one: bits 0–11 age groups, bits 12–15 sex groups; none set in a
    /// part: everyone
    /// @param limit most units in a period, 0 for no limit
    /// @param period its length in days, counted from 1970-01-01; 0: the benefit year
    struct Price {
        uint80 allowed;
        uint8 category;
        uint8 flags;
        uint16 groups;
        uint16 limit;
        uint16 period;
    }

    /// @param from first service day covered
    /// @param until first service day no longer covered; 0 with `from` 0: never enrolled
    /// @param family number that the insurer gave the family, 0 for none
    /// @param groups age and sex groups of the price list; what they mean only the plan's file says
    /// @param nextGroups groups from `nextFrom` on (a birthday that is foreseen), unless `nextGroups` is 0
    /// @param secondary another payer goes first: a claim must say what that one answered
    struct Membership {
        uint24 from;
        uint24 until;
        uint64 family;
        uint16 groups;
        uint16 nextGroups;
        uint24 nextFrom;
        bool secondary;
    }

    struct Member {
        address account;
        Membership membership;
    }

    /// @param from first service day of the provider's contract
    /// @param until first service day after it
    /// @param schedule 0, or the number of the provider's own price list: an allowed amount there goes before the
    /// plan's
    struct Contract {
        uint24 from;
        uint24 until;
        uint32 schedule;
    }

    /// @notice How much a provider is paid before a person looks: a bound on what a stolen key, or a wrong system, can
    /// take.
    /// @dev A claim that would be paid more than the cap leaves waits for review, as one beyond `reviewThreshold` does,
    /// and counts when it is decided. A reversal gives nothing back to a cap. The insurer may change caps at any time;
    /// they count in plans with the rule.
    /// @param most paid in a period to one provider for all members of the series, 0 for no cap
    /// @param period its length in days, counted from 1970-01-01 by the day of the decision
    struct Cap {
        uint96 most;
        uint16 period;
    }

    /// @param serial number of this pre-authorisation of the member's code, from 1; 0: there is none
    /// @param units that claims may use up
    struct Authorization {
        uint24 from;
        uint24 until;
        uint16 units;
        uint32 serial;
    }

    struct Referral {
        address by;
        uint24 from;
        uint24 until;
    }

    /// @notice Why a plan refuses a whole claim, in the order of the gates. Nothing is stored; the claim may come
    /// again.
    enum Refusal {
        None,
        Malformed, // 16: no lines, more than 100, units 0
        Duplicate, // 18: provider and number are taken
        NotAttested, // 16: neither sent nor signed by the provider
        NotLicensed, // 185: the provider is not licensed now
        UnknownPlan, // 31: no such plan, or not in force
        FutureService, // 110: the service day is after today
        OutsidePlan, // 26 / 27: the version does not judge that day (26 before, 27 after)
        NotEnrolled, // 31: the patient was never enrolled
        OutsideCover, // 26 / 27: enrolled, but not on that day
        Waiting, // 179: within the waiting period
        FiledLate, // 29: the filing limit has passed
        OutOfNetwork, // 242: the provider has no contract, and the plan covers none without
        NotCoordinated, // 22: another payer goes first, and the claim does not say what it answered
        NoConsent // 227: the patient does not permit the insurer HPAYMT on CLAIM now; X12 has no code of its own for it
    }

    /// @param refusal `None` when the claim passed the gates; else everything below `carc` is empty
    /// @param pended the plan, or a cap, wants a review: nothing is written
    /// @param family the member's, at judgement
    /// @param outOfNetwork judged out of network
    /// @param paid sum over the lines
    struct Verdict {
        Refusal refusal;
        uint16 carc;
        bool pended;
        bool outOfNetwork;
        uint64 family;
        address insurer;
        address token;
        uint96 paid;
        PackedLine[] lines;
    }
}
