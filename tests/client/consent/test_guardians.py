"""Delegates, guardians and recovery through the client: direct, signed and submitted, from file to file."""

import json
from dataclasses import replace

import pytest

from salus.chain.local_node import LocalNode
from salus.consent import codes
from salus.consent.access_log import Cause
from salus.consent.guardian_requests import Request, collect, load, request_from_json, request_to_json, save
from salus.consent.registry import Answer, DirectiveDraft, Effect
from salus.errors import BadInput, WalletError, refusals
from tests.support.deployed_chain import DeployedChain, kind

DAY = 24 * 3600
TREAT, ALL = codes.PURPOSES["TREAT"], codes.ALL_RECORDS


class Refusals:
    def __getattr__(self, name):
        return refusals()[name]


errors = Refusals()


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """A chain of its own with all contracts, whose clock the tests move."""
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("later"))


@pytest.fixture
def hospital(deployed_chain):
    return deployed_chain.institution("PROVIDER")


@pytest.fixture
def relayer(deployed_chain, hospital):
    return deployed_chain.client(hospital[0])


@pytest.fixture
def patient(deployed_chain):
    """A client that signs for somebody without ether."""
    return deployed_chain.client(deployed_chain.patient())


@pytest.fixture
def carer(deployed_chain):
    return deployed_chain.client(deployed_chain.person())


def name_delegate(patient, relayer, delegate, *purposes, categories=("all",), days=30):
    until = patient.now() + days * DAY
    request = patient.guardians.prepare_delegate(delegate, purposes or ("TREAT",), categories, until)
    return relayer.guardians.submit(patient.guardians.sign(request))


def draft(salus, grantee, *purposes, categories=("all",), effect=Effect.PERMIT):
    end = salus.now() + 30 * DAY
    return DirectiveDraft(grantee, effect, frozenset(purposes or ("TREAT",)), frozenset(categories), 0, end)


def decide(patient, name, purpose="TREAT", category="Observation"):
    return patient.consent.decide(patient.signer.address, name, [purpose], [category]).answer


# ---------------------------------------------------------------------------------------------------------- delegates


def test_a_delegate_that_a_signature_named_may_act(patient, relayer, carer):
    receipt = name_delegate(patient, relayer, carer.signer.address)
    (event,) = receipt.events("DelegateSet")
    assert (event.args["purposes"], event.args["categories"]) == (TREAT, ALL)
    (found,) = carer.guardians.delegates(patient.signer.address)
    assert (found.delegate, found.purpose_names, found.category_names) == (carer.signer.address, {"TREAT"}, {"all"})
    may = carer.guardians.may_act
    assert may(patient.signer.address, carer.signer.address, ["TREAT"], ["Observation"])
    assert not may(patient.signer.address, carer.signer.address, ["HRESCH"], ["Observation"])
    assert not may(patient.signer.address, carer.signer.address, ["TREAT"], ["PSY"])


def test_a_patient_with_ether_names_changes_and_removes_one(deployed_chain, carer):
    patient = deployed_chain.client(deployed_chain.person())
    until = patient.now() + DAY
    patient.guardians.set_delegate(carer.signer.address, ["TREAT"], ["all"], until)
    patient.guardians.set_delegate(carer.signer.address, ["TREAT", "HPAYMT"], ["all"], until)
    (found,) = patient.guardians.delegates(patient.signer.address)
    assert found.purpose_names == {"TREAT", "HPAYMT"}
    patient.guardians.remove_delegate(carer.signer.address)
    assert patient.guardians.delegates(patient.signer.address) == ()
    assert patient.guardians.delegation(patient.signer.address, carer.signer.address).until == 0


def test_a_delegate_grants_within_its_scope(patient, relayer, carer, hospital):
    name_delegate(patient, relayer, carer.signer.address)
    who = {"patient": patient.signer.address, "delegate": carer.signer.address}
    order = carer.consent.sign(carer.consent.prepare_grant(draft(carer, hospital[1]), **who))
    receipt = relayer.consent.relay([order])
    assert [e.name for e in receipt.logs] == ["SignedByDelegate", "ConsentGranted"]
    assert decide(patient, hospital[1]) is Answer.PERMIT
    relayer.consent.relay([carer.consent.sign(carer.consent.prepare_revoke(hospital[1], **who, index=0))])
    assert decide(patient, hospital[1]) is Answer.NONE


