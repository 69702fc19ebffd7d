"""The noun shipment of the command line and scripts/log_shipment.py, against a chain with the contracts."""

import datetime as dt
import json
import sys

import pytest
from click.testing import CliRunner

from salus.cli import cli
from salus.coldchain.chart import Chart, text
from salus.coldchain.loggers import Reading, write_qtag
from salus.formats.epcis import problems
from salus.keys.keystores import write_keystore
from tests.client.coldchain.test_shipments import Journey
from tests.support.fault_proxy import FaultProxy
from tests.support.shared_data import EXAMPLES, shared

PASSWORD = "correct horse"
ROLES = ("maker", "carrier", "clinic", "laboratory", "device")


class ShipmentCommands:
    """A journey whose people have keystores, and the command."""

    def __init__(self, deployed_chain, folder):
        self.deployed_chain, self.folder = deployed_chain, folder
        self.keys = {}

    def journey(self, start=None):
        """A journey from a moment, or of the last hour."""
        now = self.deployed_chain.client().now()
        journey = Journey(self.deployed_chain, start=now - 3600 if start is None else start)
        for name in ROLES:
            self.keys[name] = self.folder / f"{name}.json"
            self.keys[name].unlink(missing_ok=True)
            write_keystore(self.keys[name], bytes(getattr(journey, name)._account.key), PASSWORD)
        return journey, "0x" + journey.shipment.hex()

    def run(self, *words, who=None, code=0, noun="shipment"):
        options = ["--keystore", self.keys[who], "--yes"] if who else []
        result = CliRunner().invoke(cli, [noun, *map(str, [*words, *options])], prog_name="salus")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return result

    def json(self, *words, **options):
        return json.loads(self.run(*words, "--json", **options).stdout)

    def export(self, journey, *centi, after=0):
        path = self.folder / "export.txt"
        path.write_bytes(write_qtag(journey.readings(*centi, after=after), "SIM1"))
        return path

    def logged(self, *centi):
        """An intact journey of the last hour with readings, and its id."""
        journey, shipment = self.journey()
        self.run("log", shipment, self.export(journey, *centi), "--device", self.keys["device"], who="carrier")
        return journey, shipment


@pytest.fixture
def shipment_commands(deployed_chain, tmp_path, monkeypatch, cheap):
    monkeypatch.setenv("SALUS_RPC", deployed_chain.url)
    monkeypatch.setenv("SALUS_BOOK", str(deployed_chain.book_path))
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
    return ShipmentCommands(deployed_chain, tmp_path)


EXCURSION = int(dt.datetime(2025, 1, 6, 6, tzinfo=dt.UTC).timestamp())  # when the example begins


# ----------------------------------------------------------------------------------------------- from opening to giving


def test_intact_shipment_is_handed_on_and_a_used_offer_is_refused(shipment_commands):
    journey, shipment = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    assert shipment_commands.run("verdict", shipment).stdout == "intact\n"
    offer, accepted = shipment_commands.folder / "offer.json", shipment_commands.folder / "accepted.json"
    said = shipment_commands.run(
        "hand", shipment, journey.carrier_name, "--hours", 48, "--seal", "SEAL-17", "--out", offer, who="maker"
    )
    for fact in (f"to              {journey.carrier_name}", "hand on within  48 h", "seal            SEAL-17"):
        assert fact in said.stderr
    shipment_commands.run("accept", offer, "--vvm", 1, who="carrier")
    shown = shipment_commands.json("show", shipment)
    assert (shown["verdict"], shown["holder"]) == ("intact", journey.carrier.address)
    assert shown["due"] > journey.deployed_chain.client().now()
    assert (shown["lot"]["gtin"], shown["judgement"]["readings"], shown["units"]) == (journey.gtin, 6, 40)
    # The same offer again: the manufacturer no longer holds it.
    assert shipment_commands.run("accept", offer, who="carrier", code=1).stderr.splitlines()[-1].startswith("refused: ")

    # Without ether for either party: both sign, a stranger relays.
    offer.unlink()
    shipment_commands.run("hand", shipment, journey.clinic_name, "--out", offer, who="carrier")
    shipment_commands.run("accept", offer, "--vvm", 2, "--shake", "passed", "--out", accepted, who="clinic")
    shipment_commands.run("relay", accepted, who="laboratory")
    assert shipment_commands.json("show", shipment)["holder"] == journey.clinic.address
    shipment_commands.run("dispense", shipment, "--units", 10, who="clinic")
    assert shipment_commands.json("show", shipment)["units"] == 30


