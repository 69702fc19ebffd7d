// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Transfers} from "contracts/claims/Transfers.sol";
import {Licensed} from "contracts/institutions/Licensed.sol";
import {Roles} from "contracts/institutions/Roles.sol";
import {IInstitutions} from "interfaces/IInstitutions.sol";
import {ITreasury} from "interfaces/ITreasury.sol";

/// @title Treasury: pools that pay only through the desk they name
/// @dev No owner, no pause, no rescue: money leaves by `pay`, `settle`, `exit` and `collect` alone. Amounts wider than 104 bits revert
/// (SafeCast). During a call to a token the books already show the money as gone, so they never promise more than is here.
contract Treasury is ITreasury, Licensed, ReentrancyGuard {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @inheritdoc ITreasury
    uint40 public constant EXIT_DELAY = 30 days;
    /// @inheritdoc ITreasury
    uint40 public constant EXIT_WINDOW = 7 days;
    /// @inheritdoc ITreasury
    uint256 public constant TRANSFER_GAS = Transfers.GAS;

    /// @dev A payment reads and writes the first slot alone: what else there may be is counted there.
    struct Book {
        uint104 balance;
        uint104 exiting;
        bool busy; // pays at the moment
        uint16 setOffs; // payees that have to give back
        uint24 waiting; // debts
        uint104 reserved;
        uint104 owed;
        uint40 exitFrom;
        uint64 head; // position of the oldest debt that may wait
        uint64 tail; // position of the next debt
    }

    mapping(address desk => mapping(address insurer => mapping(address token => Book))) private _pools;
    mapping(address desk => mapping(address insurer => mapping(address token => mapping(uint64 position => Debt)))) private
        _debts;
    mapping(address desk => mapping(address insurer => mapping(address token => mapping(address payee => uint256)))) private
        _setOffs;
    mapping(address payee => mapping(address token => uint256)) private _held;

    constructor(IInstitutions institutions_) Licensed(institutions_) {}

    // ---- the insurer, and anyone for it --------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function fund(address desk, address insurer, address token, uint256 amount) external nonReentrant {
        // Accredited at all is enough: who is owed money must be payable even while the insurer is suspended. An operator is no
        // institution: what is put into its pool could neither pay nor leave.
        if (institutions.institution(insurer).roles & Roles.INSURER == 0) revert NotAnInsurer(insurer);
        if (desk.code.length == 0) revert InvalidDesk(desk);
        if (token.code.length == 0) revert InvalidToken(token);

        Transfers.take(token, amount);
        _pools[desk][insurer][token].balance += amount.toUint104();

        emit PoolFunded(desk, insurer, token, msg.sender, amount);
    }

    /// @inheritdoc ITreasury
    function announceExit(address desk, address token, uint256 amount) external {
        address insurer = _licensed(msg.sender, Roles.INSURER);
        Book storage p = _pools[desk][insurer][token];
        if (amount > p.balance) revert ExceedsBalance(amount, p.balance);

        uint40 exitFrom = amount == 0 ? 0 : uint40(block.timestamp) + EXIT_DELAY;
        p.exiting = uint104(amount); // at most the balance
        p.exitFrom = exitFrom;

        emit ExitAnnounced(desk, insurer, token, amount, exitFrom);
    }

    /// @inheritdoc ITreasury
    function exit(address desk, address token) external nonReentrant returns (uint256 amount) {
        Book storage p = _pools[desk][msg.sender][token];
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
        Book storage p = _pools[desk][insurer][token];
        if (p.waiting == 0) revert NothingOwed(desk, insurer, token);
        mapping(uint64 => Debt) storage debts = _debts[desk][insurer][token];
        uint64 from = p.head;
        for (uint256 i; i < count && p.waiting != 0; ++i) {
            uint64 position = p.head;
            Debt memory d = debts[position];
            if (d.amount != 0 && !_covers(p, desk, insurer, token, d.payee, d.amount)) break;

            p.head = position + 1;
            if (d.amount == 0) continue; // cancelled

            _forget(p, debts, position);
            ++paid;
            emit DebtSettled(d.ref, insurer, desk, token, position, false);
            _send(p, desk, insurer, token, d.payee, d.amount, d.ref);
        }
        if (p.head == from && count != 0) revert PoolShort(debts[from].amount, p.balance);
    }

    // ---- the desk ------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function pay(address insurer, address token, address payee, uint256 amount, bytes32 ref)
        external
        returns (bool)
    {
        return _pay(_pools[msg.sender][insurer][token], insurer, token, payee, amount, ref, false);
    }

    /// @param first it goes ahead of what the pool owes
    function _pay(Book storage p, address insurer, address token, address payee, uint256 amount, bytes32 ref, bool first)
        private
        returns (bool)
    {
        if (amount == 0) return true;
        if ((p.waiting != 0 && !first) || !_covers(p, msg.sender, insurer, token, payee, amount)) return false;

        _send(p, msg.sender, insurer, token, payee, amount, ref);
        return true;
    }

    /// @inheritdoc ITreasury
    function owe(address insurer, address token, address payee, uint96 amount, bytes32 ref) external returns (uint64 position) {
        if (amount == 0) revert ZeroAmount();
        Book storage p = _pools[msg.sender][insurer][token];
        position = p.tail++;
        ++p.waiting;
        p.owed += amount;
        _debts[msg.sender][insurer][token][position] = Debt(payee, amount, ref);

        emit DebtAdded(ref, insurer, payee, msg.sender, token, amount, position);
    }

    /// @inheritdoc ITreasury
    function cancel(address insurer, address token, uint64 position) external returns (bool) {
        Book storage p = _pools[msg.sender][insurer][token];
        mapping(uint64 => Debt) storage debts = _debts[msg.sender][insurer][token];
        bytes32 ref = debts[position].ref;
        if (debts[position].amount == 0) return false;

        _forget(p, debts, position);

        emit DebtSettled(ref, insurer, msg.sender, token, position, true);
        return true;
    }

    function _forget(Book storage p, mapping(uint64 => Debt) storage debts, uint64 position) private {
        p.owed -= debts[position].amount;
        --p.waiting;
        delete debts[position];
    }

    /// @inheritdoc ITreasury
    function reserve(address insurer, address token, uint256 amount, bytes32 ref) external returns (bool) {
        Book storage p = _pools[msg.sender][insurer][token];
        if (p.waiting != 0 || p.balance < amount) return false;

        (p.balance, p.reserved) = (p.balance - uint104(amount), p.reserved + uint104(amount)); // at most the balance

        emit Reserved(ref, insurer, msg.sender, token, amount);
        return true;
    }

    /// @inheritdoc ITreasury
    function release(address insurer, address token, uint256 amount, address payee, uint256 due, bytes32 ref)
        external
        returns (bool)
    {
        Book storage p = _pools[msg.sender][insurer][token];
        if (amount > p.reserved) revert ExceedsReserve(amount, p.reserved);
        (p.balance, p.reserved) = (p.balance + uint104(amount), p.reserved - uint104(amount));
        if (amount != 0) emit Released(ref, insurer, msg.sender, token, amount);

        return _pay(p, insurer, token, payee, due, ref, due <= amount);
    }

    /// @inheritdoc ITreasury
    function setOff(address insurer, address token, address payee, uint256 amount, bytes32 ref) external {
        if (amount == 0) revert ZeroAmount();
        uint256 due = _setOffs[msg.sender][insurer][token][payee];
        if (due == 0) ++_pools[msg.sender][insurer][token].setOffs;
        _setOffs[msg.sender][insurer][token][payee] = due + amount;

        emit SetOffAdded(ref, insurer, payee, msg.sender, token, amount);
    }

    // ---- the payee, and anyone for it ----------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function repay(address desk, address insurer, address token, address payee, uint256 amount) external nonReentrant {
        uint256 due = _setOffs[desk][insurer][token][payee];
        if (amount > due) revert ExceedsSetOff(amount, due);

        Transfers.take(token, amount);
        Book storage p = _pools[desk][insurer][token];
        _takeOff(p, desk, insurer, token, payee, amount);
        p.balance += amount.toUint104();

        emit SetOffTaken(0, insurer, payee, desk, token, amount, true);
    }

    /// @inheritdoc ITreasury
    function collect(address token) external nonReentrant returns (uint256 amount) {
        amount = _held[msg.sender][token];
        if (amount == 0) revert NothingHeld(msg.sender, token);

        _held[msg.sender][token] = 0;

        emit Collected(msg.sender, token, amount);

        IERC20(token).safeTransfer(msg.sender, amount);
    }

    // ---- paying --------------------------------------------------------------------------------------------------

    /// @dev Whether the balance is enough for what the payee would really be sent.
    function _covers(Book storage p, address desk, address insurer, address token, address payee, uint256 amount)
        private
        view
        returns (bool)
    {
        if (p.balance >= amount) return true;
        return p.setOffs != 0 && p.balance + _setOffs[desk][insurer][token][payee] >= amount;
    }

    /// @dev `_covers` was true.
    function _send(Book storage p, address desk, address insurer, address token, address payee, uint256 amount, bytes32 ref)
        private
    {
        if (p.setOffs != 0) {
            uint256 due = _setOffs[desk][insurer][token][payee];
            uint256 part = due < amount ? due : amount;
            if (part != 0) {
                _takeOff(p, desk, insurer, token, payee, part);
                amount -= part;
                emit SetOffTaken(ref, insurer, payee, desk, token, part, false);
            }
            if (amount == 0) return;
        }
        // The pool's own guard: it costs no slot of its own.
        if (p.busy) revert PoolBusy(desk, insurer, token);
        (p.balance, p.busy) = (p.balance - uint104(amount), true); // at most the balance

        bool sent = Transfers.send(token, payee, amount);
        p.busy = false;
        if (!sent) _held[payee][token] += amount;

        emit Paid(ref, insurer, payee, desk, token, amount, !sent);
    }

    function _takeOff(Book storage p, address desk, address insurer, address token, address payee, uint256 amount) private {
        uint256 due = _setOffs[desk][insurer][token][payee] - amount;
        _setOffs[desk][insurer][token][payee] = due;
        if (due == 0) --p.setOffs;
    }

    // ---- views ---------------------------------------------------------------------------------------------------

    /// @inheritdoc ITreasury
    function pool(address desk, address insurer, address token) external view returns (Pool memory) {
        Book memory p = _pools[desk][insurer][token];
        return Pool(p.balance, p.exiting, p.exitFrom, p.reserved, p.owed, p.waiting);
    }

    /// @inheritdoc ITreasury
    function debt(address desk, address insurer, address token, uint64 position) external view returns (Debt memory) {
        return _debts[desk][insurer][token][position];
    }

    /// @inheritdoc ITreasury
    function setOffOf(address desk, address insurer, address token, address payee) external view returns (uint256) {
        return _setOffs[desk][insurer][token][payee];
    }

    /// @inheritdoc ITreasury
    function held(address payee, address token) external view returns (uint256) {
        return _held[payee][token];
    }
}
