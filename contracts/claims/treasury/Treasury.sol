// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {PoolBook} from "contracts/claims/treasury/PoolBook.sol";
import {PoolWords} from "contracts/claims/treasury/PoolWords.sol";
import {Transfers} from "contracts/claims/treasury/Transfers.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/institutions/IInstitutions.sol";
import {ITreasury} from "interfaces/claims/ITreasury.sol";

/// @title Treasury: pools that pay only through the desk they name
/// @dev No owner, no pause, no rescue: money leaves by `pay`, `settle`, `exit` and `collect` alone. Amounts wider than
/// 104 bits revert (SafeCast). What is kept, and how a pool pays: PoolBook.
contract Treasury is ITreasury, Licensed, ReentrancyGuard {
    using PoolBook for PoolBook.Book;
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @inheritdoc ITreasury
    uint40 public constant EXIT_DELAY = 30 days;
    /// @inheritdoc ITreasury
    uint40 public constant EXIT_WINDOW = 7 days;
    /// @inheritdoc ITreasury
    uint256 public constant TRANSFER_GAS = Transfers.GAS;

    /// @inheritdoc ITreasury
    uint40 public constant MAX_HALT = 30 days;

    PoolBook.Book private _book;

    constructor(IInstitutions institutions_) Licensed(institutions_) {}

    // ---- the insurer, and anyone for it --------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function fund(address desk, address insurer, address token, uint256 amount) external nonReentrant {
        _fund(desk, insurer, token, amount);
    }

    /// @inheritdoc ITreasury
    function fundWithPermit(
        address desk,
        address insurer,
        address token,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        if (token.code.length == 0) revert InvalidToken(token);

        // Whoever saw the signature may have used it before this call: then it fails here, and the allowance is there
        // all the same.
        // solhint-disable-next-line no-empty-blocks
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        uint256 allowed = IERC20(token).allowance(msg.sender, address(this));
        if (allowed < amount) revert NotAllowed(token, amount, allowed);
        _fund(desk, insurer, token, amount);
    }

    function _fund(address desk, address insurer, address token, uint256 amount) private {
        // Accredited at all is enough: who is owed money must be payable even while the insurer is suspended. An
        // operator is no institution: what is put into its pool could neither pay nor leave.
        if (institutions.institution(insurer).roles & Roles.INSURER == 0) revert NotAnInsurer(insurer);
        if (desk.code.length == 0) revert InvalidDesk(desk);
        if (token.code.length == 0) revert InvalidToken(token);

        Transfers.take(token, amount);
        _book.pools[PoolBook.keyOf(desk, insurer, token)].balance += amount.toUint104();

        emit PoolFunded(desk, insurer, token, msg.sender, amount);
    }

    /// @inheritdoc ITreasury
    function halt(address desk, address token, uint40 until) external {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        if (until > block.timestamp + MAX_HALT) revert HaltTooLong(until, block.timestamp + MAX_HALT);
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(desk, insurer, token)];

        p.flags = until == 0 ? p.flags & ~PoolWords.HALTED : p.flags | PoolWords.HALTED;
        p.haltedUntil = until;

        emit PoolHalted(desk, insurer, token, until);
    }

    /// @inheritdoc ITreasury
    function announceExit(address desk, address token, uint256 amount) external {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(desk, insurer, token)];
        if (amount > p.balance) revert ExceedsBalance(amount, p.balance);

        uint40 exitFrom = amount == 0 ? 0 : uint40(block.timestamp) + EXIT_DELAY;
        p.exiting = uint104(amount); // at most the balance
        p.exitFrom = exitFrom;

        emit ExitAnnounced(desk, insurer, token, amount, exitFrom);
    }

    /// @inheritdoc ITreasury
    function exit(address desk, address token) external nonReentrant returns (uint256 amount) {
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(desk, msg.sender, token)];
        if (p.exiting == 0) revert NoExit(desk, msg.sender, token);
        uint40 closesAt = p.exitFrom + EXIT_WINDOW;
        if (block.timestamp < p.exitFrom || block.timestamp >= closesAt) revert ExitNotOpen(p.exitFrom, closesAt);
        // Claims since the announcement go first, those that wait for money as well.
        uint256 free = p.balance > p.owed ? p.balance - p.owed : 0;
        amount = p.exiting < free ? p.exiting : free;
        if (amount == 0) revert ExceedsBalance(p.exiting, free);

        (p.balance, p.exiting, p.exitFrom) = (p.balance - uint104(amount), 0, 0);

        emit PoolExited(desk, msg.sender, token, amount);

        IERC20(token).safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc ITreasury
    function settle(address desk, address insurer, address token, uint256 count) external returns (uint256 paid) {
        return _book.settle(desk, insurer, token, count);
    }

    // ---- the desk ------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function pay(address insurer, address token, address payee, uint256 amount, bytes32 ref) external returns (bool) {
        return _book.pay(insurer, token, payee, amount, ref, false);
    }

    /// @inheritdoc ITreasury
    function owe(
        address insurer,
        address token,
        address payee,
        uint96 amount,
        bytes32 ref
    ) external returns (uint64 position) {
        if (amount == 0) revert ZeroAmount();
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(msg.sender, insurer, token)];
        position = p.tail;
        p.tail = position + 1;
        ++p.waiting;
        p.owed += amount;
        _book.debts[PoolBook.keyOf(msg.sender, insurer, token)][position] = Debt(payee, amount, ref);

        emit DebtAdded(ref, insurer, payee, msg.sender, token, amount, position);
    }

    /// @inheritdoc ITreasury
    function cancel(address insurer, address token, uint64 position) external returns (bool) {
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(msg.sender, insurer, token)];
        mapping(uint64 => Debt) storage debts = _book.debts[PoolBook.keyOf(msg.sender, insurer, token)];
        bytes32 ref = debts[position].ref;
        if (debts[position].amount == 0) return false;

        PoolBook.forget(p, debts, position);

        emit DebtSettled(ref, insurer, msg.sender, token, position, true);
        return true;
    }

    /// @inheritdoc ITreasury
    function reserve(address insurer, address token, uint256 amount, bytes32 ref) external returns (bool) {
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(msg.sender, insurer, token)];
        if (p.waiting != 0 || p.balance < amount) return false;

        (p.balance, p.reserved) = (p.balance - uint104(amount), p.reserved + uint104(amount)); // at most the balance

        emit Reserved(ref, insurer, msg.sender, token, amount);
        return true;
    }

    /// @inheritdoc ITreasury
    function release(
        address insurer,
        address token,
        uint256 amount,
        address payee,
        uint256 due,
        bytes32 ref
    ) external returns (bool) {
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(msg.sender, insurer, token)];
        if (amount > p.reserved) revert ExceedsReserve(amount, p.reserved);
        (p.balance, p.reserved) = (p.balance + uint104(amount), p.reserved - uint104(amount));
        if (amount != 0) emit Released(ref, insurer, msg.sender, token, amount);

        return _book.pay(insurer, token, payee, due, ref, due <= amount);
    }

    /// @inheritdoc ITreasury
    function setOff(address insurer, address token, address payee, uint256 amount, bytes32 ref) external {
        if (amount == 0) revert ZeroAmount();
        uint256 due = _book.setOffs[PoolBook.keyOf(msg.sender, insurer, token)][payee];
        if (due == 0) ++_book.pools[PoolBook.keyOf(msg.sender, insurer, token)].setOffs;
        _book.setOffs[PoolBook.keyOf(msg.sender, insurer, token)][payee] = due + amount;

        emit SetOffAdded(ref, insurer, payee, msg.sender, token, amount);
    }

    // ---- the payee, and anyone for it ----------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function repay(address desk, address insurer, address token, address payee, uint256 amount) external nonReentrant {
        uint256 due = _book.setOffs[PoolBook.keyOf(desk, insurer, token)][payee];
        if (amount > due) revert ExceedsSetOff(amount, due);

        Transfers.take(token, amount);
        PoolWords.Pool storage p = _book.pools[PoolBook.keyOf(desk, insurer, token)];
        _book.takeOff(p, PoolBook.keyOf(desk, insurer, token), payee, amount);
        p.balance += amount.toUint104();

        emit SetOffTaken(0, insurer, payee, desk, token, amount, true);
    }

    /// @inheritdoc ITreasury
    function collect(address token) external nonReentrant returns (uint256 amount) {
        amount = _book.held[msg.sender][token];
        if (amount == 0) revert NothingHeld(msg.sender, token);

        _book.held[msg.sender][token] = 0;

        emit Collected(msg.sender, token, amount);

        IERC20(token).safeTransfer(msg.sender, amount);
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function pool(address desk, address insurer, address token) external view returns (Pool memory) {
        PoolWords.Pool memory p = _book.pools[PoolBook.keyOf(desk, insurer, token)];
        uint40 haltedUntil = p.flags & PoolWords.HALTED == 0 ? 0 : p.haltedUntil;
        return Pool(p.balance, p.exiting, p.exitFrom, p.reserved, p.owed, p.waiting, haltedUntil);
    }

    /// @inheritdoc ITreasury
    function debt(address desk, address insurer, address token, uint64 position) external view returns (Debt memory) {
        return _book.debts[PoolBook.keyOf(desk, insurer, token)][position];
    }

    /// @inheritdoc ITreasury
    function setOffOf(address desk, address insurer, address token, address payee) external view returns (uint256) {
        return _book.setOffs[PoolBook.keyOf(desk, insurer, token)][payee];
    }

    /// @inheritdoc ITreasury
    function held(address payee, address token) external view returns (uint256) {
        return _book.held[payee][token];
    }
}
