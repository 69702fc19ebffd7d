"""What a person sees: every event of the accounts that this wallet did not cause, and everybody who may see data now.

given a wallet with accounts for several institutions, on a chain whose policy lets treatment in
    when somebody else acts for an account      the inbox tells it; what the wallet itself did is not told
    when an emergency is running                explain says what it opens
    when the patient never said anything        explain says whom the policy lets in
"""

import pytest

from salus.chain.local_node import LocalNode
from salus.consent.access_log import Cause
from salus.consent.model import Directive, Effect
from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.deployed_chain import DeployedChain, kind

YEAR = 365 * 24 * 3600
TREATMENT = 2  # the policy


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("looking"), policy=TREATMENT)


@pytest.fixture
def known(run, hospital, wallet):
    """A hospital that may treat: (name, keystore, the patient's account there)."""
    name, file, _ = hospital
    assert run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file).code == 0
    return name, file, Wallet.open(wallet.path, PASSWORD).address(name)


def stolen(wallet, name):
    """The signer of an account, in somebody else's hands."""
    return Wallet.open(wallet.path, PASSWORD).signer(name)


# ----------------------------------------------------------------------------------------------------------- the inbox


def test_c11_what_another_holder_of_the_key_did_is_in_the_inbox(run, deployed_chain, known, wallet):
    name, file, patient = known
    thief = deployed_chain.client(stolen(wallet, name))
    relayer = deployed_chain.client(deployed_chain.person())
    request = thief.guardians.prepare_delegate(
        deployed_chain.patient().address, ["HRESCH"], ["HIV"], thief.now() + YEAR
    )
    relayer.guardians.submit(thief.guardians.sign(request))
    request = thief.guardians.prepare_guardians([deployed_chain.patient().address], 1, 2 * 86400)
    relayer.guardians.submit(thief.guardians.sign(request))
    grant = Directive(deployed_chain.patient().address, 0, Effect.PERMIT, 1, 1, 0, thief.now() + YEAR)
    relayer.consent.relay([thief.consent.sign(thief.consent.prepare_grant(grant))])

    told = run("consent", "inbox", "--keep", "--json").json()["changes"]
    assert [line["action"] for line in told] == ["DelegateSet", "GuardiansSet", "ConsentGranted"]
    assert {line["patient"] for line in told} == {patient}
    shown = run("consent", "inbox").out
    assert "Changed by others, not by this wallet:" in shown and "named guardians, 1 of 1" in shown


def test_c11_what_this_wallet_did_is_not_in_the_inbox(run, deployed_chain, known):
    """Granted, denied, revoked, delegates and guardians, relayed by another: all signed here."""
    name, file, _ = known
    way = ("--yes", "--relay-as", file)
    run("consent", "deny", "--to", name, "--purpose", "HRESCH", *way)
    run("consent", "revoke", "--from", name, *way)
    run("consent", "guardians", "set", "--guardian", deployed_chain.patient().address, "--threshold", "1", "--relation", name,
        *way)  # fmt: skip
    run("consent", "delegate", "add", deployed_chain.patient().address, "--purpose", "TREAT", "--until", "+9d", "--relation",
        name, *way)  # fmt: skip
    assert run("consent", "inbox").out == "nothing new\n"


def test_c11_what_a_single_key_sent_itself_is_not_in_its_inbox(run, deployed_chain, hospital, keystore):
    file = keystore(deployed_chain.person())
    words = ("--to", hospital[0], "--purpose", "TREAT", "--yes", "--keystore", file)
    assert run("consent", "grant", *words).code == 0
    assert run("consent", "inbox", "--keystore", file, "--json").json()["changes"] == []


def test_c11_what_a_delegate_grants_is_in_the_inbox_of_the_patient(run, deployed_chain, known, keystore):
    name, file, patient = known
    carer = deployed_chain.person()
    run("consent", "delegate", "add", carer.address, "--purpose", "TREAT", "--until", "+9d", "--relation", name,
        "--yes", "--relay-as", file)  # fmt: skip
    acting = ("--as-delegate-of", patient, "--keystore", keystore(carer), "--yes")
    assert run("consent", "grant", "--to", name, "--purpose", "TREAT", "--category", "Claim", *acting).code == 0
    (line,) = run("consent", "inbox", "--json").json()["changes"]
    assert (line["action"], line["by"], line["signer"]) == ("ConsentGranted", "delegate", carer.address)


