// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title Where claims are submitted, judged and paid, in one transaction
/// @notice A claim passes the gates (see `IPlanTypes.Refusal`, in that order, each with its CARC), is judged line by
/// line (see IAdjudication) and paid to the provider at once. A gate that stays shut **refuses** the claim: nothing is
/// stored, the number stays free, the claim may come again.
///
/// ```
/// submit ─┬─ refused                                (number free)
///         ├─ Settled ──────────────┬─ reverse ─→ Reversed ─┐
///         ├─ Owed ──(paid later)───┘                       ├─ appeal ─→ arbitrate ─→ Arbitrated
///         └─ Pended ─┬─ review, or time ─→ Settled, Owed   │
///                    ├─ review ─→ Denied ──────────────────┘  (Settled may be appealed as well)
///                    └─ withdraw ─→ Withdrawn              (number free for another content)
/// ```
///
/// **Owed**: the pool was short. The claim is final, never denied, and is paid oldest first once the pool is funded, by
/// anyone's call of `ITreasury.settle`. **Pended**: more would be paid than the plan's review threshold, or the
/// provider's cap; what would be paid is reserved. When the insurer has not decided after the plan's review days,
/// anyone's call lets the rules decide. A pended claim is judged by what holds when it is decided, the patient's
/// consent included; only the provider's attestation and licence and the filing limit are those of its submission.
/// Refused then, its number is free as after a withdrawal.
///
/// One payment may cover several claims: claims of one `submit` that follow each other with the same insurer, token and
/// provider are paid by one transfer, the event `Paid` of which names the first.
/// @dev Privacy: calldata and events carry the patient's pseudonym for this insurer, salted codes and a commitment to
/// the claim's number; no diagnosis and no code in the clear. A claim is one slot: its state, and a digest of what was
/// decided. Who goes on with a claim says again what it was, from the events, and is held to the digest.
interface IClaimDesk is IAdjudication {
    enum State {
        None, // never submitted, or refused: may be submitted
        Settled, // final and paid (perhaps nothing was due)
        Owed, // final; the pool was short, the debt waits
        Pended, // waits for review
        Denied, // by review
        Withdrawn, // by the provider before it was final, or refused when it was to be decided
        Reversed, // given back
        Arbitrated // decided on appeal
    }

    /// @notice What else decided a claim. From the lowest bit: flags 8 (1 judged out of network, 2 denied by review),
    /// the member's family at judgement 64, service day 24.
    type CircumstancesWord is uint256;

    /// @param refusal `None` when the claim passed the gates
    /// @param carc the refusal's code, 0 when there is none
    /// @param state what the claim is now; `None` when this submission was refused
    /// @param circumstances what else decided, see `Decided`
    /// @param paid sum over the lines
    /// @param lines one a line when it passed, else empty
    struct Result {
        bytes32 id;
        IPlanTypes.Refusal refusal;
        uint16 carc;
        State state;
        CircumstancesWord circumstances;
        uint96 paid;
        PackedLine[] lines;
    }

    /// @notice A decided claim as its event `ClaimDecided` tells it, said again to go on with it.
    struct Decided {
        bytes32 id;
        bytes32 plan;
        address patient;
        address provider;
        CircumstancesWord circumstances;
        PackedLine[] lines;
    }

    /// @param at Unix seconds of the last change
    /// @param reviewBy last second of the review, 0 when none is open
    /// @param appealed an appeal waits for the arbiter
    struct Record {
        State state;
        uint40 at;
        uint40 reviewBy;
        bool appealed;
    }

    /// @notice Final: `Settled` (or `Owed`, when a `ClaimOwed` follows) or `Denied`.
    event ClaimDecided(
        bytes32 indexed id,
        address indexed provider,
        bytes32 indexed plan,
        address patient,
        CircumstancesWord circumstances,
        PackedLine[] lines
    );
    event ClaimRefused(
        bytes32 indexed id,
        address indexed provider,
        bytes32 indexed plan,
        IPlanTypes.Refusal refusal,
        uint16 carc
    );
    event ClaimOwed(bytes32 indexed id, uint96 due, uint64 position);
    /// @notice `claim` is what `review`, `decide` and `withdraw` want to hear again.
    /// @param due what would be paid now; `reserved`: whether the pool could put it aside
    event ClaimPended(
        bytes32 indexed id,
        address indexed provider,
        bytes32 indexed plan,
        Claim claim,
        uint96 due,
        bool reserved,
        uint40 reviewBy
    );
    event ClaimWithdrawn(bytes32 indexed id);
    event ClaimReversed(bytes32 indexed id, address indexed by, uint96 amount);
    event ClaimAppealed(bytes32 indexed id);
    event ClaimArbitrated(bytes32 indexed id, uint96 award, uint16 carc);

