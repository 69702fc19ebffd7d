"""Consent through the client: signed and relayed, direct, in any order, explained."""

import os
import stat

import pytest

from salus.consent import codes
from salus.consent.registry import ALL_PLACES, Answer, Directive, DirectiveDraft, Effect, Reason, Status
from salus.errors import BadInput, NoSigner, WalletError, refusals

DAY = 24 * 3600


class Refusals:
    def __getattr__(self, name):
        return refusals()[name]


errors = Refusals()


@pytest.fixture
def hospital(deployed_chain):
    """Signer and public name of a hospital."""
    return deployed_chain.institution("PROVIDER")


@pytest.fixture
def patient(deployed_chain):
    """A client that signs for somebody without ether."""
    return deployed_chain.client(deployed_chain.patient())


@pytest.fixture
def relayer(deployed_chain, hospital):
    return deployed_chain.client(hospital[0])


def draft(salus, grantee, *purposes, categories=("all",), effect=Effect.PERMIT, start=0, days=30):
    end = salus.now() + days * DAY
    return DirectiveDraft(grantee, effect, frozenset(purposes or ("TREAT",)), frozenset(categories), start, end)


def grant(patient, relayer, it, **options):
    return relayer.consent.relay([patient.consent.sign(patient.consent.prepare_grant(it, **options))])


def decide(patient, name, purpose="TREAT", *categories):
    decision = patient.consent.decide(patient.signer.address, name, [purpose], categories or ["Observation"])
    return decision.answer, decision.reason


# ------------------------------------------------------------------------------------------------- signed and relayed


def test_a_signed_grant_permits(deployed_chain, patient, relayer, hospital):
    receipt = grant(patient, relayer, draft(patient, hospital[1]))
    (event,) = receipt.events("ConsentGranted")
    assert (event.args["patient"], event.args["purposes"]) == (patient.signer.address, codes.PURPOSES["TREAT"])
    assert deployed_chain.w3.eth.get_balance(patient.signer.address) == 0
    assert decide(patient, hospital[1]) == (Answer.PERMIT, Reason.NAMED)
    assert decide(patient, hospital[1], "HPAYMT") == (Answer.NONE, Reason.WRONG_PURPOSE)
    assert decide(patient, hospital[1], "TREAT", "Condition", "PSY") == (Answer.NONE, Reason.WRONG_CATEGORY)
    assert decide(patient, hospital[1], "TREAT", "PSY") == (Answer.NONE, Reason.NO_DIRECTIVE)


def test_a_replay_is_refused(patient, relayer, hospital):
    order = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1])))
    relayer.consent.relay([order])
    with pytest.raises(errors.Superseded):
        relayer.consent.relay([order])


def test_a_withheld_grant_dies_with_a_later_revocation(patient, relayer, hospital):
    """TC1: consent does not rise again."""
    withheld = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1])))
    relayer.consent.relay([patient.consent.sign(patient.consent.prepare_revoke(hospital[1]))])
    with pytest.raises(errors.Superseded):
        relayer.consent.relay([withheld])
    assert decide(patient, hospital[1])[0] is Answer.NONE


def test_a_withheld_grant_does_not_stop_a_revocation(patient, relayer, hospital):
    """TC2: nothing waits for a nonce."""
    patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1])))
    relayer.consent.relay([patient.consent.sign(patient.consent.prepare_revoke(hospital[1]))])


def test_grants_and_revocations_within_one_second_find_their_seconds(patient, relayer, hospital):
    for _ in range(2):
        grant(patient, relayer, draft(patient, hospital[1]))
        assert decide(patient, hospital[1])[0] is Answer.PERMIT
        relayer.consent.relay([patient.consent.sign(patient.consent.prepare_revoke(hospital[1]))])
        assert decide(patient, hospital[1]) == (Answer.NONE, Reason.REVOKED)


@pytest.mark.parametrize("change", ["purposes", "categories", "end", "index", "effect", "grantee", "document"])
def test_whatever_a_relayer_changes_the_signature_is_not_for_it(deployed_chain, patient, relayer, hospital, change):
    from dataclasses import replace

    order = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1])))
    other = {
        "purposes": 3,
        "categories": 1,
        "end": 2**40 - 1,
        "index": 1,
        "effect": Effect.DENY,
        "grantee": deployed_chain.regulator.address,
        "document": b"\1" * 32,
    }[change]
    changed = replace(order, directive=replace(order.directive, **{change: other}))
    with pytest.raises(errors.InvalidSignature) as raised:
        relayer.consent.relay([changed])
    assert raised.value.arguments["signer"] == patient.signer.address
    assert raised.value.transaction is None


