"""Orders on the command line: renewed, as QR codes, through standard input, by delegates; and the history of them."""

import json

import pytest

from salus.consent.files import orders as files
from salus.consent.model import Directive, DirectiveDraft, Effect, Order
from salus.errors import BadInput
from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD

A, B = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


# ------------------------------------------------------------------------------------------------------------ renewing


def test_a_renewal_keeps_scope_and_document_and_moves_the_end(run, deployed_chain, hospital, keystore):
    name, _, signer = hospital
    patient = deployed_chain.client(deployed_chain.person())
    now = patient.now()
    scope = Directive(signer.address, 2, Effect.PERMIT, 5, 7, now - 9, now + 99, b"\7" * 32)
    patient.consent.grant(scope)
    file = keystore(patient.signer)
    result = run("consent", "renew", "--to", name, "--until", "2040-01-01", "--keystore", file, "--yes")
    assert (result.code, "0x" + "07" * 32 in result.err) == (0, True)
    assert result.out.startswith(f"done: renewed {name} until 2040-01-01 00:00:00 UTC (block ")
    (record,) = patient.consent.all(patient.signer.address)
    assert (record.index, record.purposes, record.categories, record.start) == (2, 5, 7, now - 9)
    assert record.end == 2208988800
    assert [e.args["document"] for e in patient.consent.history(patient.signer.address)] == [b"\7" * 32] * 2


def test_of_several_the_one_to_renew_is_named(run, hospital, wallet):
    name, file, _ = hospital
    way = ("--yes", "--relay-as", file)
    for purpose in ("TREAT", "HPAYMT"):
        run("consent", "grant", "--to", name, "--purpose", purpose, *way)
    result = run("consent", "renew", "--to", name, *way)
    assert result.code == 2
    assert result.err.splitlines()[-1] == "error: index: directives are at the places 0, 1; name the one to renew"
    renewed = run("consent", "renew", "--to", name, "--index", "1", "--until", "2040-01-01", *way)
    assert (renewed.code, renewed.out.split(" (")[0]) == (0, f"done: renewed {name} until 2040-01-01 00:00:00 UTC")
    ends = {line["index"]: line["end"] for line in run("consent", "list", "--json").json()}
    assert ends[1] == 2208988800 and ends[0] < ends[1]


def test_what_is_revoked_or_never_was_is_not_renewed(run, hospital, wallet):
    name, file, _ = hospital
    way = ("--yes", "--relay-as", file)
    run("consent", "grant", "--to", name, "--purpose", "TREAT", *way)
    run("consent", "revoke", "--from", name, *way)
    result = run("consent", "renew", "--to", name, *way)
    assert (result.code, "nothing that could be renewed" in result.err) == (2, True)


# ---------------------------------------------------------------------------------------------------------- packed, QR


def packed_orders():
    permit = Directive(B, 3, Effect.DENY, 5, 1 << 45, 7, 2**40 - 1, b"\7" * 32)
    yield Order(A, permit, 1, 2**40 - 1, 31337, B, b"\1" * 65, A)
    yield Order(A, Directive(B, 0, Effect.PERMIT, 1, 1, 0, 9), 1, 2, 2**64 - 1, B, b"\1" * 65)
    yield Order(A, Directive("0x" + "0" * 40, 255, Effect.NONE), 1, 2, 1, B, b"\1" * 100)


@pytest.mark.parametrize("order", list(packed_orders()))
def test_a_packed_order_is_the_order(order):
    text = files.pack(order)
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ:")
    assert files.unpack(text, "it") == order
    assert files.parse(f"{text}\n{text.lower()}\n", "it") == (order, order)


@pytest.mark.parametrize("order", list(packed_orders()))
def test_a_packed_order_that_was_cut_or_changed_is_refused_or_another(order):
    text = files.pack(order)
    for cut in range(8, len(text) - 20, 7):
        try:
            found = files.unpack(text[:cut], "it")
        except BadInput as refused:
            assert str(refused).startswith(("it: ", "Grant: ", "Revoke: ", "domain: "))
        else:
            # Cut within the signature, whose length is its own; the contract refuses it.
            assert found != order and len(found.signature) < len(order.signature)


@pytest.mark.parametrize(
    "text", ["SALUS1:", "SALUS1:!!!!", "SALUS1:AAAA", "SALUS1:é", "SALUS1:" + "77" * 400, "salus1:  "]
)
def test_what_is_no_packed_order_is_told(text):
    with pytest.raises(BadInput):
        assert files.parse(text, "it")


def test_an_order_goes_through_a_qr_code(run, deployed_chain, hospital, wallet):
    name, file, _ = hospital
    drawn = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--qr")
    assert drawn.code == 0
    lines = drawn.out.splitlines()
    code, said = lines[:-1], lines[-1]
    assert said == "signed; scan it, and submit it with: salus consent relay - --keystore FILE"
    # Half blocks: at most 80 columns and 40 lines, so that it fits a terminal.
    assert 20 < len(code) <= 40 and 40 < max(map(len, code)) <= 80

    packed = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--qr", "--json").json()[0]["packed"]
    relayed = run("consent", "relay", "-", "--keystore", file, "--yes", input=packed + "\n")
    assert relayed.code == 0
    patient = Wallet.open(wallet.path, PASSWORD).address(name)
    assert deployed_chain.client().consent.decide(patient, name, ["TREAT"], ["Observation"]).answer.name == "PERMIT"


