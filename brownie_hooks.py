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
from brownie.network.rpc import anvil
from brownie.network.transaction import TransactionReceipt
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


def _mend_waiting() -> None:
    """Let Brownie look for a receipt some more times before it calls a transaction dropped.

    A loaded anvil counts the sender's transaction a moment before it hands out the receipt. Brownie asks for the
    receipt and then for the count, once, and who waits for it has heard of the drop before anybody could look again.
    """
    wait_for = TransactionReceipt._await_confirmation

    def wait(self, block_number: int | None = None, required_confs: int = 1) -> None:
        pause = 0.01
        while required_confs and pause < 1:
            with contextlib.suppress(TransactionNotFound):
                web3.eth.get_transaction_receipt(self.txid)
                break
            time.sleep(pause)
            pause *= 1.3
        wait_for(self, block_number, required_confs)

    TransactionReceipt._await_confirmation = wait


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
_drop_stale_artefacts()