def test_open_pair_split_merge_list(shipment_commands):
    journey, _ = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    opened = shipment_commands.json(
        "open", "0x" + journey.lot.hex(), "--units", 20, "--origin", "9506000134369", who="maker"
    )
    assert len(bytes.fromhex(opened["originSalt"][2:])) == 32 and opened["destinationSalt"] is None
    device = journey.new_device()
    shipment_commands.run("pair", opened["shipment"], device.address, who="maker")
    assert shipment_commands.run("verdict", opened["shipment"]).stdout == "intact\n"
    part = shipment_commands.json("split", opened["shipment"], "--units", 5, who="maker")["shipment"]
    listed = shipment_commands.json("list", "0x" + journey.lot.hex())
    assert [row["units"] for row in listed] == [40, 15, 5]
    shipment_commands.run("merge", part, opened["shipment"], who="maker")
    assert shipment_commands.run("verdict", part, code=1).stdout == "its units are in another shipment\n"
    shipment_commands.run("unpair", opened["shipment"], device.address, who="maker")
    assert [logger["device"] for logger in shipment_commands.json("show", opened["shipment"])["loggers"]] == [
        device.address
    ]


def test_what_may_not_move_is_not_signed_for(shipment_commands):
    """The verdict is looked up first: no password is asked for, and no file is written."""
    journey, shipment = shipment_commands.journey()
    offer = shipment_commands.folder / "offer.json"
    words = ("hand", shipment, journey.clinic_name, "--out", offer)
    hot = shipment_commands.export(journey, *[1_200] * 4)
    shipment_commands.run("log", shipment, hot, "--device", shipment_commands.keys["device"], who="carrier", code=1)
    refused = shipment_commands.run(*words, who="maker", code=1)
    why = "it has had an excursion that no laboratory has released"
    assert refused.stderr == f"refused: the shipment {shipment} may not move: {why}\n"
    document = json.loads(shipment_commands.run(*words, "--json", who="maker", code=1).stderr)
    assert (document["error"], document["arguments"]) == ("NotIntact", {"shipment": shipment, "verdict": 2})
    assert not offer.exists()

    # What goes back moves all the same: to a laboratory, until it is destroyed.
    laboratory = journey.laboratory.address
    shipment_commands.run("hand", shipment, laboratory, "--out", offer, who="maker")
    shipment_commands.run("accept", offer, who="laboratory")
    assert shipment_commands.json("show", shipment)["holder"] == laboratory
    back = shipment_commands.folder / "back.json"
    shipment_commands.run("hand", shipment, journey.maker_name, "--out", back, who="laboratory")
    shipment_commands.run("destroy", shipment, "--reason", 31, who="laboratory")
    gone = shipment_commands.run(
        "hand", shipment, journey.maker_name, "--out", shipment_commands.folder / "x.json", who="laboratory", code=1
    )
    assert "may not move: it was destroyed" in gone.stderr and not (shipment_commands.folder / "x.json").exists()


def test_a_lot_is_recalled_by_what_is_printed_on_its_box(shipment_commands):
    journey, shipment = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    lot = shipment_commands.json("show", "0x" + journey.lot.hex(), noun="lot")
    recalled = shipment_commands.json("recall", lot["gtin"], lot["number"], "--reason", 2, who="maker", noun="lot")
    assert (recalled["lot"], recalled["shipments"], recalled["reason"]) == ("0x" + journey.lot.hex(), 1, 2)
    assert shipment_commands.run("verdict", shipment, code=1).stdout == "the lot is recalled; code 2\n"
    refused = shipment_commands.run(
        "hand", shipment, journey.carrier_name, "--out", shipment_commands.folder / "x.json", who="maker", code=1
    )
    assert "may not move: it is of a lot that is recalled" in refused.stderr


