"""A person is a set of accounts: what is said to everybody reaches each of them, does not tie them to each other, and
is told only when the chain shows that it holds.

given a wallet with an account for each of several institutions
    when everything is revoked                  each account that granted something revokes; the others are left out
    when a role is denied                       each account denies it; a new account begins with the denial
    when several accounts act                   no time value is shared, and many blocks lie between them
given a wallet to which a recovery moved an old account
    when it revokes                             it signs for the old account by itself
"""

import json

import pytest

from salus.chain.local_node import LocalNode
from salus.consent.apart import BLOCKS
from salus.consent.files import orders as files
from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.deployed_chain import DeployedChain, kind
from tests.support.persons import may, two

__all__ = ["two"]

DAY = 24 * 3600
HL7 = "http://terminology.hl7.org/CodeSystem"


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    """A house of its own: the tests move its clock."""
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("person"))


# ---------------------------------------------------------------------------------------------------- C1: everything


def test_c1_everything_is_revoked_at_every_account(run, deployed_chain, two):
    _, payer, _ = two[0]
    done = run("consent", "revoke", "--everything", "--now", "--yes", "--relay-as", payer, "--json")
    assert done.code == 0
    assert sorted(done.json()["patients"]) == sorted(patient for _, _, patient in two)
    assert len({line["transaction"] for line in done.json()["transactions"]}) == 2
    for name, _, patient in two:
        assert not may(deployed_chain, patient, name)
    assert "nobody may use your data any longer" in done.json()["effects"][0]["text"]


def test_c1_what_was_never_used_is_left_out_and_named(run, two):
    done = run("consent", "revoke", "--everything", "--now", "--yes", "--relay-as", two[0][1])
    assert "left out: default: nothing was ever granted there" in done.err
    assert "accounts  2" in " ".join(done.err.split("\n")).replace("      ", "  ").replace("    ", "  ")


def test_c1_with_nothing_granted_it_refuses_and_says_which_accounts_there_are(run, wallet, hospital):
    done = run("consent", "revoke", "--everything", "--yes", "--relay-as", hospital[1])
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert last == "error: account: there is nothing to revoke: default (nothing was ever granted there)"


# ----------------------------------------------------------------------------------------------------- C2: a role


def test_c2_a_denied_role_is_denied_at_every_account(run, deployed_chain, two):
    done = run(
        *("consent", "deny", "--to", "role:PROVIDER", "--purpose", "TREAT", "--now", "--yes", "--json"),
        *("--relay-as", two[0][1]),
    )
    assert done.code == 0
    assert sorted(done.json()["patients"]) == sorted(patient for _, _, patient in two)
    for _, _, patient in two:
        roles = [r for r in deployed_chain.client().consent.all(patient) if int(r.grantee, 16) < 1 << 32]
        assert [(r.effect.name, r.status.name, r.category_names) for r in roles] == [("DENY", "ACTIVE", {"all"})]
    # What is told is what the contract answers, account by account, whatever its rules make of an older permit.
    for (name, _, patient), effect in zip(
        two, sorted(done.json()["effects"], key=lambda e: order(two, e)), strict=True
    ):
        assert effect["holds"] is not may(deployed_chain, patient, name)


def order(two, effect):
    return [patient for _, _, patient in two].index(effect["patient"])


def test_c2_a_new_account_begins_with_what_was_said_to_everybody(run, deployed_chain, two, keystore):
    run("consent", "deny", "--to", "role:PROVIDER", "--purpose", "TREAT", "--category", "PSY", "--now", "--yes",
        "--relay-as", two[0][1])  # fmt: skip
    signer, name = deployed_chain.institution("PROVIDER")
    file = keystore(signer)
    granted = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file, "--json")
    assert granted.code == 0, granted.err
    assert "begins with what you said to everybody: 1 directives" in granted.err
    (patient,) = granted.json()["patients"]
    assert len(granted.json()["transactions"]) == 1
    decide = deployed_chain.client().consent.decide
    assert decide(patient, name, ["TREAT"], ["Observation", "PSY"]).answer.name != "PERMIT"
    assert may(deployed_chain, patient, name)
    other, _ = deployed_chain.institution("PROVIDER")
    assert decide(patient, other.address, ["TREAT"], ["Observation", "PSY"]).answer.name == "DENY"


