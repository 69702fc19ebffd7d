"""Runs a local Anvil or Ganache chain for development and tests, on a free port, and always ends it.

Nothing beyond the standard library is needed, so that scripts can use it before the rest of the client is installed.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

__all__ = ["DEV_MNEMONIC", "KINDS", "ChainOptions", "LocalNode", "NodeError"]

#: The mnemonic that every developer knows. Its accounts are rich on a local chain and must own nothing elsewhere.
DEV_MNEMONIC = "test test test test test test test test test test test junk"

#: The local chains that :class:`LocalNode` can run.
KINDS = ("anvil", "ganache")

# Both can run it, and it is the newest of which that is true.
_HARDFORK = "shanghai"

_START_TIMEOUT = 60.0  # seconds; ganache takes several on a busy machine
_STOP_TIMEOUT = 5.0  # seconds between asking a node to end and forcing it
_SAVE_TIMEOUT = 120.0  # seconds
_PORT_TRIES = 5
_STATE_INTERVAL = 10  # seconds


class NodeError(RuntimeError):
    """A local node could not be found, did not start, or did not answer; the message says which, and how to go on."""


@dataclass(frozen=True)
class ChainOptions:
    """How a local chain is set up.

    Attributes:
        chain_id: The chain's id.
        accounts: How many accounts of :data:`DEV_MNEMONIC` start with a balance.
        balance: What each of them owns, in whole ether.
        gas_limit: Gas in a block.
        base_fee: Wei a unit of gas of the first block; ganache has its own and ignores it.
        block_time: Seconds between blocks; None for a block for each transaction, at once.
        timestamp: The first block's time in Unix seconds; None for now.
        slots_in_an_epoch: Blocks until one counts as final (anvil only).
        kept_states: For how many of the last blocks the state is kept (anvil only). By itself anvil moves old ones to
            disk, and of a chain of a thousand blocks that is reorganised again and again it then loses the whole state.
        state: A file that holds the chain between two runs: read at the start where it is there, written at the end
            and every few seconds (anvil only).
    """

    chain_id: int = 31337
    accounts: int = 20
    balance: int = 100_000
    gas_limit: int = 30_000_000
    base_fee: int = 0
    block_time: int | None = None
    timestamp: int | None = None
    slots_in_an_epoch: int | None = None
    kept_states: int | None = None
    state: str | None = None


class LocalNode:
    """A local node that lives as long as a ``with`` block.

    >>> with LocalNode(timestamp=1_800_000_000) as node:           # doctest: +SKIP
    ...     w3 = Web3(Web3.HTTPProvider(node.url))

    The node is ended at the end of the block, at the interpreter's exit and on SIGTERM. On Linux it also ends when the
    thread that started it dies in any other way, be it by SIGKILL: start it from a thread that outlives it.

    Args:
        kind: ``"anvil"`` or ``"ganache"``.
        port: A TCP port on 127.0.0.1; by default any free one.
        quiet: Keep the node's own output to itself; what it said last is shown where it fails.
        options: Any of :class:`ChainOptions`.

    Raises:
        ValueError: Unknown ``kind``.
        NodeError: On start: the program is not installed, the port is taken, or it gave no answer in time.

    Attributes:
        options: How the chain is set up.
    """

    def __init__(self, kind: str = "anvil", *, port: int | None = None, quiet: bool = True, **options: Any) -> None:
        if kind not in KINDS:
            raise ValueError(f"no such local chain: {kind!r} (there are {' and '.join(KINDS)})")
        self.kind = kind
        self.options = ChainOptions(**options)
        self._wanted_port = port
        self._quiet = quiet
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Any = None
        self._files: tempfile.TemporaryDirectory[str] | None = None

    # ---------------------------------------------------------------------------------------------------- its life

    def __enter__(self) -> LocalNode:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> LocalNode:
        """Start the node and wait until it answers; a node that runs already is left as it is.

        Raises:
            NodeError: See the class.
        """
        if self.running:
            return self
        command = _find(self.kind)
        for _ in range(1 if self._wanted_port is not None else _PORT_TRIES):
            # Between finding a free port and taking it another program may be faster; then the next one will do.
            self._port = self._wanted_port if self._wanted_port is not None else _free_port()
            with contextlib.suppress(_PortTaken):
                _check_free(self._port)
                self._launch([*command, *_flags(self.kind, self.options, self._port, quiet=self._quiet)])
                return self
        raise NodeError(f"port {self._port} on 127.0.0.1 is taken; choose another one, or none for any that is free")

    def stop(self) -> None:
        """End the node; doing so twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            # One that keeps its state writes it at its end.
            _end(process, _STOP_TIMEOUT if self.options.state is None else _SAVE_TIMEOUT)
        _running.discard(self)
        log, self._log = self._log, None
        if log is not None:
            log.close()
        files, self._files = self._files, None
        if files is not None:
            files.cleanup()

    def _launch(self, command: list[str]) -> None:
        _watch_exit()
        if self.kind == "anvil":
            # Anvil writes the states of old blocks to files, a gigabyte for some thousand blocks, in the user's home
            # if not told else, and never removes them.
            self._files = tempfile.TemporaryDirectory(prefix="salus-anvil-", ignore_cleanup_errors=True)
            command = [*command, "--cache-path", self._files.name]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self._process = subprocess.Popen(
            [*_tie(), *command],
            stdin=subprocess.DEVNULL,
            # A file, not a pipe: nothing would empty a pipe, and a full one would stop the node.
            stdout=self._log if self._quiet else None,
            stderr=subprocess.STDOUT if self._quiet else None,
            # A group of its own, so that Ctrl-C reaches this program first, which then ends the node in good order.
            process_group=0,
        )
        _running.add(self)
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def _await_answer(self) -> None:
        process = self._process
        assert process is not None
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            self._expect_alive(process)
            # Another chain may have taken the port just before: then it is that one which answered.
            if self._answered_id() == self.chain_id and _listens(process.pid, self.port):
                return
            time.sleep(0.05)
        raise NodeError(
            f"{self.kind} gave no answer within {_START_TIMEOUT:.0f} s; it said: {self.last_output() or 'nothing'}"
        )

    def _expect_alive(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            return
        said = self.last_output()
        if any(sign in said.lower() for sign in ("address already in use", "eaddrinuse", "address in use")):
            raise _PortTaken
        raise NodeError(f"{self.kind} ended at once with exit code {process.returncode}: {said or 'no word'}")

    def _answered_id(self) -> int | None:
        try:
            return int(self.request("eth_chainId", timeout=2.0), 16)
        except NodeError:
            return None

    # ------------------------------------------------------------------------------------------- what is known of it

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self.options.chain_id

    @property
    def running(self) -> bool:
        """Whether the node was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def port(self) -> int:
        """Its TCP port on 127.0.0.1.

        Raises:
            NodeError: It was never started.
        """
        if self._port is None:
            raise NodeError("the local node was not started")
        return self._port

    @property
    def url(self) -> str:
        """Where it answers JSON-RPC."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            NodeError: It does not run.
        """
        if self._process is None:
            raise NodeError("the local node does not run")
        return self._process.pid

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The private keys of its rich accounts, 0x-prefixed, in order."""
        # Only here, so that starting a node needs nothing beyond the standard library.
        from eth_account import Account

        Account.enable_unaudited_hdwallet_features()
        path = "m/44'/60'/0'/0/{}"
        return tuple(
            "0x" + bytes(Account.from_mnemonic(DEV_MNEMONIC, account_path=path.format(i)).key).hex()
            for i in range(self.options.accounts)
        )

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """The addresses of its rich accounts, with checksums, in the order of :attr:`keys`."""
        from eth_account import Account

        return tuple(Account.from_key(key).address for key in self.keys)

    def last_output(self, lines: int = 8) -> str:
        """What the node printed last, so many lines; empty where it is not quiet: then it prints to the terminal."""
        if self._log is None or self._log.closed:
            return ""
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").strip().splitlines()[-lines:])

    def request(self, method: str, *params: object, timeout: float = 30.0) -> Any:
        """Call a JSON-RPC method, above all those by which a local chain moves its clock and mines.

        Args:
            method: Its name.
            params: Its parameters, as JSON has them.
            timeout: Seconds for the answer.

        Returns:
            The result, as JSON has it.

        Raises:
            NodeError: It did not answer, or answered with an error.
        """
        # Imported here: the program that starts a chain beside the tests needs none of it.
        from contextlib import closing

        from salus.chain.rpc import Endpoint, Trouble
        from salus.errors import SalusError

        try:
            with closing(Endpoint(self.url, timeout=timeout)) as endpoint:
                (answer,) = endpoint.ask([(method, params)])
        except SalusError as trouble:
            if (process := self._process) is not None and process.poll() is not None:
                how = f"has ended with exit code {process.returncode}: {self.last_output() or 'no word'}"
            else:
                how = f"does not answer {method}: {trouble}"
            raise NodeError(f"the local {self.kind} {how}") from None
        if isinstance(answer, Trouble):
            raise NodeError(f"the local {self.kind} refused {method}: {answer.message}")
        return answer

    def advance(self, seconds: int) -> None:
        """Move the chain's clock forward by some seconds, 0 or more, and mine a block at the new time."""
        self.request("evm_increaseTime", seconds)
        self.request("evm_mine")


# ------------------------------------------------------------------------------------------------ starting the program


def _find(kind: str) -> list[str]:
    """The command that starts a node: npm's in this project first, then whatever the PATH holds."""
    here, this = Path.cwd(), Path(__file__).resolve()
    for folder in (here, *here.parents, *this.parents):
        modules = folder / "node_modules"
        if kind == "anvil":
            for program in sorted(modules.glob("@foundry-rs/anvil-*/bin/anvil")):
                if os.access(program, os.X_OK):
                    return [str(program)]
        else:
            script = modules / "ganache" / "dist" / "node" / "cli.js"
            node = shutil.which("node")
            if script.is_file() and node:
                return [node, str(script)]
    for name in ("anvil",) if kind == "anvil" else ("ganache", "ganache-cli"):
        found = shutil.which(name)
        if found:
            return [found]
    raise NodeError(f"{kind} is not installed: run `make setup` in the project, or put `{kind}` on the PATH")


def _flags(kind: str, options: ChainOptions, port: int, *, quiet: bool) -> list[str]:
    """The arguments with which a chain is started; a flag without a value is left to the program's own default."""
    flags = (_anvil_flags if kind == "anvil" else _ganache_flags)(options, port)
    words = [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]
    return [*words, "--quiet"] if kind == "anvil" and quiet else words


def _anvil_flags(options: ChainOptions, port: int) -> dict[str, object]:
    return {
        "--host": "127.0.0.1",
        "--port": port,
        "--chain-id": options.chain_id,
        "--hardfork": _HARDFORK,
        "--mnemonic": DEV_MNEMONIC,
        "--accounts": options.accounts,
        "--balance": options.balance,
        "--gas-limit": options.gas_limit,
        "--block-base-fee-per-gas": options.base_fee,
        "--block-time": options.block_time,
        "--timestamp": options.timestamp,
        "--slots-in-an-epoch": options.slots_in_an_epoch,
        "--prune-history": options.kept_states,
        "--state": options.state,
        "--state-interval": None if options.state is None else _STATE_INTERVAL,
    }


def _ganache_flags(options: ChainOptions, port: int) -> dict[str, object]:
    start = options.timestamp
    return {
        "--server.host": "127.0.0.1",
        "--server.port": port,
        "--chain.chainId": options.chain_id,
        "--chain.networkId": options.chain_id,  # ganache knows a second id, and programs compare the two
        "--chain.hardfork": _HARDFORK,
        "--wallet.mnemonic": DEV_MNEMONIC,
        "--wallet.totalAccounts": options.accounts,
        "--wallet.defaultBalance": options.balance,
        "--miner.blockGasLimit": options.gas_limit,
        "--miner.blockTime": options.block_time,
        "--chain.time": None if start is None else datetime.datetime.fromtimestamp(start, datetime.UTC).isoformat(),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _PortTaken(Exception):
    """Another program listens on the port."""


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        # A port whose last connections still linger is free for a node, and must be for this check.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise _PortTaken from None


def _listens(pid: int, port: int) -> bool:
    """Whether a process, and no other, listens on a port; taken for granted where /proc cannot tell."""
    try:
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        sockets = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")}
    except OSError:
        return True
    here, listening = f"0100007F:{port:04X}", "0A"
    return any(row[1] == here and row[3] == listening and f"socket:[{row[9]}]" in sockets for row in rows)


# -------------------------------------------------------------------------------------------------- leaving no orphans

_running: weakref.WeakSet[LocalNode] = weakref.WeakSet()


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _end_all() -> None:
    for node in list(_running):
        node.stop()


@cache
def _watch_exit() -> None:
    """Once: end every node at exit, and on SIGTERM where the program has no handling of its own."""
    atexit.register(_end_all)
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may set a handler

    def on_term(number: int, _frame: object) -> None:
        _end_all()
        # Then end by the same signal, so that its sender sees what it expects.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, on_term)


# PR_SET_PDEATHSIG of linux/prctl.h is 1. The parent may have died before the call, and then the signal never comes.
_TIED = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def _tie() -> list[str]:
    """On Linux, what to put before a command so that the kernel ends it with this program.

    A small Python that turns into the command, and not `preexec_fn`, which is unsafe in a program with threads.
    """
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid())]
