"""Guardians and recovery on the command line, on a chain whose clock the tests move."""

import pytest

from salus.chain.local_node import LocalNode
from salus.errors.explanations import moment
from tests.support.deployed_chain import DeployedChain, kind


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    """A chain of its own, with all contracts."""
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("guardians"))


@pytest.fixture
def guarded_patient(deployed_chain, keystore, run, hospital):
    """A patient with three guardians, two of whom must agree: (patient, its keystore, guardians' keystores)."""
    patient, guardians = deployed_chain.patient(), [deployed_chain.patient() for _ in range(3)]
    file = keystore(patient)
    words = [word for guardian in guardians for word in ("--guardian", guardian.address)]
    done = run(
        "consent",
        "guardians",
        "set",
        *words,
        "--threshold",
        "2",
        "--delay",
        "3",
        "--keystore",
        file,
        "--relay-as",
        hospital[1],
        "--yes",
    )
    assert (done.code, "3 days" in done.err) == (0, True)
    return patient, file, [keystore(guardian) for guardian in guardians]


def start(run, guarded_patient, successor, tmp_path):
    """Two guardians sign, the second submits."""
    patient, _, (first, second, _) = guarded_patient
    one = tmp_path / "one.json"
    words = ("consent", "recover", "start", patient.address, "--to", successor, "--out", one)
    assert run(*words, "--keystore", first, "--yes").code == 0
    two = tmp_path / "two.json"
    assert run("consent", "recover", "approve", one, "--out", two, "--keystore", second, "--yes").code == 0
    return one, two


def test_the_guardians_are_shown(run, guarded_patient):
    patient, _, _ = guarded_patient
    (shown,) = run("consent", "guardians", "show", "--patient", patient.address, "--json").json()
    assert (shown["controller"], shown["threshold"], shown["delay"]) == (patient.address, 2, 3 * 86400)
    assert (len(shown["guardians"]), shown["recovery"]) == (3, None)
    assert (
        "2 of 3 must agree, then 3 days pass" in run("consent", "guardians", "show", "--patient", patient.address).out
    )


def test_guardians_move_a_patient_to_a_new_account(run, deployed_chain, hospital, guarded_patient, keystore, tmp_path):
    name, file, _ = hospital
    patient, patient_file, _ = guarded_patient
    new = deployed_chain.patient()
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--keystore", patient_file, "--relay-as", file, "--yes")
    _, two = start(run, guarded_patient, new.address, tmp_path)
    submitted = run("consent", "guardians", "submit", two, "--keystore", file, "--yes", "--json")
    assert (submitted.code, submitted.json()["action"]) == (0, "recover")
    (status,) = run("consent", "recover", "status", patient.address, "--json").json()
    assert status["recovery"]["successor"] == new.address
    assert status["recovery"]["ready"] is False
    told = run("consent", "recover", "status", patient.address).out.splitlines()
    assert f"  RECOVERY: to {new.address}, ready at {moment(status['recovery']['readyAt'])}" in told

    early = run("consent", "recover", "finish", patient.address, "--keystore", file, "--yes")
    assert (early.code, "it can be done for" in early.err.splitlines()[-1]) == (1, True)
    deployed_chain.node.advance(3 * 86400)
    told = run("consent", "recover", "status", patient.address).out.splitlines()
    (status,) = run("consent", "recover", "status", patient.address, "--json").json()
    last = moment(status["recovery"]["lapsesAt"])
    ready = f"  RECOVERY: to {new.address}, ready now, until {last}: salus consent recover finish {patient.address}"
    assert ready in told
    assert status["recovery"]["ready"] is True
    done = run("consent", "recover", "finish", patient.address, "--keystore", file, "--yes", "--json")
    assert (done.code, done.json()["controller"]) == (0, new.address)

    # The new account acts for the old one, whose consents stand.
    way = ("--as-delegate-of", patient.address, "--keystore", keystore(new), "--relay-as", file, "--yes")
    assert run("consent", "renew", "--to", name, "--until", "2040-01-01", *way).code == 0
    assert run("consent", "revoke", "--everything", *way).code == 0
    rows = run("consent", "history", "--patient", patient.address).out.splitlines()
    assert rows[-1].split("\t")[1:3] == ["revoked everything", f"patient, by {new.address}"]
    lost = run(
        "consent", "grant", "--to", name, "--purpose", "TREAT", "--keystore", patient_file, "--relay-as", file, "--yes"
    )
    assert (lost.code, f"was moved: {new.address} signs for it now" in lost.err) == (2, True)


