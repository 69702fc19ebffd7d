// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The insurers' plans: terms, price lists, members
/// @notice A plan version is registered, its price list loaded in batches, then published; after that its terms and prices never
/// change. A new version is a new plan.
/// @dev Amounts are in the smallest unit of the plan's token. Service dates are **days since 1970-01-01** (UTC calendar dates), so
/// that no time zone moves a claim; other times are Unix seconds. Procedure codes never appear in the clear:
/// `code = keccak256(abi.encode(salt, system, code))` with a salt of at least 128 bit that only the plan's parties hold.
interface IPlans {
    /// @param insurer the institution that owes
    /// @param validFrom first service day that this version judges
    /// @param validUntil first service day that it no longer judges
    /// @param coinsurance the patient's share after the deductible, in basis points (2,000 = 20 %), at most 10,000
    /// @param token ERC-20 in which everything of the plan is counted and paid
    /// @param deductible what the member pays first in a benefit year
    /// @param outOfPocketMaximum the most that a member pays in a benefit year, deductible included
    /// @param filingDays days after the service day within which a claim must be submitted, 0 for no limit
    /// @param document commitment to the plan's file: distinguishes the insurer's plans and versions
    struct Terms {
        address insurer;
        uint24 validFrom;
        uint24 validUntil;
        uint16 coinsurance;
        address token;
        uint96 deductible;
        uint96 outOfPocketMaximum;
        uint16 filingDays;
        bytes32 document;
    }

    /// @param allowed most that is allowed for one unit
    /// @param listed false: the code is not in the list, so it is not covered
    struct Price {
        uint96 allowed;
        bool listed;
    }

    /// @param from first service day covered
    /// @param until first service day no longer covered; 0 with `from` 0: never enrolled
    struct Membership {
        uint24 from;
        uint24 until;
    }

    event PlanRegistered(bytes32 indexed plan, address indexed insurer, Terms terms);
    event PricesAdded(bytes32 indexed plan, bytes32[] codes, uint96[] allowed);
    event PlanPublished(bytes32 indexed plan);
    event MemberEnrolled(bytes32 indexed plan, address indexed member, uint24 from, uint24 until);

    error PlanExists(bytes32 plan);
    error UnknownPlan(bytes32 plan);
    error AlreadyPublished(bytes32 plan);
    error NotPublished(bytes32 plan);
    error NotInsurer(bytes32 plan, address account);
    error InvalidTerms(string field);
    error InvalidMembership(address member, uint24 from, uint24 until);
    error PriceExists(bytes32 plan, bytes32 code);
    error LengthMismatch(uint256 codes, uint256 allowed);

    /// @notice Registers a plan version of the caller's institution (role INSURER).
    /// @dev Reverts `NotLicensed`, `NotInsurer` (terms name another insurer), `PlanExists`, `InvalidTerms` naming the field:
    /// `validUntil` (not after `validFrom`), `coinsurance` (above 10,000), `token` (no code there), `outOfPocketMaximum` (below the
    /// deductible).
    /// @return plan id: a hash of insurer and document
    function register(Terms calldata terms) external returns (bytes32 plan);

    /// @notice Adds codes to an unpublished plan's price list; about 200 a transaction.
    /// @dev Reverts `NotInsurer`, `AlreadyPublished`, `PriceExists`, `LengthMismatch`.
    /// @param codes salted codes
    /// @param allowed most that is allowed for one unit of each
    function addPrices(bytes32 plan, bytes32[] calldata codes, uint96[] calldata allowed) external;

    /// @notice Seals terms and prices; from here on claims are judged by them.
    function publish(bytes32 plan) external;

    /// @notice Enrols members, or changes until when they are covered.
    /// @dev Reverts `NotInsurer`, `InvalidMembership` (empty period, or member 0).
    /// @param members the pseudonyms that the patients use for this insurer
    function enroll(bytes32 plan, address[] calldata members, uint24 from, uint24 until) external;

    /// @notice All that a claim needs, in one call: terms, membership and one price a code.
    /// @dev Reverts `NotPublished` for a plan that is unknown or not sealed.
    function quote(bytes32 plan, address member, bytes32[] calldata codes)
        external
        view
        returns (Terms memory, Membership memory, Price[] memory);

    /// @notice The terms; all zero (`insurer` 0) when unknown. `document` is not stored: it comes back as 0, see the event.
    function terms(bytes32 plan) external view returns (Terms memory);

    /// @notice Second of publication, 0 while not published.
    function publishedAt(bytes32 plan) external view returns (uint40);

    function membership(bytes32 plan, address member) external view returns (Membership memory);

    function price(bytes32 plan, bytes32 code) external view returns (Price memory);
}