def test_beyond_its_scope_a_delegate_is_refused(patient, relayer, carer, hospital):
    name_delegate(patient, relayer, carer.signer.address)
    who = {"patient": patient.signer.address, "delegate": carer.signer.address}
    for beyond in (draft(carer, hospital[1], "HRESCH"), draft(carer, hospital[1], categories=("PSY",))):
        with pytest.raises(errors.OutOfScope) as raised:
            relayer.consent.relay([carer.consent.sign(carer.consent.prepare_grant(beyond, **who))])
        assert raised.value.arguments["signer"] == carer.signer.address


def test_only_the_named_delegate_signs(patient, relayer, carer, hospital):
    who = {"patient": patient.signer.address, "delegate": carer.signer.address}
    order = carer.consent.prepare_grant(draft(carer, hospital[1]), **who)
    with pytest.raises(WalletError, match="is to be signed by the delegate"):
        relayer.consent.sign(order)
    with pytest.raises(WalletError, match="the order is of"):
        relayer.consent.sign(replace(order, signer=""))


def test_a_replay_brings_no_delegate_back(patient, relayer, carer):
    until = patient.now() + DAY
    request = patient.guardians.prepare_delegate(carer.signer.address, ["TREAT"], ["all"], until)
    signed = patient.guardians.sign(request)
    relayer.guardians.submit(signed)
    relayer.guardians.submit(patient.guardians.sign(patient.guardians.prepare_removal(carer.signer.address)))
    with pytest.raises(errors.Superseded, match="the action of .* stands, and this one is not later"):
        relayer.guardians.submit(signed)


def test_whatever_is_changed_the_signature_is_not_for_it(patient, relayer, carer):
    request = patient.guardians.prepare_delegate(carer.signer.address, ["TREAT"], ["all"], patient.now() + DAY)
    signed = patient.guardians.sign(request)
    for change in ({"purposes": 3}, {"categories": 1}, {"until": 2**40 - 1}, {"delegate": relayer.signer.address}):
        with pytest.raises(errors.InvalidSignature):
            relayer.guardians.submit(replace(signed, fields={**signed.fields, **change}))


@pytest.mark.parametrize(
    ("purposes", "categories", "until", "said"),
    [
        ([], ["all"], 2**39, "purposes: is missing"),
        (["TREAT"], [], 2**39, "categories: is missing"),
        (["SPY"], ["all"], 2**39, "there is no 'SPY'"),
        (["TREAT"], ["all"], 0, "until: is 0"),
        (["TREAT"], ["all"], 2**40, "until: is"),
    ],
)
def test_a_delegate_that_cannot_be_is_refused(patient, carer, purposes, categories, until, said):
    with pytest.raises(BadInput, match=said):
        patient.guardians.prepare_delegate(carer.signer.address, purposes, categories, until)


def test_nobody_is_its_own_delegate(deployed_chain):
    patient = deployed_chain.client(deployed_chain.person())
    with pytest.raises(errors.InvalidDelegate):
        patient.guardians.set_delegate(patient.signer.address, ["TREAT"], ["all"], patient.now() + DAY)


# ---------------------------------------------------------------------------------------------------------- guardians


@pytest.fixture
def three_guardians(deployed_chain):
    """Three guardians without ether."""
    return [deployed_chain.client(deployed_chain.patient()) for _ in range(3)]


def name_guardians(patient, relayer, three_guardians, threshold=2, delay=3 * DAY):
    accounts = [guardian.signer.address for guardian in three_guardians]
    request = patient.guardians.prepare_guardians(accounts, threshold, delay)
    return relayer.guardians.submit(patient.guardians.sign(request))