def test_several_orders_go_together_or_not_at_all(deployed_chain, patient, relayer, hospital):
    _, insurer = deployed_chain.institution("INSURER")
    good = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1])))
    other = patient.consent.sign(patient.consent.prepare_grant(draft(patient, insurer, "HPAYMT")))
    late = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1]), index=1, valid_for=-1))
    with pytest.raises(errors.DeadlinePassed):
        relayer.consent.relay([good, late])
    assert patient.consent.all(patient.signer.address) == ()
    relayer.consent.relay([good, other])
    assert len(patient.consent.all(patient.signer.address)) == 2


def test_an_order_for_another_chain_or_contract_is_not_submitted(patient, relayer, hospital):
    from dataclasses import replace

    order = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1])))
    with pytest.raises(BadInput, match="order: chainId: is 1; this chain is 31337"):
        relayer.consent.relay([replace(order, chain_id=1)])
    with pytest.raises(BadInput, match="order: contract: is 0x"):
        relayer.consent.relay([replace(order, contract=hospital[0].address)])


def test_only_the_patient_signs(patient, relayer, hospital):
    order = patient.consent.prepare_grant(draft(patient, hospital[1]))
    with pytest.raises(WalletError, match="the order is of .*, the signer is"):
        relayer.consent.sign(order)
    with pytest.raises(BadInput, match="signature: is missing"):
        relayer.consent.relay([order])


def test_without_a_signer_nothing_is_prepared(salus, hospital):
    with pytest.raises(NoSigner, match="salus wallet new"):
        salus.consent.prepare_grant(draft(salus, hospital[1]))


# ----------------------------------------------------------------------------------------------------------- direct


def test_a_patient_with_ether_grants_and_revokes(deployed_chain, hospital):
    patient = deployed_chain.client(deployed_chain.person())
    patient.consent.grant(draft(patient, hospital[1]))
    assert decide(patient, hospital[1])[0] is Answer.PERMIT
    patient.consent.revoke(hospital[1])
    assert decide(patient, hospital[1]) == (Answer.NONE, Reason.REVOKED)
    patient.consent.grant(draft(patient, hospital[1]))
    assert decide(patient, hospital[1])[0] is Answer.PERMIT


def test_after_revoking_everything_a_grant_waits_for_the_next_second(deployed_chain, hospital):
    patient = deployed_chain.client(deployed_chain.person())
    patient.consent.grant(draft(patient, hospital[1]))
    patient.consent.revoke(None)
    assert decide(patient, hospital[1]) == (Answer.NONE, Reason.REVOKED)
    patient.consent.grant(draft(patient, hospital[1]))
    assert decide(patient, hospital[1])[0] is Answer.PERMIT


def test_a_period_that_has_ended_is_refused(deployed_chain, hospital):
    patient = deployed_chain.client(deployed_chain.person())
    with pytest.raises(errors.InvalidPeriod) as raised:
        patient.consent.grant(Directive(hospital[0].address, 0, Effect.PERMIT, 1, 1, 0, 5))
    assert dict(raised.value.arguments) == {"start": 0, "end": 5}


# ------------------------------------------------------------------------------------------------------------ places


def test_the_same_purposes_renew_and_others_take_the_next_place(patient, relayer, hospital):
    grant(patient, relayer, draft(patient, hospital[1], "TREAT"))
    grant(patient, relayer, draft(patient, hospital[1], "HRESCH"))
    grant(patient, relayer, draft(patient, hospital[1], "TREAT", days=90))
    records = patient.consent.directives(patient.signer.address, hospital[1])
    assert [(r.index, r.purpose_names) for r in records] == [(0, {"TREAT"}), (1, {"HRESCH"})]
    assert records[0].end - records[1].end >= 59 * DAY


def test_four_places_are_all(patient, relayer, hospital):
    for purpose in ("TREAT", "HRESCH", "HPAYMT", "COVERAGE"):
        grant(patient, relayer, draft(patient, hospital[1], purpose))
    with pytest.raises(BadInput, match="all four directives for this grantee are in force"):
        patient.consent.prepare_grant(draft(patient, hospital[1], "PUBHLTH"))
    revoked = patient.consent.prepare_revoke(hospital[1], index=2)
    relayer.consent.relay([patient.consent.sign(revoked)])
    assert patient.consent.prepare_grant(draft(patient, hospital[1], "PUBHLTH")).directive.index == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"purposes": frozenset()}, "purpose: is missing"),
        ({"categories": frozenset()}, "category: is missing"),
        ({"purposes": frozenset({"SPY"})}, "there is no 'SPY'"),
        ({"effect": Effect.NONE}, "must be permit or deny"),
        ({"end": 0}, "period: from 0 to 0"),
        ({"start": 9, "end": 9}, "period: from 9 to 9"),
        ({"end": 2**40}, "is empty or out of range"),
        ({"grantee": "role:KING"}, "there is no 'KING'"),
        ({"grantee": "nobody"}, "nobody is called 'nobody'"),
    ],
)
def test_a_draft_that_cannot_be_is_refused(patient, hospital, changes, said):
    from dataclasses import replace

    with pytest.raises(BadInput, match=said):
        patient.consent.prepare_grant(replace(draft(patient, hospital[1]), **changes))