def test_c2_an_inherited_denial_shares_no_end_with_the_other_accounts(run, deployed_chain, two, keystore):
    run("consent", "deny", "--to", "role:PROVIDER", "--purpose", "HMARKT", "--until", "2090-05-06", "--now", "--yes",
        "--relay-as", two[0][1])  # fmt: skip
    ends = []
    for _ in range(3):
        signer, name = deployed_chain.institution("PROVIDER")
        way = ("--yes", "--relay-as", keystore(signer), "--json")
        (patient,) = run("consent", "grant", "--to", name, "--purpose", "TREAT", *way).json()["patients"]
        (denial,) = [r for r in deployed_chain.client().consent.all(patient) if r.effect.name == "DENY"]
        ends.append(denial.end)
    assert len(set(ends)) == 3 and all(end % DAY == 0 and end >= 3797798400 for end in ends)


def test_c2_what_no_longer_stands_is_not_inherited(run, deployed_chain, two, keystore):
    way = ("--now", "--yes", "--relay-as", two[0][1])
    run("consent", "deny", "--to", "role:PROVIDER", "--purpose", "HMARKT", *way)
    revoked = run("consent", "revoke", "--from", "role:PROVIDER", *way)
    assert (revoked.code, "no longer begin with 1 directives" in revoked.err) == (0, True)
    signer, name = deployed_chain.institution("PROVIDER")
    grant = ("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", keystore(signer), "--json")
    (patient,) = run(*grant).json()["patients"]
    assert [r.effect.name for r in deployed_chain.client().consent.all(patient)] == ["PERMIT"]


def test_c2_the_first_account_of_a_wallet_is_not_shown_for_it(run, deployed_chain, two, wallet):
    """It was made for no institution; its directive comes when it is used."""
    words = ("consent", "deny", "--to", "role:PROVIDER", "--purpose", "TREAT", "--now", "--yes")
    done = run(*words, "--relay-as", two[0][1])
    assert "left out: default: it was never used; it begins with this when it is" in done.err
    assert deployed_chain.client().consent.all(Wallet.open(wallet.path, PASSWORD).address()) == ()


def test_c2_a_fhir_opt_out_without_an_actor_is_denied_at_every_account(run, deployed_chain, two, tmp_path):
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "INFA"}]}],
        "patient": {"reference": "Patient/1"},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
        "provision": {},
    }
    file = tmp_path / "consent.json"
    file.write_text(json.dumps(consent))
    done = run("consent", "grant", "--from-fhir", file, "--now", "--yes", "--relay-as", two[0][1], "--json")
    assert done.code == 0, done.err
    assert sorted(done.json()["patients"]) == sorted(patient for _, _, patient in two)
    for _, _, patient in two:
        denied = {r.grantee for r in deployed_chain.client().consent.all(patient) if r.effect.name == "DENY"}
        assert f"0x{1:040x}" in denied and all(int(grantee, 16) < 1 << 32 for grantee in denied)


def test_c2_what_is_narrowed_for_everybody_is_inherited_narrowed(run, deployed_chain, two, keystore):
    way = ("--now", "--yes", "--relay-as", two[0][1])
    words = ("--to", "role:PROVIDER", "--purpose", "HRESCH", "--category", "all", "--category", "HIV")
    run("consent", "grant", *words, "--until", "2050-01-01", *way)
    assert run("consent", "narrow", "--to", "role:PROVIDER", "--without", "HIV", *way).code == 0
    assert run("consent", "renew", "--to", "role:PROVIDER", "--until", "2060-01-01", *way).code == 0
    signer, name = deployed_chain.institution("PROVIDER")
    grant = ("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", keystore(signer), "--json")
    (patient,) = run(*grant).json()["patients"]
    (role,) = [r for r in deployed_chain.client().consent.all(patient) if int(r.grantee, 16) < 1 << 32]
    assert (role.category_names, 2524608000 < role.end <= 2840140800) == ({"all"}, True)


# -------------------------------------------------------------------------------------------------- D7: not tied


def times(order):
    d = order.directive
    return {value for value in (order.issued_at, order.deadline, d.start, d.end) if value}


def test_d7_the_files_of_a_wide_act_share_no_time(run, two, tmp_path):
    out = tmp_path / "order.json"
    words = ("consent", "deny", "--to", "role:PROVIDER", "--purpose", "HRESCH", "--until", "2040-01-01", "--yes")
    done = run(*words, "--out", out)
    assert (done.code, out.exists()) == (0, False)
    (one,), (other,) = files.load(tmp_path / "order-1.json"), files.load(tmp_path / "order-2.json")
    assert {one.patient, other.patient} == {patient for _, _, patient in two}
    assert not times(one) & times(other)
    assert one.directive.end % DAY == other.directive.end % DAY == 0
    assert abs(one.issued_at - other.issued_at) >= 45 * 60


