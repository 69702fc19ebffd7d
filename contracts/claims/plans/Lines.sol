// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LineWords} from "contracts/claims/plans/LineWords.sol";
import {IAdjudication} from "interfaces/claims/IAdjudication.sol";
import {IPlanTypes} from "interfaces/claims/IPlanTypes.sol";

/// @title The lines of a judged claim, flat in memory, as they leave in an answer, an event and a digest
/// @dev The compiler keeps an array of structs as pointers: each time it leaves, it is copied line by line, at some 400
/// gas. Here the four words of each `IAdjudication.PackedLine` follow one another after their number, and are written
/// once.
///
/// `Flat` is where the number stands; an `IPlanTypes.Verdict` lies before it. All assembly here reads and writes only
/// what `allocate` took from the free memory, at positions below that number; callers loop up to it. Its offsets are
/// checked against the two structs by a test.
library Lines {
    using LineWords for IAdjudication.PaymentWord;

    type Flat is uint256;

    /// @notice The lines, none yet, of an empty `IPlanTypes.Verdict`, see `encodeVerdictAndReturn`.
    /// @param most how many there may be
    function allocate(uint256 most) internal pure returns (Flat lines) {
        // Taken from the free memory; its words are set to 0, because earlier steps may have written there.
        assembly ("memory-safe") {
            let v := add(mload(0x40), 0x20)
            lines := add(v, 0x120)
            let end := add(lines, add(0x20, shl(7, most)))
            mstore(0x40, end)
            calldatacopy(v, calldatasize(), sub(end, v))
        }
    }

    // ---- the end of a call ---------------------------------------------------------------------------------------

    /// @notice Ends the call with a verdict that has no lines.
    function encodeRefusalAndReturn(Flat lines, IPlanTypes.Refusal refusal, uint256 carc) internal pure {
        assembly ("memory-safe") {
            mstore(sub(lines, 0x120), refusal)
            mstore(sub(lines, 0x100), carc)
            mstore(lines, 0)
        }
        _encodeAndReturn(lines);
    }

    /// @notice Ends the call with a verdict, see `IPlanTypes.Verdict`.
    function encodeVerdictAndReturn(
        Flat lines,
        bool pended,
        bool outOfNetwork,
        uint256 family,
        address insurer,
        address token,
        uint256 paid_
    ) internal pure {
        assembly ("memory-safe") {
            mstore(sub(lines, 0xe0), pended)
            mstore(sub(lines, 0xc0), outOfNetwork)
            mstore(sub(lines, 0xa0), family)
            mstore(sub(lines, 0x80), insurer)
            mstore(sub(lines, 0x60), token)
            mstore(sub(lines, 0x40), paid_)
        }
        _encodeAndReturn(lines);
    }

    function _encodeAndReturn(Flat lines) private pure {
        // The words are in the ABI's order; what is missing is where the verdict begins, and where its lines do.
        assembly ("memory-safe") {
            mstore(sub(lines, 0x140), 0x20)
            mstore(sub(lines, 0x20), 0x120)
            return(sub(lines, 0x140), add(0x160, shl(7, mload(lines))))
        }
    }

    // ---- the lines -----------------------------------------------------------------------------------------------

    function setCount(Flat lines, uint256 size) internal pure {
        assembly ("memory-safe") {
            mstore(lines, size)
        }
    }

    function count(Flat lines) internal pure returns (uint256 size) {
        assembly ("memory-safe") {
            size := mload(lines)
        }
    }

    function write(
        Flat lines,
        uint256 i,
        bytes32 code_,
        IAdjudication.JudgedWord judged,
        IAdjudication.SharesWord shares,
        IAdjudication.PaymentWord payment_
    ) internal pure {
        assembly ("memory-safe") {
            let at := add(add(lines, 0x20), shl(7, i))
            mstore(at, code_)
            mstore(add(at, 0x20), judged)
            mstore(add(at, 0x40), shares)
            mstore(add(at, 0x60), payment_)
        }
    }

    /// @notice A line of which nothing is paid.
    function writeDenied(Flat lines, uint256 i, bytes32 code_, IAdjudication.JudgedWord judged) internal pure {
        write(lines, i, code_, judged, IAdjudication.SharesWord.wrap(0), IAdjudication.PaymentWord.wrap(0));
    }

    function code(Flat lines, uint256 i) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(lines, 0x20), shl(7, i)))
        }
    }

    function payment(Flat lines, uint256 i) internal pure returns (IAdjudication.PaymentWord word) {
        assembly ("memory-safe") {
            word := mload(add(add(lines, 0x80), shl(7, i)))
        }
    }

    function units(Flat lines, uint256 i) internal pure returns (uint256) {
        return payment(lines, i).units();
    }

    function paid(Flat lines, uint256 i) internal pure returns (uint256) {
        return payment(lines, i).paid();
    }
}