def test_guardians_in_any_order_are_named_by_a_signature(patient, relayer, three_guardians):
    """The digest over a list of addresses is the contract's: else the signature would be nobody's."""
    name_guardians(patient, relayer, three_guardians)
    found = patient.guardians.guardian_set(patient.signer.address)
    ascending = tuple(sorted((g.signer.address for g in three_guardians), key=lambda account: int(account, 16)))
    assert (found.guardians, found.threshold, found.delay) == (ascending, 2, 3 * DAY)


def test_C14_guardians_are_removed_after_their_delay(later):
    patient, relayer = later.client(later.patient()), later.client(later.institution("PROVIDER")[0])
    three_guardians, who = [later.client(later.patient()) for _ in range(3)], patient.signer.address
    name_guardians(patient, relayer, three_guardians)
    assert patient.guardians.pending(who) is None
    with pytest.raises(errors.NothingPending, match="no change of the guardians"):
        relayer.guardians.apply(who)
    name_guardians(patient, relayer, [], 0, 0)
    waiting = patient.guardians.pending(who)
    assert (waiting.guardians, waiting.threshold) == ((), 0)
    assert len(patient.guardians.guardian_set(who).guardians) == 3
    with pytest.raises(errors.NotReady, match="it can be done for"):
        relayer.guardians.apply(who)
    later.node.advance(3 * DAY)
    relayer.guardians.apply(who)
    assert patient.guardians.guardian_set(who).guardians == ()
    assert patient.guardians.pending(who) is None


@pytest.mark.parametrize(
    ("count", "threshold", "said"), [(3, 0, "threshold: is 0"), (3, 4, "threshold: is 4"), (11, 2, "more than 10")]
)
def test_guardians_that_cannot_be_are_refused(patient, count, threshold, said):
    accounts = [f"0x{number:040x}" for number in range(1, count + 1)]
    with pytest.raises(BadInput, match=said):
        patient.guardians.prepare_guardians(accounts, threshold, 3 * DAY)


def test_a_guardian_twice_is_refused(patient, three_guardians):
    account = three_guardians[0].signer.address
    with pytest.raises(BadInput, match="guardian: is there twice"):
        patient.guardians.prepare_guardians([account, account], 1, 3 * DAY)


@pytest.mark.parametrize("delay", [0, DAY, 61 * DAY])
def test_a_delay_that_is_too_short_or_too_long_is_refused(patient, relayer, three_guardians, delay):
    with pytest.raises(errors.InvalidGuardians) as raised:
        name_guardians(patient, relayer, three_guardians, delay=delay)
    assert raised.value.arguments["field"] == "delay"


# ----------------------------------------------------------------------------------------------------------- recovery


def agreed(three_guardians, patient, successor):
    request = three_guardians[0].guardians.prepare_recovery(patient, successor)
    return [guardian.guardians.sign(request) for guardian in three_guardians]


def test_too_few_guardians_start_nothing(patient, relayer, three_guardians, deployed_chain):
    name_guardians(patient, relayer, three_guardians)
    one = agreed(three_guardians[:1], patient.signer.address, deployed_chain.patient().address)
    with pytest.raises(errors.TooFewGuardians, match="1 guardians of .* have signed, and 2 must"):
        relayer.guardians.submit(collect(one))


def test_who_is_no_guardian_does_not_sign(patient, relayer, three_guardians, deployed_chain):
    name_guardians(patient, relayer, three_guardians)
    request = three_guardians[0].guardians.prepare_recovery(patient.signer.address, deployed_chain.patient().address)
    with pytest.raises(WalletError, match="is no guardian of"):
        relayer.guardians.sign(request)
    forged = request.signed(relayer.signer.address, relayer.signer.sign_typed(request.typed()))
    both = collect([three_guardians[0].guardians.sign(request), forged])
    with pytest.raises(errors.NotGuardian):
        relayer.guardians.submit(both)