def test_d7_a_wide_act_is_submitted_one_account_after_the_other(run, deployed_chain, two):
    """The second waits for its turn and for some blocks; then it goes, and nothing ties it to the first."""
    payer = two[0][1]
    done = run("consent", "revoke", "--everything", "--yes", "--relay-as", payer, "--json").json()
    assert (len(done["transactions"]), len(done["waiting"])) == (1, 1)
    (first,), (waiting,) = done["transactions"], done["waiting"]
    names = {patient: name for name, _, patient in two}
    assert may(deployed_chain, waiting["patient"], names[waiting["patient"]])
    submit = ("consent", "orders", "submit", "--yes", "--relay-as", payer, "--json")
    early = run(*submit).json()
    assert (early["transactions"], [w["patient"] for w in early["waiting"]]) == ([], [waiting["patient"]])

    deployed_chain.node.advance(waiting["due"] - deployed_chain.client().now() + 1)
    assert run(*submit).json()["transactions"] == [], "too few blocks lie between"
    for _ in range(BLOCKS):
        deployed_chain.node.request("evm_mine")
    late = run(*submit).json()
    assert [line["patient"] for line in late["transactions"]] == [waiting["patient"]]
    assert late["transactions"][0]["block"] - first["block"] >= BLOCKS
    assert not may(deployed_chain, waiting["patient"], names[waiting["patient"]])
    moments = [deployed_chain.client().consent.revoked_until(patient) for _, _, patient in two]
    assert abs(moments[0] - moments[1]) >= 45 * 60


def test_d7_at_once_is_warned_of(run, two):
    done = run("consent", "revoke", "--everything", "--now", "--yes", "--relay-as", two[0][1])
    assert "can tell that they are one person's" in done.err


def test_c17_two_actors_of_a_fhir_consent_are_two_files(run, two, tmp_path):
    """One pseudonym a file: no transaction names both."""
    consents = []
    for name, _, _ in two:
        out = tmp_path / f"{name}.json"
        assert run("consent", "show", "--fhir", "--to", name, "--out", out).code == 0
        consents.append(json.loads(out.read_text()))
    both = tmp_path / "both.ndjson"
    both.write_text("".join(json.dumps(consent) + "\n" for consent in consents))
    done = run("consent", "grant", "--from-fhir", both, "--yes", "--out", tmp_path / "order.json")
    assert done.code == 0, done.err
    found = [files.load(tmp_path / f"order-{n}.json") for n in (1, 2)]
    assert sorted({order.patient for order in orders}.pop() for orders in found) == sorted(p for _, _, p in two)
    assert all(len({order.patient for order in orders}) == 1 for orders in found)
    assert not set.union(*map(times, found[0])) & set.union(*map(times, found[1]))


def test_c17_no_file_is_overwritten(run, two, tmp_path):
    (tmp_path / "order-2.json").write_text("mine")
    words = ("consent", "revoke", "--everything", "--yes", "--out", tmp_path / "order.json")
    done = run(*words)
    assert (done.code, (tmp_path / "order-2.json").read_text()) == (2, "mine")
    assert not (tmp_path / "order-1.json").exists()


# --------------------------------------------------------------------------------------------------- U1: what holds


def test_u1_a_revocation_makes_no_account_and_refuses_where_nothing_is_granted(run, two, wallet, deployed_chain):
    _, name = deployed_chain.institution("PROVIDER")
    before = dict(Wallet.open(wallet.path, PASSWORD).relations())
    done = run("consent", "revoke", "--from", name, "--yes", "--relay-as", two[0][1])
    assert (done.code, dict(Wallet.open(wallet.path, PASSWORD).relations())) == (2, before)
    last = done.err.splitlines()[-1]
    assert last.startswith(f"error: grantee: nothing is granted to {name}, and nothing signed for it is on its way; ")
    assert all(known in last for known in ("default", two[0][0], two[1][0]))


def test_u1_what_holds_is_told_after_every_act(run, deployed_chain, two):
    name, file, patient = two[0]
    way = ("--yes", "--relay-as", file)
    words = ("consent", "grant", "--to", name, "--purpose", "HPAYMT", "--until", "2040-01-01")
    assert run(*words, *way).out.startswith(f"{name} may use all for HPAYMT until 2040-01-01 00:00:00 UTC (block ")
    denied = run("consent", "deny", "--to", name, "--purpose", "TREAT", "--until", "2040-01-01", *way)
    assert denied.out.startswith(f"{name} may not use all data for TREAT until 2040-01-01 00:00:00 UTC (block ")
    revoked = run("consent", "revoke", "--from", name, *way)
    assert revoked.out.startswith(f"{name} may no longer use your data (block ")
    assert not may(deployed_chain, patient, name)


