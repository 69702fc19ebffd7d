// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Circumstances} from "contracts/claims/desk/Circumstances.sol";
import {Lines} from "contracts/claims/plans/Lines.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IClaimDesk} from "interfaces/claims/IClaimDesk.sol";
import {IPlans} from "interfaces/claims/IPlans.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title The results of a submission, flat in memory as they are returned, so that no line is copied on its way from
/// the plan to the digest, the event and the answer
/// @dev What the compiler would do with nested structs costs 4,000 gas a claim. Assembly here writes to results that
/// `start` took from the free memory, and beyond the free memory.
library Results {
    /// @notice `IClaimDesk.Result` as the ABI has it: `offset` (0xe0) says where the lines begin, and they follow their
    /// `count`.
    struct Flat {
        bytes32 id;
        IPlanTypes.Refusal refusal;
        uint16 carc;
        IClaimDesk.State state;
        IClaimDesk.CircumstancesWord circumstances;
        uint96 paid;
        uint256 offset;
        uint256 count;
    }

    uint256 private constant OFFSET = 0xe0;
    uint256 private constant HEAD = 0x100;

    /// @notice An array for so many results; each is started in its turn. Memory that is allocated between them is
    /// returned too; ABI decoders skip it, because they follow the offsets.
    function allocate(uint256 count) internal pure returns (Flat[] memory results) {
        // The word before them is for `encodeAllAndReturn`.
        assembly ("memory-safe") {
            results := add(mload(0x40), 0x20)
            mstore(results, count)
            mstore(0x40, add(results, shl(5, add(count, 1))))
        }
    }

    /// @notice Starts result `i`, all zero but for its id.
    /// @param most how many lines it may get
    function start(Flat[] memory results, uint256 i, bytes32 id, uint256 most) internal pure {
        assembly ("memory-safe") {
            let r := mload(0x40)
            mstore(0x40, add(add(r, HEAD), shl(7, most)))
            calldatacopy(r, calldatasize(), HEAD)
            mstore(r, id)
            mstore(add(r, 0xc0), OFFSET)
            mstore(add(results, shl(5, add(i, 1))), r)
        }
    }

    function linesOf(Flat memory r) internal pure returns (Lines.Flat lines) {
        assembly ("memory-safe") {
            lines := add(r, OFFSET)
        }
    }

    /// @notice `plans.award(c, reviewed)`, which fills a result that was just begun with room for the claim's lines.
    /// @param lines those of `c`
    /// @return pended whether it waits for a review
    function award(
        IPlans plans,
        IAdjudication.Claim calldata c,
        IAdjudication.Line[] calldata lines,
        bool reviewed,
        Flat memory r
    ) internal returns (bool pended, address insurer, address token) {
        uint256 selector = uint32(IPlans.award.selector);
        uint256 refusal;
        uint256 carc;
        uint256 outOfNetwork;
        uint256 family;
        uint256 paid;
        // The claim goes on word by word as it came (the plan checks what it reads), its lines behind its six other
        // words. Of the verdict, which is a contract's of ours, eight words are read beyond the free memory; its lines
        // go where they belong.
        assembly ("memory-safe") {
            let q := mload(0x40)
            let size := shl(7, lines.length)
            mstore(q, selector)
            mstore(add(q, 0x20), 0x40)
            mstore(add(q, 0x40), reviewed)
            calldatacopy(add(q, 0x60), c, 0xc0)
            mstore(add(q, 0x120), 0xe0)
            mstore(add(q, 0x140), lines.length)
            calldatacopy(add(q, 0x160), lines.offset, size)
            if iszero(call(gas(), plans, 0, add(q, 0x1c), add(size, 0x144), 0, 0)) {
                returndatacopy(q, 0, returndatasize())
                revert(q, returndatasize())
            }
            returndatacopy(q, 0x20, 0x100)
            refusal := mload(q)
            carc := mload(add(q, 0x20))
            pended := mload(add(q, 0x40))
            outOfNetwork := mload(add(q, 0x60))
            family := mload(add(q, 0x80))
            insurer := mload(add(q, 0xa0))
            token := mload(add(q, 0xc0))
            paid := mload(add(q, 0xe0))
            returndatacopy(add(r, OFFSET), 0x140, sub(returndatasize(), 0x140))
        }
        (r.refusal, r.carc) = (IPlanTypes.Refusal(refusal), uint16(carc));
        if (refusal != 0) return (false, insurer, token);
        r.state = pended ? IClaimDesk.State.Pended : IClaimDesk.State.Settled;
        // The flag is the word of a bool, 0 or 1.
        (r.circumstances, r.paid) = (Circumstances.pack(c.serviceDay, family, outOfNetwork), uint96(paid));
    }

    /// @notice Emits `ClaimDecided`.
    /// @return digest of what it says: what the desk remembers of the claim, see `Attestations.content`
    function emitClaimDecided(Flat memory r, IAdjudication.Claim calldata c) internal returns (uint256 digest) {
        bytes32 topic = IClaimDesk.ClaimDecided.selector;
        (bytes32 id, bytes32 plan, address provider, address patient) = (r.id, c.plan, c.provider, c.patient);
        (IClaimDesk.State state, uint96 paid) = (r.state, r.paid);
        IClaimDesk.CircumstancesWord circumstances = r.circumstances;
        // What precedes the lines in the event, and in the digest, stands for a moment where the result has its own
        // words.
        assembly ("memory-safe") {
            mstore(add(r, 0x40), plan)
            mstore(add(r, 0x60), provider)
            mstore(add(r, 0x80), patient)
            mstore(add(r, 0xa0), circumstances)
            mstore(add(r, 0xc0), 0x60)
            let size := add(0x80, shl(7, mload(add(r, OFFSET))))
            digest := keccak256(add(r, 0x40), add(size, 0x40))
            log4(add(r, 0x80), size, topic, id, provider, plan)
            mstore(add(r, 0xc0), OFFSET)
        }
        (r.carc, r.state, r.circumstances, r.paid) = (0, state, circumstances, paid); // what is decided has no refusal
    }

    /// @notice Ends the call with the results.
    function encodeAllAndReturn(Flat[] memory results) internal pure {
        // Pointers become offsets from the first of them.
        assembly ("memory-safe") {
            let first := add(results, 0x20)
            let end := add(first, shl(5, mload(results)))
            for {
                let at := first
            } lt(at, end) {
                at := add(at, 0x20)
            } {
                mstore(at, sub(mload(at), first))
            }
            let base := sub(results, 0x20)
            mstore(base, 0x20)
            return(base, sub(mload(0x40), base))
        }
    }

    /// @notice Ends the call with the only result.
    function encodeSingleAndReturn(Flat[] memory results) internal pure {
        assembly ("memory-safe") {
            let r := mload(add(results, 0x20))
            mstore(sub(r, 0x20), 0x20)
            return(sub(r, 0x20), add(add(HEAD, 0x20), shl(7, mload(add(r, OFFSET)))))
        }
    }
}
