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
            _submit(claims[i], results[i]);
        }
    }

    function _submit(Claim calldata c, Result memory r) private {
        (address insurer, address token, Accumulators memory year) = _judge(c, r);
        if (r.refusal != Refusal.None) {
            emit ClaimRefused(r.id, c.provider, c.plan, r.refusal, r.carc);
            return;
        }

        // Final before the money moves: a token that calls back finds the claim settled and its number taken.
        r.state = State.Settled;
        _years[c.plan][c.patient][Adjudication.yearOf(c.serviceDay)] = year;
        _claims[r.id] = Stored({
            state: State.Settled,
            decidedAt: uint40(block.timestamp),
            paid: r.paid,
            route: _route(insurer, token, c.provider)
        });

        if (r.paid != 0 && !treasury.pay(insurer, token, c.provider, r.paid, r.id)) {
            // Nothing happened there and no token was called: the state is still the one above.
            r.state = State.Owed;
            _claims[r.id].state = State.Owed;
            treasury.owe(insurer, token, r.paid, r.id);
        }

        // It names the state, so it can only come now; the guard keeps the order of events.
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
        _judge(claim_, r);
    }

    /// @dev The gates in the order of the interface, then the lines; fills `r` and writes nothing.
    /// @return insurer who owes, `token` in what, and the member's `year` after this claim; nothing of it when refused
    function _judge(Claim calldata c, Result memory r)
        private
        view
        returns (address insurer, address token, Accumulators memory year)
    {
        r.id = Ids.claim(c.provider, c.number);
        Line[] calldata lines = c.lines;
        if (!_wellFormed(lines)) return _refuse(r, Refusal.Malformed, 16);
        if (_claims[r.id].state != State.None) return _refuse(r, Refusal.Duplicate, 18);

        // No quote costs less than asking first whether there is one.
        if (plans.publishedAt(c.plan) == 0) return _refuse(r, Refusal.UnknownPlan, 31);
        (IPlans.Terms memory terms, IPlans.Membership memory membership, IPlans.Price[] memory prices) =
            plans.quote(c.plan, c.patient, _codes(lines));
        {
            (Refusal refusal, uint16 carc) = _gates(c, terms, membership);
            if (refusal != Refusal.None) return _refuse(r, refusal, carc);
        }

        year = _years[c.plan][c.patient][Adjudication.yearOf(c.serviceDay)];
        LineResult[] memory results = new LineResult[](lines.length);
        uint96 paid;
        for (uint256 i; i < results.length; ++i) {
            Adjudication.judge(terms, prices[i], lines[i], year, results[i]);
            paid += results[i].paid; // at most the sum of the charges, which fits
        }
        r.lines = results;
        r.paid = paid;
        return (terms.insurer, terms.token, year);
    }

    function _refuse(Result memory r, Refusal refusal, uint16 carc)
        private
        pure
        returns (address, address, Accumulators memory none)
    {
        r.refusal = refusal;
        r.carc = carc;
        return (address(0), address(0), none);
    }

    function _wellFormed(Line[] calldata lines) private pure returns (bool) {
        if (lines.length == 0 || lines.length > MAX_LINES) return false;
        uint256 sum;
        for (uint256 i; i < lines.length; ++i) {
            Line calldata line = lines[i];
            if (line.units == 0) return false;
            sum += line.charge;
        }
        return sum <= type(uint96).max;
    }

    function _codes(Line[] calldata lines) private pure returns (bytes32[] memory codes) {
        codes = new bytes32[](lines.length);
        for (uint256 i; i < codes.length; ++i) {
            codes[i] = lines[i].code;
        }
    }

    function _gates(Claim calldata c, IPlans.Terms memory terms, IPlans.Membership memory membership)
        private
        view
        returns (Refusal, uint16 carc)
    {
        uint256 day = c.serviceDay;
        uint256 today = block.timestamp / 1 days;
        if (day > today) return (Refusal.FutureService, 110);
        carc = _outside(day, terms.validFrom, terms.validUntil);
        if (carc != 0) return (Refusal.OutsidePlan, carc);
        if (membership.until == 0) return (Refusal.NotEnrolled, 31);
        carc = _outside(day, membership.from, membership.until);
        if (carc != 0) return (Refusal.OutsideCover, carc);
        if (terms.filingDays != 0 && today > day + terms.filingDays) return (Refusal.FiledLate, 29);
        if (!_consented(c.patient, terms.insurer)) return (Refusal.NoConsent, 227);
        return (Refusal.None, 0);
    }

    /// @dev 26 before the period, 27 after it, 0 within.
    function _outside(uint256 day, uint256 from, uint256 until) private pure returns (uint16) {
        if (day < from) return 26;
        return day < until ? 0 : 27;
    }

    function _consented(address patient, address insurer) private view returns (bool) {
        (IConsentRegistry.Answer answer,,,) =
            consents.decide(patient, insurer, ConsentCodes.HPAYMT, ConsentCodes.CLAIM);
        return answer == IConsentRegistry.Answer.Permit;
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
