"""A local spool of readings that arrive one by one: nothing is acknowledged before it is safe here.

One SQLite file. A reading is stored once, by its logger and its time; batches are closed by number or age and stay
until somebody says that they were delivered. What cannot be a reading goes into quarantine with the reason, so that it
is neither lost nor in the way.

The states of a batch: readings without one are *open*; a closed batch is *pending* until :meth:`Spool.delivered`.
After a crash between delivery and that call the same batch is delivered again, with the same readings: the receiver
must take a reading that it has already for done, as the contract's sequence does.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time as clock
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from salus.coldchain.loggers.export import LoggerExport, common_step
from salus.coldchain.loggers.reading import Reading
from salus.errors import BadInput, one_line

__all__ = ["KEPT_BYTES", "MAX_QUARANTINED", "Quarantined", "Spool", "SpoolBatch"]

#: Of a message in quarantine as much is kept, in bytes.
KEPT_BYTES = 4_096

#: Messages in quarantine; beyond that the oldest go, and are counted.
MAX_QUARANTINED = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    logger TEXT NOT NULL,
    closed_at INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS reading (
    logger TEXT NOT NULL,
    time INTEGER NOT NULL,
    centi INTEGER,
    arrived_at INTEGER NOT NULL,
    batch INTEGER REFERENCES batch(id),
    PRIMARY KEY (logger, time)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_reading ON reading (logger, arrived_at) WHERE batch IS NULL;
CREATE INDEX IF NOT EXISTS batch_reading ON reading (batch, time) WHERE batch IS NOT NULL;
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    arrived_at INTEGER NOT NULL,
    digest BLOB NOT NULL UNIQUE
) STRICT;
"""


@dataclass(frozen=True)
class SpoolBatch:
    """Readings of a logger that were closed together.

    Args:
        id: Number in this spool.
        logger: Whose.
        readings: In order of time.
    """

    id: int
    logger: str
    readings: tuple[Reading, ...]

    def export(self, *, interval_s: int | None = None) -> LoggerExport:
        """The batch as an export, for ``batches()`` and for signing.

        Args:
            interval_s: Seconds for which a reading stands; by default the most frequent distance.

        Raises:
            BadInput: A single reading, and no interval given.
        """
        interval = interval_s or common_step([reading.time for reading in self.readings])
        if not interval:
            raise BadInput(self.logger, "readings", "is one reading alone; say how many seconds it stands for")
        return LoggerExport(self.logger, "MQTT", self.logger, interval, self.readings, (), None, "absent")


@dataclass(frozen=True)
class Quarantined:
    """A message that could not be taken.

    Args:
        topic: Where it came from.
        payload: Its first bytes.
        reason: Why.
        arrived_at: When, Unix seconds of this computer.
    """

    topic: str
    payload: bytes
    reason: str
    arrived_at: int


