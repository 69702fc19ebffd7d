// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PoolWord, PoolWords} from "contracts/claims/treasury/PoolWords.sol";
import {Transfers} from "contracts/claims/treasury/Transfers.sol";
import {ITreasury} from "interfaces/claims/ITreasury.sol";

/// @title What the treasury keeps of pools, and how one pays
/// @dev During a call to a token the books already show the money as gone, so they never promise more than is here.
library PoolBook {
    using PoolWords for PoolWords.Pool;

    struct Book {
        mapping(bytes32 key => PoolWords.Pool) pools;
        mapping(bytes32 key => mapping(uint64 position => ITreasury.Debt)) debts;
        mapping(bytes32 key => mapping(address payee => uint256)) setOffs;
        mapping(address payee => mapping(address token => uint256)) held;
    }

    function keyOf(address desk, address insurer, address token) internal pure returns (bytes32 key) {
        // keccak256(abi.encode(desk, insurer, token)) beyond the free memory, which stays free: one hash in place of
        // three.
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, desk)
            mstore(add(at, 0x20), insurer)
            mstore(add(at, 0x40), token)
            key := keccak256(at, 0x60)
        }
    }

    function halted(PoolWords.Pool storage p) internal view returns (bool) {
        return p.flags & PoolWords.HALTED != 0 && block.timestamp < p.haltedUntil;
    }

    // ---- paying --------------------------------------------------------------------------------------------------

    /// @param first it goes ahead of what the pool owes
    /// @return whether it could; otherwise nothing happened
    function pay(
        Book storage b,
        address insurer,
        address token,
        address payee,
        uint256 amount,
        bytes32 ref,
        bool first
    ) internal returns (bool) {
        if (amount == 0) return true;
        bytes32 key = keyOf(msg.sender, insurer, token);
        PoolWords.Pool storage p = b.pools[key];
        PoolWord slot = p.load();
        if (slot.isSimple()) {
            if (slot.balance() < amount) return false;
        } else {
            if (halted(p) || (p.waiting != 0 && !first) || !covers(b, p, key, payee, amount)) return false;
            amount = _setOff(b, p, msg.sender, insurer, token, payee, amount, ref);
            if (amount == 0) return true;
            slot = p.load();
        }
        _transfer(b, p, slot, msg.sender, insurer, token, payee, amount, ref);
        return true;
    }

    /// @dev Whether the balance is enough for what the payee would really be sent.
    function covers(
        Book storage b,
        PoolWords.Pool storage p,
        bytes32 key,
        address payee,
        uint256 amount
    ) internal view returns (bool) {
        if (p.balance >= amount) return true;
        return p.setOffs != 0 && p.balance + b.setOffs[key][payee] >= amount;
    }

    /// @return what is left of the amount
    function _setOff(
        Book storage b,
        PoolWords.Pool storage p,
        address desk,
        address insurer,
        address token,
        address payee,
        uint256 amount,
        bytes32 ref
    ) private returns (uint256) {
        if (p.setOffs == 0) return amount;
        bytes32 key = keyOf(desk, insurer, token);
        uint256 due = b.setOffs[key][payee];
        uint256 part = due < amount ? due : amount;
        if (part == 0) return amount;
        takeOff(b, p, key, payee, part);
        emit ITreasury.SetOffTaken(ref, insurer, payee, desk, token, part, false);
        return amount - part;
    }

    /// @param slot the pool's first, with at least `amount` as balance
    function _transfer(
        Book storage b,
        PoolWords.Pool storage p,
        PoolWord slot,
        address desk,
        address insurer,
        address token,
        address payee,
        uint256 amount,
        bytes32 ref
    ) private {
        // The pool's own guard: it costs no slot of its own.
        if (slot.isBusy()) revert ITreasury.PoolBusy(desk, insurer, token);
        slot.paying(amount).store(p);
        bool sent = Transfers.send(token, payee, amount);
        p.flags &= ~PoolWords.BUSY; // read again: the token may have funded the pool
        if (!sent) b.held[payee][token] += amount;

        emit ITreasury.Paid(ref, insurer, payee, desk, token, amount, !sent);
    }

    function takeOff(Book storage b, PoolWords.Pool storage p, bytes32 key, address payee, uint256 amount) internal {
        uint256 due = b.setOffs[key][payee] - amount;
        b.setOffs[key][payee] = due;
        if (due == 0) --p.setOffs;
    }

    // ---- owing ---------------------------------------------------------------------------------------------------

    /// @return paid how many of at most `count` debts were paid, see `ITreasury.settle`
    function settle(
        Book storage b,
        address desk,
        address insurer,
        address token,
        uint256 count
    ) internal returns (uint256 paid) {
        bytes32 key = keyOf(desk, insurer, token);
        PoolWords.Pool storage p = b.pools[key];
        if (p.waiting == 0) revert ITreasury.NothingOwed(desk, insurer, token);
        mapping(uint64 => ITreasury.Debt) storage debts = b.debts[key];
        uint64 from = p.head;
        for (uint256 i; i < count && p.waiting != 0; ++i) {
            // Asked each time: a token that is called may halt the pool in between, through an insurer that is a
            // contract.
            if (halted(p)) revert ITreasury.Halted(desk, insurer, token, p.haltedUntil);
            uint64 position = p.head;
            ITreasury.Debt memory d = debts[position];
            if (d.amount != 0 && !covers(b, p, key, d.payee, d.amount)) break;

            p.head = position + 1;
            if (d.amount == 0) continue; // cancelled

            forget(p, debts, position);
            ++paid;
            emit ITreasury.DebtSettled(d.ref, insurer, desk, token, position, false);
            uint256 amount = _setOff(b, p, desk, insurer, token, d.payee, d.amount, d.ref);
            if (amount != 0) _transfer(b, p, p.load(), desk, insurer, token, d.payee, amount, d.ref);
        }
        if (p.head == from && count != 0) revert ITreasury.PoolShort(debts[from].amount, p.balance);
    }

    function forget(
        PoolWords.Pool storage p,
        mapping(uint64 => ITreasury.Debt) storage debts,
        uint64 position
    ) internal {
        p.owed -= debts[position].amount;
        --p.waiting;
        delete debts[position];
    }
}