# ----------------------------------------------------------------------------------------------------------- looking


def test_a_role_is_a_grantee(patient, relayer, hospital):
    grant(patient, relayer, draft(patient, "role:provider"))
    assert decide(patient, hospital[1]) == (Answer.PERMIT, Reason.ROLE)
    (record,) = patient.consent.all(patient.signer.address)
    assert patient.consent.name(record.grantee) == "role:PROVIDER"


def test_the_list_shows_what_is_revoked_and_what_has_not_begun(deployed_chain, patient, relayer, hospital):
    _, other = deployed_chain.institution("PHARMACY")
    grant(patient, relayer, draft(patient, hospital[1]))
    grant(patient, relayer, draft(patient, other, start=patient.now() + DAY))
    relayer.consent.relay([patient.consent.sign(patient.consent.prepare_revoke(hospital[1]))])
    status = {patient.consent.name(r.grantee): r.status for r in patient.consent.all(patient.signer.address)}
    assert status == {hospital[1]: Status.REVOKED, other: Status.NOT_YET}


def test_the_history_keeps_everything(patient, relayer, hospital):
    grant(patient, relayer, draft(patient, hospital[1]))
    relayer.consent.relay([patient.consent.sign(patient.consent.prepare_revoke(hospital[1]))])
    grant(patient, relayer, draft(patient, hospital[1]))
    names = [event.name for event in patient.consent.history(patient.signer.address)]
    assert names == ["ConsentGranted", "ConsentRevoked", "ConsentGranted"]


def test_the_history_is_of_one_patient(patient, relayer, deployed_chain, hospital):
    grant(patient, relayer, draft(patient, hospital[1]))
    other = deployed_chain.client(deployed_chain.patient())
    grant(other, relayer, draft(other, hospital[1]))
    assert [e.args["patient"] for e in patient.consent.history(patient.signer.address)] == [patient.signer.address]


def explained(patient, name):
    lines = patient.consent.explain(patient.signer.address)
    return {(e.answer, e.reason, e.purposes, e.categories) for e in lines if e.name == name}


def test_the_explanation_is_what_the_contract_answers(patient, relayer, hospital):
    grant(patient, relayer, draft(patient, hospital[1], "TREAT", "HPAYMT"))
    rest = frozenset(codes.PURPOSES) - {"TREAT", "HPAYMT"}
    assert explained(patient, hospital[1]) == {
        (Answer.PERMIT, Reason.NAMED, frozenset({"TREAT", "HPAYMT"}), frozenset({"all"})),
        (Answer.NONE, Reason.WRONG_PURPOSE, rest, frozenset({"all"})),
    }


def test_a_narrow_deny_is_seen_beside_a_broad_permit(patient, relayer, hospital):
    grant(patient, relayer, draft(patient, hospital[1]))
    grant(patient, relayer, draft(patient, hospital[1], categories=("Condition", "HIV"), effect=Effect.DENY))
    lines = explained(patient, hospital[1])
    (permit,) = [line for line in lines if line[0] is Answer.PERMIT]
    (deny,) = [line for line in lines if line[0] is Answer.DENY]
    assert permit[3] == frozenset(codes.RECORDS) - {"Condition"}
    assert deny[3] == {"Condition", "HIV"}


def test_who_is_suspended_may_nothing(deployed_chain, patient, relayer, hospital):
    grant(patient, relayer, draft(patient, hospital[1]))
    deployed_chain.client(deployed_chain.regulator).institutions.suspend(hospital[1])
    assert {(line[0], line[1]) for line in explained(patient, hospital[1])} == {(Answer.DENY, Reason.NOT_LICENSED)}


def test_who_has_the_role_is_explained_too(deployed_chain, patient, relayer, hospital):
    _, insurer = deployed_chain.institution("INSURER")
    grant(patient, relayer, draft(patient, "role:PROVIDER"))
    names = {line.name for line in patient.consent.explain(patient.signer.address)}
    assert hospital[1] in names
    assert insurer not in names


def test_nobody_is_explained_where_nothing_was_granted(patient):
    assert patient.consent.explain(patient.signer.address) == ()


# -------------------------------------------------------------------------------------------------- orders as files


@pytest.fixture
def orders(patient, hospital):
    from salus.consent.files import orders

    permit = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1], categories=("all", "HIV"))))
    revoke = patient.consent.sign(patient.consent.prepare_revoke(hospital[1]))
    return orders, permit, revoke


