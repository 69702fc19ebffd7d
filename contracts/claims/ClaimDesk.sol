// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {Ids} from "contracts/Ids.sol";
import {Adjudication} from "contracts/claims/Adjudication.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IClaimDesk} from "interfaces/IClaimDesk.sol";
import {IConsentRegistry} from "interfaces/IConsentRegistry.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";
import {IPlans} from "interfaces/IPlans.sol";
import {ITreasury} from "interfaces/ITreasury.sol";

/// @title ClaimDesk: gates, judgement and payment of a claim in one transaction
/// @dev Nobody has any power here: no owner, no pause, no setter. A settled claim costs one slot, see `Stored`.
contract ClaimDesk is IClaimDesk, Licensed, ReentrancyGuard {
    /// @inheritdoc IClaimDesk
    uint256 public constant MAX_LINES = 100;

    /// @dev One slot. Who pays whom in which token is the same for thousands of claims and kept once, as a route.
    struct Stored {
        State state;
        uint40 decidedAt;
        uint96 paid;
        uint64 route;
    }

    struct Route {
        address insurer;
        address token;
        address payee;
    }

    /// @dev All that one claim is judged by.
    struct Case {
        IPlans.Terms terms;
        IPlans.Membership membership;
        IPlans.Price[] prices;
        Accumulators year;
    }

    IConsentRegistry public immutable consents;
    IPlans public immutable plans;
    ITreasury public immutable treasury;

    mapping(bytes32 id => Stored) private _claims;
    mapping(bytes32 plan => mapping(address member => mapping(uint16 year => Accumulators))) private _years;
    /// @dev Numbers begin at 1; 0 is "none yet". They never leave this contract.
    mapping(address insurer => mapping(address token => mapping(address payee => uint64))) private _routeOf;
    mapping(uint64 number => Route) private _routes;
    uint64 private _lastRoute;

    constructor(IInstitutions institutions_, IConsentRegistry consents_, IPlans plans_, ITreasury treasury_)
        Licensed(institutions_)
    {
        consents = consents_;
        plans = plans_;
        treasury = treasury_;
    }

    // ---- submit --------------------------------------------------------------------------------------------------

    /// @inheritdoc IClaimDesk
    function submit(Claim[] calldata claims) external nonReentrant returns (Result[] memory results) {
        address provider = _licensed(msg.sender, Roles.PROVIDER | Roles.PHARMACY);

        results = new Result[](claims.length);
        for (uint256 i; i < claims.length; ++i) {
            if (claims[i].provider != provider) revert NotProvider(msg.sender, claims[i].provider);
            results[i] = _submit(claims[i]);
        }
    }

    function _submit(Claim calldata c) private returns (Result memory r) {
        Case memory k;
        (r, k) = _judge(c);
        if (r.refusal != Refusal.None) {
            emit ClaimRefused(r.id, c.provider, c.plan, r.refusal, r.carc);
            return r;
        }

        // Final before the money moves: a token that calls back finds the claim settled and its number taken.
        r.state = State.Settled;
        _years[c.plan][c.patient][Adjudication.yearOf(c.serviceDay)] = k.year;
        _claims[r.id] = Stored({
            state: State.Settled,
            decidedAt: uint40(block.timestamp),
            paid: r.paid,
            route: _route(k.terms.insurer, k.terms.token, c.provider)
        });

        if (r.paid != 0 && !treasury.pay(k.terms.insurer, k.terms.token, c.provider, r.paid, r.id)) {
            // Nothing happened there, no token was called: still the same state as above.
            r.state = State.Owed;
            _claims[r.id].state = State.Owed;
            treasury.owe(k.terms.insurer, k.terms.token, r.paid, r.id);
        }

        // The event tells the state, so it can only come now; the guard keeps the order of events.
        emit ClaimSettled(r.id, c.provider, c.plan, c.patient, c.serviceDay, r.state, r.lines);
    }

    function _route(address insurer, address token, address payee) private returns (uint64 number) {
        number = _routeOf[insurer][token][payee];
        if (number == 0) {
            number = ++_lastRoute;
            _routeOf[insurer][token][payee] = number;
            _routes[number] = Route(insurer, token, payee);
        }
    }

    /// @inheritdoc IClaimDesk
    function settle(bytes32 id) external nonReentrant {
        Stored storage stored = _claims[id];
        if (stored.state != State.Owed) revert NotOwed(id, stored.state);
        Route memory route = _routes[stored.route];
        uint96 due = stored.paid;

        stored.state = State.Settled;

        emit OwedClaimPaid(id);

        if (!treasury.payOwed(route.insurer, route.token, route.payee, due, id)) revert PoolShort(id, due);
    }

    // ---- judge ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IClaimDesk
    function estimate(Claim calldata claim_) external view returns (Result memory r) {
        (r,) = _judge(claim_);
    }

    /// @dev The gates in the order of the interface, then the lines. Writes nothing; `k.year` is the year after the claim.
    function _judge(Claim calldata c) private view returns (Result memory r, Case memory k) {
        r.id = Ids.claim(c.provider, c.number);
        (r.refusal, r.carc) = _gates(c, r.id, k);
        if (r.refusal != Refusal.None) return (r, k);

        k.year = _years[c.plan][c.patient][Adjudication.yearOf(c.serviceDay)];
        r.lines = new LineResult[](c.lines.length);
        for (uint256 i; i < c.lines.length; ++i) {
            r.lines[i] = Adjudication.judge(k.terms, k.prices[i], c.lines[i], k.year);
            r.paid += r.lines[i].paid; // at most the sum of the charges, which fits
        }
    }

    function _gates(Claim calldata c, bytes32 id, Case memory k) private view returns (Refusal, uint16 carc) {
        if (!_wellFormed(c.lines)) return (Refusal.Malformed, 16);
        if (_claims[id].state != State.None) return (Refusal.Duplicate, 18);
        if (!_quote(c, k)) return (Refusal.UnknownPlan, 31);

        uint256 day = c.serviceDay;
        uint256 today = block.timestamp / 1 days;
        if (day > today) return (Refusal.FutureService, 110);
        carc = _outside(day, k.terms.validFrom, k.terms.validUntil);
        if (carc != 0) return (Refusal.OutsidePlan, carc);
        if (k.membership.until == 0) return (Refusal.NotEnrolled, 31);
        carc = _outside(day, k.membership.from, k.membership.until);
        if (carc != 0) return (Refusal.OutsideCover, carc);
        if (k.terms.filingDays != 0 && today > day + k.terms.filingDays) return (Refusal.FiledLate, 29);
        if (!_consented(c.patient, k.terms.insurer)) return (Refusal.NoConsent, 227);
        return (Refusal.None, 0);
    }

    function _wellFormed(Line[] calldata lines) private pure returns (bool) {
        if (lines.length == 0 || lines.length > MAX_LINES) return false;
        uint256 sum;
        for (uint256 i; i < lines.length; ++i) {
            if (lines[i].units == 0) return false;
            sum += lines[i].charge;
        }
        return sum <= type(uint96).max;
    }

    /// @dev False when the plan is unknown or not sealed. Any other failure, such as too little gas, must not look like a refusal.
    function _quote(Claim calldata c, Case memory k) private view returns (bool) {
        bytes32[] memory codes = new bytes32[](c.lines.length);
        for (uint256 i; i < codes.length; ++i) {
            codes[i] = c.lines[i].code;
        }
        if (plans.publishedAt(c.plan) == 0) return false;
        (k.terms, k.membership, k.prices) = plans.quote(c.plan, c.patient, codes);
        return true;
    }

    /// @dev 26 before the period, 27 after it, 0 within.
    function _outside(uint256 day, uint256 from, uint256 until) private pure returns (uint16) {
        if (day < from) return 26;
        return day < until ? 0 : 27;
    }

    function _consented(address patient, address insurer) private view returns (bool) {
        IConsentRegistry.Decision memory decision =
            consents.decide(patient, insurer, ConsentCodes.HPAYMT, ConsentCodes.CLAIM);
        return decision.answer == IConsentRegistry.Answer.Permit;
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IClaimDesk
    function idOf(address provider, bytes32 number) external pure returns (bytes32) {
        return Ids.claim(provider, number);
    }

    /// @inheritdoc IClaimDesk
    function claim(bytes32 id) external view returns (Record memory) {
        Stored memory stored = _claims[id];
        Route memory route = _routes[stored.route];
        return Record({
            state: stored.state,
            decidedAt: stored.decidedAt,
            paid: stored.paid,
            insurer: route.insurer,
            token: route.token,
            payee: route.payee
        });
    }

    /// @inheritdoc IClaimDesk
    function accumulators(bytes32 plan, address member, uint16 year) external view returns (Accumulators memory) {
        return _years[plan][member][year];
    }
}