def test_the_patient_stops_a_move_and_the_signatures_are_dead(patient, relayer, three_guardians, deployed_chain):
    name_guardians(patient, relayer, three_guardians)
    successor = deployed_chain.patient().address
    request = collect(agreed(three_guardians, patient.signer.address, successor))
    relayer.guardians.submit(request)
    assert patient.guardians.recovery(patient.signer.address).successor == successor
    with pytest.raises(errors.RecoveryPending):
        relayer.guardians.submit(request)
    with pytest.raises(errors.NotReady):
        relayer.guardians.finish(patient.signer.address)
    relayer.guardians.submit(patient.guardians.sign(patient.guardians.prepare_veto()))
    assert patient.guardians.recovery(patient.signer.address) is None
    with pytest.raises(errors.InvalidSignature):
        relayer.guardians.submit(request)


def test_C14_the_guardians_withdraw_a_move(patient, relayer, three_guardians, deployed_chain, tmp_path):
    """Each signs a copy of one file, as for the move itself."""
    name_guardians(patient, relayer, three_guardians)
    who = patient.signer.address
    relayer.guardians.submit(collect(agreed(three_guardians, who, deployed_chain.patient().address)))
    request = three_guardians[0].guardians.prepare_withdrawal(who)
    copies = []
    for number, guardian in enumerate(three_guardians[:2]):
        save(guardian.guardians.sign(request), tmp_path / f"{number}.json")
        copies.append(load(tmp_path / f"{number}.json"))
    with pytest.raises(errors.TooFewGuardians):
        relayer.guardians.submit(copies[0])
    relayer.guardians.submit(collect(copies))
    assert patient.guardians.recovery(who) is None
    with pytest.raises(BadInput, match="no recovery of .* is under way"):
        three_guardians[0].guardians.prepare_withdrawal(who)
    assert [event.name for event in patient.guardians.history(who)][-2:] == ["RecoveryStarted", "RecoveryWithdrawn"]


def test_C14_a_move_that_nobody_makes_lapses(later):
    patient, relayer = later.client(later.patient()), later.client(later.institution("PROVIDER")[0])
    three_guardians, who = [later.client(later.patient()) for _ in range(3)], patient.signer.address
    name_guardians(patient, relayer, three_guardians)
    relayer.guardians.submit(collect(agreed(three_guardians, who, later.patient().address)))
    running = patient.guardians.recovery(who)
    later.node.advance(running.lapses_at - patient.now())
    assert patient.guardians.recovery(who) is None
    with pytest.raises(errors.NoRecovery):
        relayer.guardians.finish(who)


def test_C8_an_emergency_contact_is_named_and_told(patient, relayer, deployed_chain, tmp_path):
    friend, who = deployed_chain.patient().address, patient.signer.address
    assert patient.guardians.contact(who) is None
    save(patient.guardians.sign(patient.guardians.prepare_contact(friend)), tmp_path / "contact.json")
    relayer.guardians.submit(load(tmp_path / "contact.json"))
    assert patient.guardians.contact(who) == friend
    _, receipt = relayer.accesses.declare_emergency(who, Cause.UNCONSCIOUS, ["all"], 3600)
    (event,) = receipt.events("EmergencyContactNotified")
    assert (event.args["contact"], event.args["patient"]) == (friend, who)
    relayer.guardians.submit(patient.guardians.sign(patient.guardians.prepare_contact(None)))
    assert patient.guardians.contact(who) is None


def test_C12_what_a_minors_guardian_granted_is_asked_again_at_majority(later):
    hospital, name = later.institution("PROVIDER")
    relayer, minor, parent = later.client(hospital), later.client(later.patient()), later.client(later.patient())
    who = minor.signer.address
    name_delegate(minor, relayer, parent.signer.address, days=10)
    other, other_name = later.institution("PROVIDER")
    for deployed_contracts in (name, other_name):
        grant = parent.consent.prepare_grant(
            draft(parent, deployed_contracts), patient=who, delegate=parent.signer.address
        )
        relayer.consent.relay([parent.consent.sign(grant)])
    # What the minor has said again itself is not asked again.
    own = minor.consent.prepare_grant(draft(minor, other.address), index=0)
    relayer.consent.relay([minor.consent.sign(own)])
    assert minor.guardians.ended_mandates(who) == ()
    later.node.advance(10 * DAY)
    (over,) = minor.guardians.ended_mandates(who)
    assert (over.delegate, over.grants) == (parent.signer.address, ((hospital.address, 4),))
    assert over.until <= minor.now()


