"""The listener that the tests kill, as a program, and what it hands batches to. It starts often: it imports little."""

import signal
import sqlite3
import sys
from pathlib import Path


class TakenReadings:
    """What a chain would be: a reading that it has already is done, one that is older than what it has is refused."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, timeout=10)
        self.db.execute("CREATE TABLE IF NOT EXISTS taken (logger TEXT, time INTEGER, centi INTEGER, n INTEGER)")

    def take(self, batch):
        self.db.execute("BEGIN IMMEDIATE")
        last = self.db.execute("SELECT max(time) FROM taken WHERE logger = ?", (batch.logger,)).fetchone()[0] or 0
        for reading in batch.readings:
            if reading.time > last:
                self.db.execute(
                    "INSERT INTO taken VALUES (?, ?, ?, ?)", (batch.logger, reading.time, reading.centi, batch.id)
                )
        self.db.execute("COMMIT")

    def readings(self):
        return self.db.execute("SELECT time, centi FROM taken ORDER BY rowid").fetchall()


def main(port, folder):
    from salus.coldchain.loggers.mqtt import BatchLimits, Broker, Listener
    from salus.coldchain.loggers.spool import Spool

    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    taken_readings = TakenReadings(Path(folder) / "ledger.db")
    with Spool(Path(folder) / "spool.db") as spool:
        broker = Broker("127.0.0.1", int(port), tls=False)
        Listener(
            broker,
            spool,
            client_id="test-listener",
            deliver=taken_readings.take,
            limits=BatchLimits(most=7, age_s=1),
            note=lambda line: print(line, flush=True),
        ).run(lambda: bool(ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
