"""The nouns institution and consent of the command line, against a chain with the contracts."""

import json

import pytest

from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD

# ---------------------------------------------------------------------------------------------------------- granting


def test_a_patient_without_ether_grants_and_a_hospital_relays(run, deployed_chain, hospital, wallet):
    name, file, _ = hospital
    result = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
    assert (result.code, result.err.count("new account")) == (0, 1)
    patient = Wallet.open(wallet.path, PASSWORD).address(name)
    assert deployed_chain.w3.eth.get_balance(patient) == 0
    assert deployed_chain.client().consent.decide(patient, name, ["TREAT"], ["Observation"]).answer.name == "PERMIT"


def test_before_signing_every_field_is_shown(run, deployed_chain, hospital, wallet):
    name, file, signer = hospital
    words = ["consent", "grant", "--to", name, "--purpose", "TREAT", "--category", "PSY", "--until", "2030-05-06"]
    shown = run(*words, "--yes", "--relay-as", file).err
    contract = deployed_chain.book["ConsentRegistry"].address
    for fact in (
        "PERMIT",
        f"{name} ({signer.address})",
        "TREAT (treatment)",
        "PSY (psychiatry)",
        "2030-05-06 00:00:00 UTC",
        contract,
        f"{deployed_chain.node.chain_id} at",
    ):
        assert fact in shown


def test_nothing_is_signed_where_nobody_can_confirm(run, deployed_chain, hospital, wallet, tmp_path):
    name, _, _ = hospital
    result = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--out", tmp_path / "order.json")
    assert result.code == 2
    assert result.err.splitlines()[-1] == "error: nobody is here to confirm; add --yes when this is what you want"
    assert not (tmp_path / "order.json").exists()


def test_an_order_is_signed_here_and_submitted_there(run, deployed_chain, hospital, wallet, tmp_path):
    name, file, _ = hospital
    order = tmp_path / "order.json"
    assert run("consent", "deny", "--to", name, "--purpose", "HRESCH", "--yes", "--out", order).code == 0
    relayed = run("consent", "relay", order, "--keystore", file, "--yes", "--json")
    assert (relayed.code, relayed.json()["orders"], len(relayed.json()["transactions"])) == (0, 1, 1)
    again = run("consent", "relay", order, "--keystore", file, "--yes", "--json")
    assert (again.code, again.json()) == (0, {"orders": 0, "earlier": 1, "skipped": [], "transactions": []})


def test_an_order_that_was_changed_is_refused(run, hospital, wallet, tmp_path):
    name, file, _ = hospital
    order = tmp_path / "order.json"
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--out", order)
    document = json.loads(order.read_text())
    order.write_text(json.dumps({**document, "purposes": ["TREAT", "HMARKT"]}))
    result = run("consent", "relay", order, "--keystore", file, "--yes")
    assert result.code == 1
    assert "the signature is not" in result.err.splitlines()[-1]


def test_a_file_is_not_overwritten(run, hospital, wallet, tmp_path):
    name, _, _ = hospital
    there = tmp_path / "order.json"
    there.write_text("mine")
    result = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--out", there)
    assert (result.code, there.read_text()) == (2, "mine")
    assert result.err.splitlines()[-1] == f"error: {there}: is there already; name another file"


def test_revoking_is_as_easy_as_granting(run, deployed_chain, hospital, wallet):
    name, file, _ = hospital
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
    assert run("consent", "revoke", "--from", name, "--yes", "--relay-as", file).code == 0
    patient = Wallet.open(wallet.path, PASSWORD).address(name)
    assert deployed_chain.client().consent.decide(patient, name, ["TREAT"], ["all"]).reason.name == "REVOKED"


def test_a_patient_with_ether_needs_nobody(run, deployed_chain, keystore, hospital):
    name, _, _ = hospital
    patient = deployed_chain.person()
    file = keystore(patient)
    granted = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--keystore", file, "--yes", "--json")
    assert (granted.code, len(granted.json())) == (0, 1)
    revoked = run("consent", "revoke", "--everything", "--keystore", file, "--yes")
    assert revoked.code == 0
    assert deployed_chain.client().consent.all(patient.address)[0].status.name == "REVOKED"