def test_C12_who_granted_nothing_leaves_nothing_to_ask(later):
    relayer, minor = later.client(later.institution("PROVIDER")[0]), later.client(later.patient())
    parent = later.patient().address
    name_delegate(minor, relayer, parent, days=1)
    later.node.advance(DAY)
    (over,) = minor.guardians.ended_mandates(minor.signer.address)
    assert (over.delegate, over.grants) == (parent, ())


def test_C12_a_mandate_that_was_taken_back_is_not_asked_about(later):
    relayer, minor = later.client(later.institution("PROVIDER")[0]), later.client(later.patient())
    parent = later.patient().address
    name_delegate(minor, relayer, parent, days=1)
    relayer.guardians.submit(minor.guardians.sign(minor.guardians.prepare_removal(parent)))
    later.node.advance(DAY)
    assert minor.guardians.ended_mandates(minor.signer.address) == ()


def test_a_veto_without_a_recovery_is_told(patient):
    with pytest.raises(BadInput, match="no recovery of .* is under way"):
        patient.guardians.prepare_veto()


def test_a_patient_who_lost_the_key_is_moved_and_signs_again(later):
    hospital, name = later.institution("PROVIDER")
    relayer, patient, new = later.client(hospital), later.client(later.patient()), later.client(later.person())
    three_guardians = [later.client(later.patient()) for _ in range(3)]
    name_guardians(patient, relayer, three_guardians)
    who = patient.signer.address
    relayer.consent.relay([patient.consent.sign(patient.consent.prepare_grant(draft(patient, name)))])

    relayer.guardians.submit(collect(agreed(three_guardians[1:], who, new.signer.address)))
    later.node.advance(3 * DAY)
    first, second = relayer.guardians.finish(who)
    assert (first.events("PatientMoved") != (), second.events("ControllerFollowed") != ()) == (True, True)
    assert new.guardians.controller_of(who) == new.signer.address
    # What was granted stands, and the new account signs for the old one.
    assert decide(patient, name) is Answer.PERMIT
    relayer.consent.relay([new.consent.sign(new.consent.prepare_revoke(name, patient=who))])
    assert decide(patient, name) is Answer.NONE
    new.guardians.set_guardians([], 0, 0, patient=who)
    # The lost key signs for nobody.
    with pytest.raises(WalletError, match="the signer is"):
        patient.guardians.sign(patient.guardians.prepare_guardians([], 0, 0))
    old = patient.consent.sign(patient.consent.prepare_grant(draft(patient, name)))
    with pytest.raises(errors.InvalidSignature):
        relayer.consent.relay([old])
    with pytest.raises(errors.NoRecovery):
        relayer.guardians.finish(relayer.signer.address)

    done = [(a.event.name, a.signer, a.delegate) for a in relayer.consent.actions(who)]
    assert done == [
        ("GuardiansSet", who, False),
        ("ConsentGranted", who, False),
        ("RecoveryStarted", "", False),
        ("PatientMoved", "", False),
        ("ControllerFollowed", "", False),
        ("ConsentRevoked", new.signer.address, False),
        ("GuardiansProposed", new.signer.address, False),
    ]


def test_the_history_says_what_a_delegate_signed(patient, relayer, carer, hospital):
    name_delegate(patient, relayer, carer.signer.address)
    who = {"patient": patient.signer.address, "delegate": carer.signer.address}
    by_patient = patient.consent.sign(patient.consent.prepare_grant(draft(patient, hospital[1], "HPAYMT"), index=1))
    by_carer = carer.consent.sign(carer.consent.prepare_grant(draft(carer, hospital[1]), **who))
    relayer.consent.relay([by_patient, by_carer])
    done = [(a.event.name, a.signer, a.delegate) for a in relayer.consent.actions(patient.signer.address)]
    assert done[1:] == [
        ("ConsentGranted", patient.signer.address, False),
        ("ConsentGranted", carer.signer.address, True),
    ]


# ------------------------------------------------------------------------------------------------- requests as files