def test_reject_quarantine_release_destroy_recall(shipment_commands):
    journey, shipment = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    offer = shipment_commands.folder / "offer.json"
    shipment_commands.run("hand", shipment, journey.carrier_name, "--out", offer, who="maker")
    shipment_commands.run("reject", offer, "--reason", 7, "--vvm", 3, who="carrier")
    verdict = shipment_commands.run("verdict", shipment, code=1).stdout
    assert verdict.startswith("a limit was breached") and "quarantined by hand" in verdict
    shipment_commands.run("release", shipment, "--reason", 12, who="laboratory")
    shipment_commands.run("quarantine", shipment, "--reason", 4, who="maker")
    assert shipment_commands.json("show", shipment)["disposition"] == "quarantined"
    shipment_commands.run("recall", "0x" + journey.lot.hex(), "--reason", 2, who="maker", noun="lot")
    assert shipment_commands.run("verdict", shipment, code=1).stdout == "the lot is recalled; code 2\n"
    shipment_commands.run("destroy", shipment, "--reason", 31, who="laboratory")
    assert shipment_commands.json("show", shipment)["disposition"] == "destroyed"


# ------------------------------------------------------------------------------------------------------------ readings


def test_excursion_is_found_explained_recomputed_and_drawn(shipment_commands):
    journey, shipment = shipment_commands.journey(EXCURSION)
    words = ("log", shipment, EXAMPLES / "qtag-excursion.txt", "--device", shipment_commands.keys["device"])
    result = shipment_commands.run(*words, who="carrier", code=1)
    assert "288 readings logged for" in result.stdout
    assert result.stderr.splitlines()[-1] == (
        "refused: the shipment is not intact: a limit was breached and no laboratory has released it since"
    )
    shown = shipment_commands.run("show", shipment).stdout
    assert "because        ≥ 8.00 °C for 30 min at a time (hit for 140 min)" in shown
    assert "because        ≥ 8.00 °C for 60 min altogether (hit for 140 min)" in shown
    assert "because        first at 2025-01-07 07:20:00 UTC" in shown
    assert "extremes       3.80 °C to 14.60 °C" in shown
    assert "outside        140 min above, 0 min below" in shown
    assert "has none from 2025-01-08 06:00:00 UTC" in shipment_commands.run(*words, who="carrier", code=2).stderr

    assert shipment_commands.json("recompute", shipment)["same"] is True
    table = shipment_commands.run("recompute", shipment)
    assert "highest\t1460\t1460" in table.stdout and table.stderr == "the same\n"

    png, svg = shipment_commands.folder / "chart.png", shipment_commands.folder / "chart.svg"
    drawn = shipment_commands.run("chart", shipment, "--png", png, "--svg", svg).stdout
    assert "█" in drawn and "▲" in drawn
    assert png.read_bytes().startswith(b"\x89PNG\r\n") and b"<svg" in svg.read_bytes()
    data = shipment_commands.json("chart", shipment)
    assert (data["low"], data["high"], len(data["readings"])) == (200, 800, 288)
    assert [label for _, _, label in data["breaches"]] == [
        "≥ 8.00 °C for 30 min at a time",
        "≥ 8.00 °C for 60 min altogether",
    ]


def test_a_chart_takes_each_batch_from_the_chain_once(shipment_commands):
    _, shipment = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    with FaultProxy(shipment_commands.deployed_chain.url) as watching:
        shipment_commands.run("chart", shipment, "--rpc", watching.url)
        assert watching.asked["eth_getTransactionByHash"] == 1


def test_recompute_tells_of_a_node_that_lies(shipment_commands, monkeypatch):
    from salus.coldchain.shipments import ColdChain

    journey, shipment = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    real = ColdChain.recompute
    monkeypatch.setattr(
        ColdChain, "recompute", lambda self, s: __import__("dataclasses").replace(real(self, s), highest=800)
    )
    result = shipment_commands.run("recompute", shipment, code=1)
    assert "highest\t800\t470\tdiffers" in result.stdout and result.stderr == "the two differ\n"