def test_u1_what_still_lets_it_in_is_said(run, deployed_chain, two):
    """The named permit is gone; the one for its role stands."""
    name, file, patient = two[0]
    way = ("--yes", "--relay-as", file)
    run("consent", "grant", "--to", "role:PROVIDER", "--purpose", "TREAT", "--relation", name, *way)
    revoked = run("consent", "revoke", "--from", name, *way, "--json")
    assert may(deployed_chain, patient, name)
    (effect,) = revoked.json()["effects"]
    assert effect["holds"] is False
    assert effect["text"].startswith(f"{name} may still use all for TREAT: a directive for its role decides")
    assert "warning: this is not what you asked for: " in revoked.err


def test_u1_a_grant_that_a_denial_stops_is_not_told_as_done(run, two):
    name, file, _ = two[0]
    way = ("--yes", "--relay-as", file)
    run("consent", "deny", "--to", name, "--purpose", "TREAT", "--category", "Observation", *way)
    granted = run("consent", "grant", "--to", name, "--purpose", "TREAT", *way, "--json")
    (effect,) = granted.json()["effects"]
    assert effect["holds"] is False and f"{name} may not use Observation for TREAT" in effect["text"]


def test_u1_a_label_is_told_as_it_is_permitted_on_records(run, deployed_chain, two):
    """There is no record without a class: what is told of a label is told of records that bear it."""
    name, file, patient = two[0]
    way = ("--yes", "--relay-as", file)
    words = ("--purpose", "TREAT", "--category", "Observation", "--category", "Claim", "--category", "PSY")
    granted = run("consent", "grant", "--to", name, *words, *way, "--json")
    assert granted.json()["effects"][0]["holds"] is True
    denied = run("consent", "deny", "--to", name, "--purpose", "TREAT", "--category", "Claim", *way, "--json")
    assert denied.json()["effects"][0]["holds"] is True
    lines = run("consent", "explain", "--relation", name, "--json").json()
    allowed = {
        c for line in lines for c in line["categories"] if line["answer"] == "PERMIT" and "TREAT" in line["purposes"]
    }
    assert {"Observation", "PSY"} <= allowed and "Claim" not in allowed
    assert may(deployed_chain, patient, name)


def test_u1_a_recovered_wallet_signs_for_its_old_accounts(run, deployed_chain, two, keystore, wallet, tmp_path):
    """A guardian moves the account of the first hospital to a new wallet, which revokes without being told how."""
    name, file, old = two[0]
    guardian = deployed_chain.patient()
    way = ("--yes", "--relay-as", file)
    run("consent", "guardians", "set", "--guardian", guardian.address, "--threshold", "1", "--delay", "2",
        "--relation", name, *way)  # fmt: skip
    new, _ = Wallet.create(tmp_path / "new", PASSWORD)
    order = tmp_path / "move.json"
    start = ("consent", "recover", "start", old, "--to", new.address(), "--out", order, "--yes")
    assert run(*start, "--keystore", keystore(guardian)).code == 0
    assert run("consent", "guardians", "submit", order, "--keystore", file, "--yes").code == 0
    deployed_chain.node.advance(2 * DAY + 1)
    assert run("consent", "recover", "finish", old, "--keystore", file, "--yes").code == 0

    here = ("--keystore", new.path, *way)
    assert old in {line["patient"] for line in run("consent", "list", "--keystore", new.path, "--json").json()}
    renewed = run("consent", "grant", "--to", name, "--purpose", "HPAYMT", *here, "--json")
    assert (renewed.code, renewed.json()["patients"]) == (0, [old])
    assert f"{name} knows the recovered account {old}; this wallet signs for it" in renewed.err
    assert list(Wallet.open(new.path, PASSWORD).relations()) == ["default"]
    revoked = run("consent", "revoke", "--from", name, *here)
    assert (revoked.code, revoked.out.startswith(f"{name} may no longer use your data")) == (0, True)
    assert not may(deployed_chain, old, name)
    # The wallet that lost it does not sign for it any more, and says why.
    lost = run("consent", "revoke", "--everything", "--now", *way)
    assert f"left out: {name}: {new.address()} signs for it now" in lost.err


# ---------------------------------------------------------------------------------------- C1: delegates and guardians


