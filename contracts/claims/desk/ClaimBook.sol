// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Attestations} from "contracts/claims/desk/Attestations.sol";
import {Results} from "contracts/claims/desk/Results.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";
import {ITreasury} from "interfaces/claims/ITreasury.sol";

/// @title What the desk remembers of claims
library ClaimBook {
    using Results for Results.Flat;

    /// @dev Most lines of a claim.
    uint256 internal constant MAX_LINES = 100;

    /// @dev Circumstances of a claim that a review denied.
    uint256 internal constant DENIED = 2;

    /// @param digest of what was decided, or (pended, withdrawn) of the claim
    struct Stored {
        IClaimDesk.State state;
        uint40 at;
        uint208 digest;
    }

    /// @notice What only few claims have.
    /// @param reserved in the treasury, while it is pended
    /// @param insurer with `token` and `position`: the debt
    struct Extra {
        uint40 reviewBy;
        uint96 reserved;
        bool appealed;
        bool heard;
        uint64 position;
        address insurer;
        address token;
    }

    /// @dev Claims of one `submit`, from `first` on, that one transfer pays.
    struct Payment {
        address insurer;
        address token;
        address payee;
        uint256 amount;
        uint256 first;
    }

    struct Book {
        mapping(bytes32 id => Stored) claims;
        mapping(bytes32 id => Extra) extras;
        mapping(bytes32 id => mapping(uint208 digest => bool)) withdrawn;
    }

    /// @dev The gates that need no plan.
    /// @param lines those of `c`
    function refusal(
        Book storage b,
        IAdjudication.Claim calldata c,
        IAdjudication.Line[] calldata lines,
        bytes32 id
    ) internal view returns (IPlans.Refusal, uint16 carc) {
        if (!_wellFormed(lines)) return (IPlans.Refusal.Malformed, 16);
        IClaimDesk.State state = b.claims[id].state;
        bool open =
            state == IClaimDesk.State.None ||
                (state == IClaimDesk.State.Withdrawn && !b.withdrawn[id][Attestations.content(c)]);
        return open ? (IPlans.Refusal.None, 0) : (IPlans.Refusal.Duplicate, 18);
    }

    function _wellFormed(IAdjudication.Line[] calldata lines) private pure returns (bool) {
        if (lines.length == 0 || lines.length > MAX_LINES) return false;
        for (uint256 i; i < lines.length; ++i) {
            if (lines[i].units == 0) return false;
        }
        return true;
    }

    function whose(
        address provider,
        address signer,
        bool licensed
    ) internal pure returns (IPlans.Refusal, uint16 carc) {
        if (signer != provider) return (IPlans.Refusal.NotAttested, 16);
        return licensed ? (IPlans.Refusal.None, 0) : (IPlans.Refusal.NotLicensed, 185);
    }

    /// @dev What a plan would say of a claim.
    function fill(IAdjudication.Claim calldata c, IClaimDesk.Result memory r, IPlans.Verdict memory v) internal pure {
        (r.refusal, r.carc) = (v.refusal, v.carc);
        if (v.refusal != IPlans.Refusal.None) return;
        r.state = v.pended ? IClaimDesk.State.Pended : IClaimDesk.State.Settled;
        r.circumstances =
            (uint256(c.serviceDay) << 72) |
            (uint256(v.family) << 8) |
            (v.outOfNetwork ? Results.OUTSIDE : 0);
        (r.paid, r.lines) = (v.paid, v.lines);
    }

    /// @dev Final before the money moves: a token that calls back finds the claim settled and its number taken.
    function conclude(Book storage b, IAdjudication.Claim calldata c, Results.Flat memory r) internal {
        Stored storage s = b.claims[r.id];
        uint256 word = (r.tell(c) << 48) | (block.timestamp << 8) | uint256(r.state);
        // The struct's one slot, written once; the compiler writes it field by field. The digest loses its highest
        // bits, as `uint208` does.
        assembly ("memory-safe") {
            sstore(s.slot, word)
        }
    }

    function owe(
        Book storage b,
        ITreasury treasury,
        bytes32 id,
        address insurer,
        address token,
        address payee,
        uint96 amount
    ) internal {
        uint64 position = treasury.owe(insurer, token, payee, amount, id);
        Extra storage e = b.extras[id];
        (e.insurer, e.token, e.position) = (insurer, token, position);

        emit IClaimDesk.ClaimOwed(id, amount, position);
    }

    function pended(Book storage b, IAdjudication.Claim calldata c) internal view returns (bytes32 id, Extra memory e) {
        id = Ids.claim(c.provider, c.number);
        Stored memory s = b.claims[id];
        if (s.state != IClaimDesk.State.Pended) revert IClaimDesk.WrongState(id, s.state);
        if (s.digest != Attestations.content(c)) revert IClaimDesk.OtherContent(id);
        e = b.extras[id];
    }

    /// @dev The number is free again, but for contents that were withdrawn.
    function free(Book storage b, bytes32 id) internal {
        b.claims[id] = Stored(IClaimDesk.State.Withdrawn, uint40(block.timestamp), 0);
    }

    function decided(Book storage b, IClaimDesk.Decided calldata d) internal view returns (Stored memory s) {
        s = b.claims[d.id];
        bool open = s.state == IClaimDesk.State.Pended || s.state == IClaimDesk.State.Withdrawn;
        if (s.state == IClaimDesk.State.None || open) revert IClaimDesk.WrongState(d.id, s.state);
        if (s.digest != Attestations.content(d)) revert IClaimDesk.OtherContent(d.id);
    }

    function within(bytes32 id, uint40 since, uint16 numberOfDays) internal view {
        uint40 until = since + uint40(numberOfDays) * 1 days;
        if (block.timestamp > until) revert IClaimDesk.WindowClosed(id, until);
    }
}
