"""Uses, emergencies, reviews and the patient's inbox on the command line."""

import json
import os
import stat
import time

import pytest
from eth_utils.crypto import keccak


@pytest.fixture
def granted(run, hospital, wallet):
    """The wallet's account that has permitted the hospital to treat."""
    name, file, _ = hospital
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--until", "+10d", "--yes", "--relay-as", file)
    return wallet.__class__.open(wallet.path, "correct horse").address(name)


def used(run, patient, file, *more):
    words = ("consent", "access", patient, "--purpose", "TREAT", "--category", "Observation")
    return run(*words, *more, "--keystore", file, "--yes")


def test_a_use_is_recorded_by_a_salted_commitment(run, deployed_chain, hospital, granted, tmp_path):
    record = tmp_path / "hba1c.json"
    record.write_text('{"value": 48}')
    done = used(run, granted, hospital[1], "--record", record, "--json")
    assert done.code == 0
    (line,) = done.json()["records"]
    salt = bytes.fromhex(line["salt"][2:])
    assert line["commitment"] == "0x" + keccak(salt + record.read_bytes()).hex()
    (use,) = deployed_chain.client().accesses.all(granted)
    assert "0x" + use.record.hex() == line["commitment"]
    shown = used(run, granted, hospital[1], "--record", record)
    assert "salt 0x" in shown.out and ", keep it" in shown.out


def test_a_commitment_that_was_made_before_is_taken(run, deployed_chain, hospital, granted):
    assert used(run, granted, hospital[1], "--commitment", "0x" + "07" * 32).code == 0
    assert deployed_chain.client().accesses.all(granted)[0].record == b"\7" * 32
    for wrong in ("0x12", "07" * 32):
        assert used(run, granted, hospital[1], "--commitment", wrong).code == 2
    assert "--record: is missing" in used(run, granted, hospital[1]).err


def test_without_a_permit_it_is_refused_and_can_be_asked_before(run, hospital, granted):
    words = (
        "consent",
        "access",
        granted,
        "--purpose",
        "HMARKT",
        "--category",
        "Observation",
        "--keystore",
        hospital[1],
    )
    refused = run(*words, "--commitment", "0x" + "07" * 32, "--yes", "--json")
    assert (refused.code, json.loads(refused.err.splitlines()[-1])["error"]) == (1, "AccessRefused")
    asked = run(*words, "--check", "--json")
    assert (asked.code, asked.json()) == (0, {"allowed": False, "reason": "WRONG_PURPOSE", "emergency": None})
    assert used(run, granted, hospital[1], "--check").out == "may be used now: a directive that names it decides\n"


def test_the_glass_is_broken_seen_and_reviewed(run, deployed_chain, hospital, keystore, wallet):
    patient = wallet.address()
    words = ("consent", "emergency", patient, "--cause", "unconscious", "--category", "all", "--hours", "4")
    done = run(*words, "--keystore", hospital[1], "--yes", "--json")
    assert (done.code, "BREAK THE GLASS" in done.err) == (0, True)
    id = done.json()["emergency"]
    again = run(*words, "--keystore", hospital[1], "--yes", "--json")
    assert (again.code, again.json()["number"], again.json()["emergency"] != id) == (0, 2, True)

    shown = run("consent", "review", id)
    assert (shown.code, "unconscious" in shown.out, "is open" in shown.out) == (0, True, True)
    regulator = keystore(deployed_chain.regulator)
    closed = run("consent", "review", id, "--outcome", "unjustified", "--keystore", regulator, "--yes")
    assert closed.code == 0
    assert run("consent", "review", id, "--json").json()["outcome"] == "UNJUSTIFIED"
    twice = run("consent", "review", id, "--outcome", "justified", "--keystore", regulator, "--yes")
    assert (twice.code, "it was not justified" in twice.err) == (1, True)
    stranger = run("consent", "review", id, "--outcome", "justified", "--keystore", hospital[1], "--yes")
    assert stranger.code == 1
    assert run("consent", "review", "0x" + "07" * 32).code == 2
    assert run("consent", "review", "0x07").code == 2


