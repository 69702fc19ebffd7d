"""``salus shipment listen``: readings that loggers send over MQTT, kept safe and handed on in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import Context, command, moment

if TYPE_CHECKING:
    from salus.coldchain.loggers.mqtt import Broker
    from salus.coldchain.loggers.spool import Spool, SpoolBatch

    #: Makes what hands a batch on, e.g. signs it with the device's key and logs it; called before anything is heard.
    DeliverFor = Callable[..., Callable[[SpoolBatch], None]]

__all__ = ["add_listen"]


def add_listen(
    parent: click.Group,
    deliver_for: DeliverFor | None = None,
    *options: Callable[[Callable[..., None]], Callable[..., None]],
) -> click.Command:
    """Add the command ``listen`` to a group.

    Args:
        parent: E.g. the noun ``shipment``.
        deliver_for: What hands batches on; None collects them only. It is called with the context and the values of
            `options`, by name.
        options: Further ``click.option`` decorators that it needs, such as the device's key.
    """

    def listen(
        context: Context,
        broker: str,
        topic: str,
        spool_path: str,
        client_id: str,
        username: str | None,
        mqtt_password_file: str | None,
        plain: bool,
        ca_file: str | None,
        most: int,
        age: int,
        for_: float | None,
        show: bool,
        **more: object,
    ) -> None:
        """Listen to loggers over MQTT. Readings are safe on the disk before the broker may forget them.

        Closed batches are handed on, and tried again when that fails. What is no reading is kept apart, with the
        reason; --show lists it. Start it again with the same spool and client id: what came meanwhile was kept.

        \b
        Example:
          salus shipment listen --broker mqtt.example --spool readings.db --client-id clinic-7
          salus shipment listen --broker localhost:1883 --plain --spool readings.db --client-id clinic-7 --show
        """
        import time

        from salus.coldchain.loggers.mqtt import BatchLimits, Listener
        from salus.coldchain.loggers.spool import Spool

        where = _broker(broker, username, mqtt_password_file, plain, ca_file)
        with Spool(spool_path) as spool:
            if show:
                _show(context, spool)
                return
            deliver = None if deliver_for is None else deliver_for(context, **more)
            listener = Listener(
                where,
                spool,
                topic=topic,
                client_id=client_id,
                deliver=deliver,
                limits=BatchLimits(most, age),
                note=context.note,
            )
            end = None if for_ is None else time.monotonic() + for_
            try:
                listener.run(lambda: end is not None and time.monotonic() >= end)
            except KeyboardInterrupt:
                context.note("stopped; what is here stays here")
            count = spool.count()
            context.answer(
                count,
                f"{sum(count[state] for state in ('open', 'pending', 'delivered')):,} readings: {count['open']:,} in no"
                f" batch yet, {count['pending']:,} waiting, {count['delivered']:,} handed on;"
                f" {count['quarantine']:,} messages in quarantine",
            )

    run: Callable[..., Any] = listen
    for option in reversed((*_OPTIONS, *options)):
        run = option(run)
    return command(parent, "listen")(run)


_OPTIONS = (
    click.option("--broker", required=True, help="Host, or host:port [default port: 8883, with --plain 1883]."),
    click.option("--topic", default="salus/+/readings", show_default=True, help="+ stands for the logger's name."),
    click.option("--spool", "spool_path", type=click.Path(), required=True, help="File that keeps the readings."),
    click.option("--client-id", required=True, help="This listener's name at the broker; keep it."),
    click.option("--username", help="At the broker."),
    click.option(
        "--mqtt-password-file",
        type=click.Path(),
        help="File with the password at the broker, readable by you alone [default: SALUS_MQTT_PASSWORD].",
    ),
    click.option("--plain", is_flag=True, help="Without TLS: for a broker on this machine."),
    click.option("--ca-file", type=click.Path(), help="Certificate of the broker's own authority."),
    click.option(
        "--batch", "most", type=click.IntRange(1, 5_000), default=1_008, show_default=True, help="Readings in a batch."
    ),
    click.option(
        "--age",
        type=click.IntRange(1),
        default=3_600,
        show_default=True,
        help="Seconds after which a batch is closed anyway.",
    ),
    click.option("--for", "for_", type=click.FloatRange(0), help="Seconds to listen [default: until it is stopped]."),
    click.option("--show", is_flag=True, help="Do not listen: show what the spool holds, and what is in quarantine."),
)


def _broker(text: str, username: str | None, password_file: str | None, plain: bool, ca_file: str | None) -> Broker:
    import os
    import re

    from salus.coldchain.loggers.mqtt import Broker
    from salus.errors import BadInput, one_line
    from salus.keys.keystores import read_password_file

    match = re.fullmatch(r"([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?", text)
    port = 1883 if plain else 8883
    if match is None or not 1 <= int(match[2] or port) <= 65_535:
        raise BadInput("--broker", "", f"{one_line(text, 60)!r} is no broker; write a host, or host:port")
    password = read_password_file(password_file) if password_file else os.environ.get("SALUS_MQTT_PASSWORD")
    return Broker(
        match[1].strip("[]"),
        int(match[2] or port),
        username=username,
        password=password if username is not None else None,
        tls=not plain,
        ca_file=ca_file,
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
