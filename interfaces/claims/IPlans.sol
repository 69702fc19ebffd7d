// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title The insurers' plans: terms, price lists, members, and what each member has used
/// @notice A plan is a **series of versions**. A version is registered, its categories and prices loaded in batches,
/// then published; it is in force after `PUBLISH_DELAY`, and its terms and prices never change. Members, families,
/// provider contracts, pre-authorisations, referrals and accumulators belong to the series, so that the next version
/// goes on where the last one ended.
/// @dev A plan's id is a hash whose lowest 32 bits are the version's number, from 1; with 0 there it is the series' id.
/// Functions of the series take either.
/// Amounts are in the smallest unit of the plan's token. Service dates are **days since 1970-01-01** (UTC calendar
/// dates), so that no time zone moves a claim; other times are Unix seconds. Procedure codes never appear in the clear:
/// `code = keccak256(abi.encode(salt, system, code))` with a salt of at least 128 bit that only the plan's parties
/// hold.
///  What is used up is kept **by desk**: the contract that calls `award`. Whoever calls it keeps books of its own.
interface IPlans is IPlanTypes {
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
    /// @dev Reverts `NotLicensed`, `NotInsurer` (terms name another insurer, or the series is another's), `PlanExists`,
    /// `UnknownPlan` (no such series), `InvalidTerms` naming the field: `validUntil` (not after `validFrom`),
    /// `validFrom` (before the end of the version before), `token` (no code there, or not the series'), `coinsurance`,
    /// `coinsuranceOut` (above 10,000), `outOfPocketMaximum`, `familyOutOfPocketMaximum` (below the deductible),
    /// `rules` (unknown bits), `reviewDays` (0 with caps), `document` (0).
    /// @param series 0 for a new plan, or the series (or any version) that this version continues
    /// @return plan the version's id
    function register(bytes32 series, Terms calldata terms) external returns (bytes32 plan);

    /// @notice Adds categories to an unpublished version; they are numbered from 1 in order.
    /// @dev Reverts `NotInsurer`, `AlreadyPublished`, `InvalidCategory` (a rate above 10,000, or more than 255 of
    /// them).
    function addCategories(bytes32 plan, Category[] calldata categories) external;

    /// @notice Adds codes to a price list; about 200 a transaction.
    /// @dev Reverts `NotInsurer`, `AlreadyPublished` (the plan's own list), `PriceExists`, `LengthMismatch`,
    /// `InvalidPrice` (not listed, unknown bits, or a category that the version does not have).
    /// @param schedule 0 for the plan's own list, or a number for a list of a provider's contract, which may grow at
    /// any time and of which only `allowed` counts
    /// @param codes salted codes
    /// @param prices one packed price a code, see `Price`
    function addPrices(bytes32 plan, uint32 schedule, bytes32[] calldata codes, uint256[] calldata prices) external;

    /// @notice Seals terms, categories and prices; claims are judged by them from `PUBLISH_DELAY` on.
    function publish(bytes32 plan) external;

    // ---- the insurer: the series ---------------------------------------------------------------------------------

    /// @notice Enrols members, or replaces what was said of them.
    /// @dev Reverts `NotInsurer`, `InvalidPeriod` (empty), `InvalidMember` (an account whose number fits 64 bits: those
    /// are families).
    function enroll(bytes32 plan, Member[] calldata members) external;

    /// @notice Contracts a provider, or replaces its contract; an end not after `from` ends it.
    /// @dev Reverts `NotInsurer`.
    function contractProvider(bytes32 plan, address provider, Contract calldata terms) external;

    /// @notice Sets a provider's cap, or (provider 0) that of all who have none of their own; a `most` of 0 takes it
    /// back.
    /// @dev Reverts `NotInsurer`, `InvalidCap` (without a period).
    function capProvider(bytes32 plan, address provider, Cap calldata cap) external;

    /// @notice Pre-authorises units of a code for a member; replaces what is left of an earlier one.
    /// @dev Reverts `NotInsurer`, `InvalidPeriod` (empty).
    function authorize(bytes32 plan, address member, bytes32 code, uint16 units, uint24 from, uint24 until) external;

    // ---- a provider ----------------------------------------------------------------------------------------------

    /// @notice The caller's institution (role PROVIDER) refers a member to another, or to whomever the member chooses
    /// (0).
    /// @dev Reverts `NotLicensed`, `UnknownPlan`, `InvalidPeriod` (empty), `OwnReferral` (to itself), `ReferralExists`
    /// (another's, which counts today).
    function refer(bytes32 plan, address member, address to, uint24 from, uint24 until) external;

    // ---- a desk --------------------------------------------------------------------------------------------------

    /// @notice Judges a claim by the plan's gates (from `UnknownPlan` on) and by IAdjudication, and writes what the
    /// member used, unless it is refused or pended.
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

    /// @notice The terms; all zero (`insurer` 0) when unknown. `document` is not stored: it comes back as 0, see the
    /// event.
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

    /// @notice What a provider was paid at a desk in the running period of its cap; 0 while it has none, or the plan no
    /// such rule.
    function paidTo(address desk, bytes32 plan, address provider) external view returns (uint256);

    /// @notice What a member, or a family (its number as an account), has used at a desk in a benefit year; year 0:
    /// ever (`paid` alone).
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

    /// @notice Units used: of a quantity limit, in the period of `day`; `serial` 0. Or of the pre-authorisation of that
    /// serial.
    function used(
        address desk,
        bytes32 plan,
        address member,
        bytes32 code,
        uint24 day,
        uint32 serial
    ) external view returns (uint256);
}
