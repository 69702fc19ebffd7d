"""The commands label, verify and listen: what they do without a chain."""

import datetime as dt
import json
import subprocess
import sys
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner

from salus.cli import cli
from salus.cli.shipment.listen import add_listen
from salus.cli.verify import verify_command
from salus.coldchain.label import Label, scan, write_qr
from salus.coldchain.loggers import Reading
from salus.coldchain.loggers.spool import Spool
from salus.coldchain.verification import ChainAnswer, Finding, verification
from salus.errors import BadInput, Unreachable
from tests.support.mqtt_broker import Publisher
from tests.support.shared_data import ROOT

GTIN = "09506000134352"
TEXT = f"(01){GTIN}(17)270131(10)A42(21)7"
LINK = f"https://id.gs1.org/01/{GTIN}/10/A42/21/7?17=270131"
LABEL = Label(gtin=GTIN, lot="A42", expires=dt.date(2027, 1, 31), serial="7")
EXPIRES = 1801440000  # 2027-02-01 00:00 UTC


def run(command, *words, code=0):
    result = CliRunner().invoke(command, [str(word) for word in words], prog_name="salus")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


# ---------------------------------------------------------------------------------------------------------------- label


def test_label_made_and_read(tmp_path):
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    words = ("label", "make", "--gtin", "9506000134352", "--lot", "A42", "--expires", "2027-01-31", "--serial", "7")
    made = run(cli, *words, "--png", png, "--svg", svg).stdout.splitlines()
    assert made[:2] == [LINK, TEXT] and "█" in made[2]
    assert scan(png) == LABEL and "<svg" in svg.read_text()
    assert json.loads(run(cli, *words, "--json").stdout)["link"] == LINK
    for given in (png, TEXT, LINK):
        shown = run(cli, "label", "read", given).stdout.splitlines()
        assert shown == ["GTIN     09506000134352", "lot      A42", "expires  2027-01-31", "serial   7"]
    assert json.loads(run(cli, "label", "read", png, "--json").stdout) == {
        "gtin": GTIN,
        "lot": "A42",
        "expires": "2027-01-31",
        "serial": "7",
        "sscc": None,
        "others": {},
        "link": LINK,
    }


@pytest.mark.parametrize(
    "words, message",
    [
        (("make", "--gtin", "09506000134353", "--lot", "A"), "gtin: 09506000134353 has a wrong check digit"),
        (("make", "--gtin", GTIN, "--lot", "#"), "(10): is '#', which no lot can be"),
        (("make", "--gtin", GTIN, "--lot", "A", "--expires", "x"), "--expires: 'x' is no day; write 2027-01-31"),
        (("make", "--gtin", GTIN, "--lot", "A", "--png", "a.gif"), "a.gif: does not end in .png"),
        (("make", "--gtin", GTIN, "--lot", "A", "--resolver", "ftp://x"), "resolver: is 'ftp://x'"),
        (("read", "hello\x1b[31m"), "label: holds a control or a non-ASCII character"),
        (("read", "absent.png"), "label: is 'absent.png'; give a GS1 Digital Link"),
    ],
)
def test_label_refused(words, message):
    result = run(cli, "label", *words, code=2)
    assert len(result.stderr.splitlines()) == 1 and message in result.stderr and not result.stdout


