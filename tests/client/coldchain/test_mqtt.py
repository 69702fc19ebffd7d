"""Readings over MQTT: messages, the spool, and a real broker with crashes on either side."""

import random
import socket
import subprocess
import sys
import threading
import time

import pytest

from salus.coldchain.loggers import Reading
from salus.coldchain.loggers.mqtt import MAX_MESSAGE, BatchLimits, Broker, Listener, parse_message
from salus.coldchain.loggers.spool import KEPT_BYTES, Spool
from salus.errors import BadInput, Unreachable
from tests.support.mqtt_broker import SECONDS, ListenerProcess, Mosquitto, Publisher, wait_for
from tests.support.mqtt_child import TakenReadings

START = 1736143200


def refused(function, *arguments, **options):
    with pytest.raises(BadInput) as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value)
    return error.value.field, error.value.fix


# ------------------------------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "payload, readings",
    [
        (b'{"time": "2025-01-06T06:00:00Z", "celsius": 4.85}', [Reading(START, 485)]),
        (b'{"time": "2025-01-06T11:30:00.9+05:30", "celsius": -0.5}', [Reading(START, -50)]),
        (b'{"time": 1736143200, "celsius": 5}', [Reading(START, 500)]),
        (b'{"time": 1736143200, "celsius": null}', [Reading(START, None)]),
        (
            b'[{"time": 1736143200, "celsius": 4.1}, {"time": 1736143800, "celsius": 4.20}]',
            [Reading(START, 410), Reading(START + 600, 420)],
        ),
    ],
)
def test_message(payload, readings):
    assert parse_message(payload) == readings