def test_C8_a_use_names_the_emergency_that_opens_it(run, deployed_chain, hospital, wallet):
    """The one that runs, or the one that is named: by its id or its number."""
    patient, file = wallet.address(), hospital[1]
    words = ("consent", "emergency", patient, "--cause", "unconscious", "--category", "all", "--hours", "4")
    id = run(*words, "--keystore", file, "--yes", "--json").json()["emergency"]
    for more in ((), ("--emergency", id), ("--emergency", "1")):
        done = used(run, patient, file, "--commitment", "0x" + "07" * 32, *more)
        assert (done.code, "the emergency number 1" in done.err) == (0, True)
    assert {"0x" + use.emergency.hex() for use in deployed_chain.client().accesses.all(patient)} == {id}
    for wrong, code in (("2", 1), ("0x" + "07" * 32, 2), ("x", 2)):
        assert used(run, patient, file, "--commitment", "0x" + "07" * 32, "--emergency", wrong).code == code


def test_C8_two_clinicians_break_the_glass_after_a_verdict(run, deployed_chain, hospital, keystore, wallet, tmp_path):
    patient, (name, file, _) = wallet.address(), hospital
    scope = ("--cause", "unconscious", "--category", "all", "--hours", "4")
    words = ("consent", "emergency", patient, *scope, "--keystore", file, "--yes")
    id = run(*words, "--json").json()["emergency"]
    run("consent", "review", id, "--outcome", "unjustified", "--keystore", keystore(deployed_chain.regulator), "--yes")
    alone = run(*words)
    assert (alone.code, "a second clinician signs with it" in alone.err.splitlines()[-1]) == (1, True)
    doctor, out = keystore(deployed_chain.institution("PROVIDER")[0]), tmp_path / "second.json"
    second = ("consent", "second", patient, "--clinician", name, *scope, "--out", out, "--keystore", doctor, "--yes")
    signed = run(*second)
    assert (signed.code, "SECOND CLINICIAN for" in signed.err) == (0, True)
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    assert run(*second).code == 2
    both = run(*words, "--second", out, "--json")
    assert both.code == 0
    assert run("consent", "review", both.json()["emergency"], "--json").json()["second"] is not None


def test_C20_a_late_use_says_whether_it_is_proven(run, deployed_chain, hospital, granted):
    done = used(run, granted, hospital[1], "--commitment", "0x" + "07" * 32, "--used-at", "2026-01-01")
    assert (done.code, "a reviewer will look at it" in done.out) == (0, True)
    (use,) = deployed_chain.client().accesses.all(granted)
    assert (use.provable, use.used_at) == (False, 1767225600)
    (shown,) = run("consent", "late", "--institution", hospital[0], "--json").json()
    assert (shown["patient"], shown["usedAt"], shown["record"]) == (granted, 1767225600, "0x" + "07" * 32)
    assert granted in run("consent", "late").out
    _, name = deployed_chain.institution("PROVIDER")
    assert run("consent", "late", "--institution", name).out == "there is none\n"


def test_C20_evidence_is_written_without_a_node_and_recorded_later(run, deployed_chain, hospital, granted, tmp_path):
    file, book = tmp_path / "outage.json", ("--book", deployed_chain.book_path)
    words = ("consent", "access", granted, "--purpose", "TREAT", "--category", "Observation")
    record = ("--commitment", "0x" + "07" * 32, "--keystore", hospital[1], "--offline", file)
    kept = run(*words, *record, *book, "--rpc", "http://127.0.0.1:1")
    assert (kept.code, "record them with" in kept.out) == (0, True)
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert run(*words, *record, *book, "--rpc", "http://127.0.0.1:1").code == 2
    # The file has this machine's time, and other tests move the chain's.
    behind = int(time.time()) + 1 - deployed_chain.client().now()
    if behind > 0:
        deployed_chain.node.advance(behind)
    done = run("consent", "evidence", file, "--keystore", hospital[1], "--yes", "--json")
    assert done.code == 0
    text = done.json()
    assert (text["recorded"], text["skipped"]) == (1, [])
    again = run("consent", "evidence", file, "--keystore", hospital[1], "--yes", "--json").json()
    assert (again["recorded"], again["transactions"]) == (0, [])


