"""Sends all steps of a deployment at once, and finishes one that was broken off.

Before anything is sent, a journal beside the address books says which nonces the steps have. After a break the chain
tells how far it came: a step is done when its contract's code is where it belongs. So the journal is only needed to
know where to look, and to tell a break from a second deployment.
"""

import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from web3.exceptions import TransactionNotFound, Web3Exception

# Seconds: without any progress; until what a node no longer knows is sent again; between two looks.
PATIENCE, LOST, PAUSE, PAUSE_LOCAL = 900.0, 20.0, 1.0, 0.02
# How often a step may fail on the chain before it is given up.
TRIES = 2


class Stopped(Exception):
    """A deployment that did not come to its end; one line."""


@dataclass
class Journal:
    """What a deployment is about to do, and has done.

    path      its file; None where nobody will come back (tests, benchmarks)
    what      a hash of everything that is to be deployed, by whom and for whom
    start     the number of the block before its first transaction
    nonces    of the steps
    hashes    of the transactions, by nonce, as far as they were written down
    """

    path: Path | None
    what: str
    start: int = 0
    nonces: list[int] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path, what):
        """The journal of a deployment that was broken off, or a new one."""
        journal = cls(path, what)
        if path is None or not path.is_file():
            return journal
        try:
            found = json.loads(path.read_text())
            if found["what"] == what:
                journal.start, journal.nonces = int(found["start"]), [int(n) for n in found["nonces"]]
                journal.hashes = {int(nonce): str(hash_) for nonce, hash_ in found["hashes"].items()}
                return journal
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Stopped(f"{path} is damaged; remove it to deploy anew") from None
        raise Stopped(
            f"{path} is of a deployment that was broken off and had another payer, other powers or other code;"
            " run that one again to finish it, or remove the file: what it left is then never used"
        )

    def write(self):
        """Write it, whole or not at all."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        hashes = {str(nonce): hash_ for nonce, hash_ in self.hashes.items()}
        with open(draft, "w") as file:
            json.dump({"what": self.what, "start": self.start, "nonces": self.nonces, "hashes": hashes}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)

    def remove(self):
        """Nothing is left to be finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Pipeline:
    """The payer's transactions on one chain.

    w3        the chain
    payer     Brownie's account that pays: the node's, or one whose key is here
    fees      what a unit of gas may cost, as a transaction's fields
    journal   see `Journal`
    say       called with progress, a line at a time
    local     whether the chain makes blocks at once
    """

    def __init__(self, w3, payer, fees, journal, say, *, local):
        self.w3, self.payer, self.fees, self.journal, self.say = w3, payer, fees, journal, say
        self.pause = PAUSE_LOCAL if local else PAUSE

    def carry_out(self, build, count):
        """Do all steps; those that stand already are not done again. Returns the steps and their receipts.

        build   gives the steps for their nonces
        count   how many there are
        """
        try:
            return self._carry_out(build, count)
        except KeyboardInterrupt:
            latest = self._count("latest")
            done = sum(nonce < latest for nonce in self.journal.nonces)
            self.say(
                f"stopped: {done} of {count} transactions are in blocks; more may be on their way."
                " The same command again goes on from there; until its end the payer has the powers"
            )
            raise

    def _carry_out(self, build, count):
        journal, failed = self.journal, {}
        if not journal.nonces:
            journal.start, first = self.w3.eth.block_number, self._count("pending")
            journal.nonces = list(range(first, first + count))
            journal.write()
        while True:
            steps = build(journal.nonces)
            at = self._standing(steps)
            if at == count:
                return steps, self._receipts(steps)
            if steps[at].nonce < self._count("latest"):
                # Its nonce is gone and it has no effect: it failed, or the payer sent something else.
                failed[at] = failed.get(at, 0) + 1
                if failed[at] >= TRIES:
                    raise Stopped(f"{steps[at].name} failed {TRIES} times; is the payer used elsewhere at this moment?")
                first = self._count("pending")
                journal.nonces[at:] = range(first, first + count - at)
                journal.write()
                continue
            self._send(steps[at:])
            self._wait(steps)

    def _count(self, which):
        return self.w3.eth.get_transaction_count(str(self.payer), which)

    def _standing(self, steps):
        """How many steps from the first on are done."""
        latest = self._count("latest")
        for place, step in enumerate(steps):
            if step.nonce >= latest or not self._is_done(step):
                return place
        return len(steps)

    def _is_done(self, step):
        if step.address:
            return step.is_there(self.w3.eth.get_code(step.address))
        # The handing-over takes the payer's own power away, in the same transaction as everything else.
        selector = self.w3.keccak(text="hasRole(uint64,address)")[:4]
        call = selector + bytes(32) + bytes.fromhex(str(self.payer)[2:]).rjust(32, b"\0")
        return int.from_bytes(self.w3.eth.call({"to": step.to, "data": call})[:32], "big") == 0

    # ------------------------------------------------------------------------------------------------------- sending

    def _send(self, steps):
        known = self._count("pending")
        for step in steps:
            if step.nonce < known:
                continue  # on its way since before the break
            self.say(f"deploying {step.name}" if step.address else "handing the powers to those who shall have them")
            try:
                hash_ = self._submit(step)
            except (ValueError, Web3Exception) as trouble:
                # A node may refuse what it has already, or tell a failure of what it took.
                if self._count("pending") <= step.nonce and not self._is_known(step):
                    raise Stopped(f"the node refuses {step.name}: {_said(trouble)}") from None
                continue
            self.journal.hashes[step.nonce] = hash_
        self.journal.write()

    def _is_known(self, step):
        """Whether the node knows the step's transaction: not every node counts what waits for a block."""
        with contextlib.suppress(TransactionNotFound, KeyError):
            return self.w3.eth.get_transaction(self.journal.hashes[step.nonce]) is not None
        return False

    def _submit(self, step):
        transaction = {
            "from": str(self.payer),
            "nonce": step.nonce,
            "gas": step.limit,
            "data": "0x" + step.data.hex(),
            "value": 0,
            "chainId": self.w3.eth.chain_id,
            **({"to": step.to} if step.to else {}),
            **self.fees,
        }
        key = getattr(self.payer, "private_key", None)
        if key is None:
            return self.w3.eth.send_transaction(transaction).to_0x_hex()
        del transaction["from"]
        signed = Account.sign_transaction(transaction, key)
        # Written down first: after a break it is known even where the node's answer was lost.
        self.journal.hashes[step.nonce] = signed.hash.to_0x_hex()
        return self.w3.eth.send_raw_transaction(signed.raw_transaction).to_0x_hex()

    def _wait(self, steps):
        """Until all are in blocks, or the node has lost some."""
        last, seen, moved = steps[-1].nonce, -1, time.monotonic()
        while (latest := self._count("latest")) <= last:
            done = sum(step.nonce < latest for step in steps)
            if done != seen:
                if seen >= 0 or done:
                    self.say(f"{done} of {len(steps)} transactions are in blocks")
                seen, moved = done, time.monotonic()
            quiet = time.monotonic() - moved
            if quiet > LOST and self._count("pending") <= last:
                return
            if quiet > PATIENCE:
                raise Stopped(f"no block took a transaction for {PATIENCE / 60:.0f} minutes; run this again to go on")
            time.sleep(self.pause)

    # ------------------------------------------------------------------------------------------------------ receipts

    def _receipts(self, steps):
        """The receipt of each step; what was sent just before a break is looked for in the blocks since the start."""
        found = {}
        for step in steps:
            with contextlib.suppress(TransactionNotFound, KeyError):
                found[step.nonce] = self.w3.eth.get_transaction_receipt(self.journal.hashes[step.nonce])
        missing = {step.nonce for step in steps} - set(found)
        block, payer = self.journal.start, str(self.payer)
        while missing and block < self.w3.eth.block_number:
            block += 1
            for transaction in self.w3.eth.get_block(block, full_transactions=True)["transactions"]:
                if transaction["from"] == payer and transaction["nonce"] in missing:
                    found[transaction["nonce"]] = self.w3.eth.get_transaction_receipt(transaction["hash"])
                    missing.discard(transaction["nonce"])
        if missing:
            raise Stopped("the node does not know the transactions of this deployment; wait, then run this again")
        return [found[step.nonce] for step in steps]


def fees_of(w3, *, least=0):
    """What a unit of gas may cost, as fields of a transaction: twice today's base fee, where there is one.

    least   wei; a local chain waits for ever on a transaction that offers nothing
    """
    base = w3.eth.get_block("latest").get("baseFeePerGas")
    price = max(w3.eth.gas_price, least)
    if base is None or least:
        return {"gasPrice": max(price, 2 * (base or 0))}
    tip = max(1, price - base)
    return {"maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}


def most_per_gas(fees):
    """Wei that a unit of gas may cost at most."""
    return fees["gasPrice"] if "gasPrice" in fees else fees["maxFeePerGas"]


def _said(trouble):
    """What a node said, in one line."""
    (first, *_) = trouble.args or (str(trouble),)
    text = first.get("message", first) if isinstance(first, dict) else first
    return " ".join(str(text).split())[:200]
