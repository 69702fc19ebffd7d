// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that does what tokens in the wild have done; for tests only
/// @dev It behaves until told otherwise. Anyone mints, anyone tells.
contract MisbehavingToken is ERC20 {
    enum Mode {
        Good,
        Fee, // one unit of every transfer vanishes
        False, // nothing moves and the answer is false
        NoReturn, // moves, answers nothing
        Junk, // moves, answers one byte
        Two, // moves, answers 2
        Long, // moves, answers `true` and 64 KiB more
        Paused, // reverts
        Burn, // consumes all the gas that it gets
        Hook, // calls `target` before it moves
        Picky, // reverts at once when it has less than 190,000 gas, and keeps the rest
        Meter // moves, and keeps how much gas it had
    }

    error Paused();
    error Picky(uint256 left);
    error Blocked(address account);

    Mode public mode;
    /// @notice In the mode `Meter`: the gas that was left when the last transfer began.
    uint256 public gasAtStart;
    mapping(address account => bool) public isBlocked;

    address private _target;
    bytes private _data;
    /// @notice The first word of what the hook's last call answered, and false when it reverted.
    bytes32 public answer;
    bool public answered;

    constructor() ERC20("Misbehaving", "MIS") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function behave(Mode mode_) external {
        mode = mode_;
    }

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function setHook(address target, bytes calldata data) external {
        mode = Mode.Hook;
        _target = target;
        _data = data;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (mode != Mode.False) _spendAllowance(from, msg.sender, amount);
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        uint256 left = gasleft();
        Mode m = mode;
        if (m == Mode.Meter) gasAtStart = left;
        if (m == Mode.Picky && left < 190_000) revert Picky(left);
        if (isBlocked[to]) revert Blocked(to);
        if (m == Mode.Paused) revert Paused();
        if (m == Mode.False) return false;
        if (m == Mode.Burn) {
            assembly {
                invalid()
            }
        }
        if (m == Mode.Hook) {
            bytes memory said;
            // solhint-disable-next-line avoid-low-level-calls
            (answered, said) = _target.call(_data);
            answer = bytes32(said);
        }
        _transfer(from, to, amount);
        if (m == Mode.Fee) _burn(to, 1);
        if (m == Mode.NoReturn) _answer(0, 0);
        if (m == Mode.Junk) _answer(1, 1);
        if (m == Mode.Two) _answer(2, 32);
        if (m == Mode.Long) _answer(1, 65_536);
        return true;
    }

    /// @dev Ends the call at once with `size` bytes, the first word of them `word`.
    function _answer(uint256 word, uint256 size) private pure {
        assembly {
            let free := mload(0x40)
            mstore(free, word)
            return(free, size)
        }
    }
}