def test_the_drawn_code_holds_the_order(run, hospital, wallet, tmp_path):
    """Read back from the half blocks: the modules are those of the code for the packed order."""
    import segno

    name, out = hospital[0], tmp_path / "order.json"
    drawn = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--qr", "--out", out).out.splitlines()
    (order,) = files.load(out)
    code = segno.make_qr(files.pack(order), error="l", boost_error=False)
    assert (code.mode, code.version <= 11) == ("alphanumeric", True)
    light = []  # rows of modules, two to a line: a drawn half is light, as on a dark terminal
    for line in drawn[:-1]:
        line = line.ljust(code.symbol_size(border=2)[0])
        light += [[c in "█▀" for c in line], [c in "█▄" for c in line]]
    wanted = [[not module for module in row] for row in code.matrix_iter(border=2)]
    assert light[: len(wanted)] == wanted


def test_U10_an_order_is_signed_with_its_times_shown(run, deployed_chain, hospital, wallet, tmp_path):
    """Issued and ending by the chain's clock, which is compared with this machine's."""
    from salus.cli.moments import moment

    name, out = hospital[0], tmp_path / "order.json"
    signed = run("consent", "revoke", "--from", name, "--yes", "--out", out)
    (order,) = files.load(out)
    shown = dict(line.split(None, 1) for line in signed.err.splitlines() if line.strip().startswith("issued"))
    assert abs(parse(shown["issued"]) - order.issued_at) < 60 and order.deadline - order.issued_at == 7 * 86400
    assert "submit until" in signed.err and moment(order.deadline)[:10] in signed.err
    apart = abs(deployed_chain.client().clock_offset()) > 120
    assert ("warning: the chain's clock is" in signed.err) == apart


def parse(text):
    import datetime

    return datetime.datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=datetime.UTC).timestamp()


def test_an_order_is_written_and_drawn(run, hospital, wallet, tmp_path):
    name, file, _ = hospital
    out = tmp_path / "order.json"
    drawn = run("consent", "revoke", "--from", name, "--yes", "--qr", "--out", out)
    assert (drawn.code, out.is_file(), "█" in drawn.out) == (0, True, True)
    assert run("consent", "relay", "-", "--keystore", file, "--yes", input=out.read_text()).code == 0
    both = run("consent", "revoke", "--from", name, "--yes", "--qr", "--relay-as", file)
    assert (both.code, both.err.splitlines()[-1]) == (
        2,
        "error: --out: and --qr exclude --relay-as: write the order, or submit it",
    )


@pytest.mark.parametrize("text", ["", "{}", "SALUS1:", "nonsense"])
def test_standard_input_that_is_no_order_is_told(run, hospital, text):
    result = run("consent", "relay", "-", "--keystore", hospital[1], "--yes", input=text)
    assert result.code == 2
    assert result.err.startswith("error: standard input: ")


def test_bytes_on_standard_input_are_told(run, hospital):
    result = run("consent", "relay", "-", "--keystore", hospital[1], "--yes", input=b"\xff\xfe\x00")
    assert (result.code, "standard input: is no text" in result.err) == (2, True)


# ---------------------------------------------------------------------------------------------------------- delegates


@pytest.fixture
def carer(deployed_chain, keystore):
    """A patient's account without ether, and its delegate's with some: signers and keystores."""
    patient, carer = deployed_chain.patient(), deployed_chain.person()
    return patient, keystore(patient), carer, keystore(carer)


def named(run, carer, relayer, *more):
    patient, patient_file, delegate, _ = carer
    words = ("consent", "delegate", "add", delegate.address, "--purpose", "TREAT", "--until", "+30d", *more)
    return run(*words, "--keystore", patient_file, "--relay-as", relayer, "--yes")


