"""A real broker, a publisher, and a listener in a process of its own that can be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from scripts.dev.broker import find
from tests.support.shared_data import ROOT

SECONDS = 40  # the longest that anything here is waited for


def wait_for(what, seconds=SECONDS):
    """Wait until a function says something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"still waiting for {what} after {seconds} s")


class Mosquitto:
    """A mosquitto with a folder for what it must remember, at a port that stays the same through restarts."""

    def __init__(self, folder):
        self.command = find()
        if self.command is None:
            if REQUIRED:
                pytest.fail("no mosquitto, and SALUS_BROKER says that there must be one: run scripts/dev/broker.py")
            pytest.skip("no mosquitto: run scripts/dev/broker.py")
        self.folder, self.process = Path(folder), None
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        (self.folder / "passwords").write_text("")
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n"
            "allow_anonymous true\n"
            "persistence true\n"
            f"persistence_location {self.folder}/\n"
            "max_queued_messages 0\n"
            + ("user root\n" if os.getuid() == 0 else "")  # else it becomes another user, who may not write here
        )

    def start(self):
        program, extra = self.command
        self.log = (self.folder / "mosquitto.log").open("ab")
        self.process = subprocess.Popen(
            [program, "-c", str(self.folder / "mosquitto.conf")],
            env={**os.environ, **extra},
            stdout=self.log,
            stderr=self.log,
        )
        wait_for(self.answers)
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self):
        """End it as a system does: it writes down what it has to remember."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)
        self.log.close()


# Read here, for the fixtures of the client's tests take all settings of Salus away before a test begins.
REQUIRED = os.environ.get("SALUS_BROKER") == "required"


@pytest.fixture
def mosquitto(tmp_path):
    """A broker that runs."""
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.stop()


class Publisher:
    """A logger that publishes with quality of service 1, through restarts of the broker."""

    def __init__(self, port, logger="logger-1"):
        self.topic = f"salus/{logger}/readings"
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"publisher-{logger}", clean_session=False)
        self.client.reconnect_delay_set(1, 1)
        self.client.max_queued_messages_set(0)
        # What is published without a connection waits in the client, and only this callback says when it is out.
        self.acknowledged = set()
        self.client.on_publish = lambda _client, _data, mid, _reason, _properties: self.acknowledged.add(mid)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.sent = set()

    def send(self, payload):
        text = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        self.sent.add(self.client.publish(self.topic, text, qos=1).mid)

    def reading(self, n):
        self.send({"time": 1736143200 + 600 * n, "celsius": round(4 + n % 300 / 100, 2)})

    def flush(self):
        """Wait until the broker has acknowledged all."""
        wait_for(lambda: self.acknowledged >= self.sent)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class ListenerProcess:
    """A listener in a process of its own, which hands batches to a ledger that takes each reading once, in order."""

    def __init__(self, port, folder):
        self.arguments = [sys.executable, "-m", "tests.support.mqtt_child", str(port), str(folder)]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self

    def listening(self):
        """Wait until it says so."""
        wait_for(lambda: b"listening" in self.process.stdout.readline())
        return self

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=20)
            self.process.stdout.close()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        said = self.process.stdout.read().decode()
        self.process.stdout.close()
        return said
