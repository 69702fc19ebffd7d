// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {Benefits} from "contracts/claims/plans/Benefits.sol";
import {Caps} from "contracts/claims/plans/Caps.sol";
import {Gates} from "contracts/claims/plans/Gates.sol";
import {Lines} from "contracts/claims/plans/Lines.sol";
import {Contexts} from "contracts/claims/plans/Contexts.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {PlanWords} from "contracts/claims/plans/PlanWords.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";

/// @title Plans: what insurers promised, sealed before the first claim, and the judge of claims by it
contract Plans is IPlans, Licensed {
    using Benefits for PlanBook.Book;
    using Caps for PlanBook.Book;
    using Contexts for Contexts.ClaimContext;
    using Lines for Lines.Flat;
    using PlanBook for PlanBook.Book;
    using PlanWords for Contexts.ClaimContext;

    IConsentRegistry public immutable consents;
    /// @inheritdoc IPlans
    uint40 public immutable PUBLISH_DELAY;

    PlanBook.Book private _book;

    constructor(IInstitutions institutions_, IConsentRegistry consents_, uint40 publishDelay) Licensed(institutions_) {
        consents = consents_;
        PUBLISH_DELAY = publishDelay;
    }

    // ---- the insurer: a version ----------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function register(bytes32 series, Terms calldata t) external returns (bytes32 plan) {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        if (t.insurer != insurer) revert NotInsurer(series, msg.sender);

        plan = _book.register(series, t);

        emit PlanRegistered(plan, insurer, t);
    }

    /// @inheritdoc IPlans
    function addCategories(bytes32 plan, Category[] calldata categories) external {
        _unsealed(plan);

        _book.addCategories(plan, categories);

        emit CategoriesAdded(plan, categories);
    }

    /// @inheritdoc IPlans
    function addPrices(bytes32 plan, uint32 schedule, bytes32[] calldata codes, uint256[] calldata prices) external {
        PlanBook.Plan storage p = schedule == 0 ? _unsealed(plan) : _owned(plan);
        if (codes.length != prices.length) revert LengthMismatch(codes.length, prices.length);

        _book.addPrices(plan, schedule, codes, prices, p.categories);

        emit PricesAdded(plan, schedule, codes, prices);
    }

    /// @inheritdoc IPlans
    function publish(bytes32 plan) external {
        PlanBook.Plan storage p = _unsealed(plan);

        p.inForceAt = uint40(block.timestamp) + PUBLISH_DELAY;

        emit PlanPublished(plan, p.inForceAt);
    }

    function _unsealed(bytes32 plan) private view returns (PlanBook.Plan storage p) {
        p = _owned(plan);
        if (p.inForceAt != 0) revert AlreadyPublished(plan);
    }

    /// @dev The version, when the caller acts for its insurer and that is licensed now.
    function _owned(bytes32 plan) private view returns (PlanBook.Plan storage p) {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        p = _book.plans[plan];
        if (p.insurer == address(0)) revert UnknownPlan(plan);
        if (p.insurer != insurer) revert NotInsurer(plan, msg.sender);
    }

    // ---- the insurer: the series ---------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function enroll(bytes32 plan, Member[] calldata members) external {
        bytes32 series = _ownedSeries(plan);
        for (uint256 i; i < members.length; ++i) {
            _book.enroll(series, members[i].account, members[i].membership);
        }
    }

    /// @inheritdoc IPlans
    function contractProvider(bytes32 plan, address provider, Contract calldata terms_) external {
        bytes32 series = _ownedSeries(plan);

        _book.contracts[series][provider] = terms_;

        emit ProviderContracted(series, provider, terms_);
    }

    /// @inheritdoc IPlans
    function authorize(bytes32 plan, address member, bytes32 code, uint16 units, uint24 from, uint24 until) external {
        bytes32 series = _ownedSeries(plan);

        _book.authorize(series, member, code, units, from, until);
    }

    /// @inheritdoc IPlans
    function capProvider(bytes32 plan, address provider, Cap calldata cap) external {
        bytes32 series = _ownedSeries(plan);
        if (cap.most != 0 && cap.period == 0) revert InvalidCap(cap.most, cap.period);

        _book.caps[series][provider] = cap;

        emit ProviderCapped(series, provider, cap);
    }

    // ---- a provider ----------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function refer(bytes32 plan, address member, address to, uint24 from, uint24 until) external {
        address by = _licensed(msg.sender, Roles.PROVIDER);
        bytes32 series = Ids.series(plan);
        if (_book.versions[series] == 0) revert UnknownPlan(plan);

        _book.refer(series, member, to, by, from, until);
    }

    function _ownedSeries(bytes32 plan) private view returns (bytes32 series) {
        series = Ids.series(plan);
        _owned(Ids.version(series, 1));
    }

    // ---- a desk --------------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function award(Claim calldata c, bool reviewed) external returns (Verdict memory) {
        Contexts.ClaimContext memory ctx = Contexts.allocate()[0];
        (Lines.Flat lines, Refusal refusal, uint256 carc) = _checkGates(msg.sender, c, ctx, reviewed);
        if (refusal != Refusal.None) lines.encodeRefusalAndReturn(refusal, carc);
        bool pended = _judge(c, ctx, lines, reviewed);
        if (!pended) _book.commit(c, ctx, lines);
        lines.encodeVerdictAndReturn(pended, ctx.out, ctx.family, ctx.insurer(), ctx.token(), ctx.tally.paid);
    }

    /// @inheritdoc IPlans
    function judge(address desk, Claim calldata c, bool reviewed) external view returns (Verdict memory) {
        Contexts.ClaimContext memory ctx = Contexts.allocate()[0];
        (Lines.Flat lines, Refusal refusal, uint256 carc) = _checkGates(desk, c, ctx, reviewed);
        if (refusal != Refusal.None) lines.encodeRefusalAndReturn(refusal, carc);
        bool pended = _judge(c, ctx, lines, reviewed);
        lines.encodeVerdictAndReturn(pended, ctx.out, ctx.family, ctx.insurer(), ctx.token(), ctx.tally.paid);
    }

    /// @param ctx empty, and filled here
    /// @return lines room for those of the claim
    /// @return refusal with `carc` why a gate stays shut, else `None`
    function _checkGates(
        address desk,
        Claim calldata c,
        Contexts.ClaimContext memory ctx,
        bool reviewed
    ) private view returns (Lines.Flat lines, Refusal refusal, uint256 carc) {
        lines = Lines.allocate(c.lines.length);
        ctx.desk = desk;
        ctx.load(_book.plans[c.plan]);
        (refusal, carc) = Gates.checkPlanGates(_book, consents, c, ctx, reviewed);
    }

    /// @return pended whether the claim waits for a review
    function _judge(
        Claim calldata c,
        Contexts.ClaimContext memory ctx,
        Lines.Flat lines,
        bool reviewed
    ) private view returns (bool pended) {
        Line[] calldata said = c.lines;
        ctx.year = Adjudication.yearOf(ctx.day);
        lines.setCount(said.length);
        uint256 paid = _book.judge(c, said, ctx, lines);
        if (reviewed) return false;
        uint256 threshold = ctx.reviewThreshold();
        if (threshold != 0) pended = paid > threshold;
        if (ctx.has(PlanBook.CAPS)) pended = pended || _book.exceeds(ctx, c.provider, paid);
    }

    /// @inheritdoc IPlans
    function restore(bytes32 plan, address patient, uint24 day, uint64 family, PackedLine[] calldata lines) external {
        Contexts.ClaimContext memory ctx = Contexts.forDay(msg.sender, plan, day);
        ctx.family = family;
        ctx.load(_book.plans[plan]);
        _book.restore(plan, patient, ctx, lines);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function terms(bytes32 plan) external view returns (Terms memory) {
        return _book.terms(plan);
    }

    /// @inheritdoc IPlans
    function inForceAt(bytes32 plan) external view returns (uint40) {
        return _book.plans[plan].inForceAt;
    }

    /// @inheritdoc IPlans
    function versions(bytes32 plan) external view returns (uint32) {
        return _book.versions[Ids.series(plan)];
    }

    /// @inheritdoc IPlans
    function category(bytes32 plan, uint8 number) external view returns (Category memory) {
        return _book.categories[plan][number];
    }

    /// @inheritdoc IPlans
    function membership(bytes32 plan, address member) external view returns (Membership memory) {
        return _book.members[Ids.series(plan)][member];
    }

    /// @inheritdoc IPlans
    function price(bytes32 plan, uint32 schedule, bytes32 code) external view returns (Price memory) {
        return _book.prices[plan][schedule][code].unpack();
    }

    /// @inheritdoc IPlans
    function contractOf(bytes32 plan, address provider) external view returns (Contract memory) {
        return _book.contracts[Ids.series(plan)][provider];
    }

    /// @inheritdoc IPlans
    function authorization(bytes32 plan, address member, bytes32 code) external view returns (Authorization memory) {
        return _book.authorizations[Ids.series(plan)][member][code];
    }

    /// @inheritdoc IPlans
    function referral(bytes32 plan, address member, address to) external view returns (Referral memory) {
        return _book.referrals[Ids.series(plan)][member][to];
    }

    /// @inheritdoc IPlans
    function capOf(bytes32 plan, address provider) external view returns (Cap memory) {
        return _book.capOf(Ids.series(plan), provider);
    }

    /// @inheritdoc IPlans
    function paidTo(address desk, bytes32 plan, address provider) external view returns (uint256) {
        return _book.paidTo(desk, Ids.series(plan), provider);
    }

    /// @inheritdoc IPlans
    function accumulators(
        address desk,
        bytes32 plan,
        address member,
        uint16 year
    ) external view returns (Accumulators memory) {
        return _book.totals[PlanBook.totalKey(desk, Ids.series(plan), member, year, 0)].unpack();
    }

    /// @inheritdoc IPlans
    function categoryPaid(
        address desk,
        bytes32 plan,
        address member,
        uint16 year,
        uint8 number
    ) external view returns (uint96) {
        return _book.totals[PlanBook.totalKey(desk, Ids.series(plan), member, year, number)].paid();
    }

    /// @inheritdoc IPlans
    function used(
        address desk,
        bytes32 plan,
        address member,
        bytes32 code,
        uint24 day,
        uint32 serial
    ) external view returns (uint256) {
        Contexts.ClaimContext memory ctx = Contexts.forDay(desk, plan, day);
        if (serial != 0) return _book.units[ctx.serialKey(member, code, serial)];
        return _book.units[ctx.periodKey(member, code, _book.prices[plan][0][code].period())];
    }
}