def test_two_institutions_know_two_accounts(run, deployed_chain, wallet, keystore):
    signer, first = deployed_chain.institution("PROVIDER")
    _, second = deployed_chain.institution("INSURER")
    file = keystore(signer)
    run("consent", "grant", "--to", first, "--purpose", "TREAT", "--yes", "--relay-as", file)
    run("consent", "grant", "--to", second, "--purpose", "HPAYMT", "--yes", "--relay-as", file)
    listed = run("consent", "list", "--json").json()
    assert {line["name"] for line in listed} == {first, second}
    assert len({line["patient"] for line in listed}) == 2


# ----------------------------------------------------------------------------------------------------------- looking


def test_the_explanation_says_who_may_what_and_why(run, hospital, wallet):
    name, file, _ = hospital
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
    lines = [line for line in run("consent", "explain", "--relation", name, "--json").json() if line["name"] == name]
    assert {(line["answer"], line["reason"], "TREAT" in line["purposes"]) for line in lines} == {
        ("PERMIT", "NAMED", True),
        ("NONE", "WRONG_PURPOSE", False),
    }


def test_what_is_granted_is_written_as_fhir_and_read_again(run, deployed_chain, hospital, wallet, tmp_path):
    name, file, _ = hospital
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--until", "2030-01-01", "--yes", "--relay-as", file)
    out = tmp_path / "consent.json"
    assert run("consent", "show", "--fhir", "--relation", name, "--out", out).code == 0
    document = json.loads(out.read_text())
    assert (document["resourceType"], document["status"]) == ("Consent", "active")

    before = run("consent", "list", "--relation", name, "--json").json()
    again = run("consent", "grant", "--from-fhir", out, "--yes", "--relay-as", file)
    after = run("consent", "list", "--relation", name, "--json").json()
    assert again.code == 0
    strip = [{key: value for key, value in line.items() if key != "issuedAt"} for line in before]
    assert [{key: value for key, value in line.items() if key != "issuedAt"} for line in after] == strip


def test_show_says_it_in_a_sentence(run, hospital, wallet):
    name, file, _ = hospital
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--until", "2030-01-01", "--yes", "--relay-as", file)
    shown = run("consent", "show", "--relation", name).out
    assert shown == f"{name} may use all for TREAT until 2030-01-01 00:00:00 UTC (place 0)\n"


# ------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "nobody-here", "--purpose", "TREAT"), "nobody is called 'nobody-here'"),
        (("--to", "Not A Name", "--purpose", "TREAT"), "is no name for an institution"),
        (("--to", "NAME", "--purpose", "SPY"), "there is no 'SPY'; known are TREAT"),
        (("--to", "NAME", "--purpose", "TREAT", "--category", "Shoes"), "there is no 'Shoes'; known are Patient"),
        (("--to", "NAME", "--purpose", "TREAT", "--until", "soon"), "--until: 'soon' is no moment"),
        (("--to", "NAME"), "--purpose: is missing"),
        (("--purpose", "TREAT"), "--to: is missing"),
        (("--to", "role:KING", "--purpose", "TREAT"), "there is no 'KING'; known are PROVIDER"),
        (("--from-fhir", "x.json", "--to", "NAME"), "has all of the scope in its file"),
        (("--from-fhir", "/nowhere.json"), "/nowhere.json"),
        (("--actor", "A=b", "--to", "NAME", "--purpose", "TREAT"), "--actor: says who is meant"),
    ],
)
def test_bad_input_is_one_line(run, hospital, wallet, words, said):
    name, file, _ = hospital
    words = [name if word == "NAME" else word for word in words]
    result = run("consent", "grant", *words, "--yes", "--relay-as", file)
    assert result.code == 2
    assert said in result.err.splitlines()[-1]
    assert result.err.splitlines()[-1].startswith("error: ")
    assert result.out == ""


PAST = ("--until", "2001-01-01")
BEFORE_THE_PASSWORD = {
    "a grant that has ended": (
        ("grant", "--purpose", "TREAT", *PAST),
        "--until: 2001-01-01 00:00:00 UTC is past; the chain",
    ),
    "a deny that has ended": (
        ("deny", "--purpose", "TREAT", *PAST),
        "--until: 2001-01-01 00:00:00 UTC is past; the chain",
    ),
    "a renewal into the past": (("renew", *PAST), "--until: 2001-01-01 00:00:00 UTC is past; the chain"),
    "an end before the start": (
        ("grant", "--purpose", "TREAT", "--from", "2101-01-01", "--until", "2100-12-31"),
        "--until: 2100-12-31 00:00:00 UTC is not after --from, 2101-01-01 00:00:00 UTC",
    ),
    "an unknown purpose": (("grant", "--purpose", "SPY"), "there is no 'SPY'; known are TREAT"),
    "an unknown category": (
        ("deny", "--purpose", "TREAT", "--category", "Shoes"),
        "there is no 'Shoes'; known are Patient",
    ),
    "two ways at once": (("grant", "--purpose", "TREAT", "--out", "order.json"), "--out: and --qr exclude --relay-as"),
    "two ways to revoke": (("revoke", "--qr"), "--out: and --qr exclude --relay-as"),
}