def test_story_as_epcis_whose_events_are_anchored(shipment_commands):
    journey, shipment = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    offer, out = shipment_commands.folder / "offer.json", shipment_commands.folder / "story.jsonld"
    shipment_commands.run("hand", shipment, journey.carrier_name, "--out", offer, who="maker")
    shipment_commands.run("accept", offer, who="carrier")
    done = shipment_commands.json("export", shipment, "--out", out, "--anchor", who="carrier")
    document = json.loads(out.read_text())
    assert list(problems(document, "story.jsonld")) == []
    steps = [event["bizStep"] for event in document["epcisBody"]["eventList"]]
    assert steps == ["commissioning", "packing", "sensor_reporting", "accepting"]
    anchored = shipment_commands.deployed_chain.client().lots.anchored(journey.shipment)
    assert list(anchored) == done["events"] == [e["eventID"] for e in document["epcisBody"]["eventList"]]
    assert {who for names in anchored.values() for who in names} == {journey.carrier.address}


def test_story_tells_of_each_batch_what_it_measured_and_broke_itself(shipment_commands):
    journey, shipment = shipment_commands.journey()
    hot, cold = [1_200] * 4, [450, 460, 455]
    for first, values, code in ((0, hot, 1), (4, cold, 1)):
        words = (shipment_commands.export(journey, *values, after=first), "--device", shipment_commands.keys["device"])
        shipment_commands.run("log", shipment, *words, who="carrier", code=code)
    out = shipment_commands.folder / "story.jsonld"
    shipment_commands.run("export", shipment, "--out", out)
    events = [event for event in json.loads(out.read_text())["epcisBody"]["eventList"] if "sensorElementList" in event]
    first, second = (element["sensorReport"] for event in events for element in event["sensorElementList"])
    assert first[0] | {"minValue": 12.0, "maxValue": 12.0} == first[0]
    assert {report["exception"] for report in first[1:]} == {"ALARM_CONDITION"}
    assert second == [{"type": "Temperature", "minValue": 4.5, "maxValue": 4.6, "uom": "CEL"}]


def test_label_is_verified_from_its_picture(shipment_commands):
    journey, shipment = shipment_commands.logged(450, 460, 470, 465, 455, 450)
    picture = shipment_commands.folder / "label.png"
    shipment_commands.run("label", "0x" + journey.lot.hex(), "--png", picture, noun="lot")
    found = shipment_commands.run(picture, "--shipment", shipment, noun="verify")
    assert "verdict" in found.stdout and "is registered by" in found.stdout
    shipment_commands.run("recall", "0x" + journey.lot.hex(), "--reason", 2, who="maker", noun="lot")
    refused = shipment_commands.run(picture, noun="verify", code=1)
    assert "the lot is recalled, code 2" in refused.stderr
    forged = f"(01){journey.gtin}(10)FORGED"
    assert "nobody registered lot FORGED" in shipment_commands.run(forged, noun="verify", code=1).stderr


def test_csv_with_an_offset(shipment_commands):
    path = shipment_commands.folder / "readings.csv"
    path.write_text("time,celsius\n2025-01-06T11:30:00,4.5\n2025-01-06T11:40:00,4.6\n")
    journey, shipment = shipment_commands.journey(EXCURSION)
    words = ("log", shipment, path, "--device", shipment_commands.keys["device"])
    assert "--utc-offset" in shipment_commands.run(*words, who="carrier", code=2).stderr
    shipment_commands.run(*words, "--utc-offset", "+05:30", who="carrier", code=1)  # long ago: silence since then
    assert shipment_commands.json("show", shipment)["judgement"]["readings"] == 2


def test_edited_export_is_refused_and_nothing_sent(shipment_commands):
    path = shared("temperature-loggers", "fridge-tag-2l_edited.txt")
    journey, shipment = shipment_commands.journey(EXCURSION)
    block = shipment_commands.deployed_chain.w3.eth.block_number
    result = shipment_commands.run(
        "log", shipment, path, "--device", shipment_commands.keys["device"], who="carrier", code=2
    )
    assert result.stderr.splitlines()[-1] == (
        f"error: {path}: line 593: Sig: does not verify, so the file was edited; give it as the device wrote it"
    )
    assert shipment_commands.deployed_chain.w3.eth.block_number == block


