// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Adjudication} from "contracts/claims/plans/Adjudication.sol";
import {Benefits} from "contracts/claims/plans/Benefits.sol";
import {Caps} from "contracts/claims/plans/Caps.sol";
import {Gates} from "contracts/claims/plans/Gates.sol";
import {Lines} from "contracts/claims/plans/Lines.sol";
import {PlanBook} from "contracts/claims/plans/PlanBook.sol";
import {PlanWords} from "contracts/claims/plans/PlanWords.sol";
import {Prices} from "contracts/claims/plans/Prices.sol";
import {Totals} from "contracts/claims/plans/Totals.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IConsentRegistry} from "interfaces/consent/IConsentRegistry.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";

/// @title Plans: what insurers promised, sealed before the first claim, and the judge of claims by it
contract Plans is IPlans, Licensed {
    using Benefits for PlanBook.Book;
    using Caps for PlanBook.Book;
    using Lines for Lines.Flat;
    using PlanBook for PlanBook.Book;
    using PlanWords for PlanBook.Case;

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

        uint256 categories = p.categories;
        mapping(bytes32 => uint256) storage list = _book.prices[plan][schedule];
        for (uint256 i; i < codes.length; ++i) {
            if (!Prices.valid(prices[i], categories)) revert InvalidPrice(codes[i], prices[i]);
            if (list[codes[i]] != 0) revert PriceExists(plan, codes[i]);
            list[codes[i]] = prices[i];
        }

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
            (address account, Membership calldata m) = (members[i].account, members[i].membership);
            PlanBook.checkPeriod(m.from, m.until);
            // Accounts of so small a number stand for families.
            if (uint160(account) <= type(uint64).max) revert InvalidMember(account);

            _book.members[series][account] = m;

            emit MemberEnrolled(series, account, m);
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
        PlanBook.checkPeriod(from, until);
        Authorization storage a = _book.authorizations[series][member][code];

        (a.from, a.until, a.units) = (from, until, units);
        ++a.serial;

        emit Authorized(series, member, code, a);
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
        PlanBook.checkPeriod(from, until);
        if (by == to) revert OwnReferral(by);
        Referral storage r = _book.referrals[series][member][to];
        // Only what counts today stands in the way, so that nobody can keep a place with a period far off.
        bool counts = r.from <= block.timestamp / 1 days && block.timestamp / 1 days < r.until;
        if (counts && r.by != by) revert ReferralExists(member, to, r.by);

        (r.by, r.from, r.until) = (by, from, until);

        emit Referred(series, member, to, r);
    }

    function _ownedSeries(bytes32 plan) private view returns (bytes32 series) {
        series = Ids.series(plan);
        _owned(Ids.version(series, 1));
    }

    // ---- a desk --------------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function award(Claim calldata c, bool reviewed) external returns (Verdict memory) {
        (PlanBook.Case[] memory cases, Adjudication.Tally[] memory tallies, Adjudication.Rule[] memory rules) = PlanBook
            .room();
        (PlanBook.Case memory k, Adjudication.Tally memory t) = (cases[0], tallies[0]);
        (Lines.Flat lines, bool pended) = _judge(msg.sender, c, k, t, rules[0], reviewed);
        if (!pended) _book.commit(c, k, lines, t);
        lines.answer(pended, k.out, k.family, k.insurer(), k.token(), t.paid);
    }

    /// @inheritdoc IPlans
    function judge(address desk, Claim calldata c, bool reviewed) external view returns (Verdict memory) {
        (PlanBook.Case[] memory cases, Adjudication.Tally[] memory tallies, Adjudication.Rule[] memory rules) = PlanBook
            .room();
        (PlanBook.Case memory k, Adjudication.Tally memory t) = (cases[0], tallies[0]);
        (Lines.Flat lines, bool pended) = _judge(desk, c, k, t, rules[0], reviewed);
        lines.answer(pended, k.out, k.family, k.insurer(), k.token(), t.paid);
    }

    /// @dev Ends the call when a gate stays shut. `k`, `t` and `rule` are empty, and filled here.
    function _judge(
        address desk,
        Claim calldata c,
        PlanBook.Case memory k,
        Adjudication.Tally memory t,
        Adjudication.Rule memory rule,
        bool reviewed
    ) private view returns (Lines.Flat lines, bool pended) {
        Line[] calldata said = c.lines;
        lines = Lines.begin(said.length);
        k.desk = desk;
        k.load(_book.plans[c.plan]);
        (Refusal refusal, uint256 carc) = Gates.pass(_book, consents, c, k, reviewed);
        if (refusal != Refusal.None) lines.refuse(refusal, carc);

        k.year = Adjudication.yearOf(k.day);
        lines.setCount(said.length);
        uint256 paid = _book.judge(c, said, k, lines, t, rule);
        if (reviewed) return (lines, false);
        uint256 threshold = k.reviewThreshold();
        if (threshold != 0) pended = paid > threshold;
        if (k.has(PlanBook.CAPS)) pended = pended || _book.exceeds(k, c.provider, paid);
    }

    /// @inheritdoc IPlans
    function restore(bytes32 plan, address patient, uint24 day, uint64 family, PackedLine[] calldata lines) external {
        PlanBook.Case memory k;
        (k.desk, k.series, k.day, k.year) = (msg.sender, Ids.series(plan), day, Adjudication.yearOf(day));
        k.family = family;
        k.load(_book.plans[plan]);
        _book.restore(plan, patient, k, lines);
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
        return Prices.unpack(_book.prices[plan][schedule][code]);
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
        return Totals.unpack(_book.totals[PlanBook.totalKey(desk, Ids.series(plan), member, year, 0)]);
    }

    /// @inheritdoc IPlans
    function categoryPaid(
        address desk,
        bytes32 plan,
        address member,
        uint16 year,
        uint8 number
    ) external view returns (uint96) {
        return Totals.paid(_book.totals[PlanBook.totalKey(desk, Ids.series(plan), member, year, number)]);
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
        PlanBook.Case memory k;
        (k.desk, k.series, k.day, k.year) = (desk, Ids.series(plan), day, Adjudication.yearOf(day));
        if (serial != 0) return _book.units[PlanBook.serialKey(k, member, code, serial)];
        return _book.units[PlanBook.periodKey(k, member, code, Prices.period(_book.prices[plan][0][code]))];
    }
}