def test_a_delegate_is_named_acts_and_is_removed(run, deployed_chain, hospital, carer, tmp_path):
    name, file, _ = hospital
    patient, patient_file, delegate, delegate_file = carer
    shown = named(run, carer, file)
    assert (shown.code, "may act for" in shown.err and delegate.address in shown.err) == (0, True)
    (line,) = run("consent", "delegate", "list", "--patient", patient.address, "--json").json()
    assert (line["delegate"], line["purposes"], line["categories"], line["active"]) == (
        delegate.address,
        ["TREAT"],
        ["all"],
        True,
    )

    acting = ("--as-delegate-of", patient.address, "--keystore", delegate_file, "--yes")
    granted = run("consent", "grant", "--to", name, "--purpose", "TREAT", *acting)
    assert (granted.code, f"the delegate {delegate.address}" in granted.err) == (0, True)
    decide = deployed_chain.client().consent.decide
    assert decide(patient.address, name, ["TREAT"], ["Observation"]).answer.name == "PERMIT"
    order = tmp_path / "order.json"
    assert run("consent", "revoke", "--from", name, "--index", "0", *acting, "--out", order).code == 0
    assert json.loads(order.read_text())["signer"] == delegate.address
    assert run("consent", "relay", order, "--keystore", file, "--yes").code == 0
    assert decide(patient.address, name, ["TREAT"], ["Observation"]).answer.name == "NONE"

    beyond = run("consent", "deny", "--to", name, "--purpose", "HRESCH", *acting)
    assert (beyond.code, "as a delegate it has a scope and an end" in beyond.err) == (1, True)
    words = ("consent", "delegate", "remove", delegate.address, "--keystore", patient_file, "--relay-as", file, "--yes")
    assert run(*words).code == 0
    assert run("consent", "delegate", "list", "--patient", patient.address).out == "there is no delegate\n"
    assert run("consent", "grant", "--to", name, "--purpose", "TREAT", *acting).code == 1


def test_the_history_tells_every_action_and_who_signed(run, hospital, carer):
    name, file, _ = hospital
    patient, patient_file, delegate, delegate_file = carer
    named(run, carer, file)
    acting = ("--as-delegate-of", patient.address, "--keystore", delegate_file, "--yes")
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--until", "2040-01-01", *acting)
    run("consent", "revoke", "--everything", "--keystore", patient_file, "--relay-as", file, "--yes")
    lines = run("consent", "history", "--patient", patient.address, "--json").json()
    assert [(line["action"], line["by"], line["signer"]) for line in lines] == [
        ("DelegateSet", "patient", patient.address),
        ("ConsentGranted", "delegate", delegate.address),
        ("ConsentRevoked", "patient", patient.address),
    ]
    table = run("consent", "history", "--patient", patient.address).out.splitlines()
    assert len(table) == 4
    assert (
        f"permitted {name} all for TREAT until 2040-01-01 00:00:00 UTC (place 4)\tdelegate {delegate.address}"
        in table[2]
    )
    assert "revoked everything\tpatient" in table[3]


def test_a_wallet_with_several_accounts_names_the_one(run, hospital, wallet):
    name, file, _ = hospital
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
    words = ("consent", "delegate", "add", A, "--purpose", "TREAT", "--until", "+1y", "--yes", "--relay-as", file)
    result = run(*words)
    assert (result.code, "--relation: is missing; say which account is meant: default, " + name in result.err) == (
        2,
        True,
    )
    assert run(*words, "--relation", name).code == 0
    assert run(*words, "--relation", "nobody").code == 2


# ---------------------------------------------------------------------------------------------------------- many, FHIR


def test_of_very_many_orders_only_their_kinds_are_shown(run, deployed_chain, hospital, tmp_path):
    name, file, signer = hospital
    client, path = deployed_chain.client(), tmp_path / "orders.json"
    orders = []
    for number in range(21):
        patient = deployed_chain.client(deployed_chain.patient())
        who, now = patient.signer.address, patient.now()
        scope = Directive(signer.address, 0, Effect.PERMIT if number else Effect.DENY, 5, 7, 0, now + 10**6)
        orders.append(patient.consent.sign(patient.consent.prepare_grant(scope, patient=who)))
    files.save(orders, path)
    done = run("consent", "relay", path, "--keystore", file, "--yes", "--json")
    assert (done.code, done.json()["orders"]) == (0, 21)
    for line in ("permits       20", "denials       1", "patients      21", f"institutions  {name}"):
        assert f"  {line}\n" in done.err
    assert client.consent.all(orders[0].patient)[0].effect is Effect.DENY


def test_what_fhir_cannot_say_is_left_out_and_told(run, deployed_chain, hospital, keystore):
    """A permit of sensitivity labels without records permits nothing, and FHIR has no word for it."""
    name, _, signer = hospital
    patient = deployed_chain.client(deployed_chain.person())
    now = patient.now()
    patient.consent.grant(Directive(signer.address, 0, Effect.PERMIT, 5, 7, 0, now + 10**6))
    labels = DirectiveDraft(name, Effect.PERMIT, frozenset({"TREAT"}), frozenset({"PSY"}), 0, now + 10**6)
    patient.consent.grant(labels, index=1)
    shown = run("consent", "show", "--fhir", "--patient", patient.signer.address)
    assert shown.code == 0 and json.loads(shown.out)["resourceType"] == "Consent"
    assert shown.err.startswith(f"left out, for FHIR cannot say it: place 1 of {name}: directive: ")


@pytest.mark.parametrize("actor", ["Organization/1", "=city-hospital", "Organization/1="])
def test_an_actor_is_a_reference_and_a_name(run, deployed_chain, hospital, tmp_path, actor):
    file = tmp_path / "consent.json"
    file.write_text("{}")
    result = run("consent", "grant", "--from-fhir", file, "--actor", actor)
    assert (result.code, result.err.startswith(f"error: --actor: is {actor!r}; write what the file calls it")) == (
        2,
        True,
    )
