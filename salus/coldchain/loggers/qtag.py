"""Readings written as a Q-tag CLm would export them, for simulated devices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric import ec

from salus.coldchain.loggers import signature
from salus.coldchain.loggers.reading import Reading

__all__ = ["write_qtag"]

# The alarms of the vaccine profile on a Q-tag: type, limit in °C, minutes.
_WRITTEN_ALARMS = ((2, 8.0, 30), (4, 8.0, 60), (1, 2.0, 20), (3, 2.0, 40))


def write_qtag(readings: Sequence[Reading], serial: str, *, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Write readings as a Q-tag CLm would export them, for simulated devices.

    Args:
        readings: At least two, on whole minutes, at equal distances of 1 to 1,092 minutes.
        serial: The device's serial number, plain ASCII.
        key: Signs the export, on P-256; without one the export is unsigned.

    Returns:
        The file, in UTC, which :func:`salus.coldchain.loggers.read_berlinger` reads (and verifies) as the same
        readings.

    Raises:
        ValueError: Readings or a serial number that such an export cannot hold.
    """
    interval = _interval_of(readings)
    if not serial or len(serial) > 60 or not (serial.isascii() and serial.isprintable()) or serial != serial.strip():
        raise ValueError(f"the serial number {serial!r} is no plain ASCII")
    lines = [*_configuration(serial, interval), *_result(readings), *_data(readings)]
    if key is None:
        return _bytes(lines)
    certificate = ["Cert:", " Vers: 1.0", " Owner: simulated device", f" Public Key: {signature.public_key_hex(key)}"]
    lines += certificate
    lines.append(f"Sig Cert: {signature.sign(_bytes(certificate), key).hex()}")  # self-signed
    return _bytes([*lines, f"Sig: {signature.sign(_bytes(lines), key).hex()}"])


def _interval_of(readings: Sequence[Reading]) -> int:
    """The seconds between readings that such an export can hold."""
    steps = {later.time - earlier.time for earlier, later in pairwise(readings)}
    if len(steps) != 1 or any(reading.time % 60 for reading in readings):
        raise ValueError("give at least two readings at equal distances, on whole minutes")
    interval = steps.pop()
    if interval % 60 or not 60 <= interval <= 65_520:
        raise ValueError(f"a distance of {interval} s; give 1 to 1,092 whole minutes")
    if any(reading.centi is not None and not -27315 <= reading.centi <= 15000 for reading in readings):
        raise ValueError("a temperature outside −273.15 to 150 °C")
    return interval


def _configuration(serial: str, interval: int) -> list[str]:
    lines = [
        "Device: Q-tag CLm doc LR",
        "Vers: 1.9",
        "Fw Vers: simulated",
        "Sensor: 1",
        "Conf:",
        f" Serial: {serial}",
        " Zone: 0.00",
        f" Logging Interval: {interval // 60}",
        " Alarm:",
    ]
    for number, (kind, limit, minutes) in enumerate(_WRITTEN_ALARMS, 1):
        lines += [f"  {number}:", f"   Type: {kind}, T AL: {limit}, t AL: {minutes}"]
    return lines


def _result(readings: Sequence[Reading]) -> list[str]:
    lines = ["Res:", f" TS Start: {_stamp(readings[0].time)}", f" TS Stop: {_stamp(readings[-1].time)}"]
    known = [reading for reading in readings if reading.centi is not None]
    if known:
        low, high = (pick(known, key=lambda reading: reading.centi or 0) for pick in (min, max))
        lines += [
            f" Min T: {_shown(low.centi)}, TS Min T: {_stamp(low.time)}",
            f" Max T: {_shown(high.centi)}, TS Max T: {_stamp(high.time)}",
        ]
    return lines


def _data(readings: Sequence[Reading]) -> list[str]:
    lines = ["Data:", "\tyyyy-MM-dd hh:mm\tT\tOut of limits"]
    for reading in readings:
        out = reading.centi is None or not 200 <= reading.centi <= 800
        lines.append(f"\t{_stamp(reading.time)}\t{_shown(reading.centi)}\t{'x' if out else ''}")
    return lines


def _bytes(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _stamp(time: int) -> str:
    return dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%d %H:%M")


def _shown(centi: int | None) -> str:
    if centi is None:
        return "--.-"
    return f"{Decimal(centi) / 100:.1f}" if centi % 10 == 0 else f"{Decimal(centi) / 100:.2f}"
