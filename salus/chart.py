"""Temperature charts: as text for a terminal, as PNG with matplotlib (the extra ``plot``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from .errors import BadInput
from .loggers.export import Reading

__all__ = ["png", "text"]


def text(readings: Sequence[Reading], *, low: int, high: int, width: int = 72, height: int = 16) -> str:
    """A chart in characters: ``█`` outside the range, ``▒`` inside, ``·`` the limits, a gap where nothing is known.

    Each column shows the lowest to the highest reading of its time, so that no extreme is averaged away.

    Args:
        readings: In order of time.
        low: Lowest of the labelled range, 0.01 °C.
        high: Highest, 0.01 °C.
        width: Columns of the plot, without the scale.
        height: Its rows, at least 4.

    Raises:
        ValueError: No reading has a temperature.
    """
    known = [reading for reading in readings if reading.centi is not None]
    if not known:
        raise ValueError("there is no temperature to draw")
    start, end = readings[0].time, max(readings[-1].time, readings[0].time + 1)
    columns: list[list[int]] = [[] for _ in range(width)]
    for reading in known:
        assert reading.centi is not None
        columns[min((reading.time - start) * width // (end - start), width - 1)].append(reading.centi)
    if len(readings) < width:
        columns = _stretched(columns, readings, width)
    values = [value for column in columns for value in column]
    bottom, top = min([*values, low]) - 50, max([*values, high]) + 50
    step = (top - bottom) / height

    def row_of(centi: int) -> int:
        return min(int((centi - bottom) / step), height - 1)

    limits = {row_of(low), row_of(high)}
    lines = []
    for row in reversed(range(height)):
        cells = ""
        for column in columns:
            inside = [value for value in column if row_of(value) == row]
            spanned = bool(column) and row_of(min(column)) <= row <= row_of(max(column))
            if spanned:
                middle = bottom + (row + 0.5) * step
                out = any(not low <= value <= high for value in inside) if inside else not low <= middle <= high
                cells += "█" if out else "▒"
            else:
                cells += "·" if row in limits else " "
        label = f"{(bottom + (row + 0.5) * step) / 100:7.1f}"
        if row in limits:
            label = f"{(low if row == row_of(low) else high) / 100:7.1f}"
        lines.append(f"{label} ┤{cells}".rstrip())
    first, last = (dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%d %H:%M") for time in (start, end))
    lines.append(" " * 8 + "└" + "─" * width)
    lines.append(" " * 9 + first + " UTC" + f"{last} UTC".rjust(width - len(first) - 4))
    return "\n".join(lines)


def _stretched(columns: list[list[int]], readings: Sequence[Reading], width: int) -> list[list[int]]:
    """With fewer readings than columns each one fills its time, so that only what is missing is blank."""
    start, span = readings[0].time, max(readings[-1].time - readings[0].time, 1)
    filled = []
    for n in range(width):
        time = start + span * n // width
        # The last reading that is not later than the column.
        at = max(i for i, reading in enumerate(readings) if reading.time <= time)
        centi = readings[at].centi
        filled.append(columns[n] or ([] if centi is None else [centi]))
    return filled


def png(readings: Sequence[Reading], path: str | Path, *, low: int, high: int, title: str = "") -> None:
    """Write a chart as a PNG file.

    Args:
        readings: In order of time.
        path: The file, which is replaced.
        low: Lowest of the labelled range, 0.01 °C.
        high: Highest, 0.01 °C.
        title: Above the chart.

    Raises:
        BadInput: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError:
        raise BadInput("--png", "", "needs matplotlib; install it with `pip install salus[plot]`") from None
    # Figures without pyplot: no window system, no global state.
    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    times = [dt.datetime.fromtimestamp(reading.time, dt.UTC) for reading in readings]
    celsius = [float("nan") if reading.centi is None else reading.centi / 100 for reading in readings]
    axes.axhspan(low / 100, high / 100, color="#cfe8d5", zorder=0, label=f"{low / 100:g} to {high / 100:g} °C")
    axes.plot(times, celsius, color="#1f4e79", linewidth=1.3)
    outside = [value if not low / 100 <= value <= high / 100 else float("nan") for value in celsius]
    axes.plot(times, outside, color="#b3261e", linewidth=2.2, marker=".", markersize=4, label="outside")
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_ylabel("°C")
    axes.set_xlabel("UTC")
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=False)
    if title:
        axes.set_title(title, fontsize=10)
    try:
        figure.savefig(path, format="png")
    except OSError as trouble:
        raise BadInput(str(path), "", f"cannot be written ({trouble.strerror}); name another file") from None