def test_c1_a_delegate_is_named_by_every_account_and_removed_from_each(run, deployed_chain, two):
    delegate = deployed_chain.patient().address
    way = ("--now", "--yes", "--relay-as", two[0][1])
    named = run("consent", "delegate", "add", delegate, "--purpose", "TREAT", "--until", "+30d", *way, "--json")
    assert {(line["patient"], line["holds"]) for line in named.json()} == {(patient, True) for _, _, patient in two}
    assert "shows on the chain that they are one person's" in named.err
    removed = run("consent", "delegate", "remove", delegate, *way)
    assert removed.out.count(f"{delegate} is no delegate any more (block ") == 2
    again = run("consent", "delegate", "remove", delegate, *way)
    assert (again.code, "none of your accounts is concerned" in again.err) == (2, True)


def test_c1_guardians_are_set_for_every_account_each_in_its_turn(run, deployed_chain, two):
    guardian, payer = deployed_chain.patient().address, two[0][1]
    done = run("consent", "guardians", "set", "--guardian", guardian, "--threshold", "1", "--yes", "--relay-as", payer,
               "--json")  # fmt: skip
    assert [(line["holds"], bool(line["due"])) for line in sorted(done.json(), key=lambda line: line["due"])] == [
        (True, False),
        (False, True),
    ]
    waits = max(done.json(), key=lambda line: line["due"])
    deployed_chain.node.advance(waits["due"] - deployed_chain.client().now() + 1)
    submitted = run("consent", "orders", "submit", "--now", "--yes", "--relay-as", payer)
    assert (submitted.code, "guardians is set" in submitted.out) == (0, True)
    sets = [deployed_chain.client().guardians.guardian_set(patient) for _, _, patient in two]
    assert [those.guardians for those in sets] == [(guardian,)] * 2
    assert abs(sets[0].issued_at - sets[1].issued_at) >= 45 * 60


def test_c1_a_veto_stops_every_move_at_once(run, deployed_chain, two, keystore, tmp_path):
    guardian, payer = deployed_chain.patient(), two[0][1]
    run("consent", "guardians", "set", "--guardian", guardian.address, "--threshold", "1", "--now", "--yes",
        "--relay-as", payer)  # fmt: skip
    for number, (_, _, patient) in enumerate(two):
        move = tmp_path / f"{number}.json"
        words = (
            "consent",
            "recover",
            "start",
            patient,
            "--to",
            deployed_chain.patient().address,
            "--out",
            move,
            "--yes",
        )
        run(*words, "--keystore", keystore(guardian) if not number else tmp_path / f"{guardian.address}.json")
        assert run("consent", "guardians", "submit", move, "--keystore", payer, "--yes").code == 0
    stopped = run("consent", "recover", "veto", "--yes", "--relay-as", payer)
    assert stopped.out.count("the move is stopped (block ") == 2
    assert all(deployed_chain.client().guardians.recovery(patient) is None for _, _, patient in two)


def test_c2_one_account_alone_is_named_and_none_is_made(run, deployed_chain, two, wallet):
    way = ("--purpose", "TREAT", "--yes", "--relay-as", two[0][1], "--json")
    one = run("consent", "deny", "--to", "role:PROVIDER", "--relation", two[1][0], *way)
    assert one.json()["patients"] == [two[1][2]]
    before = dict(Wallet.open(wallet.path, PASSWORD).relations())
    none = run("consent", "deny", "--to", "role:PROVIDER", "--relation", "city-hopsital", *way)
    assert (none.code, dict(Wallet.open(wallet.path, PASSWORD).relations())) == (2, before)


def test_u1_a_delegate_revokes_nothing_where_nothing_is_granted(run, deployed_chain, two, keystore):
    delegate, (name, file, patient) = deployed_chain.person(), two[0]
    run("consent", "delegate", "add", delegate.address, "--purpose", "TREAT", "--until", "+9d", "--relation", name,
        "--yes", "--relay-as", file)  # fmt: skip
    acting = ("--as-delegate-of", patient, "--keystore", keystore(delegate), "--yes")
    refused = run("consent", "revoke", "--from", two[1][0], *acting)
    assert (refused.code, f"nothing is granted to {two[1][0]} by {patient}" in refused.err) == (2, True)
    # A wide act of the delegate's own leaves the patient out, and says how to act for it.
    own = run("consent", "grant", "--to", name, "--purpose", "TREAT", *acting[2:])
    assert own.code == 0
    wide = run("consent", "revoke", "--everything", *acting[2:])
    assert f"it is another person's; act as the delegate with --as-delegate-of {patient}" in wide.err
    assert may(deployed_chain, patient, name)