class Spool:
    """The spool of one process; a second one at the same file is refused.

    Args:
        path: The file, made with mode 0600 where it is absent.

    Raises:
        BadInput: Not a spool, in use by another process, or not writable.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=1)
            # Exclusive: the file stays locked from the first access on, so that two listeners never share a spool.
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        except OSError as trouble:
            raise BadInput(str(path), "spool", f"cannot be opened ({trouble.strerror}); name another file") from None
        except sqlite3.DatabaseError as trouble:
            busy = "locked" in str(trouble)
            what = (
                "is in use by another listener; stop it first"
                if busy
                else f"is no spool ({trouble}); name another file"
            )
            raise BadInput(str(path), "spool", what) from None

    def close(self) -> None:
        """Give the file free."""
        self._db.close()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as trouble:  # a full disk, for one
            raise BadInput(str(self.path), "spool", f"cannot be written ({one_line(trouble, 80)})") from None

    # ---- what arrives --------------------------------------------------------------------------------------------

    def add(self, logger: str, readings: Iterable[Reading], *, topic: str = "", payload: bytes = b"") -> int:
        """Store readings; when this returns they are on the disk.

        A reading that is here already is left alone, so a message may come twice. One that contradicts what is here, or
        that is older than what a closed batch of the logger holds, goes into quarantine.

        Args:
            logger: Whose.
            readings: In any order.
            topic: For the quarantine.
            payload: For the quarantine.

        Returns:
            How many were new.
        """
        new, now = 0, int(clock.time())
        with self._transaction() as db:
            closed = db.execute(
                "SELECT max(time) FROM reading WHERE logger = ? AND batch IS NOT NULL", (logger,)
            ).fetchone()[0]
            for reading in readings:
                known = db.execute(
                    "SELECT centi FROM reading WHERE logger = ? AND time = ?", (logger, reading.time)
                ).fetchone()
                if known is not None:
                    if known[0] != reading.centi:
                        self._quarantine(
                            db, topic, payload, f"time {reading.time} was said before, with another value", now
                        )
                elif closed is not None and reading.time <= closed:
                    reason = f"time {reading.time} comes after later readings were closed into a batch"
                    self._quarantine(db, topic, payload, reason, now)
                else:
                    db.execute(
                        "INSERT INTO reading VALUES (?, ?, ?, ?, NULL)", (logger, reading.time, reading.centi, now)
                    )
                    new += 1
        return new

    def quarantine(self, topic: str, payload: bytes, reason: str) -> None:
        """Keep a message that cannot be taken, with the reason; one that comes again is kept once."""
        with self._transaction() as db:
            self._quarantine(db, topic, payload, reason, int(clock.time()))

    def _quarantine(self, db: sqlite3.Connection, topic: str, payload: bytes, reason: str, now: int) -> None:
        parts = (topic.encode(errors="replace"), payload, reason.encode(errors="replace"))
        digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
        db.execute(
            "INSERT OR IGNORE INTO quarantine (topic, payload, reason, arrived_at, digest) VALUES (?, ?, ?, ?, ?)",
            (one_line(topic, 200), payload[:KEPT_BYTES], one_line(reason, 200), now, digest),
        )
        db.execute("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (MAX_QUARANTINED,))

    def quarantined(self) -> list[Quarantined]:
        """What is in quarantine, oldest first."""
        rows = self._db.execute("SELECT topic, payload, reason, arrived_at FROM quarantine ORDER BY id")
        return [Quarantined(*row) for row in rows]

    # ---- batches -------------------------------------------------------------------------------------------------

    def close_batches(self, *, most: int, age_s: int, now: int | None = None) -> int:
        """Close what is due: full batches, and readings of which the oldest has waited long enough.

        Args:
            most: Readings in a batch, at most; as many are closed at once.
            age_s: Seconds after the arrival of its oldest reading at which a batch is closed even if it is not full.
            now: Unix seconds, by default of this computer.

        Returns:
            How many batches were closed.
        """
        if most < 1:
            raise ValueError(f"most is {most}; give at least 1")
        moment, count = int(clock.time()) if now is None else now, 0
        with self._transaction() as db:
            waiting = db.execute(
                "SELECT logger, count(*), min(arrived_at) FROM reading WHERE batch IS NULL GROUP BY logger"
            ).fetchall()
            for logger, number, oldest in waiting:
                while number >= most or (number and moment - oldest >= age_s):
                    cursor = db.execute("INSERT INTO batch (logger, closed_at) VALUES (?, ?)", (logger, moment))
                    db.execute(
                        "UPDATE reading SET batch = ? WHERE logger = ? AND time IN (SELECT time FROM reading"
                        " WHERE logger = ? AND batch IS NULL ORDER BY time LIMIT ?)",
                        (cursor.lastrowid, logger, logger, most),
                    )
                    number, count = max(number - most, 0), count + 1
        return count

    def pending(self, *, most: int = -1) -> list[SpoolBatch]:
        """Closed batches that were not delivered, oldest first.

        Args:
            most: How many at most; all by default.
        """
        rows = self._db.execute(
            "SELECT id, logger FROM batch WHERE delivered_at IS NULL ORDER BY id LIMIT ?", (most,)
        ).fetchall()
        return [SpoolBatch(number, logger, self._readings_of(number)) for number, logger in rows]

    def _readings_of(self, batch: int) -> tuple[Reading, ...]:
        rows = self._db.execute("SELECT time, centi FROM reading WHERE batch = ? ORDER BY time", (batch,))
        return tuple(Reading(*row) for row in rows)

    def delivered(self, batch: int) -> None:
        """Say that a batch was delivered; a second time changes nothing."""
        with self._transaction() as db:
            db.execute(
                "UPDATE batch SET delivered_at = ? WHERE id = ? AND delivered_at IS NULL", (int(clock.time()), batch)
            )

    # ---- looking -------------------------------------------------------------------------------------------------

    def readings(self, logger: str) -> Sequence[Reading]:
        """All readings of a logger that are here, in order of time, delivered ones too."""
        rows = self._db.execute("SELECT time, centi FROM reading WHERE logger = ? ORDER BY time", (logger,))
        return [Reading(*row) for row in rows]

    def count(self) -> dict[str, int]:
        """How many readings are ``open``, ``pending`` and ``delivered``, and how many messages in ``quarantine``."""
        readings = dict(
            self._db.execute(
                "SELECT CASE WHEN batch IS NULL THEN 'open' WHEN delivered_at IS NULL THEN 'pending' ELSE 'delivered'"
                " END AS state, count(*) FROM reading LEFT JOIN batch ON batch.id = reading.batch GROUP BY state"
            ).fetchall()
        )
        kept = self._db.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        return {**{state: readings.get(state, 0) for state in ("open", "pending", "delivered")}, "quarantine": kept}
