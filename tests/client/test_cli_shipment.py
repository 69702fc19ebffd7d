"""The noun shipment of the command line and scripts/log_shipment.py, against a chain with the contracts."""

import json
import sys

import pytest
from click.testing import CliRunner

from salus import errors
from salus.chart import text
from salus.cli import cli
from salus.coldchain import ready_profiles
from salus.keystores import write_keystore
from salus.loggers import Reading, write_qtag
from tests.client.shared_data import EXAMPLES, shared

PASSWORD = "correct horse"
GTIN = "09506000134352"
DAY = 86_400
ROLES = {
    "maker": "MANUFACTURER",
    "logger": "LOGGER",
    "carrier": "CARRIER",
    "clinic": "PHARMACY",
    "laboratory": "LABORATORY",
}


class Scene:
    """Institutions with keystores, and the command."""

    def __init__(self, world, tmp_path):
        self.world, self.folder = world, tmp_path
        self.people = {name: world.institution(role) for name, role in ROLES.items()}
        device = world.person(0)
        logger = world.client(self.people["logger"][0])
        logger.institutions.set_operator(device.address, ["LOGGER"], logger.now() + 365 * DAY)
        self.people |= {"device": (device, ""), "regulator": (world.regulator, "")}
        self.keys = {name: tmp_path / f"{name}.json" for name in self.people}
        for name, (signer, _) in self.people.items():
            write_keystore(self.keys[name], bytes(signer._account.key), PASSWORD)
        profile = ready_profiles()["refrigerated"]
        try:
            world.client(world.regulator).coldchain.register_profile(profile)
        except errors.ProfileExists:
            pass

    def handle(self, name):
        return self.people[name][1]

    def run(self, *words, who=None, code=0):
        options = ["--keystore", self.keys[who], "--yes"] if who else []
        result = CliRunner().invoke(cli, ["shipment", *map(str, [*words, *options])], prog_name="salus")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return result

    def json(self, *words, **options):
        return json.loads(self.run(*words, "--json", **options).stdout)

    def opened(self, start):
        lot = self.json(
            "lot",
            "--gtin",
            GTIN,
            "--number",
            f"A{start}-{id(self)}"[:20],
            "--made",
            "2024-01-01",
            "--expires",
            "+1y",
            "--units",
            500,
            who="maker",
        )["lot"]
        words = ("open", lot, "--units", 200, "--logger", self.handle("logger"), "--from", start)
        return self.json(*words, who="maker")["shipment"]

    def recent(self, *centi):
        """An export whose last reading was just taken; its file and the start of the shipment."""
        start = (self.world.client().now() // 600 - len(centi)) * 600
        path = self.folder / "recent.txt"
        path.write_bytes(write_qtag([Reading(start + n * 600, value) for n, value in enumerate(centi)], "SIM1"))
        import datetime as dt

        return path, dt.datetime.fromtimestamp(start, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def scene(world, tmp_path, monkeypatch, cheap):
    monkeypatch.setenv("SALUS_RPC", world.url)
    monkeypatch.setenv("SALUS_BOOK", str(world.book_path))
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
    return Scene(world, tmp_path)


def test_intact_shipment_is_handed_over(scene):
    export, start = scene.recent(450, 460, 470, 465, 455)
    shipment = scene.opened(start)
    logged = scene.run("log", shipment, export, "--device", scene.keys["device"], who="carrier")
    assert "5 readings logged for" in logged.stdout and "verdict: intact" in logged.stdout
    scene.run("offer", shipment, scene.handle("carrier"), who="maker")
    assert f"offered to     {scene.handle('carrier')}" in scene.run("show", shipment).stdout
    scene.run("accept", shipment, who="carrier")
    shown = scene.json("show", shipment)
    assert (shown["verdict"], shown["holder"], shown["offeredTo"]) == (
        "intact",
        scene.people["carrier"][0].address,
        None,
    )
    assert (shown["lot"]["gtin"], shown["judgement"]["readings"]) == (GTIN, 5)
    # Accepted for good: the manufacturer no longer holds it.
    refused = scene.run("offer", shipment, scene.handle("clinic"), who="maker", code=1)
    assert refused.stderr.splitlines()[-1].startswith("refused: ")


def test_excursion_is_found_and_the_next_handover_refused(scene):
    shipment = scene.opened("2025-01-06T06:00:00Z")
    result = scene.run(
        "log", shipment, EXAMPLES / "qtag-excursion.txt", "--device", scene.keys["device"], who="carrier", code=1
    )
    assert "288 readings logged for" in result.stdout
    assert result.stderr.splitlines()[-1] == (
        "refused: the shipment is not intact: a temperature rule was breached and no laboratory has released it since"
    )
    shown = scene.run("show", shipment).stdout
    assert "breached       ≥ 8.00 °C for 30 min at a time" in shown
    assert "breached       ≥ 8.00 °C for 60 min altogether" in shown
    assert "first breach   2025-01-07 07:20:00 UTC" in shown
    assert "extremes       3.80 °C to 14.60 °C" in shown
    assert "outside        140 min above, 0 min below" in shown
    refused = scene.run("offer", shipment, scene.handle("clinic"), who="maker", code=1)
    assert refused.stderr.splitlines()[-1].startswith("refused: ")
    again = scene.run(
        "log", shipment, EXAMPLES / "qtag-excursion.txt", "--device", scene.keys["device"], who="carrier", code=2
    )
    assert "end before 2025-01-08 06:00:00 UTC" in again.stderr
    scene.run("release", shipment, "--reason", 12, who="laboratory")
    assert scene.json("show", shipment)["verdict"] == "intact"
    scene.run("destroy", shipment, "--reason", 31, who="laboratory")
    assert scene.json("show", shipment)["disposition"] == "destroyed"


def test_chart_of_what_was_logged(scene):
    shipment = scene.opened("2025-01-06T06:00:00Z")
    scene.run("log", shipment, EXAMPLES / "qtag-excursion.txt", "--device", scene.keys["device"], who="carrier", code=1)
    png = scene.folder / "chart.png"
    drawn = scene.run("chart", shipment, "--png", png).stdout
    assert (
        drawn.splitlines()[1:] == scene.run("chart", "--file", EXAMPLES / "qtag-excursion.txt").stdout.splitlines()[1:]
    )
    assert png.read_bytes().startswith(b"\x89PNG\r\n") and len(png.read_bytes()) > 10_000
    data = scene.json("chart", shipment)
    assert (data["low"], data["high"], len(data["readings"])) == (200, 800, 288)


def test_withdrawn_offer(scene):
    export, start = scene.recent(450, 460)
    shipment = scene.opened(start)
    scene.run("offer", shipment, scene.handle("carrier"), who="maker")
    scene.run("offer", shipment, "--withdraw", who="maker")
    assert scene.run("accept", shipment, who="carrier", code=1).stderr.splitlines()[-1].startswith("refused: ")
    assert "say to whom, or --withdraw" in scene.run("offer", shipment, who="maker", code=2).stderr


def test_csv_with_an_offset(scene):
    path = scene.folder / "readings.csv"
    path.write_text("time,celsius\n2025-01-06T11:30:00,4.5\n2025-01-06T11:40:00,4.6\n")
    shipment = scene.opened("2025-01-06T06:00:00Z")
    words = ("log", shipment, path, "--device", scene.keys["device"])
    assert "give --utc-offset" in scene.run(*words, who="carrier", code=2).stderr
    scene.run(*words, "--utc-offset", "+05:30", who="carrier", code=1)  # long ago: silence since then
    assert scene.json("show", shipment)["judgement"]["readings"] == 2


def test_edited_export_is_refused_and_nothing_sent(scene):
    path = shared("temperature-loggers", "fridge-tag-2l_edited.txt")
    shipment = scene.opened("2025-01-06T06:00:00Z")
    block = scene.world.w3.eth.block_number
    result = scene.run("log", shipment, path, "--device", scene.keys["device"], who="carrier", code=2)
    assert result.stderr.splitlines()[-1] == (
        f"error: {path}: line 593: Sig: does not verify, so the file was edited; give it as the device wrote it"
    )
    assert scene.world.w3.eth.block_number == block


def test_wrong_device_key(scene):
    export, start = scene.recent(450, 460)
    shipment = scene.opened(start)
    result = scene.run("log", shipment, export, "--device", scene.keys["clinic"], who="carrier", code=1)
    assert result.stderr.splitlines()[-1].startswith("refused: ")


def test_pack(scene):
    packed = scene.json("pack", EXAMPLES / "readings.csv")
    assert (packed["readings"], packed["missing"], packed["signature"], packed["batches"][0]["count"]) == (
        144,
        1,
        "absent",
        144,
    )
    assert packed["batches"][0]["data"].startswith("0x00")
    shown = scene.run("pack", EXAMPLES / "qtag-intact.txt").stdout.splitlines()
    assert (
        shown[0]
        == "Q-tag CLm doc LR SIM00000002: 288 readings, 0 missing, 3.80 °C to 5.80 °C, device signature verified"
    )
    assert shown[1] == "batch 0: 288 readings of 600 s from 2025-01-06 06:00:00 UTC, 576 bytes"
    history = shared("temperature-loggers", "fridge-tag-2_130400191544.txt")
    result = scene.run("pack", history, code=2)
    assert "keeps a daily history only" in result.stderr and not result.stdout


def test_profiles(scene):
    listed = scene.json("profile")
    assert listed["refrigerated"]["rules"][0] == "≥ 8.00 °C for 30 min at a time"
    again = scene.run("profile", "refrigerated", who="regulator", code=1)
    assert again.stderr.splitlines()[-1].startswith("refused: ")
    assert (
        "is no ready profile; there are refrigerated" in scene.run("profile", "fridge", who="regulator", code=2).stderr
    )


@pytest.mark.parametrize(
    "words, message",
    [
        (("show", "0x12"), "error: SHIPMENT: is '0x12'; give 0x and 64 hex digits"),
        (("show", "0x" + "12" * 32), "is unknown on this chain; give the id that `salus shipment open` showed"),
        (("chart",), "error: SHIPMENT: name a shipment, or an export with --file"),
        (("chart", "--file", "none.txt"), "error: none.txt: file: cannot be read (No such file or directory)"),
        (
            ("chart", "--file", str(EXAMPLES / "readings.csv"), "--profile", "x"),
            "error: --profile: 'x' is no ready profile",
        ),
        (
            ("chart", "--file", str(EXAMPLES / "readings.csv"), "--png", "/none/x.png"),
            "error: /none/x.png: cannot be written",
        ),
    ],
)
def test_usage_ends_with_2(words, message, scene):
    result = scene.run(*words, code=2)
    assert message in result.stderr.splitlines()[-1] and not result.stdout


def test_bad_lot_ends_with_2(scene):
    words = ("lot", "--number", "A", "--made", "2024-01-01", "--expires", "+1y", "--units", 5)
    assert (
        "has a wrong check digit, it should be 2"
        in scene.run(*words, "--gtin", "09506000134350", who="maker", code=2).stderr
    )
    assert (
        "--profile: is 'x'; give 0x and 64 hex digits"
        in scene.run(*words, "--gtin", GTIN, "--profile", "x", who="maker", code=2).stderr
    )


NAMES = ["profile", "lot", "open", "offer", "accept", "release", "destroy", "pack", "log", "show", "chart"]


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example(name):
    result = CliRunner().invoke(cli, ["shipment", name, "--help"], prog_name="salus")
    assert result.exit_code == 0 and f"salus shipment {name}" in result.stdout.split("Example:")[1]


# --------------------------------------------------------------------------------------------------------- the chart


def test_text_chart_keeps_extremes():
    readings = [Reading(n * 600, 500) for n in range(1000)]
    readings[500] = Reading(500 * 600, 1200)
    drawn = text(readings, low=200, high=800).splitlines()
    assert drawn[0].count("█") == 1 and sum(line.count("█") for line in drawn[1:]) > 0
    assert all(len(line) <= 81 for line in drawn)
    assert drawn[-1].strip() == "1970-01-01 00:00 UTC" + " " * 32 + "1970-01-07 22:30 UTC"


def test_text_chart_shows_gaps_and_few_readings():
    readings = [Reading(0, 500), Reading(600, None), Reading(1200, 500)]
    row = next(line for line in text(readings, low=200, high=800, width=60).splitlines() if "▒" in line)
    assert row.split("┤")[1] == "▒" * 30 + " " * 29 + "▒"


def test_text_chart_without_temperatures():
    with pytest.raises(ValueError, match="no temperature"):
        text([Reading(0, None)], low=200, high=800)


# -------------------------------------------------------------------------------------------------------- the script


def test_script(scene, monkeypatch, capsys):
    from scripts import log_shipment as script

    export, start = scene.recent(450, 460, 470)
    shipment = scene.opened(start)
    words = [
        shipment,
        str(export),
        "--device",
        str(scene.keys["device"]),
        "--keystore",
        str(scene.keys["carrier"]),
        "--yes",
    ]
    monkeypatch.setattr(sys, "argv", ["log_shipment.py", *words])
    assert script.main() == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "verdict: intact"
    assert said.err.splitlines()[-1] == "3 of 3 readings judged"
    hot, _ = scene.recent(450, 460, 470, *[1500] * 6)
    assert script.main() == 2  # nothing new
    capsys.readouterr()
    scene.world.node.advance(7200)
    scene.recent(*[1500] * 6)
    assert script.main() == 1
    assert "rule was breached" in capsys.readouterr().out.splitlines()[-1]
