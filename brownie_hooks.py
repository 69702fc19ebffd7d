"""What Brownie must be told before it loads this project; Brownie imports this file by its name."""

import contextlib
import hashlib
import os
import re
import socket
import sys
import time
from pathlib import Path

from brownie._config import CONFIG
from brownie.network import web3
from brownie.network.contract import ProjectContract
from brownie.network.rpc import anvil
from brownie.network.transaction import Status, TransactionReceipt
from brownie.project.main import Project
from web3.exceptions import TransactionNotFound

ROOT = Path(__file__).resolve().parent
ARTEFACTS = ROOT / "build" / "contracts"
FINGERPRINT = ROOT / "build" / "fingerprint"

# Names the port on which Brownie finds, or starts, its local chain.
PORT = "SALUS_CHAIN_PORT"


def _find_tools() -> None:
    """Let `.venv/bin/brownie` find the local chains and the compiler even where the venv was not activated."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")])
    compilers = ROOT / ".solc"
    if compilers.is_dir():
        os.environ.setdefault("SOLCX_BINARY_PATH", str(compilers))


def _choose_port() -> None:
    """Give the local chains a port of their own.

    Brownie would attach to whatever answers on 8545, and two runs side by side would then spoil one another's chain.
    """
    port = os.environ.get(PORT)
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    for network in CONFIG.networks.values():
        if "cmd" in network and network["host"].endswith(("127.0.0.1", "localhost")):
            network.setdefault("cmd_settings", {})["port"] = int(port)


def _mend_mining() -> None:
    """Let `chain.mine(timestamp=…)` work on an anvil that Brownie started: it sends the time in the wrong shape."""

    def mine(timestamp: int | None = None) -> None:
        anvil._request("evm_mine", [] if timestamp is None else [timestamp])

    anvil.mine = mine


# Seconds for which a local chain must not know a transaction before it counts as dropped. A node that mines or writes
# is silent about one for some of them, on a busy machine.
UNKNOWN_FOR = 20.0


def _mend_waiting() -> None:
    """Let a local chain's transaction be waited for until it is mined, or the node does not know it any more.

    Brownie takes three transactions for dropped that are only late; what then reads them finds no timestamp, no event
    and no gas, or Brownie raises:

    - It asks for the sender's count, then for the receipt, and ends the wait where the first is ahead of the second. A
      loaded node counts a transaction a moment before it hands out the receipt.
    - `wait()` ends at the first "unknown" to the question for the transaction itself.
    - The thread that has waited marks all other transactions of the same sender and nonce as dropped, and does so after
      it woke the test. By then the test may be over, the chain set back, and the next test's transaction of that nonce
      on its way: the mark hits that one. A thread that no test waits for (`required_confs` 0) looks once a second, and
      comes late as a rule.

    Here a transaction is dropped when the node has not known it for `UNKNOWN_FOR` seconds, and nothing else marks it.
    Networks that are not local keep Brownie's way, and so does a run that measures coverage: Brownie reads the traces
    there.
    """
    brownies_await, brownies_wait = TransactionReceipt._await_confirmation, TransactionReceipt.wait

    def is_mended(required_confs: int) -> bool:
        return CONFIG.network_type == "development" and not CONFIG.argv["coverage"] and required_confs <= 1

    def await_confirmation(self, block_number: int | None = None, required_confs: int = 1) -> None:
        if not is_mended(required_confs):
            return brownies_await(self, block_number, required_confs)
        try:
            receipt = _receipt_of(self.txid)
            if receipt is not None:
                self._set_from_receipt(receipt)
                if required_confs and not self._silent:
                    print(self._confirm_output())
        finally:
            # Whatever happened: a test that waits is woken. Without the mark it would hang for ever.
            if self.status == Status.Pending:
                self.status = Status.Dropped
            self._confirmed.set()

    def wait(self, required_confs: int) -> None:
        if not is_mended(required_confs):
            return brownies_wait(self, required_confs)
        if required_confs:
            # A thread waits for every transaction, from the beginning.
            self._confirmed.wait()

    TransactionReceipt._await_confirmation = await_confirmation
    TransactionReceipt.wait = wait


def _keep_no_records() -> None:
    """Let Brownie keep no record of contracts that are on live networks.

    It would write every contract of a live network below build/deployments, by the chain's id or, for a node that is
    named by its URL, as "fetch", and look for all of them at the next connection: on a chain that was reset, or on
    another node, it then stops with a traceback. The address books in deployments/ are the record.
    """
    Project._load_deployments = lambda self: None
    ProjectContract._deployment_path = lambda self: None


def _receipt_of(hash_: str):
    """The receipt of a transaction, once it is mined; None where the node has not known it for a while."""
    pause, known = 0.005, time.monotonic()
    while time.monotonic() - known < UNKNOWN_FOR:
        with contextlib.suppress(TransactionNotFound):
            return web3.eth.get_transaction_receipt(hash_)
        with contextlib.suppress(TransactionNotFound):
            web3.eth.get_transaction(hash_)
            known = time.monotonic()
        time.sleep(pause)
        pause = min(pause * 1.3, 0.1)
    return None


def _fingerprint() -> str:
    """A hash over all that changes what Brownie compiles without Brownie noticing.

    It notices a change in a file with a contract or a library. It does not notice one in an interface, in a file that
    only holds types, errors or constants, in the compiler's settings, or in an npm package.
    """
    files = [ROOT / "brownie-config.yaml", ROOT / "package-lock.json", *ROOT.glob("interfaces/**/*.sol")]
    for path in ROOT.glob("contracts/**/*.sol"):
        if not re.search(r"^\s*(abstract\s+)?(contract|library|interface)\s", path.read_text(), re.MULTILINE):
            files.append(path)
    state = hashlib.sha256()
    for path in sorted(files):
        state.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()


def _drop_stale_artefacts() -> None:
    now = _fingerprint()
    if FINGERPRINT.is_file() and FINGERPRINT.read_text() == now:
        return
    for artefact in ARTEFACTS.glob("*.json"):
        artefact.unlink(missing_ok=True)
    FINGERPRINT.parent.mkdir(exist_ok=True)
    FINGERPRINT.write_text(now)


_find_tools()
_choose_port()
_mend_mining()
_mend_waiting()
_keep_no_records()
_drop_stale_artefacts()
