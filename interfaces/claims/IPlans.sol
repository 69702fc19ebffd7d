// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/claims/IAdjudication.sol";

/// @title The insurers' plans: terms, price lists, members, and what each member has used
/// @notice A plan is a **series of versions**. A version is registered, its categories and prices loaded in batches, then published;
/// it is in force after `PUBLISH_DELAY`, and its terms and prices never change. Members, families, provider contracts,
/// pre-authorisations, referrals and accumulators belong to the series, so that the next version goes on where the last one ended.
/// @dev A plan's id is a hash whose lowest 32 bits are the version's number, from 1; with 0 there it is the series' id. Functions of the
/// series take either.
///  Amounts are in the smallest unit of the plan's token. Service dates are **days since 1970-01-01** (UTC calendar dates), so that no time
/// zone moves a claim; other times are Unix seconds. Procedure codes never appear in the clear: `code = keccak256(abi.encode(salt, system,
/// code))` with a salt of at least 128 bit that only the plan's parties hold.
///  What is used up is kept **by desk**: the contract that calls `award`. Whoever calls it keeps books of its own.
interface IPlans is IAdjudication {
    /// @param insurer the institution that owes
    /// @param validFrom,validUntil first service day that this version judges, and the first that it no longer judges
    /// @param token ERC-20 in which everything of the plan is counted and paid; the same in all versions
    /// @param coinsurance the patient's share in basis points (2,000 = 20 %), at most 10,000, for category 0; `coinsuranceOut` the same out of network
    /// @param deductible what the member pays first in a benefit year
    /// @param outOfPocketMaximum the most that a member pays in a benefit year, deductible included
    /// @param familyDeductible,familyOutOfPocketMaximum the same two of a whole family, 0 for none
    /// @param annualLimit,lifetimeLimit the most that is paid for a member in a benefit year, and ever; 0 for no limit
    /// @param waitingDays days from the member's first covered day on which nothing is covered yet
    /// @param filingDays days after the service day within which a claim must be submitted, 0 for no limit
    /// @param reviewThreshold a claim that would be paid more than this waits for review, 0 for never
    /// @param reviewDays within which the insurer reviews; after them the rules decide
    /// @param appealDays after the decision within which the claim may be appealed, or reversed by the insurer
    /// @param rules bit set: 1 copay first, 2 the copay counts to the deductible, 4 the plan has a network (only then do providers'
    /// contracts count), 8 it covers outside too, 16 providers' payments have caps (see `Cap`; `reviewDays` must not be 0)
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

    /// @notice What holds for the prices of one category. Category 0 has the plan's own coinsurance, the deductible, no copay, no limit.
    /// @param limit the most that is paid for a member in a benefit year, 0 for no limit
    struct Category {
        uint16 coinsurance;
        uint16 coinsuranceOut;
        bool deductible;
        uint80 copay;
        uint96 limit;
    }

    /// @notice A price. It is loaded and stored as one word; from the top: allowed 80, category 8, flags 8, groups 16, limit 16, period 16; the
    /// rest 0.
    /// @param allowed most that is allowed for one unit
    /// @param category 0, or the number of one of the version's categories
    /// @param flags bit set: 1 listed (always), 2 not covered, 4 needs pre-authorisation, 8 needs a referral
    /// @param groups of which the member must have one: bits 0–11 age groups, bits 12–15 sex groups; none set in a part: everyone
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
    /// @param schedule 0, or the number of the provider's own price list: an allowed amount there goes before the plan's
    struct Contract {
        uint24 from;
        uint24 until;
        uint32 schedule;
    }

    /// @notice How much a provider is paid before a person looks: a bound on what a stolen key, or a wrong system, can take.
    /// @dev A claim that would be paid more than the cap leaves waits for review, as one beyond `reviewThreshold` does, and counts when it
    /// is decided. A reversal gives nothing back to a cap. The insurer may change caps at any time; they count in plans with the rule.
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

    /// @notice Why a plan refuses a whole claim, in the order of the gates. Nothing is stored; the claim may come again.
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

