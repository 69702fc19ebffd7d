"""The nouns profile, lot and logger of the command line, against a chain with all contracts."""

import re
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from salus.coldchain.loggers import Reading, write_qtag
from salus.coldchain.temperature import ready_profiles
from tests.support.vaccine_scenario import GTIN, PREFIX

# ---- profile, lot


def test_profiles_are_listed_shown_and_registered(typed):
    assert {p["name"] for p in typed("profile", "list", "--json").json()} == set(ready_profiles())
    shown = typed("profile", "show", "room").out
    assert "range     20.00 to 25.00 °C" in shown and "mean kinetic temperature > 25.00 °C over 720 h" in shown
    result = typed("profile", "register", "cool-box", by="regulator", code=2)
    assert result.err.startswith("error: PROFILE: 'cool-box' is no ready profile; there are refrigerated,")


def test_a_profile_is_registered_once_and_listed(typed, vaccine_maker):
    profile = ready_profiles()["ultra-cold"]
    vaccine_maker.profile(profile)
    result = typed("profile", "register", "ultra-cold", by="regulator", code=1)
    assert result.err.splitlines()[-1] == f"refused: the temperature profile 0x{profile.id.hex()} is registered already"
    listed = typed("profile", "list", "--on-chain", "--json").json()
    assert [p["name"] for p in listed if p["id"] == "0x" + profile.id.hex()] == ["ultra-cold"]
    assert "range     -90.00 to -60.00 °C" in typed("profile", "show", "0x" + profile.id.hex()).out


def test_a_lot_from_prefix_to_box(typed, vaccine_maker):
    typed("lot", "prefix", PREFIX, vaccine_maker.handle, by="regulator")
    assert {"prefix": PREFIX, "manufacturer": vaccine_maker.signer.address} in typed("lot", "prefix", "--json").json()
    profile = "0x" + vaccine_maker.profile().hex()
    words = (
        "--gtin",
        GTIN,
        "--number",
        "CLI-1",
        "--made",
        "2025-01-02",
        "--expires",
        "+1y",
        "--units",
        500,
        "--profile",
        profile,
    )
    lot = typed("lot", "register", *words, "--json", by="maker").json()["lot"]
    shown = typed("lot", "show", GTIN, "CLI-1").out
    assert (
        f"id        {lot}" in shown and "units     500, 500 in no shipment yet" in shown and "recall    none" in shown
    )
    assert typed("lot", "show", lot, "--json").json()["number"] == "CLI-1"
    listed = typed("lot", "list", "--manufacturer", vaccine_maker.handle)
    assert listed.out.splitlines()[1].split("\t")[:3] == [GTIN, "CLI-1", vaccine_maker.handle]
    again = typed("lot", "register", *words, by="maker", code=1)
    assert again.err.splitlines()[-1] == f"refused: the lot {lot} is registered already"
    vaccine_maker.recall(bytes.fromhex(lot[2:]), 9)
    assert "recall    RECALLED, code 9" in typed("lot", "show", lot).out
    typed("lot", "prefix", PREFIX, "--remove", by="regulator")
    assert {"prefix": PREFIX, "manufacturer": None} in typed("lot", "prefix", "--json").json()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lot", "show", "0x12"), "error: LOT: is '0x12'; give 0x and 64 hex digits"),
        (("lot", "show", "1", "2", "3"), "error: LOT: are 3 words"),
        (("lot", "prefix", PREFIX), "error: MANUFACTURER: say whose the prefix is, or --remove"),
        (("lot", "prefix", "--remove"), "error: DIGITS: is missing"),
        (("logger", "model", "x"), "error: NAME: give a name and --file"),
        (("logger", "condition", "0x" + "1" * 40, "replaced"), "error: --by: names the device"),
        (("logger", "condition", "0x" + "1" * 40, "lost", "--by", "0x" + "2" * 40), "error: --by: names the device"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(typed, words, said):
    result = typed(*words, code=2)
    assert result.err.splitlines()[-1].startswith(said)


@pytest.mark.parametrize("accuracy", ["0", "-1", "half", "0.005", "656", "nan"])
def test_an_accuracy_is_in_hundredths(typed, vaccine_maker, accuracy):
    result = typed("logger", "register", vaccine_maker.device, f"--accuracy={accuracy}", by="maker", code=2)
    assert result.err.startswith("error: --accuracy: is ")


# ---- logger


def test_a_logger_and_its_maker(typed, vaccine_maker, tmp_path):
    device = vaccine_maker.device
    made = typed("logger", "register", device, "--accuracy", "0.3", "--serial", "SIM1", "--json", by="maker").json()
    assert re.fullmatch(r"0x[0-9a-f]{64}", made["serialSalt"])
    assert "calibrated  never" in typed("logger", "show", device).out
    certificate = tmp_path / "certificate.pdf"
    certificate.write_bytes(b"calibrated")
    typed("logger", "calibrate", device, "--until", "+1y", "--certificate", certificate, by="maker")
    typed("logger", "condition", device, "lost", by="maker")
    shown = typed("logger", "show", device).out
    assert "now         lost since" in shown and "accuracy    0.30 °C" in shown and "calibrated  until" in shown
    assert typed("logger", "list", "--owner", vaccine_maker.handle).out.splitlines()[1].split("\t")[:3] == [
        device,
        vaccine_maker.handle,
        "lost",
    ]

    export = tmp_path / "export.txt"
    key = ec.generate_private_key(ec.SECP256R1())
    export.write_bytes(write_qtag([Reading(n * 600, 450) for n in range(3)], "SIM1", key=key))
    assert "is of no accredited model" in typed("logger", "prove", export, by="maker", code=2).err
    model = typed("logger", "model", "q-tag-sim", "--file", export, "--json", by="regulator").json()["model"]
    proven = typed("logger", "prove", export, "--json", by="maker").json()
    assert (proven["model"], proven["gas"] > 200_000) == (model, True)
    assert typed("logger", "show", proven["file"]).out == f"signed by model {model}\n"
    assert "was proven before" in typed("logger", "prove", export, by="maker").out
    typed("logger", "model", "--distrust", model, by="regulator")
    assert [m["trusted"] for m in typed("logger", "model", "--json").json() if m["model"] == model] == [False]
    edited = tmp_path / "edited.txt"
    edited.write_bytes(export.read_bytes().replace(b"4.5", b"4.6", 1))
    assert "does not verify, so the file was edited" in typed("logger", "prove", edited, by="maker", code=2).err


# ---- help


@pytest.mark.parametrize("noun", ["profile", "lot", "logger"])
def test_help_is_there_at_once(noun):
    """Nothing heavy is imported for it."""
    code = (
        "import sys; from click.testing import CliRunner; from salus.cli import cli;"
        f"result = CliRunner().invoke(cli, ['{noun}', '--help']); assert result.exit_code == 0;"
        "print([name for name in ('web3', 'eth_abi', 'cryptography', 'rich') if name in sys.modules])"
    )
    started = time.monotonic()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]", result.stdout
    assert time.monotonic() - started < 10