def test_c11_a_guardian_sees_the_recovery_of_whom_it_guards(run, deployed_chain, known, keystore):
    name, file, patient = known
    guardian = deployed_chain.person()
    guardian_file = keystore(guardian)
    run("consent", "guardians", "set", "--guardian", guardian.address, "--threshold", "1", "--relation", name, "--yes",
        "--relay-as", file)  # fmt: skip
    run(
        "consent",
        "recover",
        "start",
        patient,
        "--to",
        deployed_chain.patient().address,
        "--keystore",
        guardian_file,
        "--yes",
    )
    told = run("consent", "inbox", "--keystore", guardian_file, "--json").json()
    assert [line["step"] for line in told["recoveries"]] == ["RecoveryStarted"]


def test_c11_a_delegate_sees_what_the_patient_granted(run, deployed_chain, known, keystore):
    name, file, patient = known
    carer = deployed_chain.person()
    run("consent", "delegate", "add", carer.address, "--purpose", "TREAT", "--until", "+9d", "--relation", name,
        "--yes", "--relay-as", file)  # fmt: skip
    listed = run("consent", "list", "--keystore", keystore(carer), "--json").json()
    assert [(line["patient"], line["name"]) for line in listed] == [(patient, name)]


# ------------------------------------------------------------------------------------------------------------- explain


def test_c11_a_running_emergency_is_explained(run, deployed_chain, known, keystore):
    _, _, patient = known
    signer, other = deployed_chain.institution("PROVIDER")
    deployed_chain.client(signer).accesses.declare_emergency(patient, Cause.UNCONSCIOUS, ["Observation", "HIV"], 3600)
    lines = run("consent", "explain", "--json").json()
    (line,) = [line for line in lines if line["emergency"]]
    assert (line["patient"], line["name"], line["answer"]) == (patient, other, "PERMIT")
    assert (line["purposes"], line["categories"]) == (["ETREAT", "TREAT"], ["HIV", "Observation"])
    assert "an emergency was declared, until " in run("consent", "explain").out


def test_c11_an_emergency_that_is_denied_is_not_explained_as_open(run, deployed_chain, known):
    name, file, patient = known
    signer, other = deployed_chain.institution("PROVIDER")
    deployed_chain.client(signer).accesses.declare_emergency(patient, Cause.UNCONSCIOUS, ["all"], 3600)
    denied = run("consent", "deny", "--to", other, "--purpose", "ETREAT", "--relation", name, "--yes", "--relay-as",
                 file, "--json")  # fmt: skip
    assert denied.json()["effects"][0]["holds"] is True
    assert [line for line in run("consent", "explain", "--json").json() if line["emergency"]] == []


def test_c11_whom_the_policy_lets_in_is_explained(run, deployed_chain, known):
    """Nothing was ever said to them; the policy of this deployment permits treatment."""
    name, _, patient = known
    _, silent = deployed_chain.institution("PROVIDER")
    lines = [line for line in run("consent", "explain", "--json").json() if line["reason"] == "IMPLIED"]
    mine = [line for line in lines if line["patient"] == patient]
    assert [line["purposes"] for line in mine] == [["ETREAT", "TREAT"]]
    resolve = deployed_chain.client().institutions.resolve
    institutions = [mine[0]["institution"], *mine[0]["others"]]
    assert resolve(silent) in institutions and resolve(name) not in institutions


def test_c11_who_revoked_everything_is_not_let_in_by_the_policy(run, deployed_chain, known):
    name, file, patient = known
    _, silent = deployed_chain.institution("PROVIDER")
    revoked = run("consent", "revoke", "--everything", "--yes", "--relay-as", file)
    assert revoked.out.startswith("nobody may use your data any longer (block ")
    lines = run("consent", "explain", "--json").json()
    assert [line for line in lines if line["patient"] == patient and line["answer"] == "PERMIT"] == []
    assert deployed_chain.client().consent.decide(patient, silent, ["TREAT"], ["all"]).answer.name == "NONE"


def test_u1_a_revocation_during_an_emergency_says_what_the_emergency_opens(run, deployed_chain, known, keystore):
    name, file, patient = known
    signer = deployed_chain.client().institutions.resolve(name)
    clinic = next(s for s in [deployed_chain.client(load(keystore, file))] if s.need_signer().address == signer)
    clinic.accesses.declare_emergency(patient, Cause.UNCONSCIOUS, ["all"], 3600)
    revoked = run("consent", "revoke", "--from", name, "--yes", "--relay-as", file)
    assert f"{name} may no longer use your data; but a running emergency opens all for ETREAT, TREAT to {name}" in (
        revoked.out
    )


def load(_, file):
    from salus.keys.keystores import load_keystore

    return load_keystore(file, PASSWORD)
