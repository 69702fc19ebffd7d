// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/Ids.sol";
import {Adjudication} from "contracts/claims/Adjudication.sol";
import {Benefits} from "contracts/claims/Benefits.sol";
import {PlanBook} from "contracts/claims/PlanBook.sol";
import {Prices} from "contracts/claims/Prices.sol";
import {Totals} from "contracts/claims/Totals.sol";
import {ConsentCodes} from "contracts/consent/ConsentCodes.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IConsentRegistry} from "interfaces/IConsentRegistry.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";
import {IPlans} from "interfaces/IPlans.sol";

/// @title Plans: what insurers promised, sealed before the first claim, and the judge of claims by it
contract Plans is IPlans, Licensed {
    using Benefits for PlanBook.Book;
    using PlanBook for PlanBook.Book;

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
            _checkPeriod(m.from, m.until);
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
        _checkPeriod(from, until);
        Authorization storage a = _book.authorizations[series][member][code];

        (a.from, a.until, a.units) = (from, until, units);
        ++a.serial;

        emit Authorized(series, member, code, a);
    }

    // ---- a provider ----------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function refer(bytes32 plan, address member, address to, uint24 from, uint24 until) external {
        address by = _licensed(msg.sender, Roles.PROVIDER);
        bytes32 series = Ids.series(plan);
        if (_book.versions[series] == 0) revert UnknownPlan(plan);
        _checkPeriod(from, until);
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

    function _checkPeriod(uint24 from, uint24 until) private pure {
        if (until <= from) revert InvalidPeriod(from, until);
    }

    // ---- a desk --------------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function adjudicate(Claim calldata c, bool reviewed) external returns (Verdict memory v) {
        (PlanBook.Case memory k, Adjudication.Tally memory t) = _judge(msg.sender, c, reviewed, v);
        if (v.refusal == Refusal.None && !v.pended) _book.commit(c, k, v.lines, t);
    }

    /// @inheritdoc IPlans
    function judge(address desk, Claim calldata c, bool reviewed) external view returns (Verdict memory v) {
        _judge(desk, c, reviewed, v);
    }

    function _judge(address desk, Claim calldata c, bool reviewed, Verdict memory v)
        private
        view
        returns (PlanBook.Case memory k, Adjudication.Tally memory t)
    {
        (k.desk, k.plan) = (desk, _book.plans[c.plan]);
        (v.refusal, v.carc) = _gates(c, k.plan, k, reviewed);
        if (v.refusal != Refusal.None) return (k, t);

        (v.outOfNetwork, v.family, v.insurer, v.token) = (k.out, k.family, k.plan.insurer, k.plan.token);
        (v.lines, t) = _book.judge(c, k);
        v.paid = uint96(t.paid); // at most 100 lines of 80 bits
        v.pended = !reviewed && k.plan.reviewThreshold != 0 && t.paid > k.plan.reviewThreshold;
    }

    /// @dev In the order of `Refusal`; fills `k` on the way.
    function _gates(Claim calldata c, PlanBook.Plan memory p, PlanBook.Case memory k, bool reviewed)
        private
        view
        returns (Refusal, uint16 carc)
    {
        uint24 day = c.serviceDay;
        (k.series, k.day, k.year) = (Ids.series(c.plan), day, Adjudication.yearOf(day));
        uint256 today = block.timestamp / 1 days;
        if (p.inForceAt == 0 || block.timestamp < p.inForceAt) return (Refusal.UnknownPlan, 31);
        if (day > today) return (Refusal.FutureService, 110);
        carc = _outside(day, p.validFrom, p.validUntil);
        if (carc != 0) return (Refusal.OutsidePlan, carc);

        Membership memory m = _book.members[k.series][c.patient];
        if (m.until == 0) return (Refusal.NotEnrolled, 31);
        carc = _outside(day, m.from, m.until);
        if (carc != 0) return (Refusal.OutsideCover, carc);
        if (day < uint256(m.from) + p.waitingDays) return (Refusal.Waiting, 179);
        bool late = p.filingDays != 0 && today > uint256(day) + p.filingDays;
        if (late && !reviewed) return (Refusal.FiledLate, 29); // what is reviewed was filed before
        (k.family, k.groups) = (m.family, m.nextGroups != 0 && day >= m.nextFrom ? m.nextGroups : m.groups);

        if (p.rules & PlanBook.NETWORK != 0) {
            Contract memory own = _book.contracts[k.series][c.provider];
            k.out = day < own.from || day >= own.until;
            if (k.out && p.rules & PlanBook.OUTSIDE == 0) return (Refusal.OutOfNetwork, 242);
            if (!k.out) k.schedule = own.schedule;
        }
        if (m.secondary && c.primary == 0) return (Refusal.NotCoordinated, 22);

        (IConsentRegistry.Answer answer,,,) =
            consents.decide(c.patient, p.insurer, ConsentCodes.HPAYMT, ConsentCodes.CLAIM);
        return answer == IConsentRegistry.Answer.Permit ? (Refusal.None, 0) : (Refusal.NoConsent, 227);
    }

    /// @dev 26 before the period, 27 after it, 0 within.
    function _outside(uint256 day, uint256 from, uint256 until) private pure returns (uint16) {
        if (day < from) return 26;
        return day < until ? 0 : 27;
    }

    /// @inheritdoc IPlans
    function restore(bytes32 plan, address patient, uint24 day, uint64 family, PackedLine[] calldata lines) external {
        PlanBook.Case memory k;
        (k.desk, k.series, k.day, k.year) = (msg.sender, Ids.series(plan), day, Adjudication.yearOf(day));
        (k.family, k.plan) = (family, _book.plans[plan]);
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
    function accumulators(address desk, bytes32 plan, address member, uint16 year) external view returns (Accumulators memory) {
        return Totals.unpack(_book.totals[PlanBook.totalKey(desk, Ids.series(plan), member, year, 0)]);
    }

    /// @inheritdoc IPlans
    function categoryPaid(address desk, bytes32 plan, address member, uint16 year, uint8 number) external view returns (uint96) {
        return Totals.paid(_book.totals[PlanBook.totalKey(desk, Ids.series(plan), member, year, number)]);
    }

    /// @inheritdoc IPlans
    function used(address desk, bytes32 plan, address member, bytes32 code, uint24 day, uint32 serial) external view returns (uint256) {
        PlanBook.Case memory k;
        (k.desk, k.series, k.day, k.year) = (desk, Ids.series(plan), day, Adjudication.yearOf(day));
        if (serial != 0) return _book.units[PlanBook.serialKey(k, member, code, serial)];
        return _book.units[PlanBook.periodKey(k, member, code, Prices.period(_book.prices[plan][0][code]))];
    }
}