@pytest.mark.parametrize("mistake", BEFORE_THE_PASSWORD)
def test_what_is_wrong_is_said_before_a_password_is_asked_for(run, hospital, wallet, monkeypatch, tmp_path, mistake):
    monkeypatch.delenv("SALUS_PASSWORD")
    monkeypatch.chdir(tmp_path)
    name, file, _ = hospital
    (verb, *words), said = BEFORE_THE_PASSWORD[mistake]
    result = run("consent", verb, "--from" if verb == "revoke" else "--to", name, *words, "--relay-as", file)
    (line,) = result.err.splitlines()
    assert (result.code, result.out) == (2, "")
    assert line.startswith("error: ") and said in line
    assert not (tmp_path / "order.json").exists()


def test_a_file_whose_period_has_ended_is_named(run, hospital, wallet, monkeypatch, tmp_path):
    name, file, _ = hospital
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--until", "2100-01-01", "--yes", "--relay-as", file)
    out = tmp_path / "consent.json"
    run("consent", "show", "--fhir", "--relation", name, "--out", out)
    out.write_text(out.read_text().replace("2100-01-01", "2001-01-01").replace("2099-12-31", "2000-12-31"))
    monkeypatch.delenv("SALUS_PASSWORD")
    result = run("consent", "grant", "--from-fhir", out, "--relay-as", file)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert result.err.startswith(f"error: {out}: period: has ended: ")


def test_an_end_in_the_past_is_no_delegates_either(run, hospital, wallet, monkeypatch):
    monkeypatch.delenv("SALUS_PASSWORD")
    result = run("consent", "delegate", "add", "0x" + "12" * 20, "--purpose", "TREAT", *PAST)
    assert result.code == 2
    assert result.err.startswith("error: --until: 2001-01-01 00:00:00 UTC is past; ")


@pytest.mark.parametrize("verb", ["grant", "deny"])
def test_a_grant_to_no_institution_is_allowed_and_warned_of(run, deployed_chain, hospital, keystore, verb):
    """To an account that may be accredited later; seen with --yes as well, and apart from the answer."""
    patient, nobody = deployed_chain.person(), deployed_chain.patient().address
    words = ("--purpose", "TREAT", "--yes", "--json", "--keystore", keystore(patient))
    result = run("consent", verb, "--to", nobody, *words)
    warning = f"warning: {nobody} is no accredited institution: "
    assert (result.code, len(result.json())) == (0, 1)
    assert [line.startswith(warning) for line in result.err.splitlines()].index(True) == 0
    assert deployed_chain.client().consent.all(patient.address)[0].grantee == nobody
    for known in (hospital[0], "role:PROVIDER"):
        assert "is no accredited institution" not in run("consent", verb, "--to", known, *words).err


def test_an_operator_is_no_institution(run, deployed_chain, hospital, keystore):
    """Consent names whom it works for: what names the operator alone would never be asked for."""
    staff, (_, file, _) = deployed_chain.patient().address, hospital
    assert run("institution", "operator", staff, "--role", "PROVIDER", "--keystore", file, "--yes").code == 0
    words = ("--purpose", "TREAT", "--yes", "--keystore", keystore(deployed_chain.person()))
    assert run("consent", "grant", "--to", staff, *words).err.startswith(
        f"warning: {staff} is no accredited institution: "
    )


def test_without_a_wallet_it_says_how_to_make_one(run, hospital):
    name, file, _ = hospital
    result = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
    assert result.code == 2
    assert "make one with `salus wallet new`" in result.err


def test_a_wrong_password_is_one_line(run, hospital, wallet, monkeypatch):
    name, file, _ = hospital
    monkeypatch.setenv("SALUS_PASSWORD", "wrong")
    result = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
    assert result.code == 2
    assert result.err.splitlines()[-1].startswith(f"error: that is not the password of {wallet.path}")
