"""Readings that loggers send over MQTT.

A logger publishes JSON to its topic, one reading or several::

    {"time": "2026-01-05T06:00:00Z", "celsius": 4.85}
    [{"time": 1767592800, "celsius": 4.85}, {"time": 1767593400, "celsius": null}]

The topic's level that stands for ``+`` names the logger: of ``salus/+/readings``, ``salus/logger-17/readings`` is from
``logger-17``. Times are ISO 8601 with an offset, or Unix seconds; temperatures have at most two decimals; null is a
reading that could not be taken.

Nothing is lost: the session is persistent and the quality of service 1, so the broker keeps what comes while the
listener is away, and a message is acknowledged only after it is on the disk (:mod:`salus.coldchain.loggers.spool`).
Nothing is
doubled: a reading that comes twice is stored once. What is no reading goes into quarantine, and is acknowledged, so
that it does not come for ever.

The broker says who may publish where; that a message came from the logger that its topic names is only as true as the
broker's access list.
"""

from __future__ import annotations

import datetime as dt
import re
import select
import ssl
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from salus.coldchain.loggers.export import expect_possible
from salus.coldchain.loggers.reading import Reading
from salus.coldchain.loggers.spool import Spool, SpoolBatch
from salus.errors import BadInput, SalusError, Unreachable, one_line
from salus.errors.extras import needs
from salus.formats.json_file import parse_json

if TYPE_CHECKING:
    import paho.mqtt.client as paho

__all__ = ["MAX_MESSAGE", "MAX_PER_MESSAGE", "BatchLimits", "Broker", "Listener", "parse_message"]

#: Largest message, in bytes.
MAX_MESSAGE = 256 * 1024

#: Most readings in a message.
MAX_PER_MESSAGE = 4_320

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})\Z")
# How far a logger's clock may be ahead of this computer's, seconds. What is dated further ahead would make all that
# follows look late.
_AHEAD = 600

_LOGGER = re.compile(r"[A-Za-z0-9._:\-]{1,64}\Z")

# Seconds between attempts to reach the broker, doubling; and between attempts to deliver what was refused.
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


@dataclass(frozen=True)
class Broker:
    """Where the broker is.

    Args:
        host: Name or address.
        port: 8883 with TLS, 1883 without, as a rule.
        username: None without.
        password: Kept out of every message and of ``repr``.
        tls: Whether to speak TLS, with the system's authorities.
        ca_file: Another authority's certificate.
    """

    host: str
    port: int = 8883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = True
    ca_file: str | None = None


def parse_message(payload: bytes) -> list[Reading]:
    """The readings of a message.

    Raises:
        BadInput: Not such a message; names the entry and the field.
    """
    if len(payload) > MAX_MESSAGE:
        raise BadInput("", "message", f"has {len(payload):,} bytes; {MAX_MESSAGE:,} are the most")
    try:
        content = parse_json(payload.decode("utf-8"), "")
    except UnicodeDecodeError as trouble:
        raise BadInput("", f"byte {trouble.start}", "is not UTF-8") from None
    entries = content if isinstance(content, list) else [content]
    if not 1 <= len(entries) <= MAX_PER_MESSAGE:
        raise BadInput("", "message", f"holds {len(entries)} readings; give 1 to {MAX_PER_MESSAGE:,}")
    prefix = "[{}]." if isinstance(content, list) else ""
    return [_reading(entry, prefix.format(n)) for n, entry in enumerate(entries)]


def _reading(entry: Any, where: str) -> Reading:
    if (
        not isinstance(entry, dict)
        or entry.keys() - {"time", "celsius"}
        or "time" not in entry
        or "celsius" not in entry
    ):
        raise BadInput("", f"{where}reading".lstrip("."), f"is {one_line(entry, 60)!r}; give time and celsius")
    value = entry["celsius"]
    if value is None:
        return Reading(_time(entry["time"], f"{where}time"), None)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not -1000 < value < 1000:
        raise BadInput("", f"{where}celsius", f"is {one_line(value, 40)!r}; give °C as a number, or null")
    hundredths = Decimal(value) * 100
    if hundredths != hundredths.to_integral_value():
        raise BadInput("", f"{where}celsius", f"is {value}; give at most two decimals")
    return Reading(_time(entry["time"], f"{where}time"), expect_possible(int(hundredths), "", f"{where}celsius"))


