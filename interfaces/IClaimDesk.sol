// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/IAdjudication.sol";

/// @title Where claims are submitted, judged and paid, in one transaction
/// @notice A claim passes the gates, is judged line by line (see IAdjudication) and paid to the provider at once. A gate that stays
/// shut **refuses** the claim: nothing is stored, the number stays free, the claim may come again. A claim that passes is **final**.
///
/// The gates, in order, each with its CARC (claim adjustment reason code, X12):
///
/// | refusal | CARC | when |
/// |---|---|---|
/// | Malformed | 16 | no lines, more than `MAX_LINES`, units 0, or charges whose sum exceeds 96 bits |
/// | Duplicate | 18 | provider and number are already settled or owed |
/// | UnknownPlan | 31 | no such plan, or not published |
/// | FutureService | 110 | the service day is after today |
/// | OutsidePlan | 26 / 27 | the plan version does not judge that day (26 before, 27 after) |
/// | NotEnrolled | 31 | the patient was never enrolled |
/// | OutsideCover | 26 / 27 | enrolled, but not on that day |
/// | FiledLate | 29 | the filing limit has passed |
/// | NoConsent | 227 | the patient does not permit the insurer HPAYMT on CLAIM now; X12 has no code of its own for it |
///
/// **Owed.** When the pool is short the claim is final and owed, never denied: `settle` pays it once the pool is funded.
/// @dev Privacy: calldata and events carry the patient's pseudonym for this insurer, salted codes and a commitment to the claim's
/// number; no diagnosis and no code in the clear.
interface IClaimDesk is IAdjudication {
    /// @param provider institution that did the work and is paid
    /// @param number commitment to the provider's own claim number (salted hash): the same number, the same commitment
    /// @param serviceDay days since 1970-01-01
    struct Claim {
        bytes32 plan;
        address patient;
        address provider;
        bytes32 number;
        uint24 serviceDay;
        Line[] lines;
    }

    enum State {
        None, // never submitted, or refused: may be submitted
        Settled, // final and paid (perhaps nothing was due)
        Owed // final; the pool was short
    }

    enum Refusal {
        None,
        Malformed,
        Duplicate,
        UnknownPlan,
        FutureService,
        OutsidePlan,
        NotEnrolled,
        OutsideCover,
        FiledLate,
        NoConsent
    }

    /// @param refusal `None` when the claim passed the gates
    /// @param carc the refusal's code, 0 when there is none
    /// @param state what the claim is now
    /// @param paid sum over the lines
    /// @param lines one a line when it passed, else empty
    struct Result {
        bytes32 id;
        Refusal refusal;
        uint16 carc;
        State state;
        uint96 paid;
        LineResult[] lines;
    }

    /// @param paid due to the provider: paid when `Settled`, waiting when `Owed`
    struct Record {
        State state;
        uint40 decidedAt;
        uint96 paid;
        address insurer;
        address token;
        address payee;
    }

    event ClaimSettled(
        bytes32 indexed id,
        address indexed provider,
        bytes32 indexed plan,
        address patient,
        uint24 serviceDay,
        State state,
        LineResult[] lines
    );
    event ClaimRefused(
        bytes32 indexed id, address indexed provider, bytes32 indexed plan, Refusal refusal, uint16 carc
    );
    event OwedClaimPaid(bytes32 indexed id);

    error NotProvider(address account, address provider);
    error NotOwed(bytes32 id, State state);
    error PoolShort(bytes32 id, uint96 due);

    /// @notice Most lines that a claim may have.
    function MAX_LINES() external view returns (uint256);

    /// @notice Submits claims of one provider or several; each is refused or judged and paid by itself, none stops another.
    /// @dev The caller acts for each claim's provider (role PROVIDER or PHARMACY), else `NotLicensed` or `NotProvider` reverts all.
    /// @return one result a claim, in order
    function submit(Claim[] calldata claims) external returns (Result[] memory);

    /// @notice Pays a claim that is owed, once the pool suffices; by anyone's call.
    /// @dev Reverts `NotOwed`, `PoolShort`.
    function settle(bytes32 id) external;

    /// @notice What `submit` would answer now for one claim, without writing (predetermination); state `None`.
    /// @dev Whether the pool suffices is not part of the answer.
    function estimate(Claim calldata claim) external view returns (Result memory);

    /// @notice The id of a provider's claim number.
    function idOf(address provider, bytes32 number) external view returns (bytes32);

    function claim(bytes32 id) external view returns (Record memory);

    /// @notice The member's accumulators of a benefit year, e.g. 2026.
    function accumulators(bytes32 plan, address member, uint16 year) external view returns (Accumulators memory);
}
