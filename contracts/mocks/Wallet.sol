// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A patient whose account is a contract, with every way in which an ERC-1271 wallet goes wrong; for tests only
/// @dev Anyone tells it what to do and how to answer.
contract Wallet {
    enum Mode {
        Good, // the owner's signature signs
        Reverting, // reverts, and its reason is the right answer
        Short, // answers the four bytes without their padding
        Dirty, // answers the four bytes with rubbish after them
        Wrong, // answers another word
        Empty, // answers nothing
        Long, // answers rightly, with 16 KiB after it
        Burning, // uses up all gas that it gets
        Writing // tries to change state before it answers
    }

    address public immutable owner;
    Mode public mode;

    constructor(address owner_) {
        owner = owner_;
    }

    function behave(Mode mode_) external {
        mode = mode_;
    }

    /// @notice Calls a contract several times in one transaction.
    function run(address target, bytes[] calldata calls) external {
        for (uint256 i; i < calls.length; ++i) {
            // solhint-disable-next-line avoid-low-level-calls
            (bool success, bytes memory answer) = target.call(calls[i]);
            if (!success) {
                assembly {
                    revert(add(answer, 0x20), mload(answer))
                }
            }
        }
    }

    /// @dev As in IERC1271, but not a view: one of its answers breaks that promise.
    function isValidSignature(bytes32 hash, bytes calldata signature) external returns (bytes4) {
        bytes32 magic = bytes32(IERC1271.isValidSignature.selector);
        Mode m = mode;
        if (m == Mode.Reverting) {
            assembly {
                mstore(0, magic)
                revert(0, 32)
            }
        }
        if (m == Mode.Short) _answer(magic, 4);
        if (m == Mode.Dirty) _answer(magic | bytes32(uint256(1)), 32);
        if (m == Mode.Wrong) _answer(bytes32(uint256(1)), 32);
        if (m == Mode.Empty) _answer(magic, 0);
        if (m == Mode.Long) _answer(magic, 16_384);
        if (m == Mode.Burning) {
            assembly {
                invalid()
            }
        }
        if (m == Mode.Writing) {
            assembly {
                sstore(0, 0)
            }
        }
        (address signer, ECDSA.RecoverError error, ) = ECDSA.tryRecover(hash, signature);
        return error == ECDSA.RecoverError.NoError && signer == owner ? bytes4(magic) : bytes4(0);
    }

    /// @dev Ends the call at once with `size` bytes, the first word of them `word`.
    function _answer(bytes32 word, uint256 size) private pure {
        assembly {
            let free := mload(0x40)
            mstore(free, word)
            return(free, size)
        }
    }
}