    error NotParty(bytes32 id, address account);
    error WrongState(bytes32 id, State state);
    /// @notice What was said is not what was decided or pended.
    error OtherContent(bytes32 id);
    error ReviewOpen(bytes32 id, uint40 until);
    error ReviewOver(bytes32 id, uint40 until);
    error WindowClosed(bytes32 id, uint40 until);
    error NotAppealed(bytes32 id);
    error InvalidCarc(uint16 carc);
    error AwardTooHigh(uint256 award, uint256 most);
    error LengthMismatch(uint256 claims, uint256 signatures);

    /// @notice Most lines that a claim may have.
    function MAX_LINES() external view returns (uint256);

    // ---- anyone --------------------------------------------------------------------------------------------------

    /// @notice Submits claims of one provider or several; each is refused, or judged and paid, by itself; none stops
    /// another.
    /// @dev A claim is the provider's when the caller acts for the provider (role PROVIDER or PHARMACY), or when
    /// somebody who does signed it: EIP-712, `Claim(bytes32 plan,address patient,address provider,bytes32 number,uint24
    /// serviceDay,bytes32 primary,Line[] lines) Line(bytes32 code,uint16 units,uint80 charge,uint80 prior)`, or the
    /// provider's ERC-1271 wallet (which gets 500,000 gas). Reverts `LengthMismatch`.
    /// @param signatures none when the caller acts for all providers, else one a claim (empty where the caller does)
    /// @return one result a claim, in order
    function submit(Claim[] calldata claims, bytes[] calldata signatures) external returns (Result[] memory);

    /// @notice What `submit` would answer now for one claim, without writing (predetermination); `state` is `Settled`
    /// or `Pended`, or `None` when it would be refused.
    /// @dev Neither who sends it nor whether the pool suffices is part of the answer.
    function estimate(Claim calldata claim) external view returns (Result memory);

    /// @notice Lets the rules decide a pended claim that nobody reviewed in time.
    /// @dev Reverts `WrongState`, `OtherContent`, `ReviewOpen`.
    function decide(Claim calldata claim) external returns (Result memory);

    // ---- the insurer ---------------------------------------------------------------------------------------------

    /// @notice Reviews a pended claim: the rules decide it (`carc` 0), or it is denied with a code.
    /// @dev Caller: licensed for the plan's insurer, else `NotParty`. Reverts `WrongState`, `OtherContent`,
    /// `ReviewOver`.
    function review(Claim calldata claim, uint16 carc) external returns (Result memory);

    // ---- the provider --------------------------------------------------------------------------------------------

    /// @notice Takes a pended claim back. The number is free again, but never for this same content.
    /// @dev Caller: licensed for the provider, else `NotParty`. Reverts `WrongState`, `OtherContent`.
    function withdraw(Claim calldata claim) external;

    /// @notice Gives a settled or owed claim back: what it used up is restored exactly, its debt cancelled or what was
    /// paid set off against what the provider is paid next.
    /// @dev Caller: licensed for the provider at any time, or for the insurer within the plan's appeal days, else
    /// `NotParty` or `WindowClosed`. Reverts `WrongState`, `OtherContent`.
    function reverse(Decided calldata decided) external;

    /// @notice Asks the arbiter, within the plan's appeal days, about a claim that is settled, owed, denied or
    /// reversed; once.
    /// @dev Caller: licensed for the provider, or the patient, else `NotParty`. Reverts `WrongState`, `OtherContent`,
    /// `WindowClosed`.
    function appeal(Decided calldata decided) external;

    // ---- the arbiter ---------------------------------------------------------------------------------------------

    /// @notice Decides an appeal: so much more is paid from the insurer's pool (or owed), with a code.
    /// @dev Caller: the AccessManager's role ARBITER. At most what the charges exceed what is paid already and the
    /// lines' `prior`. The accumulators stay. Reverts `NotAppealed`, `OtherContent`, `AwardTooHigh`.
    function arbitrate(Decided calldata decided, uint96 award, uint16 carc) external;

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @notice The id of a provider's claim number.
    function idOf(address provider, bytes32 number) external view returns (bytes32);

    /// @notice The EIP-712 digest by which a provider attests a claim.
    function digest(Claim calldata claim) external view returns (bytes32);

    /// @notice Where a claim stands; `Owed` until its debt is paid, from then on `Settled`.
    function claim(bytes32 id) external view returns (Record memory);

    /// @notice A line's result from its four words.
    function unpack(PackedLine calldata line) external pure returns (LineResult memory);
}