A, B = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
FIELDS = {
    "delegate": {"delegate": B, "purposes": 3, "categories": ALL, "until": 9},
    "guardians": {"guardians": (B, A), "threshold": 1, "delay": 3 * DAY},
    "recover": {"successor": B, "version": 4},
    "veto": {"successor": B, "version": 4},
}


@pytest.mark.parametrize("action", FIELDS)
def test_requests_come_back_from_their_file(action, tmp_path):
    request = Request(action, A, FIELDS[action], 5, 6, 31337, B, {A: b"\1" * 65})
    save(request, tmp_path / "request.json")
    assert load(tmp_path / "request.json") == request
    with pytest.raises(BadInput, match="is there already"):
        save(request, tmp_path / "request.json")


@pytest.mark.parametrize(
    ("action", "changes", "said"),
    [
        ("veto", {"salus": "else"}, "is no request to guardians"),
        ("veto", {"version": 2}, "version: is 2"),
        ("veto", {"action": "rescue"}, "action: is 'rescue'"),
        ("veto", {"action": ["veto"]}, "action: is"),
        ("veto", {"extra": 1}, "extra: is no field"),
        ("veto", {"patient": "0x12"}, "patient: is '0x12'"),
        ("veto", {"successor": 5}, "successor: is 5"),
        ("veto", {"setVersion": -1}, "version: is -1"),
        ("veto", {"setVersion": True}, "version: is True"),
        ("veto", {"deadline": 2**40}, "deadline: must be a whole number"),
        ("veto", {"chainId": 1.5}, "chainId: must be a whole number"),
        ("veto", {"signatures": []}, "signatures: must be an object"),
        ("veto", {"signatures": {A: "0x", B: "0x"}}, "only a recovery or its withdrawal is signed by several"),
        ("veto", {"signatures": {A: "0x123"}}, "must be 0x and pairs"),
        ("veto", {"signatures": {"me": "0x12"}}, "signatures.me: is 'me'"),
        ("recover", {"signatures": {A: "0x" + "00" * 5000}}, "has 5000 bytes"),
        ("delegate", {"purposes": "TREAT"}, "purposes: must be a list of names"),
        ("delegate", {"categories": ["Nothing"]}, "there is no 'Nothing'"),
        ("guardians", {"guardians": A}, "must be a list of addresses"),
        ("guardians", {"guardians": [A, 5]}, r"guardians\[1\]: is 5"),
        ("guardians", {"threshold": 256}, "threshold: is 256"),
    ],
)
def test_a_file_from_a_stranger_is_read_strictly(action, changes, said):
    document = request_to_json(Request(action, A, FIELDS[action], 5, 6, 31337, B))
    with pytest.raises(BadInput, match=said):
        request_from_json(json.loads(json.dumps({**document, **changes})), "x.json")


@pytest.mark.parametrize("action", FIELDS)
def test_a_missing_field_is_named(action):
    document = request_to_json(Request(action, A, FIELDS[action], 5, 6, 31337, B))
    for field in set(document) - {"salus", "version", "action"}:
        less = {key: value for key, value in document.items() if key != field}
        with pytest.raises(BadInput, match=f"x.json: {field}: is missing"):
            request_from_json(less, "x.json")


def test_copies_of_another_request_are_not_put_together():
    first = Request("recover", A, FIELDS["recover"], 5, 6, 31337, B, {A: b"\1"})
    assert collect([first, replace(first, signatures={B: b"\2"})]).signatures == {A: b"\1", B: b"\2"}
    with pytest.raises(BadInput, match="request 2: is another than the first"):
        collect([first, replace(first, deadline=7)])
    with pytest.raises(BadInput, match="there is none"):
        collect([])


def test_a_request_for_another_chain_is_not_signed(patient):
    request = patient.guardians.prepare_guardians([], 0, 0)
    with pytest.raises(BadInput, match="chainId: is 1"):
        patient.guardians.sign(replace(request, chain_id=1))
    with pytest.raises(BadInput, match="the Guardians here are"):
        patient.guardians.submit(replace(request, contract=B))
    with pytest.raises(BadInput, match="signatures: there is none"):
        patient.guardians.submit(request)
