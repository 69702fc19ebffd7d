// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ids} from "contracts/common/Ids.sol";
import {Attestations} from "contracts/claims/desk/Attestations.sol";
import {ClaimWords} from "contracts/claims/desk/ClaimWords.sol";
import {Circumstances} from "contracts/claims/desk/Circumstances.sol";
import {Results} from "contracts/claims/desk/Results.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";
import {ITreasury} from "interfaces/claims/ITreasury.sol";

/// @title What the desk remembers of claims
library ClaimBook {
    using Results for Results.Flat;

    /// @dev Most lines of a claim.
    uint256 internal constant MAX_LINES = 100;

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
        mapping(bytes32 id => ClaimWords.Stored) claims;
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
    ) internal view returns (IPlanTypes.Refusal, uint16 carc) {
        if (!_wellFormed(lines)) return (IPlanTypes.Refusal.Malformed, 16);
        IClaimDesk.State state = b.claims[id].state;
        bool open =
            state == IClaimDesk.State.None ||
                (state == IClaimDesk.State.Withdrawn && !b.withdrawn[id][Attestations.content(c)]);
        return open ? (IPlanTypes.Refusal.None, 0) : (IPlanTypes.Refusal.Duplicate, 18);
    }

    function _wellFormed(IAdjudication.Line[] calldata lines) private pure returns (bool) {
        if (lines.length == 0 || lines.length > MAX_LINES) return false;
        for (uint256 i; i < lines.length; ++i) {
            if (lines[i].units == 0) return false;
        }
        return true;
    }

    function checkAttestation(
        address provider,
        address signer,
        bool licensed
    ) internal pure returns (IPlanTypes.Refusal, uint16 carc) {
        if (signer != provider) return (IPlanTypes.Refusal.NotAttested, 16);
        return licensed ? (IPlanTypes.Refusal.None, 0) : (IPlanTypes.Refusal.NotLicensed, 185);
    }

    /// @dev What a plan would say of a claim.
    function fill(
        IAdjudication.Claim calldata c,
        IClaimDesk.Result memory r,
        IPlanTypes.Verdict memory v
    ) internal pure {
        (r.refusal, r.carc) = (v.refusal, v.carc);
        if (v.refusal != IPlanTypes.Refusal.None) return;
        r.state = v.pended ? IClaimDesk.State.Pended : IClaimDesk.State.Settled;
        r.circumstances = Circumstances.pack(c.serviceDay, v.family, v.outOfNetwork ? Circumstances.OUT_OF_NETWORK : 0);
        (r.paid, r.lines) = (v.paid, v.lines);
    }

    /// @dev Final before the money moves: a token that calls back finds the claim settled and its number taken.
    function conclude(Book storage b, IAdjudication.Claim calldata c, Results.Flat memory r) internal {
        ClaimWords.Stored storage s = b.claims[r.id];
        uint256 digest = r.emitClaimDecided(c);
        ClaimWords.pack(r.state, block.timestamp, digest).store(s);
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
        ClaimWords.Stored memory s = b.claims[id];
        if (s.state != IClaimDesk.State.Pended) revert IClaimDesk.WrongState(id, s.state);
        if (s.digest != Attestations.content(c)) revert IClaimDesk.OtherContent(id);
        e = b.extras[id];
    }

    /// @dev The number is free again, but for contents that were withdrawn.
    function markWithdrawn(Book storage b, bytes32 id) internal {
        b.claims[id] = ClaimWords.Stored(IClaimDesk.State.Withdrawn, uint40(block.timestamp), 0);
    }

    function decided(Book storage b, IClaimDesk.Decided calldata d) internal view returns (ClaimWords.Stored memory s) {
        s = b.claims[d.id];
        bool open = s.state == IClaimDesk.State.Pended || s.state == IClaimDesk.State.Withdrawn;
        if (s.state == IClaimDesk.State.None || open) revert IClaimDesk.WrongState(d.id, s.state);
        if (s.digest != Attestations.content(d)) revert IClaimDesk.OtherContent(d.id);
    }

    function requireWithinDays(bytes32 id, uint40 since, uint16 numberOfDays) internal view {
        uint40 until = since + uint40(numberOfDays) * 1 days;
        if (block.timestamp > until) revert IClaimDesk.WindowClosed(id, until);
    }
}
