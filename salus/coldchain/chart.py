"""Temperature charts: as text for a terminal; as PNG and SVG with matplotlib (the extra ``plot``).

All three show the same: the readings, the labelled range, further thresholds, stretches of time in which a rule was
breached, stretches of which nothing is known, and marks where custody changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salus.coldchain.loggers.reading import Reading
from salus.errors import BadInput, one_line
from salus.errors.extras import needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from salus.coldchain.temperature import Profile, Rule

__all__ = ["Chart", "Mark", "Stretch", "breaches", "gaps", "png", "svg", "text"]

_RANGE, _CURVE, _OUT, _DARK = "#cfe8d5", "#1f4e79", "#b3261e", "#5f6368"


@dataclass(frozen=True)
class Stretch:
    """A stretch of time.

    Args:
        start: Unix seconds.
        end: Unix seconds, after it.
        label: What it is, e.g. a rule in words.
    """

    start: int
    end: int
    label: str = ""


@dataclass(frozen=True)
class Mark:
    """A moment at which custody changed.

    Args:
        time: Unix seconds.
        label: Who has it from then on, e.g. the carrier's handle.
    """

    time: int
    label: str


@dataclass(frozen=True)
class Chart:
    """What is drawn, by any of the three ways.

    Args:
        readings: In order of time.
        low: Lowest of the labelled range, 0.01 °C.
        high: Highest, 0.01 °C.
        title: Above a picture.
        thresholds: Of rules, 0.01 °C; those in sight are drawn.
        breaches: Where a rule was breached, see :func:`breaches`.
        unknown: Of which nothing is known, see :func:`gaps`.
        marks: Changes of custody.
    """

    readings: Sequence[Reading]
    low: int
    high: int
    title: str = ""
    thresholds: Sequence[int] = ()
    breaches: Sequence[Stretch] = ()
    unknown: Sequence[Stretch] = ()
    marks: Sequence[Mark] = ()


def gaps(readings: Sequence[Reading], *, step: int, until: int | None = None) -> list[Stretch]:
    """The stretches of which nothing is known: each reading stands for the step after it, a missing one for nothing.

    A gap shorter than a step, in which no reading can be missing, is none.

    Args:
        readings: In order of time.
        step: Seconds for which a reading stands.
        until: Where the time that is looked at ends; by default where the last reading does.
    """
    found: list[Stretch] = []
    if not readings:
        return found
    known_to = readings[0].time
    for reading in readings:
        if reading.centi is not None:
            if reading.time - known_to >= step:
                found.append(Stretch(known_to, reading.time, "unknown"))
            known_to = reading.time + step
    end = readings[-1].time + step if until is None else until
    if end - known_to >= step:
        found.append(Stretch(known_to, end, "unknown"))
    return found


def breaches(readings: Sequence[Reading], profile: Profile, *, step: int) -> list[Stretch]:
    """The stretches in which readings hit a rule that they breach, whole or altogether, in order of time.

    Args:
        readings: In order of time.
        profile: With the rules.
        step: Seconds for which a reading stands.
    """
    from salus.coldchain.temperature import Span

    found: list[Stretch] = []
    for rule in profile.rules:
        hit = _hit(readings, rule, step)
        least = rule.minutes * 60
        if rule.span is Span.CUMULATIVE:
            bad = hit if sum(part.end - part.start for part in hit) >= least else []
        else:
            bad = [part for part in hit if part.end - part.start >= least]
        found += bad
    return sorted(found, key=lambda part: (part.start, part.end))


def _hit(readings: Sequence[Reading], rule: Rule, step: int) -> list[Stretch]:
    """Where readings in a row hit a rule; what nobody knows does not end a row, as with the contract."""
    from salus.coldchain.temperature import Bound

    found: list[Stretch] = []
    row = False
    for reading in readings:
        if reading.centi is None:
            continue
        hit = reading.centi >= rule.threshold if rule.bound is Bound.ABOVE else reading.centi <= rule.threshold
        if hit and row:
            found[-1] = Stretch(found[-1].start, reading.time + step, rule.words)
        elif hit:
            found.append(Stretch(reading.time, reading.time + step, rule.words))
        row = hit
    return found


# ---------------------------------------------------------------------------------------------------------- a terminal


def text(chart: Chart, *, width: int = 72, height: int = 16) -> str:
    """A chart in characters: ``█`` outside the range, ``▒`` inside, ``·`` the limits, ``╌`` other thresholds.

    Each column shows the lowest to the highest reading of its time, so that no extreme is averaged away. Where nothing
    is known, and no reading fell into the column, it is hatched with ``╱``. Below the axis stand ``▲`` under breaches,
    ``?`` under all unknown time, and a number under each change of custody, with a line for it.

    Args:
        width: Columns of the plot, without the scale.
        height: Its rows, at least 4.

    Raises:
        ValueError: No reading has a temperature.
    """
    if not any(reading.centi is not None for reading in chart.readings):
        raise ValueError("there is no temperature to draw")
    grid = _Grid.of(chart, width, height)
    breached = grid.hits(chart.breaches)
    signs = [" "] * width
    for n, mark in enumerate(chart.marks, 1):
        signs[grid.column_of(mark.time)] = str(n % 10)
    under = ["".join(sign if hit else " " for hit in hits) for sign, hits in (("▲", breached), ("?", grid.hatched))]
    lines = [grid.line(chart, row) for row in reversed(range(height))]
    lines.append(" " * 8 + "└" + "─" * width)
    lines += [f"{'':9}{cells}".rstrip() for cells in (*under, "".join(signs)) if cells.strip()]
    first, last = _moment(grid.start), _moment(grid.end)
    lines.append(" " * 9 + first + " UTC" + f"{last} UTC".rjust(width - len(first) - 4))
    for stretch in chart.breaches:
        lines.append(f"  ▲ {_moment(stretch.start)} to {_moment(stretch.end)}  {one_line(stretch.label, 80)}".rstrip())
    for n, mark in enumerate(chart.marks, 1):
        lines.append(f"  {n % 10} {_moment(mark.time)}  {one_line(mark.label, 80)}".rstrip())
    return "\n".join(lines)


@dataclass(frozen=True)
class _Grid:
    """Time in columns, temperature in rows.

    Attributes:
        start, end: Of the readings, Unix seconds.
        width, height: Columns and rows.
        bottom, step: 0.01 °C of the lowest row's lower edge, and of a row.
        columns: The readings of each column, 0.01 °C.
        hatched: The columns in which nothing is known.
    """

    start: int
    end: int
    width: int
    height: int
    bottom: float
    step: float
    columns: Sequence[Sequence[int]]
    hatched: Sequence[bool]

    @classmethod
    def of(cls, chart: Chart, width: int, height: int) -> _Grid:
        """The grid of a chart that has a temperature."""
        readings = chart.readings
        start, end = readings[0].time, max(readings[-1].time, readings[0].time + 1)
        empty = cls(start, end, width, height, 0, 1, (), ())
        columns: list[list[int]] = [[] for _ in range(width)]
        for reading in readings:
            if reading.centi is not None:
                columns[empty.column_of(reading.time)].append(reading.centi)
        hatched = empty.hits(chart.unknown)
        if len(readings) < width:
            columns = _stretched(columns, readings, width, hatched)
        values = [value for column in columns for value in column]
        bottom, top = min([*values, chart.low]) - 50, max([*values, chart.high]) + 50
        return cls(start, end, width, height, bottom, (top - bottom) / height, columns, hatched)

    def column_of(self, time: int) -> int:
        """The column of a second; before and after the readings the first and the last."""
        return min(max((time - self.start) * self.width // (self.end - self.start), 0), self.width - 1)

    def row_of(self, centi: int) -> int:
        """The row of a temperature, from below."""
        return min(int((centi - self.bottom) / self.step), self.height - 1)

    def hits(self, stretches: Sequence[Stretch]) -> list[bool]:
        """The columns that stretches of time touch."""
        hit = [False] * self.width
        for stretch in stretches:
            if stretch.end > self.start and stretch.start < self.end:
                for at in range(self.column_of(stretch.start), self.column_of(stretch.end - 1) + 1):
                    hit[at] = True
        return hit

    def line(self, chart: Chart, row: int) -> str:
        """One row with its scale."""
        top = self.bottom + self.step * self.height
        thresholds = [t for t in chart.thresholds if self.bottom < t < top]
        # Of several in one row the last is named; a limit comes before them all.
        named = {self.row_of(t): t for t in (*thresholds, chart.high, chart.low)}
        label = named.get(row, self.bottom + (row + 0.5) * self.step)
        blank = "·" if row in (self.row_of(chart.low), self.row_of(chart.high)) else "╌" if row in named else " "
        cells = "".join(self._cell(chart, at, row, blank) for at in range(self.width))
        return f"{label / 100:7.1f} ┤{cells}".rstrip()

    def _cell(self, chart: Chart, at: int, row: int, blank: str) -> str:
        column = self.columns[at]
        if not column:
            return "╱" if self.hatched[at] else blank
        if not self.row_of(min(column)) <= row <= self.row_of(max(column)):
            return blank
        inside: list[float] = [value for value in column if self.row_of(value) == row]
        inside = inside or [self.bottom + (row + 0.5) * self.step]
        return "█" if any(not chart.low <= value <= chart.high for value in inside) else "▒"


def _moment(time: int) -> str:
    return dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%d %H:%M")


def _stretched(
    columns: list[list[int]], readings: Sequence[Reading], width: int, hatched: Sequence[bool]
) -> list[list[int]]:
    """With fewer readings than columns each one fills its time, so that only what is missing is blank."""
    start, span = readings[0].time, max(readings[-1].time - readings[0].time, 1)
    filled = []
    for n in range(width):
        time = start + span * n // width
        # The last reading that is not later than the column.
        at = max(i for i, reading in enumerate(readings) if reading.time <= time)
        centi = readings[at].centi
        filled.append(columns[n] or ([] if centi is None or hatched[n] else [centi]))
    return filled


# ------------------------------------------------------------------------------------------------------------ pictures


def png(chart: Chart, path: str | Path) -> None:
    """Write a chart as a PNG file; one that is there is replaced.

    Breaches are shaded, what nobody knows is hatched, thresholds are dashed, changes of custody lines with a name.

    Raises:
        BadInput: matplotlib is not installed, or the file cannot be written.
    """
    _save(_figure("--png", chart), path, "png")


def svg(chart: Chart, path: str | Path) -> None:
    """Write a chart as an SVG file, its words as text; the same chart is the same file. See :func:`png`.

    Raises:
        BadInput: matplotlib is not installed, or the file cannot be written.
    """
    figure = _figure("--svg", chart)
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "salus"}):
        _save(figure, path, "svg", metadata={"Date": None})


def _save(figure: Figure, path: str | Path, kind: str, **options: Any) -> None:
    try:
        figure.savefig(path, format=kind, **options)
    except OSError as trouble:
        raise BadInput(str(path), "", f"cannot be written ({trouble.strerror}); name another file") from None


def _figure(option: str, chart: Chart) -> Figure:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError:
        raise BadInput(option, "", needs("matplotlib", "plot")) from None
    low, high = chart.low, chart.high
    # Figures without pyplot: no window system, no global state.
    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    times = [_utc(reading.time) for reading in chart.readings]
    celsius = [float("nan") if reading.centi is None else reading.centi / 100 for reading in chart.readings]
    # Where nothing is known no line may lead across, for a line says what lies between.
    for stretch in chart.unknown:
        at = next((n for n, time in enumerate(times) if time >= _utc(stretch.end)), len(times))
        times.insert(at, _utc(stretch.end))
        celsius.insert(at, float("nan"))
    axes.axhspan(low / 100, high / 100, color=_RANGE, zorder=0, label=f"{low / 100:g} to {high / 100:g} °C")
    for n, stretch in enumerate(chart.breaches):
        label = "breach" if n == 0 else None
        axes.axvspan(_utc(stretch.start), _utc(stretch.end), color=_OUT, alpha=0.15, linewidth=0, zorder=1, label=label)
    for n, stretch in enumerate(chart.unknown):
        axes.axvspan(
            _utc(stretch.start),
            _utc(stretch.end),
            facecolor="#f1f1f1",
            edgecolor="#9aa0a6",
            hatch="///",
            linewidth=0,
            zorder=1,
            label="unknown" if n == 0 else None,
        )
    axes.plot(times, celsius, color=_CURVE, linewidth=1.3, zorder=3)
    outside = [value if not low / 100 <= value <= high / 100 else float("nan") for value in celsius]
    if any(value == value for value in outside):
        axes.plot(times, outside, color=_OUT, linewidth=2.2, marker=".", markersize=4, label="outside", zorder=4)
    bottom, top = axes.get_ylim()
    # A threshold far out of sight would press the curve flat.
    for threshold in sorted(set(chart.thresholds) - {low, high}):
        if bottom - 2 <= threshold / 100 <= top + 2:
            axes.axhline(threshold / 100, color=_DARK, linewidth=0.9, linestyle="--", zorder=2)
            axes.annotate(
                f"{threshold / 100:g} °C",
                (1, threshold / 100),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 2),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color=_DARK,
            )
    for mark in chart.marks:
        axes.axvline(_utc(mark.time), color=_DARK, linewidth=1.1, linestyle=":", zorder=2)
        axes.annotate(
            one_line(mark.label, 40),
            (_utc(mark.time), 0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 4),
            textcoords="offset points",
            rotation=90,
            va="bottom",
            fontsize=8,
            color=_DARK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1},
            parse_math=False,
        )
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_ylabel("°C")
    axes.set_xlabel("UTC")
    axes.grid(alpha=0.25)
    axes.margins(x=0.01)
    figure.legend(loc="outside lower right", ncols=4, frameon=False, fontsize=9)
    if chart.title:
        axes.set_title(one_line(chart.title, 120), fontsize=10, parse_math=False)
    return figure


def _utc(time: int) -> Any:
    # Any: matplotlib takes moments, its types say numbers.
    return dt.datetime.fromtimestamp(time, dt.UTC)
