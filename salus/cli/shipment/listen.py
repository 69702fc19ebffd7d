"""``salus shipment listen``: readings that loggers send over MQTT, kept safe and handed on in batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, option, takes

if TYPE_CHECKING:
    from salus.coldchain.loggers.mqtt import Broker, Listener
    from salus.coldchain.loggers.spool import Spool, SpoolBatch

    #: Makes what hands a batch on, e.g. signs it with the device's key and logs it; called before anything is heard.
    DeliverFor = Callable[..., Callable[[SpoolBatch], None]]

__all__ = ["add_listen"]


@dataclass(frozen=True)
class BrokerOptions:
    """The broker, and who this is to it."""

    broker: str = option("--broker", required=True, help="Host, or host:port [default port: 8883, with --plain 1883].")
    username: str | None = option("--username", help="At the broker.")
    mqtt_password_file: str | None = option(
        "--mqtt-password-file",
        type=click.Path(),
        help="File with the password at the broker, readable by you alone [default: SALUS_MQTT_PASSWORD].",
    )
    plain: bool = option("--plain", is_flag=True, help="Without TLS: for a broker on this machine.")
    ca_file: str | None = option("--ca-file", type=click.Path(), help="Certificate of the broker's own authority.")

    def connection(self) -> Broker:
        """The broker that it says.

        Raises:
            BadInput: No host, or no such file.
        """
        import os
        import re

        from salus.coldchain.loggers.mqtt import Broker
        from salus.errors import BadInput, one_line
        from salus.keys.keystores import read_password_file

        match = re.fullmatch(r"([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?", self.broker)
        port = 1883 if self.plain else 8883
        if match is None or not 1 <= int(match[2] or port) <= 65_535:
            raise BadInput("--broker", "", f"{one_line(self.broker, 60)!r} is no broker; write a host, or host:port")
        file = self.mqtt_password_file
        password = read_password_file(file) if file else os.environ.get("SALUS_MQTT_PASSWORD")
        return Broker(
            match[1].strip("[]"),
            int(match[2] or port),
            username=self.username,
            password=password if self.username is not None else None,
            tls=not self.plain,
            ca_file=self.ca_file,
        )


@dataclass(frozen=True)
class ListenOptions:
    """What is listened to, where it is kept, and when a batch is closed."""

    topic: str = option(
        "--topic", default="salus/+/readings", show_default=True, help="+ stands for the logger's name."
    )
    spool: str = option("--spool", type=click.Path(), required=True, help="File that keeps the readings.")
    client_id: str = option("--client-id", required=True, help="This listener's name at the broker; keep it.")
    most: int = option(
        "--batch", type=click.IntRange(1, 5_000), default=1_008, show_default=True, help="Readings in a batch."
    )
    age: int = option(
        "--age",
        type=click.IntRange(1),
        default=3_600,
        show_default=True,
        help="Seconds after which a batch is closed anyway.",
    )
    seconds: float | None = option(
        "--for", type=click.FloatRange(0), help="Seconds to listen [default: until it is stopped]."
    )
    show: bool = option(
        "--show", is_flag=True, help="Do not listen: show what the spool holds, and what is in quarantine."
    )


def add_listen(
    parent: click.Group,
    deliver_for: DeliverFor | None = None,
    *options: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> click.Command:
    """Add the command ``listen`` to a group.

    Args:
        parent: E.g. the noun ``shipment``.
        deliver_for: What hands batches on; None collects them only. It is called with the context and the values of
            `options`, by name.
        options: Further ``click.option`` decorators that it needs, such as the device's key.
    """

    def listen(context: Context, broker: BrokerOptions, given: ListenOptions, **more: object) -> None:
        """Listen to loggers over MQTT. Readings are safe on the disk before the broker may forget them.

        Closed batches are handed on, and tried again when that fails. What is no reading is kept apart, with the
        reason; --show lists it. Start it again with the same spool and client id: what came meanwhile was kept.

        \b
        Example:
          salus shipment listen --broker mqtt.example --spool readings.db --client-id clinic-7
          salus shipment listen --broker localhost:1883 --plain --spool readings.db --client-id clinic-7 --show
        """
        from salus.coldchain.loggers.mqtt import BatchLimits, Listener
        from salus.coldchain.loggers.spool import Spool

        where = broker.connection()
        with Spool(given.spool) as spool:
            if given.show:
                _show(context, spool)
                return
            listener = Listener(
                where,
                spool,
                topic=given.topic,
                client_id=given.client_id,
                deliver=None if deliver_for is None else deliver_for(context, **more),
                limits=BatchLimits(given.most, given.age),
                note=context.note,
            )
            _run(context, listener, given.seconds)
            _summary(context, spool)

    run: Callable[..., Any] = listen
    for further in reversed(options):
        run = further(run)
    return command(parent, "listen")(takes(broker=BrokerOptions, given=ListenOptions)(run))


def _run(context: Context, listener: Listener, seconds: float | None) -> None:
    """Listen for so long, or until Ctrl-C."""
    end = None if seconds is None else time.monotonic() + seconds
    try:
        listener.run(lambda: end is not None and time.monotonic() >= end)
    except KeyboardInterrupt:
        context.note("stopped; what is here stays here")


def _summary(context: Context, spool: Spool) -> None:
    count = spool.count()
    total = sum(count[state] for state in ("open", "pending", "delivered"))
    context.answer(
        count,
        f"{total:,} readings: {count['open']:,} in no batch yet, {count['pending']:,} waiting,"
        f" {count['delivered']:,} handed on; {count['quarantine']:,} messages in quarantine",
    )


def _show(context: Context, spool: Spool) -> None:
    count, kept = spool.count(), spool.quarantined()
    data = {
        **count,
        "quarantined": [
            {"topic": found.topic, "reason": found.reason, "payload": found.payload, "at": found.arrived_at}
            for found in kept
        ],
    }
    lines = [f"{state:<10}  {number:,}" for state, number in count.items()]
    lines += [f"{moment(found.arrived_at)}  {found.topic}: {found.reason}" for found in kept]
    context.answer(data, "\n".join(lines))
