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
from salus.outbox import Outbox, State
from tests.support.soak_workload import CHUNK, Setting, Work, note

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
    )


def _again(outbox: Outbox, work: Work, sender: str) -> None:
    """What lost its nonce to somebody else is done anew, as a person would decide."""
    lost = [result.key for result in outbox.results(State.LOST)]
    for key in lost:
        (item,) = [item for item in work.items(sender, int(key.partition("-")[2]) // CHUNK) if item.key == key]
        for _ in outbox.send_all([item], again=[key]):
            pass


def end(setting: Setting) -> int:
    """How many chunks there are; more than any, until the soak says so."""
    file = setting.file("end.json")
    return int(json.loads(file.read_text())) if file.exists() else 1 << 60


# ------------------------------------------------------------------------------------------------------------ indexing


def index(setting: Setting, up: Callable[[], object]) -> None:
    """Follow the chain until killed."""
    with Indexer(
        setting.url, Work(setting).book, setting.file("live.sqlite"), timeout=TIMEOUT, patience=PATIENCE
    ) as indexer:
        up()
        indexer.follow(threading.Event(), interval=0.05)