    event PlanRegistered(bytes32 indexed plan, address indexed insurer, Terms terms);
    event CategoriesAdded(bytes32 indexed plan, Category[] categories);
    event PricesAdded(bytes32 indexed plan, uint32 schedule, bytes32[] codes, uint256[] prices);
    event PlanPublished(bytes32 indexed plan, uint40 inForceAt);
    event MemberEnrolled(bytes32 indexed series, address indexed member, Membership membership);
    event ProviderContracted(bytes32 indexed series, address indexed provider, Contract terms);
    event ProviderCapped(bytes32 indexed series, address indexed provider, Cap cap);
    event Authorized(bytes32 indexed series, address indexed member, bytes32 indexed code, Authorization authorization);
    event Referred(bytes32 indexed series, address indexed member, address indexed to, Referral referral);

    error PlanExists(bytes32 plan);
    error UnknownPlan(bytes32 plan);
    error AlreadyPublished(bytes32 plan);
    error NotInsurer(bytes32 plan, address account);
    error InvalidTerms(string field);
    error InvalidCategory(uint256 position);
    error InvalidPrice(bytes32 code, uint256 price);
    error InvalidPeriod(uint24 from, uint24 until);
    error InvalidMember(address member);
    error PriceExists(bytes32 plan, bytes32 code);
    error InvalidCap(uint96 most, uint16 period);
    error OwnReferral(address provider);
    error ReferralExists(address member, address to, address by);
    error LengthMismatch(uint256 codes, uint256 prices);

    // ---- the insurer: a version ----------------------------------------------------------------------------------

    /// @notice Registers a version of the caller's institution (role INSURER).
    /// @dev Reverts `NotLicensed`, `NotInsurer` (terms name another insurer, or the series is another's), `PlanExists`, `UnknownPlan` (no
    /// such series), `InvalidTerms` naming the field: `validUntil` (not after `validFrom`), `validFrom` (before the end of the version
    /// before), `token` (no code there, or not the series'), `coinsurance`, `coinsuranceOut` (above 10,000), `outOfPocketMaximum`,
    /// `familyOutOfPocketMaximum` (below the deductible), `rules` (unknown bits), `reviewDays` (0 with caps), `document` (0).
    /// @param series 0 for a new plan, or the series (or any version) that this version continues
    /// @return plan the version's id
    function register(bytes32 series, Terms calldata terms) external returns (bytes32 plan);

    /// @notice Adds categories to an unpublished version; they are numbered from 1 in order.
    /// @dev Reverts `NotInsurer`, `AlreadyPublished`, `InvalidCategory` (a rate above 10,000, or more than 255 of them).
    function addCategories(bytes32 plan, Category[] calldata categories) external;

    /// @notice Adds codes to a price list; about 200 a transaction.
    /// @dev Reverts `NotInsurer`, `AlreadyPublished` (the plan's own list), `PriceExists`, `LengthMismatch`, `InvalidPrice` (not listed,
    /// unknown bits, or a category that the version does not have).
    /// @param schedule 0 for the plan's own list, or a number for a list of a provider's contract, which may grow at any time and of which only
    /// `allowed` counts
    /// @param codes salted codes
    /// @param prices one packed price a code, see `Price`
    function addPrices(bytes32 plan, uint32 schedule, bytes32[] calldata codes, uint256[] calldata prices) external;

    /// @notice Seals terms, categories and prices; claims are judged by them from `PUBLISH_DELAY` on.
    function publish(bytes32 plan) external;

    // ---- the insurer: the series ---------------------------------------------------------------------------------

    /// @notice Enrols members, or replaces what was said of them.
    /// @dev Reverts `NotInsurer`, `InvalidPeriod` (empty), `InvalidMember` (an account whose number fits 64 bits: those are families).
    function enroll(bytes32 plan, Member[] calldata members) external;

    /// @notice Contracts a provider, or replaces its contract; an end not after `from` ends it.
    /// @dev Reverts `NotInsurer`.
    function contractProvider(bytes32 plan, address provider, Contract calldata terms) external;

