"""Charts for a terminal, as PNG and as SVG."""

import struct
import zlib
from xml.etree import ElementTree

import pytest

from salus.coldchain.chart import Chart, Mark, Stretch, gaps, png, svg, text
from salus.coldchain.loggers import Reading
from salus.errors import BadInput
from salus.errors.extras import needs

START, STEP = 1736143200, 600


def series(*centi):
    return [Reading(START + n * STEP, value) for n, value in enumerate(centi)]


SMOOTH = series(*[400 + n % 50 for n in range(200)])
HOT = [reading if not 100 <= n < 120 else Reading(reading.time, 1200) for n, reading in enumerate(SMOOTH)]
HOLE = [reading for n, reading in enumerate(HOT) if not 40 <= n < 60]
BREACH = [Stretch(START + 103 * STEP, START + 120 * STEP, "≥ 8.00 °C for 30 min at a time")]
MARKS = [Mark(START, "maker"), Mark(START + 150 * STEP, "carrier")]
ALL = {
    "low": 200,
    "high": 800,
    "thresholds": (800, 1000),
    "breaches": BREACH,
    "unknown": gaps(HOLE, step=STEP),
    "marks": MARKS,
}


# --------------------------------------------------------------------------------------------------------------- gaps


@pytest.mark.parametrize(
    "readings, until, due",
    [
        (series(400, 400, 400), None, []),
        (series(400, None, 400), None, [(1, 2)]),
        (series(None, None, 400), None, [(0, 2)]),
        (series(400, None, None), None, [(1, 3)]),
        ([series(400)[0], Reading(START + 5 * STEP, 400)], None, [(1, 5)]),
        (series(400, 400), START + 4 * STEP, [(2, 4)]),
        (series(400, 400), START + 2 * STEP + 599, []),
        ([], None, []),
    ],
)
def test_tt2_silence_is_shown(readings, until, due):
    found = [((s.start - START) / STEP, (s.end - START) / STEP) for s in gaps(readings, step=STEP, until=until)]
    assert found == due


def test_a_gap_shorter_than_a_step_is_none():
    readings = [Reading(START, 400), Reading(START + 2 * STEP - 1, 400)]
    assert gaps(readings, step=STEP) == []
    assert len(gaps([readings[0], Reading(START + 2 * STEP, 400)], step=STEP)) == 1


# ----------------------------------------------------------------------------------------------------------- a terminal


def rows(drawn):
    return {float(line[:7]): line[9:].ljust(72) for line in drawn.splitlines() if line[8:9] == "┤"}


def row_at(drawn, celsius):
    """The row whose label is nearest."""
    found = rows(drawn)
    return found[min(found, key=lambda label: abs(label - celsius))]


def under(drawn, sign):
    """The columns under which a sign stands."""
    line = next(line for line in drawn.splitlines() if line.startswith(" " * 9) and set(line) == {" ", sign})
    return [at - 9 for at, found in enumerate(line) if found == sign]