@pytest.mark.parametrize("wrong", [("--hours", "25"), ("--hours", "0"), ("--cause", "boredom")])
def test_an_emergency_that_cannot_be_is_usage(run, hospital, wallet, wrong):
    words = ["consent", "emergency", wallet.address(), "--cause", "unconscious", "--category", "all", "--hours", "4"]
    assert run(*words, *wrong, "--keystore", hospital[1], "--yes").code == 2


# -------------------------------------------------------------------------------------------------------------- inbox


def test_the_inbox_shows_what_is_new_and_emergencies_first(run, hospital, granted, wallet):
    name, file, signer = hospital
    used(run, granted, file, "--commitment", "0x" + "07" * 32)
    words = ("consent", "emergency", granted, "--cause", "unconscious", "--category", "all", "--hours", "4")
    run(*words, "--keystore", file, "--yes")
    kept = run("consent", "inbox", "--keep", "--json").json()
    assert [(e["name"], e["cause"], e["outcome"]) for e in kept["emergencies"]] == [(name, "UNCONSCIOUS", "OPEN")]
    assert [(u["name"], u["purposes"], u["emergency"]) for u in kept["uses"]] == [(name, ["TREAT"], None)]
    assert [(e["name"], e["effect"]) for e in kept["expiring"]] == [(name, "PERMIT")]

    shown = run("consent", "inbox").out
    places = [shown.index(title) for title in ("The glass was broken:", "Uses of your data:", "Ending within 30 days:")]
    assert places == sorted(places)
    seen = wallet.path / "inbox.json"
    assert stat.S_IMODE(os.stat(seen).st_mode) == 0o600

    later = run("consent", "inbox", "--json").json()
    assert (later["emergencies"], later["uses"], later["since"]) == ([], [], kept["until"] + 1)
    used(run, granted, file, "--commitment", "0x" + "08" * 32)
    assert [u["record"] for u in run("consent", "inbox", "--json").json()["uses"]] == ["0x" + "08" * 32]
    assert len(run("consent", "inbox", "--all", "--json").json()["uses"]) == 2


def test_a_look_at_one_account_is_not_remembered(run, hospital, granted, wallet):
    used(run, granted, hospital[1], "--commitment", "0x" + "07" * 32)
    for _ in range(2):
        assert len(run("consent", "inbox", "--patient", granted, "--json").json()["uses"]) == 1
    assert not (wallet.path / "inbox.json").exists()


def test_an_empty_inbox_says_so(run, wallet):
    assert run("consent", "inbox").out == "nothing new\n"


@pytest.mark.parametrize("text", ["[]", "no", '{"1": "x"}'])
def test_a_damaged_memory_is_told(run, wallet, text):
    seen = wallet.path / "inbox.json"
    seen.write_text(text)
    seen.chmod(0o600)
    result = run("consent", "inbox")
    assert (result.code, "is damaged; remove it" in result.err) == (2, True)


def test_a_chain_that_was_started_anew_is_looked_at_from_the_beginning(run, deployed_chain, hospital, granted, wallet):
    used(run, granted, hospital[1], "--commitment", "0x" + "07" * 32)
    seen = wallet.path / "inbox.json"
    seen.write_text(json.dumps({f"{deployed_chain.node.chain_id} {deployed_chain.book['AccessLog'].address}": 10**9}))
    seen.chmod(0o600)
    assert len(run("consent", "inbox", "--json").json()["uses"]) == 1