def test_device_that_was_never_paired(shipment_commands):
    journey, shipment = shipment_commands.journey()
    result = shipment_commands.run(
        "log",
        shipment,
        shipment_commands.export(journey, 450, 460),
        "--device",
        shipment_commands.keys["clinic"],
        who="carrier",
        code=2,
    )
    assert "was never paired with this shipment" in result.stderr


def test_pack(shipment_commands):
    packed = shipment_commands.json("pack", EXAMPLES / "readings.csv")
    assert (packed["readings"], packed["missing"], packed["signature"], packed["batches"][0]["count"]) == (
        144,
        1,
        "absent",
        144,
    )
    shown = shipment_commands.run("pack", EXAMPLES / "qtag-intact.txt").stdout.splitlines()
    assert (
        shown[0]
        == "Q-tag CLm doc LR SIM00000002: 288 readings, 0 missing, 3.80 °C to 5.80 °C, device signature verified"
    )
    assert shown[1] == (
        "batch 0: 288 readings of 600 s from 2025-01-06 06:00:00 UTC, 8 bits each in steps of 0.10 °C, 288 bytes"
    )
    history = shared("temperature-loggers", "fridge-tag-2_130400191544.txt")
    result = shipment_commands.run("pack", history, code=2)
    assert "keeps a daily history only" in result.stderr and not result.stdout


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
def test_usage_ends_with_2(words, message, shipment_commands):
    result = shipment_commands.run(*words, code=2)
    assert message in result.stderr.splitlines()[-1] and not result.stdout


NAMES = sorted(cli.get_command(None, "shipment").commands)


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example(name):
    result = CliRunner().invoke(cli, ["shipment", name, "--help"], prog_name="salus")
    assert result.exit_code == 0 and f"salus shipment {name}" in result.stdout.split("Example:")[1]


# --------------------------------------------------------------------------------------------------------- the chart


def test_text_chart_keeps_extremes():
    readings = [Reading(n * 600, 500) for n in range(1000)]
    readings[500] = Reading(500 * 600, 1200)
    drawn = text(Chart(readings, low=200, high=800)).splitlines()
    assert drawn[0].count("█") == 1 and sum(line.count("█") for line in drawn[1:]) > 0
    assert all(len(line) <= 81 for line in drawn)
    assert drawn[-1].strip() == "1970-01-01 00:00 UTC" + " " * 32 + "1970-01-07 22:30 UTC"


def test_text_chart_shows_gaps_and_few_readings():
    readings = [Reading(0, 500), Reading(600, None), Reading(1200, 500)]
    row = next(line for line in text(Chart(readings, low=200, high=800), width=60).splitlines() if "▒" in line)
    assert row.split("┤")[1] == "▒" * 30 + " " * 29 + "▒"


def test_text_chart_without_temperatures():
    with pytest.raises(ValueError, match="no temperature"):
        text(Chart([Reading(0, None)], low=200, high=800))


# -------------------------------------------------------------------------------------------------------- the script


def test_script(shipment_commands, monkeypatch, capsys):
    from scripts import log_shipment as script

    journey, shipment = shipment_commands.journey()
    export = shipment_commands.export(journey, 450, 460, 470)
    words = [
        shipment,
        str(export),
        "--device",
        str(shipment_commands.keys["device"]),
        "--keystore",
        str(shipment_commands.keys["carrier"]),
        "--yes",
    ]
    monkeypatch.setattr(sys, "argv", ["log_shipment.py", *words])
    assert script.main() == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "verdict: intact"
    assert said.err.splitlines()[-1] == "3 of 3 readings judged"
    assert script.main() == 2  # nothing new
    capsys.readouterr()
    shipment_commands.export(journey, 1500, 1500, 1500, after=3)
    assert script.main() == 1
    assert "a limit was breached" in capsys.readouterr().out.splitlines()[-1]
