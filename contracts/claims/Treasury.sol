// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";
import {ITreasury} from "interfaces/ITreasury.sol";

/// @title Treasury: pools that pay only through the desk they name
/// @dev No owner, no pause, no rescue: money leaves by `pay`, `exit` and `collect` alone. Amounts wider than 128 bits revert
/// (SafeCast). During a call to a token the books already show the money as gone, so they never promise more than is here.
contract Treasury is ITreasury, Licensed, ReentrancyGuard {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @inheritdoc ITreasury
    uint40 public constant EXIT_DELAY = 30 days;
    /// @inheritdoc ITreasury
    uint40 public constant EXIT_WINDOW = 7 days;
    /// @inheritdoc ITreasury
    uint256 public constant TRANSFER_GAS = 200_000;

    /// @dev What must be left so that a token gets TRANSFER_GAS: a call passes on 63/64 at most (EIP-150), after its own price.
    uint256 private constant NEEDED_GAS = TRANSFER_GAS * 64 / 63 + 5_000;

    mapping(address desk => mapping(address insurer => mapping(address token => Pool))) private _pools;
    mapping(address desk => mapping(address insurer => mapping(address token => uint256))) private _owed;
    mapping(address payee => mapping(address token => uint256)) private _held;
    mapping(address token => uint256) private _accounted;

    constructor(IInstitutions institutions_) Licensed(institutions_) {}

    // ---- fund ----------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function fund(address desk, address insurer, address token, uint256 amount) external nonReentrant {
        // Accredited at all is enough: who is owed money must be payable even while the insurer is suspended. An operator is no
        // institution: what is put into its pool could neither pay nor leave.
        if (institutions.institution(insurer).roles & Roles.INSURER == 0) revert NotAnInsurer(insurer);
        if (desk.code.length == 0) revert InvalidDesk(desk);
        if (token.code.length == 0) revert InvalidToken(token);
        if (amount == 0) revert ZeroAmount();

        // What arrives counts, not what was asked for; hence the transfer comes first, behind the guard.
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received != amount) revert ReceivedOther(token, amount, received);

        _pools[desk][insurer][token].balance += amount.toUint128();
        _accounted[token] += amount;

        emit PoolFunded(desk, insurer, token, msg.sender, amount);
    }

    // ---- leave ---------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function announceExit(address desk, address token, uint256 amount) external {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        Pool storage p = _pools[desk][insurer][token];
        if (amount > p.balance) revert ExceedsBalance(amount, p.balance);

        uint40 exitFrom = amount == 0 ? 0 : uint40(block.timestamp) + EXIT_DELAY;
        p.exiting = uint128(amount); // at most the balance
        p.exitFrom = exitFrom;

        emit ExitAnnounced(desk, insurer, token, amount, exitFrom);
    }

    /// @inheritdoc ITreasury
    function exit(address desk, address token) external nonReentrant returns (uint256 amount) {
        Pool memory p = _pools[desk][msg.sender][token];
        if (p.exiting == 0) revert NoExit(desk, msg.sender, token);
        uint40 closesAt = p.exitFrom + EXIT_WINDOW;
        if (block.timestamp < p.exitFrom || block.timestamp >= closesAt) revert ExitNotOpen(p.exitFrom, closesAt);
        // Claims since the announcement go first, those that wait for money as well.
        uint256 debt = _owed[desk][msg.sender][token];
        uint256 free = p.balance > debt ? p.balance - debt : 0;
        amount = p.exiting < free ? p.exiting : free;
        if (amount == 0) revert ExceedsBalance(p.exiting, free);

        _pools[desk][msg.sender][token] = Pool({balance: p.balance - uint128(amount), exiting: 0, exitFrom: 0});
        _accounted[token] -= amount;

        emit PoolExited(desk, msg.sender, token, amount);

        IERC20(token).safeTransfer(msg.sender, amount);
    }

    // ---- pay -----------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function pay(address insurer, address token, address payee, uint256 amount, bytes32 ref)
        external
        nonReentrant
        returns (bool)
    {
        return _pay(insurer, token, payee, amount, ref);
    }

    /// @inheritdoc ITreasury
    function owe(address insurer, address token, uint256 amount, bytes32 ref) external {
        _owed[msg.sender][insurer][token] += amount;

        emit DebtAdded(ref, insurer, msg.sender, token, amount);
    }

    /// @inheritdoc ITreasury
    function payOwed(address insurer, address token, address payee, uint256 amount, bytes32 ref)
        external
        nonReentrant
        returns (bool)
    {
        uint256 debt = _owed[msg.sender][insurer][token];
        if (amount > debt) revert ExceedsDebt(amount, debt);
        if (_pools[msg.sender][insurer][token].balance < amount) return false;

        _owed[msg.sender][insurer][token] = debt - amount;

        emit DebtSettled(ref, insurer, msg.sender, token, amount);

        return _pay(insurer, token, payee, amount, ref);
    }

    function _pay(address insurer, address token, address payee, uint256 amount, bytes32 ref)
        private
        returns (bool)
    {
        if (amount == 0) return true;
        Pool storage p = _pools[msg.sender][insurer][token];
        uint128 balance = p.balance;
        if (balance < amount) return false;

        p.balance = balance - uint128(amount); // at most the balance
        _accounted[token] -= amount;

        bool sent = _send(token, payee, amount);
        if (!sent) {
            _held[payee][token] += amount;
            _accounted[token] += amount;
        }

        emit Paid(ref, insurer, payee, msg.sender, token, amount, !sent);
        return true;
    }

    /// @dev OpenZeppelin's `trySafeTransfer` with a limit: it would hand a token all the gas that is left, and a token that burns
    /// it would stop every claim behind it in the batch.
    function _send(address token, address payee, uint256 amount) private returns (bool sent) {
        if (gasleft() < NEEDED_GAS) revert GasTooLow(NEEDED_GAS, gasleft());

        bytes memory data = abi.encodeCall(IERC20.transfer, (payee, amount));
        uint256 gasLimit = TRANSFER_GAS;
        // Assembly takes one word of the answer at most, so that a long one cannot burn our gas. It writes scratch space only.
        // A token without return value counts when it has code, and a pool's token has had: `fund` asked.
        assembly ("memory-safe") {
            sent := call(gasLimit, token, 0, add(data, 0x20), mload(data), 0, 0x20)
            switch returndatasize()
            case 0 { sent := and(sent, gt(extcodesize(token), 0)) }
            default { sent := and(sent, and(gt(returndatasize(), 0x1f), eq(mload(0), 1))) }
        }
    }

    /// @inheritdoc ITreasury
    function collect(address token) external nonReentrant returns (uint256 amount) {
        amount = _held[msg.sender][token];
        if (amount == 0) revert NothingHeld(msg.sender, token);

        _held[msg.sender][token] = 0;
        _accounted[token] -= amount;

        emit Collected(msg.sender, token, amount);

        IERC20(token).safeTransfer(msg.sender, amount);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function pool(address desk, address insurer, address token) external view returns (Pool memory) {
        return _pools[desk][insurer][token];
    }

    /// @inheritdoc ITreasury
    function owed(address desk, address insurer, address token) external view returns (uint256) {
        return _owed[desk][insurer][token];
    }

    /// @inheritdoc ITreasury
    function held(address payee, address token) external view returns (uint256) {
        return _held[payee][token];
    }

    /// @inheritdoc ITreasury
    function accounted(address token) external view returns (uint256) {
        return _accounted[token];
    }
}