def test_orders_come_back_from_their_file(orders, tmp_path):
    files, permit, revoke = orders
    files.save([permit], tmp_path / "one.json")
    files.save([permit, revoke], tmp_path / "two.json")
    assert files.load(tmp_path / "one.json") == (permit,)
    assert files.load(tmp_path / "two.json") == (permit, revoke)
    assert revoke.directive.index == ALL_PLACES


def test_P11_an_order_file_is_for_its_owner_alone(orders, tmp_path):
    """It links a patient with an institution, before it is submitted and after."""
    files, permit, revoke = orders
    before = os.umask(0)
    try:
        files.save([permit], tmp_path / "one.json")
        files.save([permit, revoke], tmp_path / "two.json")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.json")} == {0o600}


def test_an_order_is_not_written_over(orders, tmp_path):
    files, permit, _ = orders
    files.save([permit], tmp_path / "one.json")
    with pytest.raises(BadInput, match="one.json: is there already"):
        files.save([permit], tmp_path / "one.json")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"salus": "else"}, "is no consent order"),
        ({"version": 2}, "version: is 2"),
        ({"action": "permitt"}, "action: is 'permitt'"),
        ({"action": None}, "action: is None"),
        ({"action": ["permit"]}, "action: is"),
        ({"action": "revoke"}, "categories: is no field of a revoke"),
        ({"extra": 1}, "extra: is no field of a permit"),
        ({"patient": "0x12"}, "patient: is '0x12'"),
        ({"grantee": 5}, "grantee: is 5"),
        ({"index": 256}, "index: must be a whole number"),
        ({"index": True}, "index: must be a whole number"),
        ({"purposes": []}, "purposes: must be a list"),
        ({"purposes": "TREAT"}, "purposes: must be a list"),
        ({"purposes": ["SPY"]}, "there is no 'SPY'"),
        ({"categories": [1]}, "categories: must be a list"),
        ({"start": -1}, "start: must be a whole number"),
        ({"end": 2**40}, "end: must be a whole number"),
        ({"end": 1.5}, "end: must be a whole number"),
        ({"document": "0x12"}, "document: has 1 bytes"),
        ({"document": "zz"}, "document: must be 0x"),
        ({"issuedAt": None}, "issuedAt: must be a whole number"),
        ({"chainId": 0}, "chainId"),
        ({"contract": "0x" + "0" * 40}, "verifyingContract: is 0"),
        ({"signature": "0x123"}, "signature: must be 0x"),
        ({"signature": "0x" + "00" * 5000}, "signature: has 5000 bytes"),
    ],
)
def test_a_file_from_a_stranger_is_read_strictly(orders, tmp_path, changes, said):
    import json

    files, permit, _ = orders
    file = tmp_path / "order.json"
    file.write_text(json.dumps({**files.order_to_json(permit), **changes}))
    with pytest.raises(BadInput, match=said):
        files.load(file)


@pytest.mark.parametrize("field", ["chainId", "patient", "grantee", "purposes", "end", "issuedAt", "signature"])
def test_a_missing_field_is_named(orders, field):
    files, permit, _ = orders
    document = files.order_to_json(permit)
    del document[field]
    with pytest.raises(BadInput, match=f"x.json: {field}: is missing"):
        files.order_from_json(document, "x.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", "5", "null", "[{}]"])
def test_what_holds_no_order_is_told(tmp_path, text):
    from salus.consent.files import orders

    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match="x.json"):
        orders.load(tmp_path / "x.json")


def test_c18_a_member_of_staff_is_no_grantee(deployed_chain, patient, hospital):
    """Its directive would never match, and the command would say "done"."""
    deployed_contracts, name = hospital
    nurse = deployed_chain.person()
    deployed_chain.client(deployed_contracts).institutions.set_operator(
        nurse.address, ["PROVIDER"], deployed_chain.client().now() + 9_999
    )
    with pytest.raises(BadInput, match=f"is a member of staff of {name}: "):
        patient.consent.prepare_grant(draft(patient, nurse.address))


def test_scope_says_of_each_category_what_decide_does(deployed_chain, patient, relayer, hospital):
    name = hospital[1]
    grant(patient, relayer, draft(patient, name))
    found = patient.consent.scope(patient.signer.address, name, ["TREAT"])
    assert (found.denied, found.permitted_names) == (0, frozenset({"all"}))
    assert patient.consent.scope(patient.signer.address, name, ["HPAYMT"]).permitted == 0
    stranger = patient.consent.scope(patient.signer.address, deployed_chain.person().address, ["TREAT"])
    assert (stranger.permitted, "all" in stranger.denied_names) == (0, True)
