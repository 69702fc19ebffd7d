"""The processes of a soak: senders and an indexer, each of which may be killed at any moment and is started again.

They are forked off a server that has imported everything, so that a kill costs milliseconds.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

from salus import Salus
from salus.errors import SalusError
from salus.index import Indexer
from salus.outbox import Outbox, Result, State
from salus.outbox._store import FILL
from tests.support.soak_backups import read_since
from tests.support.soak_workload import Setting, Work, note

TIMEOUT, PATIENCE = 1.5, 12.0
REFUSED = 3  # the exit code of a worker that ended with one of the client's own errors
WINDOW = 40


def run(work: Callable[..., None], setting: Setting, worker: str, *words: str) -> None:
    """A process: what the client says against it ends with 3, anything else that escapes with 1."""
    _tie()
    try:
        work(setting, lambda: setting.file(f"{worker}.up").write_text(str(os.getpid())), *words)
    except SalusError as trouble:
        note(setting, worker, error=type(trouble).__name__, text=str(trouble))
        sys.exit(REFUSED)
    except BaseException:
        note(setting, worker, escaped=traceback.format_exc())
        sys.exit(1)


def _tie() -> None:
    """End with the server that this was forked from, whatever ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(1)


# ------------------------------------------------------------------------------------------------------------- sending


def send(setting: Setting, up: Callable[[], object], sender: str, part: str, of: str) -> None:
    """Every ``of``-th chunk of a sender's work, until there is an end written down; then what is left is brought to an
    end.
    """
    work, hint = Work(setting), setting.file(f"{sender}-{part}.chunk")
    client = Salus.connect(setting.url, book=work.book, signer=setting.signer(sender), timeout=TIMEOUT)
    with opened(client, setting, sender) as outbox:
        up()
        _give_since(outbox, work, sender)
        chunk = int(hint.read_text()) if hint.exists() else int(part)
        while chunk < end(setting):
            # What was cut off in the middle is given once more, whole.
            for _ in outbox.send_all(work.items(sender, chunk), window=WINDOW):
                pass
            chunk += int(of)
            written = hint.with_suffix(f".{os.getpid()}")
            written.write_text(str(chunk))
            written.replace(hint)
        for _ in outbox.resume():
            pass
        if part == "0":
            _again(outbox, work, sender)


def opened(client: Salus, setting: Setting, sender: str) -> Outbox:
    return client.outbox(
        setting.file(f"{sender}.outbox"),
        confirmations=setting.confirmations,
        bump_blocks=3,
        timeout=TIMEOUT,
        patience=PATIENCE,
        also=[setting.liar],
    )


def _give_since(outbox: Outbox, work: Work, sender: str) -> None:
    """Where a backup was restored: give all items since then once more, in one list, as docs/bulk.md says."""
    since = read_since(work.setting, sender)
    if not since:
        return
    first, last = since
    for _ in outbox.send_all([item for n in range(first, last + 1) for item in work.items(sender, n)], window=WINDOW):
        pass
    # Whichever process is first: all of them are in the file.
    work.setting.file(f"{sender}.since").unlink(missing_ok=True)


def _again(outbox: Outbox, work: Work, sender: str) -> None:
    """What somebody else, or a lie about its gas, kept from happening is given again, as a person would decide."""
    keys = [r.key for r in outbox.results(State.LOST, State.FAILED, State.REFUSED) if _was_hindered(r)]
    items = work.some(sender, [int(key.partition("-")[2]) for key in keys])
    for _ in outbox.send_all(items, again=keys, window=WINDOW):
        pass


def _was_hindered(result: Result) -> bool:
    """Whether it is not by the contracts' own rules that an item did not happen."""
    if result.name == FILL:
        return False
    return result.state is not State.FAILED or getattr(result.error, "name", "") == "OutOfGas"


def end(setting: Setting) -> int:
    """How many chunks there are; more than any, until the soak says so."""
    file = setting.file("end.json")
    return int(json.loads(file.read_text())) if file.exists() else 1 << 60


# ------------------------------------------------------------------------------------------------------------ indexing


def index(setting: Setting, up: Callable[[], object], url: str, where: str) -> None:
    """Follow the chain until killed."""
    with Indexer(url, Work(setting).book, where, timeout=TIMEOUT, patience=PATIENCE) as indexer:
        up()
        indexer.follow(threading.Event(), interval=0.05)