def test_help_is_there_at_once():
    for words in (["label", "--help"], ["label", "make", "--help"], ["label", "read", "--help"]):
        assert "Usage" in run(cli, *words).stdout
    code = (
        "import sys; from salus.cli import label, shipment, verify;"
        " print(len({'PIL', 'paho', 'segno', 'web3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n", done.stderr


# --------------------------------------------------------------------------------------------------------------- verify

GOOD = ChainAnswer(now=EXPIRES - 86_400, registered=True, lot="0xaa", manufacturer="good-maker", expires_at=EXPIRES)
HELD = replace(GOOD, shipment="0xbb", of_lot="0xaa", holder="city-hospital", verdict="intact")


@pytest.mark.parametrize(
    "change, findings",
    [
        ({}, [Finding.REGISTERED]),
        ({"registered": False}, [Finding.NOT_REGISTERED]),
        ({"recalled": 7}, [Finding.RECALLED, Finding.REGISTERED]),
        ({"now": EXPIRES}, [Finding.EXPIRED, Finding.REGISTERED]),
        ({"now": EXPIRES - 1}, [Finding.REGISTERED]),
        # a day apart is another midnight, more is another date
        ({"expires_at": EXPIRES + 86_400}, [Finding.REGISTERED]),
        ({"expires_at": EXPIRES - 86_400, "now": 0}, [Finding.REGISTERED]),
        ({"expires_at": EXPIRES + 2 * 86_400}, [Finding.OTHER_EXPIRY, Finding.REGISTERED]),
        ({"expires_at": EXPIRES - 2 * 86_400, "now": 0}, [Finding.OTHER_EXPIRY, Finding.REGISTERED]),
        ({"of_lot": "0xcc"}, [Finding.OTHER_LOT, Finding.REGISTERED]),
        ({"verdict": "excursion"}, [Finding.NOT_INTACT, Finding.REGISTERED]),
        (
            {"recalled": 1, "now": EXPIRES, "verdict": "recalled", "of_lot": "0xcc"},
            [Finding.RECALLED, Finding.OTHER_LOT, Finding.EXPIRED, Finding.NOT_INTACT, Finding.REGISTERED],
        ),
    ],
)
def test_tt6_verification(change, findings):
    found = verification(LABEL, replace(HELD, **change))
    assert list(found.findings) == findings and len(found.words) == len(findings)
    assert found.ok == (findings == [Finding.REGISTERED])


def test_a_label_that_names_no_lot_is_never_ok():
    for label in (Label(gtin=GTIN), Label(sscc="095060001343521236")):
        found = verification(label, GOOD)
        assert found.findings == (Finding.NO_LOT,) and not found.ok


def test_verify_asks_the_chain_with_what_the_label_says(tmp_path):
    asked = []

    def ask(context, label, shipment):
        asked.append((context.rpc, label, shipment))
        return HELD if shipment else GOOD

    command = verify_command(ask)
    write_qr(LABEL, tmp_path / "a.png")
    shown = run(command, tmp_path / "a.png", "--shipment", "0xbb", "--rpc", "http://h:1").stdout.splitlines()
    assert asked == [("http://h:1", LABEL, "0xbb")]
    assert shown[-3:] == [
        "holder   city-hospital",
        "verdict  intact",
        f"lot A42 of GTIN {GTIN} is registered by good-maker",
    ]
    data = json.loads(run(command, TEXT, "--json").stdout)
    assert (data["ok"], data["findings"], data["label"]["lot"]) == (True, ["registered"], "A42")
    assert data["chain"]["manufacturer"] == "good-maker"


def test_verify_ends_with_1_when_anything_speaks_against_it():
    command = verify_command(lambda *_: replace(HELD, recalled=7, verdict="excursion", verdict_words="it got warm"))
    result = run(command, TEXT, "--shipment", "0xbb", code=1)
    assert result.stderr == "refused: the lot is recalled, code 7; the shipment is not intact: it got warm\n"
    assert json.loads(run(command, TEXT, "--json", code=1).stdout)["ok"] is False
    run(verify_command(lambda *_: ChainAnswer(now=1, registered=False)), TEXT, code=1)
    # Without a lot nothing is asked.
    run(verify_command(lambda *_: pytest.fail("asked")), f"(01){GTIN}", code=1)


def test_verify_ends_with_2_and_3_on_bad_input_and_without_a_node():
    def unreachable(*_):
        raise Unreachable("no node answers")

    assert run(verify_command(unreachable), TEXT, code=3).stderr == "error: no node answers\n"
    assert "wrong check digit" in run(verify_command(unreachable), "(01)09506000134353(10)A", code=2).stderr


def test_tt8_a_hostile_answer_does_no_harm_to_the_terminal():
    command = verify_command(lambda *_: replace(HELD, holder="a\x1b[31mb", manufacturer="c\x1b[2Jd"))
    assert "\x1b" not in run(command, TEXT, "--shipment", "0xbb").output


# --------------------------------------------------------------------------------------------------------------- listen


def test_listen(mosquitto, tmp_path):
    parent, taken = click.Group("shipment"), []

    def deliver_for(context, device):
        return lambda batch: taken.append((context.yes, device, batch))

    add_listen(parent, deliver_for, click.option("--device", required=True))
    words = (
        "listen",
        "--broker",
        f"127.0.0.1:{mosquitto.port}",
        "--plain",
        "--client-id",
        "c",
        "--spool",
        tmp_path / "s.db",
    )
    first = run(parent, *words, "--device", "d", "--for", 0.3, "--yes")
    assert "listening to salus/+/readings" in first.stderr
    publisher = Publisher(mosquitto.port)
    for n in range(3):
        publisher.reading(n)
    publisher.send(b"nonsense")
    publisher.flush()
    publisher.close()
    result = run(parent, *words, "--device", "d", "--for", 3, "--batch", 2, "--yes", "--json")
    assert json.loads(result.stdout) == {"open": 1, "pending": 0, "delivered": 2, "quarantine": 1}
    ((yes, device, batch),) = taken
    assert (yes, device, batch.readings) == (True, "d", (Reading(1736143200, 400), Reading(1736143800, 401)))
    shown = run(parent, *words, "--device", "d", "--show").stdout.splitlines()
    assert shown[:4] == ["open        1", "pending     0", "delivered   2", "quarantine  1"]
    assert "salus/logger-1/readings: line 1, column 1: is not JSON" in shown[4]


def test_listen_that_only_collects(tmp_path):
    parent = click.Group("shipment")
    add_listen(parent)
    with Spool(tmp_path / "s.db") as spool:
        spool.add("a", [Reading(0, 400)])
    words = ("listen", "--broker", "h", "--client-id", "c", "--spool", tmp_path / "s.db", "--show", "--json")
    assert json.loads(run(parent, *words).stdout)["open"] == 1


@pytest.mark.parametrize(
    "words, message",
    [
        (("--broker", "a b"), "--broker: 'a b' is no broker; write a host, or host:port"),
        (("--broker", "h:99999"), "--broker: 'h:99999' is no broker"),
        (("--broker", "h", "--topic", "salus/#"), "topic: is 'salus/#'"),
        (("--broker", "h", "--ca-file", "absent.pem"), "absent.pem: CA file: is no certificate that can be read"),
        (("--broker", "h", "--username", "u", "--mqtt-password-file", "absent"), "absent"),
    ],
)
def test_listen_refused(words, message, tmp_path):
    parent = click.Group("shipment")
    add_listen(parent)
    result = run(parent, "listen", "--client-id", "c", "--spool", tmp_path / "s.db", "--for", 1, *words, code=2)
    assert message in result.stderr.splitlines()[-1]


def test_nothing_is_taken_from_a_bad_answer():
    with pytest.raises(BadInput):
        Label.of({"10": "A"})