@pytest.mark.parametrize(
    "payload, field",
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b"\xff", "byte 0"),
        (b"7", "reading"),
        (b"[]", "message"),
        (b"[7]", "[0].reading"),
        (b'{"time": 1736143200}', "reading"),
        (b'{"time": 1736143200, "celsius": 4, "name": "x"}', "reading"),
        (b'{"time": 1736143200, "celsius": "4"}', "celsius"),
        (b'{"time": 1736143200, "celsius": true}', "celsius"),
        (b'{"time": 1736143200, "celsius": 4.856}', "celsius"),
        (b'{"time": 1736143200, "celsius": 485}', "celsius"),  # TT3: a hundred times too much
        (b'{"time": 1736143200, "celsius": 1e50}', "celsius"),
        (b'{"time": 1736143200, "celsius": NaN}', "JSON"),
        (b'{"time": 1736143200, "celsius": 4, "celsius": 5}', "JSON"),
        (b'{"time": true, "celsius": 4}', "time"),
        (b'{"time": -1, "celsius": 4}', "time"),
        (b'{"time": 1736143200000000, "celsius": 4}', "time"),
        (b'{"time": "2025-01-06T06:00:00", "celsius": 4}', "time"),
        (b'{"time": "2025-02-30T06:00:00Z", "celsius": 4}', "time"),
        (b'[{"time": 1736143200, "celsius": 4}, {"time": "x", "celsius": 4}]', "[1].time"),
        (b"[" * 100_000, "JSON"),
        (b" " * (MAX_MESSAGE + 1), "message"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_tt8_malformed_message(payload, field):
    assert refused(parse_message, payload)[0] == field


# ---------------------------------------------------------------------------------------------------------------- spool


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


def readings(*numbers, centi=400):
    return [Reading(START + 600 * n, centi) for n in numbers]


def test_a_reading_is_stored_once(spool):
    assert spool.add("a", readings(0, 1)) == 2
    assert spool.add("a", readings(1, 2)) == 1
    assert spool.add("b", readings(1)) == 1
    assert spool.readings("a") == readings(0, 1, 2)
    assert spool.count() == {"open": 4, "pending": 0, "delivered": 0, "quarantine": 0}


def test_a_contradiction_and_what_comes_too_late_are_kept_apart(spool):
    spool.add("a", readings(1, 2))
    spool.add("a", readings(1, centi=500), topic="t", payload=b"one")
    spool.close_batches(most=2, age_s=3600)
    spool.add("a", readings(0), topic="t", payload=b"two")
    assert spool.readings("a") == readings(1, 2)
    assert [(found.payload, found.reason) for found in spool.quarantined()] == [
        (b"one", f"time {START + 600} was said before, with another value"),
        (b"two", f"time {START} comes after later readings were closed into a batch"),
    ]


def test_batches_close_by_number(spool):
    spool.add("a", readings(*range(7)))
    spool.add("b", readings(0))
    assert spool.close_batches(most=3, age_s=3600) == 2
    assert [(batch.logger, batch.readings) for batch in spool.pending()] == [
        ("a", tuple(readings(0, 1, 2))),
        ("a", tuple(readings(3, 4, 5))),
    ]
    assert spool.count()["open"] == 2


def test_batches_close_by_age(spool):
    spool.add("a", readings(0, 1))
    now = int(time.time())
    assert spool.close_batches(most=100, age_s=60, now=now + 50) == 0
    assert spool.close_batches(most=100, age_s=60, now=now + 61) == 1
    assert spool.pending()[0].readings == tuple(readings(0, 1))


def test_a_batch_is_pending_until_somebody_says_that_it_was_delivered(tmp_path):
    with Spool(tmp_path / "s.db") as first:
        first.add("a", readings(0, 1))
        first.close_batches(most=2, age_s=60)
    with Spool(tmp_path / "s.db") as second:
        (batch,) = second.pending()
        second.delivered(batch.id)
        second.delivered(batch.id)
        assert second.pending() == []
        assert second.count() == {"open": 0, "pending": 0, "delivered": 2, "quarantine": 0}


def test_a_batch_as_an_export(spool):
    spool.add("logger-17", readings(0, 1, 2))
    spool.close_batches(most=3, age_s=60)
    export = spool.pending()[0].export()
    assert (export.device, export.serial, export.interval_s) == ("MQTT", "logger-17", 600)
    assert [packed.count for packed in export.batches()] == [3]
    spool.add("logger-18", readings(0))
    spool.close_batches(most=1, age_s=60)
    assert refused(spool.pending()[1].export)[0] == "readings"
    assert spool.pending()[1].export(interval_s=600).interval_s == 600


def test_quarantine_is_bounded(spool, monkeypatch):
    monkeypatch.setattr("salus.coldchain.loggers.spool.MAX_QUARANTINED", 3)
    for n in (*range(5), 4, 3):  # what comes again is kept once
        spool.quarantine("t", bytes([n]) * (2 * KEPT_BYTES), "r")
    assert [(found.payload[0], len(found.payload)) for found in spool.quarantined()] == [
        (n, KEPT_BYTES) for n in (2, 3, 4)
    ]


def test_the_file_is_for_its_owner_and_for_one_process(tmp_path):
    path = tmp_path / "s.db"
    with Spool(path):
        assert path.stat().st_mode & 0o777 == 0o600
        code = f"from salus.coldchain.loggers.spool import Spool; Spool({str(path)!r})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert "is in use by another listener; stop it first" in other.stderr


def test_what_is_no_spool(tmp_path):
    path = tmp_path / "s.db"
    path.write_bytes(b"hello" * 1000)
    assert refused(Spool, path)[0] == "spool"
    assert refused(Spool, tmp_path / "none" / "s.db")[0] == "spool"
    assert path.read_bytes() == b"hello" * 1000


def test_a_message_of_many_is_stored_whole_or_not_at_all(spool, monkeypatch):
    """What fails in the middle of a message leaves nothing of it, so that it comes again as a whole."""
    spool._db.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON reading WHEN NEW.time = 1736144400"
        " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    assert "disk is full" in refused(spool.add, "a", readings(0, 1, 2))[1]
    assert spool.readings("a") == []


# --------------------------------------------------------------------------------------------------------- real broker


@pytest.fixture
def child(mosquitto, tmp_path):
    """A listener in a process of its own."""
    folder = tmp_path / "child"
    folder.mkdir()
    made = ListenerProcess(mosquitto.port, folder).start()
    wait_for((folder / "spool.db").exists)
    yield made.listening()  # the session is at the broker from here on
    made.kill()


class Timed(Listener):
    """A listener that does not run for ever where what it is to wait for never comes."""

    def run(self, until=lambda: False):
        end = time.monotonic() + SECONDS
        super().run(lambda: until() or time.monotonic() > end)
        assert until() or time.monotonic() < end


def listener(mosquitto, spool, **options):
    return Timed(Broker("127.0.0.1", mosquitto.port, tls=False), spool, client_id="here", **options)


def test_messages_go_into_the_spool_and_what_is_malformed_into_quarantine(mosquitto, spool):
    notes = []
    heard = listener(mosquitto, spool, note=notes.append)
    heard.run(lambda: bool(notes))  # so that the session exists
    publisher = Publisher(mosquitto.port)
    publisher.reading(0)
    publisher.send(b"\x00nonsense")
    publisher.send([{"time": START + 600, "celsius": 4}, {"time": START + 1200, "celsius": None}])
    publisher.reading(0)
    publisher.flush()
    publisher.close()
    # The listener was away while they came: they waited.
    heard.run(lambda: spool.count() == {"open": 3, "pending": 0, "delivered": 0, "quarantine": 1})
    assert spool.readings("logger-1") == [Reading(START, 400), Reading(START + 600, 400), Reading(START + 1200, None)]
    (kept,) = spool.quarantined()
    assert (kept.topic, kept.payload) == ("salus/logger-1/readings", b"\x00nonsense")
    # All were acknowledged: nothing comes again, the malformed one neither.
    end = time.monotonic() + 1.5
    heard.run(lambda: time.monotonic() > end)
    assert spool.count()["quarantine"] == 1


def test_a_message_that_was_not_stored_comes_again(mosquitto, spool, monkeypatch):
    notes = []
    heard = listener(mosquitto, spool, note=notes.append)
    heard.run(lambda: bool(notes))
    publisher = Publisher(mosquitto.port)
    publisher.reading(0)
    publisher.flush()
    publisher.close()
    with monkeypatch.context() as broken:
        broken.setattr(Spool, "add", lambda *_, **__: (_ for _ in ()).throw(BadInput("s.db", "spool", "is full")))
        assert refused(heard.run)[1] == "is full"
    again = listener(mosquitto, spool)
    again.run(lambda: spool.count()["open"] == 1)


def test_what_is_not_taken_stays_pending_and_is_tried_again(mosquitto, spool, monkeypatch):
    monkeypatch.setattr("salus.coldchain.loggers.mqtt._LONGEST_WAIT", 0.2)
    notes, taken = [], []

    def deliver(batch):
        if len(notes) < 3:
            raise Unreachable("no node answers")
        taken.append(batch)

    heard = listener(mosquitto, spool, deliver=deliver, limits=BatchLimits(most=1), note=notes.append)
    spool.add("logger-1", readings(0))
    heard.run(lambda: bool(taken))
    assert any("stays: no node answers" in note for note in notes)
    assert spool.count() == {"open": 0, "pending": 0, "delivered": 1, "quarantine": 0}


def test_tt1_a_topic_that_names_no_logger_is_not_taken(spool):
    broker = Broker("127.0.0.1", 1, tls=False)
    heard = Listener(broker, spool, client_id="here")
    good = b'{"time": 1736143200, "celsius": 4}'
    assert heard.take("salus/logger-1/readings", good) == 1
    for topic in ("salus//readings", "salus", "salus/a b/readings", f"salus/{'a' * 65}/readings"):
        assert heard.take(topic, good) == 0
    assert spool.count()["quarantine"] == 4
    for topic in ("salus/readings", "salus/+/+", "salus/#"):
        assert refused(Listener, broker, spool, client_id="here", topic=topic)[0] == "topic"
    assert refused(Listener, broker, spool, client_id="")[0] == "client id"


def test_tt3_a_clock_that_is_ahead_does_not_make_all_that_follows_look_late(spool):
    heard = Listener(Broker("127.0.0.1", 1, tls=False), spool, client_id="here", limits=BatchLimits(most=1))
    now = int(time.time())
    assert (
        heard.take("salus/a/readings", b'[{"time": %d, "celsius": 4}, {"time": 4102444800, "celsius": 4}]' % now) == 0
    )
    assert heard.take("salus/a/readings", b'{"time": %d, "celsius": 4}' % (now + 500)) == 1
    heard.work()
    assert heard.take("salus/a/readings", b'{"time": %d, "celsius": 4}' % (now + 550)) == 1
    assert spool.count() == {"open": 1, "pending": 1, "delivered": 0, "quarantine": 1}


def test_a_broker_that_refuses_ends_it(tmp_path, spool):
    mosquitto = Mosquitto(tmp_path)
    conf = tmp_path / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    mosquitto.start()
    try:
        with pytest.raises(Unreachable) as error:
            listener(mosquitto, spool).run()
    finally:
        mosquitto.stop()
    assert "refuses: Not authorized" in str(error.value)


class SlowBroker:
    """Takes one connection, and answers its subscription with this byte when told to."""

    def __init__(self, granted):
        self.granted, self.asked, self.answer = granted, threading.Event(), threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.answer.set()
        self._thread.join(SECONDS)
        self._server.close()
        assert not self._thread.is_alive()

    def _serve(self):
        connection, _ = self._server.accept()
        with connection:
            connection.recv(1000)  # CONNECT
            connection.sendall(b"\x20\x02\x00\x00")  # CONNACK
            subscribe = connection.recv(1000)
            assert subscribe[0] == 0x82
            self.asked.set()
            self.answer.wait(SECONDS)
            connection.sendall(b"\x90\x03" + subscribe[2:4] + bytes([self.granted]))  # SUBACK
            while connection.recv(1000):
                pass


def test_it_says_that_it_listens_when_the_broker_has_taken_the_subscription(spool):
    """What is sent before is for nobody: a broker keeps messages for a subscription that it has."""
    notes, early = [], []
    with SlowBroker(granted=1) as slow:

        def until():
            if slow.asked.is_set() and not slow.answer.is_set():
                early.append(list(notes))
                if len(early) == 5:
                    slow.answer.set()
            return slow.answer.is_set() and bool(notes)

        listener(slow, spool, note=notes.append).run(until)
    assert early == [[]] * 5
    assert notes[0] == f"listening to salus/+/readings at 127.0.0.1:{slow.port}"


def test_a_subscription_that_is_refused_ends_it_without_a_word_of_listening(spool):
    notes = []
    with SlowBroker(granted=0x80) as slow:
        slow.answer.set()
        with pytest.raises(Unreachable, match="refuses: no right to subscribe to salus/\\+/readings"):
            listener(slow, spool, note=notes.append).run()
    assert not any("listening" in note for note in notes)


def test_an_end_before_the_broker_answers_leaves_no_connection_open(spool):
    """Nor waits for the answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        listener = Listener(Broker("127.0.0.1", silent.getsockname()[1], tls=False), spool, client_id="silent")
        heard = threading.Event()
        running = threading.Thread(target=listener.run, args=(heard.is_set,))
        running.start()
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(SECONDS)
            assert connection.recv(1000)  # it asks for a session
            heard.set()
            running.join(5)
            assert not running.is_alive()
            assert connection.recv(1000) == b""


def test_the_password_is_not_shown():
    assert "secret" not in repr(Broker("h", password="secret"))


def test_without_the_extra_the_error_names_it(spool, monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    assert refused(Listener, Broker("h"), spool, client_id="here") == (
        "mqtt",
        "needs paho-mqtt; install it from the folder of Salus, where pyproject.toml is: pip install '.[mqtt]'",
    )


def test_f8_nothing_is_lost_or_doubled_by_kills_and_a_restart_of_the_broker(mosquitto, child, tmp_path):
    """Kill −9 of the listener at random moments, amid storing and handing on; the broker restarts once too."""
    chance, folder, total = random.Random(20250106), tmp_path / "child", 250
    spool_file, taken_readings = folder / "spool.db", TakenReadings(folder / "ledger.db")
    publisher = Publisher(mosquitto.port)
    sent, kills = 0, 0
    while sent < total:
        for _ in range(min(chance.randint(10, 40), total - sent)):
            publisher.reading(sent)
            sent += 1
        # By turns from before it has connected, and amid storing and handing on.
        if kills % 2:
            child.listening()
            time.sleep(chance.uniform(0.0, 0.5))
        else:
            time.sleep(chance.uniform(0.0, 1.0))
        child.kill()
        kills += 1
        child.start()
        if kills == 5:
            mosquitto.stop()
            mosquitto.start()
    publisher.flush()
    wait_for(lambda: len(taken_readings.readings()) >= total)
    assert "Traceback" not in child.stop()
    publisher.close()
    due = [(START + 600 * n, round(100 * round(4 + n % 300 / 100, 2))) for n in range(total)]
    assert taken_readings.readings() == due  # each once, and in order
    with Spool(spool_file) as spool:
        assert [(reading.time, reading.centi) for reading in spool.readings("logger-1")] == due
        assert spool.count() == {"open": 0, "pending": 0, "delivered": total, "quarantine": 0}
        assert spool._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert kills >= 7


def test_a_lost_connection_is_mended_while_it_runs(mosquitto, child, tmp_path):
    taken_readings = TakenReadings(tmp_path / "child" / "ledger.db")
    publisher = Publisher(mosquitto.port)
    for n in range(30):
        publisher.reading(n)
        if n in (9, 19):
            mosquitto.stop()
            mosquitto.start()
    wait_for(lambda: len(taken_readings.readings()) == 30)
    said = child.stop()
    publisher.close()
    assert "the connection is lost" in said and said.count("listening to") >= 1
    assert [row[0] for row in taken_readings.readings()] == [START + 600 * n for n in range(30)]