def test_one_guardian_is_too_few(run, deployed_chain, guarded_patient, tmp_path):
    patient, _, (first, *_) = guarded_patient
    rich = deployed_chain.person()
    words = ("consent", "recover", "start", patient.address, "--to", rich.address, "--keystore", first, "--yes")
    result = run(*words)
    assert (result.code, "1 guardians of" in result.err.splitlines()[-1]) == (1, True)


def test_a_copy_from_each_guardian_is_enough(run, deployed_chain, hospital, guarded_patient, tmp_path):
    patient, _, (_, second, third) = guarded_patient
    one, _ = start(run, guarded_patient, deployed_chain.patient().address, tmp_path)
    own = tmp_path / "third.json"
    assert run("consent", "recover", "approve", one, "--out", own, "--keystore", third, "--yes").code == 0
    two = tmp_path / "two.json"
    assert run("consent", "guardians", "submit", own, two, "--keystore", hospital[1], "--yes").code == 0


def test_the_patient_stops_a_move(run, deployed_chain, hospital, guarded_patient, tmp_path):
    patient, patient_file, _ = guarded_patient
    _, two = start(run, guarded_patient, deployed_chain.patient().address, tmp_path)
    run("consent", "guardians", "submit", two, "--keystore", hospital[1], "--yes")
    veto = tmp_path / "veto.json"
    stopped = run("consent", "recover", "veto", "--keystore", patient_file, "--out", veto, "--yes")
    assert (stopped.code, "STOP THE MOVE" in stopped.err) == (0, True)
    assert run("consent", "guardians", "submit", veto, "--keystore", hospital[1], "--yes").code == 0
    (status,) = run("consent", "recover", "status", patient.address, "--json").json()
    assert status["recovery"] is None
    again = run("consent", "guardians", "submit", two, "--keystore", hospital[1], "--yes")
    assert (again.code, "the signature is not" in again.err) == (1, True)


def test_a_stranger_does_not_approve(run, deployed_chain, hospital, guarded_patient, tmp_path):
    one, _ = start(run, guarded_patient, deployed_chain.patient().address, tmp_path)
    result = run("consent", "recover", "approve", one, "--keystore", hospital[1], "--yes")
    assert (result.code, "is no guardian of" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("guardians", "set", "--guardian", "0x12", "--threshold", "1"), "guardian: is '0x12'"),
        (("guardians", "set", "--delay", "soon"), "--delay: is 'soon'; give whole days"),
        (("recover", "veto"), "no recovery of"),
        (("delegate", "add", "0x12", "--purpose", "TREAT", "--until", "+1d"), "delegate: is '0x12'"),
        (("guardians", "set", "--out", "x.json", "--relay-as", "y"), "exclude each other"),
    ],
)
def test_bad_input_is_one_line(run, guarded_patient, words, said):
    result = run("consent", *words, "--keystore", guarded_patient[1], "--yes")
    assert (result.code, said in result.err.splitlines()[-1]) == (2, True)


def test_a_move_is_in_the_inbox_from_its_begin_to_its_end(run, hospital, guarded_patient, deployed_chain, tmp_path):
    patient, patient_file, _ = guarded_patient
    successor = deployed_chain.patient().address
    _, two = start(run, guarded_patient, successor, tmp_path)
    run("consent", "guardians", "submit", two, "--keystore", hospital[1], "--yes")
    inbox = ("consent", "inbox", "--keystore", patient_file)
    (step,) = run(*inbox, "--json").json()["recoveries"]
    assert (step["step"], step["successor"], step["patient"]) == ("RecoveryStarted", successor, patient.address)
    shown = run(*inbox).out
    assert shown.startswith("Moves of an account:\n") and f"guardians move the account to {successor}, from " in shown
    run("consent", "recover", "veto", "--keystore", patient_file, "--relay-as", hospital[1], "--yes")
    assert f"the move to {successor} was stopped" in run(*inbox).out
    assert [step["step"] for step in run(*inbox, "--json").json()["recoveries"]] == [
        "RecoveryStarted",
        "RecoveryVetoed",
    ]


def test_where_one_guardian_must_agree_the_move_begins_at_once(run, hospital, keystore, deployed_chain):
    patient, friend, successor = deployed_chain.patient(), deployed_chain.person(), deployed_chain.patient().address
    way = ("--keystore", keystore(patient), "--relay-as", hospital[1], "--yes")
    assert "  no guardians" in run("consent", "guardians", "show", "--patient", patient.address).out
    words = ("--guardian", friend.address, "--threshold", "1", "--delay", "2")
    assert run("consent", "guardians", "set", *words, *way).code == 0
    start = ("consent", "recover", "start", patient.address, "--to", successor, "--yes", "--json")
    begun = run(*start, "--keystore", keystore(friend)).json()
    assert (begun["patient"], begun["successor"]) == (patient.address, successor)
    (status,) = run("consent", "recover", "status", patient.address, "--json").json()
    lapses = begun["readyAt"] + 30 * 86400
    expected = {"successor": successor, "readyAt": begun["readyAt"], "lapsesAt": lapses, "ready": False}
    assert status["recovery"] == expected


