// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/Ids.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";
import {IPlans} from "interfaces/IPlans.sol";

/// @title Plans: what insurers promised, sealed before the first claim
/// @dev A claim reads three slots of the plan, one of the member and one a code: the layout is made for `quote`.
contract Plans is IPlans, Licensed {
    uint16 private constant WHOLE = 10_000;

    /// @dev Three slots. `insurer` 0: not registered; `publishedAt` 0: not sealed.
    struct Plan {
        address insurer;
        uint24 validFrom;
        uint24 validUntil;
        uint16 coinsurance;
        uint16 filingDays;
        address token;
        uint96 deductible;
        uint96 outOfPocketMaximum;
        uint40 publishedAt;
    }

    mapping(bytes32 plan => Plan) private _plans;
    mapping(bytes32 plan => mapping(bytes32 code => Price)) private _prices;
    mapping(bytes32 plan => mapping(address member => Membership)) private _members;

    constructor(IInstitutions institutions_) Licensed(institutions_) {}

    // ---- the insurer ---------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function register(Terms calldata t) external returns (bytes32 plan) {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        plan = Ids.plan(t.insurer, t.document);
        if (t.insurer != insurer) revert NotInsurer(plan, msg.sender);
        if (_plans[plan].insurer != address(0)) revert PlanExists(plan);
        if (t.validUntil <= t.validFrom) revert InvalidTerms("validUntil");
        if (t.coinsurance > WHOLE) revert InvalidTerms("coinsurance");
        if (t.token.code.length == 0) revert InvalidTerms("token");
        if (t.outOfPocketMaximum < t.deductible) revert InvalidTerms("outOfPocketMaximum");

        _plans[plan] = Plan({
            insurer: insurer,
            validFrom: t.validFrom,
            validUntil: t.validUntil,
            coinsurance: t.coinsurance,
            filingDays: t.filingDays,
            token: t.token,
            deductible: t.deductible,
            outOfPocketMaximum: t.outOfPocketMaximum,
            publishedAt: 0
        });

        emit PlanRegistered(plan, insurer, t);
    }

    /// @inheritdoc IPlans
    function addPrices(bytes32 plan, bytes32[] calldata codes, uint96[] calldata allowed) external {
        _unsealed(plan);
        if (codes.length != allowed.length) revert LengthMismatch(codes.length, allowed.length);

        mapping(bytes32 => Price) storage prices = _prices[plan];
        for (uint256 i; i < codes.length; ++i) {
            Price storage p = prices[codes[i]];
            if (p.listed) revert PriceExists(plan, codes[i]);
            (p.allowed, p.listed) = (allowed[i], true);
        }

        emit PricesAdded(plan, codes, allowed);
    }

    /// @inheritdoc IPlans
    function publish(bytes32 plan) external {
        Plan storage p = _unsealed(plan);

        p.publishedAt = uint40(block.timestamp);

        emit PlanPublished(plan);
    }

    /// @inheritdoc IPlans
    function enroll(bytes32 plan, address[] calldata members, uint24 from, uint24 until) external {
        _owned(plan);

        for (uint256 i; i < members.length; ++i) {
            if (members[i] == address(0) || until <= from) revert InvalidMembership(members[i], from, until);
            _members[plan][members[i]] = Membership(from, until);
            emit MemberEnrolled(plan, members[i], from, until);
        }
    }

    function _unsealed(bytes32 plan) private view returns (Plan storage p) {
        p = _owned(plan);
        if (p.publishedAt != 0) revert AlreadyPublished(plan);
    }

    /// @dev The plan, when the caller acts for its insurer and that is licensed now.
    function _owned(bytes32 plan) private view returns (Plan storage p) {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        p = _plans[plan];
        if (p.insurer == address(0)) revert UnknownPlan(plan);
        if (p.insurer != insurer) revert NotInsurer(plan, msg.sender);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IPlans
    function quote(bytes32 plan, address member, bytes32[] calldata codes)
        external
        view
        returns (Terms memory, Membership memory, Price[] memory)
    {
        Plan memory p = _plans[plan];
        if (p.publishedAt == 0) revert NotPublished(plan);

        mapping(bytes32 => Price) storage listed = _prices[plan];
        Price[] memory prices = new Price[](codes.length);
        for (uint256 i; i < codes.length; ++i) {
            prices[i] = listed[codes[i]];
        }
        return (_terms(p), _members[plan][member], prices);
    }

    /// @inheritdoc IPlans
    function terms(bytes32 plan) external view returns (Terms memory) {
        return _terms(_plans[plan]);
    }

    function _terms(Plan memory p) private pure returns (Terms memory) {
        return Terms({
            insurer: p.insurer,
            validFrom: p.validFrom,
            validUntil: p.validUntil,
            coinsurance: p.coinsurance,
            token: p.token,
            deductible: p.deductible,
            outOfPocketMaximum: p.outOfPocketMaximum,
            filingDays: p.filingDays,
            document: 0
        });
    }

    /// @inheritdoc IPlans
    function publishedAt(bytes32 plan) external view returns (uint40) {
        return _plans[plan].publishedAt;
    }

    /// @inheritdoc IPlans
    function membership(bytes32 plan, address member) external view returns (Membership memory) {
        return _members[plan][member];
    }

    /// @inheritdoc IPlans
    function price(bytes32 plan, bytes32 code) external view returns (Price memory) {
        return _prices[plan][code];
    }
}