def _time(value: Any, where: str) -> int:
    wrong = BadInput("", where, f"is {one_line(value, 40)!r}; give 2026-01-05T06:00:00Z or Unix seconds")
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and _TIME.match(value):
        try:
            seconds = int(dt.datetime.fromisoformat(value).timestamp() // 1)
        except (ValueError, OverflowError):
            raise wrong from None
    else:
        raise wrong
    if not 0 <= seconds < 1 << 40:
        raise wrong
    return seconds


@dataclass(frozen=True)
class BatchLimits:
    """When a batch of readings is closed.

    Attributes:
        most: Readings in a batch, at most.
        age_s: Seconds after which a batch is closed even if it is not full.
    """

    most: int = 1_008
    age_s: int = 3_600


class Listener:
    """Takes readings from a broker into a spool, and hands closed batches on.

    Args:
        broker: Where to listen.
        spool: Where readings go.
        topic: With one level ``+`` that names the logger, e.g. ``salus/+/readings``.
        client_id: The session's name at the broker: the same one at every start, or what came meanwhile is lost.
        deliver: Hands a batch on, e.g. signs and logs it; when it returns, the batch is done. An error of
            :class:`~salus.errors.SalusError` leaves the batch pending, for another attempt later.
        limits: When a batch is closed.
        note: Told in one line what people should know (connected, lost, refused).

    Raises:
        BadInput: A topic without the level ``+``, or the extra ``mqtt`` is not installed.
    """

    def __init__(
        self,
        broker: Broker,
        spool: Spool,
        *,
        topic: str = "salus/+/readings",
        client_id: str,
        deliver: Callable[[SpoolBatch], None] | None = None,
        limits: BatchLimits = BatchLimits(),
        note: Callable[[str], None] = lambda line: None,
    ) -> None:
        levels = topic.split("/")
        if levels.count("+") != 1 or "#" in topic:
            raise BadInput("", "topic", f"is {one_line(topic, 60)!r}; give one with one level +, e.g. salus/+/readings")
        if not client_id:
            raise BadInput("", "client id", "is empty; give a name that stays the same")
        self.broker, self.spool, self.topic = broker, spool, topic
        self._level = levels.index("+")
        self._deliver, self._limits, self._note = deliver, limits, note
        self._connected = False
        self._refused = ""
        self._retry_at = 0.0
        self._wait = _FIRST_WAIT
        self._client = self._made(client_id)

    def _made(self, client_id: str) -> paho.Client:
        try:
            import paho.mqtt.client as paho
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise BadInput("", "mqtt", needs("paho-mqtt", "mqtt")) from None
        # clean_session False is MQTT 3.1.1's persistent session, which any broker has; manual_ack leaves the
        # acknowledgement to us.
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        if self.broker.username is not None:
            client.username_pw_set(self.broker.username, self.broker.password)
        if self.broker.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=self.broker.ca_file))
            except (OSError, ssl.SSLError):
                raise BadInput(self.broker.ca_file or "", "CA file", "is no certificate that can be read") from None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    # ---- what the broker does ------------------------------------------------------------------------------------

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            # Unavailable for now is worth another attempt, a wrong name or password is not.
            if reason.getName() not in ("Server unavailable", "Server busy"):
                self._refused = one_line(reason)
            return
        self._connected, self._refused, self._wait = True, "", _FIRST_WAIT
        # The session remembers it; saying it again does no harm, and serves a broker that forgot.
        client.subscribe(self.topic, qos=1)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refused = f"no right to subscribe to {self.topic}"
            return
        # Not before: the broker keeps nothing for a new session whose subscription it has not taken yet.
        self._note(f"listening to {self.topic} at {self.broker.host}:{self.broker.port}")

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._connected:
            self._note(f"the connection is lost ({one_line(reason)}); what is sent meanwhile waits at the broker")
        self._connected = False

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self.take(message.topic, bytes(message.payload))
        # Only now: whatever ends this process before here makes the broker send the message again.
        client.ack(message.mid, message.qos)

    def take(self, topic: str, payload: bytes) -> int:
        """Put one message into the spool, or into its quarantine; when this returns it is on the disk.

        Returns:
            How many readings were new.
        """
        levels = topic.split("/")
        logger = levels[self._level] if len(levels) > self._level else ""
        try:
            if not _LOGGER.match(logger):
                raise BadInput("", "topic", f"names no logger: {one_line(topic, 60)!r}")
            readings = parse_message(payload)
            latest = max(reading.time for reading in readings)
            if latest > clock.time() + _AHEAD:
                raise BadInput("", "time", f"{latest} is ahead of this computer's clock; set the logger's")
        except BadInput as refusal:
            self.spool.quarantine(topic, payload, str(refusal))
            self._note(f"quarantined a message of {one_line(topic, 60)}: {refusal}")
            return 0
        return self.spool.add(logger, readings, topic=topic, payload=payload)

    # ---- running -------------------------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Listen, close batches and hand them on, through lost connections and restarts of the broker.

        Args:
            until: Asked about twice a second; ends it when true.

        Raises:
            Unreachable: The broker refuses this client (name, password); waiting would not help.
        """
        self._client.on_message = self._on_message
        try:
            while not until():
                if not self._connected and not self._connect(until):
                    break
                self._turn(0.5)
                if self._refused:
                    raise Unreachable(f"the broker at {self.broker.host}:{self.broker.port} refuses: {self._refused}")
                self.work()
        finally:
            if self._connected:
                self._farewell()
            # The library closes what is left only when it is collected, which may be after the socket is.
            if (left := self._client.socket()) is not None:
                left.close()

    def _turn(self, seconds: float) -> bool:
        """One turn of the network, at most so long; False where the connection is gone.

        As the library's own ``loop``, but without the pair of sockets by which that wakes itself: nothing public closes
        them.
        """
        socket = self._client.socket()
        if socket is None:
            return False
        # What was read already and is not handed out yet does not wake a select.
        ready = isinstance(socket, ssl.SSLSocket) and socket.pending() > 0
        written = [socket] if self._client.want_write() else []
        try:
            readable, writable, _ = select.select([socket], written, [], 0 if ready else seconds)
        except (OSError, ValueError):
            readable, writable = [socket], []  # reading tells the library
        if (readable or ready) and self._client.loop_read():
            return False
        if writable and self._client.loop_write():
            return False
        return not self._client.loop_misc()

    def _farewell(self) -> None:
        """Send the acknowledgements that are due, then leave."""
        self._client.on_message = None  # what comes now is not acknowledged, and comes again
        for _ in range(20):
            if not self._client.want_write():
                break
            self._turn(0.05)
        self._client.disconnect()
        self._turn(0.1)
        self._connected = False

    def work(self) -> None:
        """Close what is due and hand on what is pending; what is refused stays, for another attempt later."""
        self.spool.close_batches(most=self._limits.most, age_s=self._limits.age_s)
        if self._deliver is None or clock.monotonic() < self._retry_at:
            return
        for batch in self.spool.pending(most=20):
            try:
                self._deliver(batch)
            except SalusError as trouble:
                self._note(f"batch {batch.id} of {batch.logger} stays: {trouble}")
                self._retry_at = clock.monotonic() + _LONGEST_WAIT
                return
            self.spool.delivered(batch.id)

    def _connect(self, until: Callable[[], bool]) -> bool:
        """Connect, however long it takes; False when `until` became true."""
        while not until():
            try:
                self._client.connect(self.broker.host, self.broker.port, keepalive=30)
            except (OSError, ValueError) as trouble:
                self._note(
                    f"no broker at {self.broker.host}:{self.broker.port} ({one_line(trouble, 80)}); trying again"
                )
                self.work()
                self._sleep(until)
                continue
            deadline = clock.monotonic() + 10
            while not (self._connected or self._refused or until()) and clock.monotonic() < deadline:
                if not self._turn(0.2):
                    break
            if self._connected or self._refused:
                return True
            self._sleep(until)
        return False

    def _sleep(self, until: Callable[[], bool]) -> None:
        end = clock.monotonic() + self._wait
        self._wait = min(self._wait * 2, _LONGEST_WAIT)
        while clock.monotonic() < end and not until():
            clock.sleep(0.1)
