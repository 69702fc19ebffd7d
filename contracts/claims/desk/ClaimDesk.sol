// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Ids} from "contracts/common/Ids.sol";
import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {Attestations} from "contracts/claims/desk/Attestations.sol";
import {ClaimBook} from "contracts/claims/desk/ClaimBook.sol";
import {ClaimWords} from "contracts/claims/desk/ClaimWords.sol";
import {Circumstances} from "contracts/claims/desk/Circumstances.sol";
import {Parties} from "contracts/claims/desk/Parties.sol";
import {Results} from "contracts/claims/desk/Results.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";
import {ITreasury} from "interfaces/claims/ITreasury.sol";

/// @title ClaimDesk: the life of a claim, from one transaction that judges and pays it to the last appeal
/// @dev No owner, no pause, no setter; the AccessManager's arbiter decides appeals alone. A usual claim costs one slot.
contract ClaimDesk is IClaimDesk, AccessManaged, EIP712 {
    using Circumstances for CircumstancesWord;
    using ClaimBook for ClaimBook.Book;
    using Parties for IInstitutions;
    using Results for Results.Flat;
    using Results for Results.Flat[];

    /// @inheritdoc IClaimDesk
    uint256 public constant MAX_LINES = ClaimBook.MAX_LINES;

    uint16 private constant LAST_CARC = 999;

    IInstitutions public immutable institutions;
    IPlans public immutable plans;
    ITreasury public immutable treasury;

    ClaimBook.Book private _book;

    constructor(
        address manager,
        IInstitutions institutions_,
        IPlans plans_,
        ITreasury treasury_
    ) AccessManaged(manager) EIP712("Salus Claims", "1") {
        institutions = institutions_;
        plans = plans_;
        treasury = treasury_;
    }

    // ---- submit --------------------------------------------------------------------------------------------------

    /// @inheritdoc IClaimDesk
    function submit(Claim[] calldata claims, bytes[] calldata signatures) external returns (Result[] memory) {
        bool signed = signatures.length != 0;
        if (signed && signatures.length != claims.length) revert LengthMismatch(claims.length, signatures.length);
        (address caller, bool licensed) = institutions.actsFor(msg.sender, Parties.PROVIDERS);
        ClaimBook.Payment memory payment;
        Results.Flat[] memory results = Results.allocate(claims.length);
        for (uint256 i; i < claims.length; ++i) {
            Claim calldata c = claims[i];
            address provider = c.provider;
            bytes32 id = Ids.claim(provider, c.number);
            (address signer, bool may) = (caller, licensed);
            if (signer != provider && signed && signatures[i].length != 0) {
                (signer, may) = institutions.signedFor(provider, digest(c), signatures[i]);
            }

            Line[] calldata lines = c.lines;
            (IPlanTypes.Refusal refusal, uint16 carc) = _book.refusal(c, lines, id);
            if (refusal == IPlanTypes.Refusal.None) (refusal, carc) = ClaimBook.checkAttestation(provider, signer, may);
            if (refusal == IPlanTypes.Refusal.None) {
                _run(c, lines, id, results, i, payment, false);
            } else {
                results.start(i, id, 0);
                (results[i].refusal, results[i].carc) = (refusal, carc);
                emit ClaimRefused(id, provider, c.plan, refusal, carc);
            }
        }
        _flush(payment, results, results.length);
        results.encodeAllAndReturn();
    }

    /// @dev Judges a claim whose gates here are open, and does what the plan says; the money is left to `payment`.
    function _run(
        Claim calldata c,
        Line[] calldata lines,
        bytes32 id,
        Results.Flat[] memory results,
        uint256 i,
        ClaimBook.Payment memory payment,
        bool reviewed
    ) private {
        results.start(i, id, lines.length);
        Results.Flat memory r = results[i];
        (bool pended, address insurer, address token) = Results.award(plans, c, lines, reviewed, r);
        if (r.refusal != IPlanTypes.Refusal.None) {
            if (reviewed) _book.markWithdrawn(id);
            emit ClaimRefused(id, c.provider, c.plan, r.refusal, r.carc);
            return;
        }
        if (pended) return _pend(c, r, insurer, token);
        _book.conclude(c, r);
        if (r.paid == 0) return;
        bool same = payment.insurer == insurer && payment.token == token && payment.payee == c.provider;
        if (!same) {
            _flush(payment, results, i);
            (payment.insurer, payment.token, payment.payee) = (insurer, token, c.provider);
            (payment.amount, payment.first) = (0, i);
        }
        payment.amount += r.paid;
    }

    function _pend(Claim calldata c, Results.Flat memory r, address insurer, address token) private {
        bool reserved = r.paid == 0 || treasury.reserve(insurer, token, r.paid, r.id);
        uint40 reviewBy = uint40(block.timestamp) + uint40(plans.terms(c.plan).reviewDays) * 1 days;
        _book.claims[r.id] = ClaimWords.Stored(State.Pended, uint40(block.timestamp), Attestations.content(c));
        ClaimBook.Extra storage e = _book.extras[r.id];
        (e.reviewBy, e.reserved) = (reviewBy, reserved ? r.paid : 0);
        (e.insurer, e.token) = (insurer, token);

        emit ClaimPended(r.id, c.provider, c.plan, c, r.paid, reserved, reviewBy);
    }

    /// @dev Pays together what is due for the claims up to `end`; one by one when the pool is short, and owes the rest.
    function _flush(ClaimBook.Payment memory p, Results.Flat[] memory results, uint256 end) private {
        if (p.amount == 0) return;
        if (treasury.pay(p.insurer, p.token, p.payee, p.amount, results[p.first].id)) return;

        for (uint256 i = p.first; i < end; ++i) {
            Results.Flat memory r = results[i];
            if (r.state != State.Settled || r.paid == 0) continue;
            if (!treasury.pay(p.insurer, p.token, p.payee, r.paid, r.id)) _owe(r, p);
        }
    }

    function _owe(Results.Flat memory r, ClaimBook.Payment memory p) private {
        r.state = State.Owed;
        // A token that called back may have reversed it meanwhile: then the debt meets the set-off.
        if (_book.claims[r.id].state == State.Settled) _book.claims[r.id].state = State.Owed;
        _book.owe(treasury, r.id, p.insurer, p.token, p.payee, r.paid);
    }

    // ---- review --------------------------------------------------------------------------------------------------

    /// @inheritdoc IClaimDesk
    function decide(Claim calldata c) external returns (Result memory) {
        (bytes32 id, ClaimBook.Extra memory e) = _book.pended(c);
        if (block.timestamp <= e.reviewBy) revert ReviewOpen(id, e.reviewBy);
        _decideAndReturn(c, id, e);
    }

    /// @inheritdoc IClaimDesk
    function review(Claim calldata c, uint16 carc) external returns (Result memory) {
        (bytes32 id, ClaimBook.Extra memory e) = _book.pended(c);
        institutions.requireActsFor(id, e.insurer, Roles.INSURER);
        if (block.timestamp > e.reviewBy) revert ReviewOver(id, e.reviewBy);
        if (carc == 0) _decideAndReturn(c, id, e);
        if (carc > LAST_CARC) revert InvalidCarc(carc);

        delete _book.extras[id];
        Results.Flat[] memory results = Results.allocate(1);
        results.start(0, id, c.lines.length);
        Results.Flat memory r = results[0];
        (r.state, r.circumstances) = (State.Denied, Circumstances.pack(c.serviceDay, 0, Circumstances.DENIED));
        Adjudication.deny(c.lines, carc, r.linesOf());
        _book.conclude(c, r);
        _release(id, e, address(0), 0);
        results.encodeSingleAndReturn();
    }

    /// @inheritdoc IClaimDesk
    function withdraw(Claim calldata c) external {
        (bytes32 id, ClaimBook.Extra memory e) = _book.pended(c);
        institutions.requireActsFor(id, c.provider, Parties.PROVIDERS);

        delete _book.extras[id];
        _book.withdrawn[id][Attestations.content(c)] = true;
        _book.markWithdrawn(id);
        emit ClaimWithdrawn(id);

        _release(id, e, address(0), 0);
    }

    /// @dev Ends the call with the result.
    function _decideAndReturn(Claim calldata c, bytes32 id, ClaimBook.Extra memory e) private {
        delete _book.extras[id];
        ClaimBook.Payment memory payment;
        Results.Flat[] memory results = Results.allocate(1);
        _run(c, c.lines, id, results, 0, payment, true);
        if (!_release(id, e, c.provider, payment.amount)) _owe(results[0], payment);
        results.encodeSingleAndReturn();
    }

    /// @dev What was reserved goes back, and what is due is paid.
    function _release(bytes32 id, ClaimBook.Extra memory e, address payee, uint256 due) private returns (bool) {
        if (e.reserved == 0 && due == 0) return true;
        return treasury.release(e.insurer, e.token, e.reserved, payee, due, id);
    }

    // ---- reverse, appeal -----------------------------------------------------------------------------------------

    /// @inheritdoc IClaimDesk
    function reverse(Decided calldata d) external {
        bytes32 id = d.id;
        ClaimWords.Stored memory s = _book.decided(d);
        if (s.state != State.Settled && s.state != State.Owed) revert WrongState(id, s.state);
        IPlanTypes.Terms memory t = plans.terms(d.plan);
        (address party, bool licensed) = institutions.actsFor(msg.sender, Parties.PROVIDERS);
        if (!licensed || party != d.provider) {
            institutions.requireActsFor(id, t.insurer, Roles.INSURER);
            ClaimBook.requireWithinDays(id, s.at, t.appealDays);
        }
        uint96 amount = uint96(Adjudication.paidFor(d.lines));

        (_book.claims[id].state, _book.claims[id].at) = (State.Reversed, uint40(block.timestamp));
        plans.restore(d.plan, d.patient, d.circumstances.serviceDay(), d.circumstances.family(), d.lines);
        bool waits = s.state == State.Owed && treasury.cancel(t.insurer, t.token, _book.extras[id].position);
        if (!waits && amount != 0) treasury.setOff(t.insurer, t.token, d.provider, amount, id);

        emit ClaimReversed(id, msg.sender, amount);
    }

    /// @inheritdoc IClaimDesk
    function appeal(Decided calldata d) external {
        ClaimWords.Stored memory s = _book.decided(d);
        if (msg.sender != d.patient) institutions.requireActsFor(d.id, d.provider, Parties.PROVIDERS);
        ClaimBook.Extra storage e = _book.extras[d.id];
        bool open =
            s.state == State.Settled || s.state == State.Owed || s.state == State.Denied || s.state == State.Reversed;
        if (!open || e.heard) revert WrongState(d.id, s.state);
        ClaimBook.requireWithinDays(d.id, s.at, plans.terms(d.plan).appealDays);

        (e.appealed, e.heard) = (true, true);

        emit ClaimAppealed(d.id);
    }

    /// @inheritdoc IClaimDesk
    function arbitrate(Decided calldata d, uint96 award, uint16 carc) external restricted {
        bytes32 id = d.id;
        ClaimWords.Stored memory s = _book.decided(d);
        if (!_book.extras[id].appealed) revert NotAppealed(id);
        if (carc == 0 || carc > LAST_CARC) revert InvalidCarc(carc);
        bool paid = s.state == State.Settled || s.state == State.Owed;
        uint256 most = Adjudication.billed(d.lines) - (paid ? Adjudication.paidFor(d.lines) : 0);
        if (award > most) revert AwardTooHigh(award, most);

        _book.extras[id].appealed = false;
        (_book.claims[id].state, _book.claims[id].at) = (State.Arbitrated, uint40(block.timestamp));

        emit ClaimArbitrated(id, award, carc);

        IPlanTypes.Terms memory t = plans.terms(d.plan);
        if (!treasury.pay(t.insurer, t.token, d.provider, award, id)) {
            _book.owe(treasury, id, t.insurer, t.token, d.provider, award);
        }
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IClaimDesk
    function estimate(Claim calldata c) external view returns (Result memory r) {
        r.id = Ids.claim(c.provider, c.number);
        (r.refusal, r.carc) = _book.refusal(c, c.lines, r.id);
        (address provider, bool may) = institutions.actsFor(c.provider, Parties.PROVIDERS);
        if (r.refusal == IPlanTypes.Refusal.None) {
            (r.refusal, r.carc) = ClaimBook.checkAttestation(c.provider, provider, may);
        }
        if (r.refusal != IPlanTypes.Refusal.None) return r;
        IPlanTypes.Verdict memory v = plans.judge(address(this), c, false);
        ClaimBook.fill(c, r, v);
    }

    /// @inheritdoc IClaimDesk
    function idOf(address provider, bytes32 number) external pure returns (bytes32) {
        return Ids.claim(provider, number);
    }

    /// @inheritdoc IClaimDesk
    function digest(Claim calldata c) public view returns (bytes32) {
        return _hashTypedDataV4(Attestations.structHash(c));
    }

    /// @inheritdoc IClaimDesk
    function claim(bytes32 id) external view returns (Record memory r) {
        ClaimWords.Stored memory s = _book.claims[id];
        ClaimBook.Extra memory e = _book.extras[id];
        r = Record(s.state, s.at, e.reviewBy, e.appealed);
        bool waits = s.state == State.Owed && treasury.debt(address(this), e.insurer, e.token, e.position).amount != 0;
        if (s.state == State.Owed && !waits) r.state = State.Settled;
    }

    /// @inheritdoc IClaimDesk
    function unpack(PackedLine calldata line) external pure returns (LineResult memory) {
        return Adjudication.unpack(line);
    }
}