    /// @notice Sets a provider's cap, or (provider 0) that of all who have none of their own; a `most` of 0 takes it back.
    /// @dev Reverts `NotInsurer`, `InvalidCap` (without a period).
    function capProvider(bytes32 plan, address provider, Cap calldata cap) external;

    /// @notice Pre-authorises units of a code for a member; replaces what is left of an earlier one.
    /// @dev Reverts `NotInsurer`, `InvalidPeriod` (empty).
    function authorize(bytes32 plan, address member, bytes32 code, uint16 units, uint24 from, uint24 until) external;

    // ---- a provider ----------------------------------------------------------------------------------------------

    /// @notice The caller's institution (role PROVIDER) refers a member to another, or to whomever the member chooses (0).
    /// @dev Reverts `NotLicensed`, `UnknownPlan`, `InvalidPeriod` (empty), `OwnReferral` (to itself), `ReferralExists` (another's,
    /// which counts today).
    function refer(bytes32 plan, address member, address to, uint24 from, uint24 until) external;

    // ---- a desk --------------------------------------------------------------------------------------------------

    /// @notice Judges a claim by the plan's gates (from `UnknownPlan` on) and by IAdjudication, and writes what the member used, unless it is
    /// refused or pended.
    /// @dev The caller is the desk, and answers for the gates before `UnknownPlan`.
    /// @param reviewed true: neither the review threshold nor the filing limit counts any more
    function award(Claim calldata claim, bool reviewed) external returns (Verdict memory);

    /// @notice What `award` would answer to `desk` now; writes nothing.
    function judge(address desk, Claim calldata claim, bool reviewed) external view returns (Verdict memory);

    /// @notice Gives back exactly what a claim of the calling desk used up.
    /// @dev Reverts with a panic when the desk gives back what it never used.
    function restore(
        bytes32 plan,
        address patient,
        uint24 serviceDay,
        uint64 family,
        PackedLine[] calldata lines
    ) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice Seconds from publication until a version judges.
    function PUBLISH_DELAY() external view returns (uint40);

    /// @notice The terms; all zero (`insurer` 0) when unknown. `document` is not stored: it comes back as 0, see the event.
    function terms(bytes32 plan) external view returns (Terms memory);

    /// @notice First second at which the version judges, 0 while not published.
    function inForceAt(bytes32 plan) external view returns (uint40);

    /// @notice How many versions a series has.
    function versions(bytes32 plan) external view returns (uint32);

    function category(bytes32 plan, uint8 number) external view returns (Category memory);
    function membership(bytes32 plan, address member) external view returns (Membership memory);
    function price(bytes32 plan, uint32 schedule, bytes32 code) external view returns (Price memory);
    function contractOf(bytes32 plan, address provider) external view returns (Contract memory);
    function authorization(bytes32 plan, address member, bytes32 code) external view returns (Authorization memory);
    function referral(bytes32 plan, address member, address to) external view returns (Referral memory);

    /// @notice The cap that holds for a provider: its own, or else everyone's.
    function capOf(bytes32 plan, address provider) external view returns (Cap memory);

    /// @notice What a provider was paid at a desk in the running period of its cap; 0 while it has none, or the plan no such rule.
    function paidTo(address desk, bytes32 plan, address provider) external view returns (uint256);

    /// @notice What a member, or a family (its number as an account), has used at a desk in a benefit year; year 0: ever (`paid` alone).
    function accumulators(
        address desk,
        bytes32 plan,
        address member,
        uint16 year
    ) external view returns (Accumulators memory);

    /// @notice What was paid for a member in a benefit year in a category that has a limit.
    function categoryPaid(
        address desk,
        bytes32 plan,
        address member,
        uint16 year,
        uint8 number
    ) external view returns (uint96);

    /// @notice Units used: of a quantity limit, in the period of `day`; `serial` 0. Or of the pre-authorisation of that serial.
    function used(
        address desk,
        bytes32 plan,
        address member,
        bytes32 code,
        uint24 day,
        uint32 serial
    ) external view returns (uint256);
}