def test_C14_guardians_take_a_move_back(run, deployed_chain, hospital, guarded_patient, tmp_path):
    patient, _, (first, second, _) = guarded_patient
    _, two = start(run, guarded_patient, deployed_chain.patient().address, tmp_path)
    run("consent", "guardians", "submit", two, "--keystore", hospital[1], "--yes")
    one, both = tmp_path / "back.json", tmp_path / "back2.json"
    words = ("consent", "recover", "withdraw", patient.address, "--out", one, "--keystore", first, "--yes")
    signed = run(*words)
    assert (signed.code, "TAKE THE MOVE BACK" in signed.err) == (0, True)
    assert run("consent", "recover", "approve", one, "--out", both, "--keystore", second, "--yes").code == 0
    assert run("consent", "guardians", "submit", both, "--keystore", hospital[1], "--yes").code == 0
    (status,) = run("consent", "recover", "status", patient.address, "--json").json()
    assert status["recovery"] is None
    again = run(*words[:-5], "--keystore", first, "--yes")
    assert (again.code, "no recovery of" in again.err.splitlines()[-1]) == (2, True)


def test_C14_a_change_of_the_guardians_waits_and_is_shown(run, deployed_chain, hospital, guarded_patient):
    patient, patient_file, _ = guarded_patient
    way = ("--keystore", patient_file, "--relay-as", hospital[1], "--yes")
    assert run("consent", "guardians", "set", *way).code == 0
    (shown,) = run("consent", "guardians", "show", "--patient", patient.address, "--json").json()
    assert (len(shown["guardians"]), shown["pending"]["guardians"]) == (3, [])
    told = run("consent", "guardians", "show", "--patient", patient.address).out
    assert f"  A CHANGE WAITS until {moment(shown['pending']['readyAt'])}: no guardians" in told
    apply = ("consent", "guardians", "apply", patient.address, "--keystore", hospital[1], "--yes")
    early = run(*apply)
    assert (early.code, "it can be done for" in early.err.splitlines()[-1]) == (1, True)
    deployed_chain.node.advance(3 * 86400)
    assert run(*apply).code == 0
    (shown,) = run("consent", "guardians", "show", "--patient", patient.address, "--json").json()
    assert (shown["guardians"], shown["pending"]) == ([], None)


def test_C8_an_emergency_contact_is_named_and_removed(run, hospital, guarded_patient, deployed_chain):
    patient, patient_file, _ = guarded_patient
    way = ("--keystore", patient_file, "--relay-as", hospital[1], "--yes")
    friend = deployed_chain.patient().address
    named = run("consent", "guardians", "contact", friend, *way)
    assert (named.code, "EMERGENCY CONTACT" in named.err) == (0, True)
    look = ("consent", "guardians", "show", "--patient", patient.address, "--json")
    assert run(*look).json()[0]["contact"] == friend
    assert run("consent", "guardians", "contact", *way).code == 0
    assert run(*look).json()[0]["contact"] is None


def test_C12_a_mandate_that_is_over_says_what_is_asked_again(run, deployed_chain, hospital, keystore):
    name, file, signer = hospital
    minor, parent = deployed_chain.patient(), deployed_chain.patient()
    way = ("--relay-as", file, "--yes")
    scope = ("--purpose", "TREAT", "--until", "+10d")
    run("consent", "delegate", "add", parent.address, *scope, "--keystore", keystore(minor), *way)
    as_parent = ("--as-delegate-of", minor.address, "--keystore", keystore(parent), *way)
    assert run("consent", "grant", "--to", name, "--purpose", "TREAT", "--until", "+9y", *as_parent).code == 0
    look = ("consent", "delegate", "list", "--patient", minor.address)
    (shown,) = run(*look, "--json").json()
    assert (shown["active"], shown["askAgain"]) == (True, [])
    deployed_chain.node.advance(10 * 86400)
    (shown,) = run(*look, "--json").json()
    assert (shown["active"], shown["askAgain"]) == (False, [{"grantee": signer.address, "index": 4}])
    assert "a mandate is over" in run(*look).err