def test_terminal_shows_all():
    drawn = text(Chart(HOLE, **ALL))
    assert "█" in row_at(drawn, 12) and "█" not in row_at(drawn, 4.4)
    assert set(row_at(drawn, 8)) >= {"·", "╱"} and "╌" in row_at(drawn, 10)
    assert under(drawn, "▲") == list(range(103 * 72 // 199, 120 * 72 // 199 + 1))
    assert under(drawn, "?") == list(range(40 * 72 // 199, 59 * 72 // 199 + 1))
    lines = drawn.splitlines()
    assert "  ▲ 2025-01-06 23:10 to 2025-01-07 02:00  ≥ 8.00 °C for 30 min at a time" in lines
    assert "  1 2025-01-06 06:00  maker" in lines and "  2 2025-01-07 07:00  carrier" in lines
    signs = next(line for line in lines if line.replace(" ", "") == "12")
    assert (signs.index("1") - 9, signs.index("2") - 9) == (0, 150 * 72 // 199)


def test_terminal_without_more_is_what_it_was():
    drawn = text(Chart(HOT, low=200, high=800))
    assert len(drawn.splitlines()) == 18 and not set("╱╌▲?") & set(drawn)


def test_no_extreme_is_averaged_away():
    spike = [reading if n != 77 else Reading(reading.time, 1500) for n, reading in enumerate(SMOOTH)]
    assert "█" in row_at(text(Chart(spike, low=200, high=800)), 15)


def test_a_short_silence_among_many_readings_is_seen_too():
    """A column of many readings shows them, and the mark below it the hour that is missing."""
    month = series(*[400] * 4320)
    holed = month[:2000] + month[2006:]
    drawn = text(Chart(holed, low=200, high=800, unknown=gaps(holed, step=STEP)))
    assert "╱" not in drawn and under(drawn, "?") == [2000 * 72 // 4319]


def test_few_readings_and_a_hole():
    readings = series(400, None, 400)
    row = row_at(text(Chart(readings, low=200, high=800, unknown=gaps(readings, step=STEP))), 4)
    assert row[:36] == "▒" * 36 and set(row[36:71]) == {"╱"} and row[71] == "▒"


def test_nothing_to_draw():
    with pytest.raises(ValueError):
        text(Chart(series(None, None), low=200, high=800))


def test_labels_from_outside_do_no_harm():
    drawn = text(Chart(SMOOTH, low=200, high=800, marks=[Mark(START, "a\x1b[31m\nb" + "c" * 500)]))
    assert "\x1b" not in drawn and max(map(len, drawn.splitlines())) < 120


# --------------------------------------------------------------------------------------------------------------
# pictures


def pixels(path):
    """Colours of a PNG and how often each is there, by the standard library alone."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, kind = struct.unpack(">IIBB", content[16:26])
    assert depth == 8 and kind == 6
    data, at = b"", 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        if content[at + 4 : at + 8] == b"IDAT":
            data += content[at + 8 : at + 8 + length]
        at += length + 12
    assert len(zlib.decompress(data)) == height * (4 * width + 1)
    return width, height


def test_png(tmp_path):
    png(Chart(HOLE, title="t", **ALL), tmp_path / "all.png")
    png(Chart(HOLE, low=200, high=800), tmp_path / "bare.png")
    assert pixels(tmp_path / "all.png") == pixels(tmp_path / "bare.png") == (1200, 540)
    assert (tmp_path / "all.png").read_bytes() != (tmp_path / "bare.png").read_bytes()


def words(path):
    tree = ElementTree.parse(path)
    return {"".join(node.itertext()).strip() for node in tree.iter("{http://www.w3.org/2000/svg}text")}


def test_svg_says_in_words_what_it_shows(tmp_path):
    svg(Chart(HOLE, title="shipment $x$ <b>&", **ALL), tmp_path / "all.svg")
    assert words(tmp_path / "all.svg") >= {
        "shipment $x$ <b>&",
        "2 to 8 °C",
        "breach",
        "unknown",
        "outside",
        "10 °C",
        "maker",
        "carrier",
        "UTC",
    }
    svg(Chart(SMOOTH, low=200, high=800), tmp_path / "bare.svg")
    assert not words(tmp_path / "bare.svg") & {"breach", "unknown", "outside", "maker"}


def test_the_same_chart_is_the_same_svg(tmp_path):
    for name in ("a", "b"):
        svg(Chart(HOLE, title="t", **ALL), tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_no_line_leads_across_what_is_unknown(tmp_path):
    """The curve breaks at the hole: its path begins anew once."""
    svg(Chart(HOLE, low=200, high=800, unknown=gaps(HOLE, step=STEP)), tmp_path / "a.svg")
    svg(Chart(HOLE, low=200, high=800), tmp_path / "b.svg")
    begins = []
    for name in "ab":
        paths = (tmp_path / f"{name}.svg").read_text().split("<path")[1:]
        (curve,) = [path for path in paths if "stroke: #1f4e79" in path]
        begins.append(curve.split("clip-path")[0].count("M "))
    assert begins == [2, 1]


def test_a_threshold_far_out_of_sight_does_not_press_the_curve_flat(tmp_path):
    svg(Chart(SMOOTH, low=200, high=800, thresholds=(4500,)), tmp_path / "a.svg")
    assert "45 °C" not in words(tmp_path / "a.svg")


@pytest.mark.parametrize("write, kind", [(png, "png"), (svg, "svg")])
def test_pictures_that_cannot_be_written(write, kind, tmp_path, monkeypatch):
    import sys

    with pytest.raises(BadInput) as error:
        write(Chart(SMOOTH, low=200, high=800), tmp_path / "none" / f"a.{kind}")
    assert "cannot be written" in str(error.value)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BadInput) as error:
        write(Chart(SMOOTH, low=200, high=800), tmp_path / f"a.{kind}")
    assert str(error.value) == f"--{kind}: {needs('matplotlib', 'plot')}"
