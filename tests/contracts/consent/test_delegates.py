"""A carer or a parent acts for a patient, within a scope and until a date (interfaces/consent/IGuardians.sol).

given a patient who names a delegate
    when the delegate is nobody or the patient itself           it is refused: InvalidDelegate
    when it may do nothing                                      it is refused: EmptyScope
    when the patient neither sends nor signed it, field by field    it is refused: InvalidSignature
    when it was signed later than now, or its deadline passed   it is refused: IssuedInFuture, DeadlinePassed
    when a later one stands                                     it is refused: Superseded
    when all is well                                            it may act, to the second before its end
given an order that a delegate signed or sends
    when it is out of its scope, or its time is over            it is refused: OutOfScope
    when somebody else signed                                   it is refused: InvalidSignature
    when it was signed before the mandate began                 it is refused: OutOfScope
    when fourteen others have acted                             it is refused: TooManyDelegates
    when it is within                                           it is carried out, and who signed is told
        beside what the patient and other delegates said: neither takes the other's place
given what a delegate said
    when its mandate ends, or no longer covers it               it counts no more
    when it is named again after that                           it does not count again
    when the patient revokes it, or all, or everything          it counts no more
"""

import brownie
import pytest

from tests.support.boundary_time import PASSED, at, refusal
from tests.support.consent_builders import (
    ACTIVE,
    ALL,
    ALL_RECORDS,
    CLAIM,
    DENY,
    EVERY_CATEGORY,
    EVERY_PURPOSE,
    FOR_EVER,
    HIV,
    HPAYMT,
    HRESCH,
    NAMED,
    NOBODY,
    OBSERVATION,
    PERMIT,
    REVOKED,
    TOLERANT,
    TREAT,
    WITHDRAWN,
    decide,
    deny,
    granted,
    key,
    permit,
    record,
    relaying,
    revocation,
    sign,
)
from tests.support.errors import error
from tests.support.guardian_helpers import (
    DAY,
    DELEGATE,
    DIRECT,
    Authorization,
    Delegation,
    delegation,
    signature,
    signed_delegate,
)
from tests.support.keys import key_of

CARER = "0x00000000000000000000000000000000000ABCdE"


@pytest.fixture
def naming(guardians, stranger):
    """How a naming would be refused now."""
    return lambda *args: refusal(guardians.setDelegate, *args, sender=stranger)


# ---- naming: refused -------------------------------------------------------------------------------------------------


def test_a_delegate_is_somebody_else(guardians, patient):
    for delegate in (NOBODY, patient.address):
        message = refusal(
            guardians.setDelegate, patient, delegate, TREAT, OBSERVATION, FOR_EVER, DIRECT, sender=patient
        )
        assert message == error("InvalidDelegate", delegate)


@pytest.mark.parametrize(("purposes", "categories"), [(0, OBSERVATION), (TREAT, 0), (0, 0)])
def test_a_delegate_may_do_something(guardians, patient, purposes, categories):
    message = refusal(guardians.setDelegate, patient, CARER, purposes, categories, FOR_EVER, DIRECT, sender=patient)
    assert message == error("EmptyScope", purposes, categories)


def test_only_the_patient_names_directly(guardians, people):
    args = (people.patient, CARER, TREAT, OBSERVATION, FOR_EVER, DIRECT)
    for sender in (people.stranger, people.regulator, people.hospital, people.deployer):
        assert refusal(guardians.setDelegate, *args, sender=sender) == error("InvalidSignature", people.patient)
    assert refusal(guardians.setDelegate, *args, sender=people.patient) is PASSED


FLIPS = {
    "patient": key("ben").address,
    "delegate": NOBODY[:-1] + "9",
    "purposes": HPAYMT,
    "categories": CLAIM,
    "until": 0,
}


@pytest.mark.parametrize("field", FLIPS)
def test_TC4_no_field_of_a_naming_is_the_relayers_choice(guardians, ana, now, naming, field):
    args = list(signed_delegate(guardians, ana, CARER, now))
    assert naming(*args) is PASSED
    args[list(FLIPS).index(field)] = FLIPS[field]
    assert naming(*args) == error("InvalidSignature", args[0])


@pytest.mark.parametrize("field", ["issued_at", "deadline"])
def test_TC4_no_time_of_a_naming_is_the_relayers_choice(guardians, ana, now, naming, field):
    *terms, authorization = signed_delegate(guardians, ana, CARER, now - 5, now + 500)
    forged = authorization._replace(**{field: getattr(authorization, field) + 1})
    assert naming(*terms, forged) == error("InvalidSignature", ana.address)


@pytest.mark.parametrize("early", [-1, 0, 1])
def test_TC8_a_naming_is_not_issued_in_the_future(guardians, ana, now, naming, early):
    message = naming(*signed_delegate(guardians, ana, CARER, now + early))
    assert message == (error("IssuedInFuture", now + 1, now) if early == 1 else PASSED)


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_a_namings_deadline_is_the_last_second(guardians, ana, now, naming, late):
    args = signed_delegate(guardians, ana, CARER, now, now + 1_000)
    at(now + 1_000 + late)
    assert naming(*args) == (error("DeadlinePassed", now + 1_000, now + 1_001) if late == 1 else PASSED)


def test_TC3_a_naming_for_elsewhere_is_refused(guardians, consents, ana, now, naming):
    *terms, _ = signed_delegate(guardians, ana, CARER, now)
    for change in (
        {"chainId": 1},
        {"verifyingContract": consents.address},
        {"name": "Salus Consent"},
        {"version": "2"},
    ):
        elsewhere = signature(guardians, ana, DELEGATE, *terms, now, FOR_EVER, **change)
        assert naming(*terms, Authorization(now, FOR_EVER, elsewhere)) == error("InvalidSignature", ana.address)


# ---- naming: the order of issue --------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TC1_the_later_naming_stands(guardians, ana, now, named, carer, naming, later):
    named(now - 10)
    message = naming(*signed_delegate(guardians, ana, carer.address, now - 10 + later, purposes=HPAYMT))
    assert message == (PASSED if later == 1 else error("Superseded", ana.address, now - 10))


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TC1_a_removal_wins_in_the_same_second(guardians, ana, now, named, carer, naming, later):
    named(now - 10)
    message = naming(*signed_delegate(guardians, ana, carer.address, now - 10 + later, until=0))
    assert message == (error("Superseded", ana.address, now - 10) if later == -1 else PASSED)


def test_TC1_a_withheld_naming_dies_with_a_direct_removal(guardians, people, now, naming):
    withheld = signed_delegate(guardians, key_of(people.patient), CARER, now)
    tx = guardians.setDelegate(people.patient, CARER, 0, 0, 0, DIRECT, {"from": people.patient})
    assert naming(*withheld) == error("Superseded", people.patient, tx.timestamp)


# ---- naming: carried out ---------------------------------------------------------------------------------------------


def test_a_naming_is_kept_and_told(guardians, ana, carer, now, named):
    tx = named(now - 7, purposes=TREAT | HPAYMT, categories=OBSERVATION, until=now + DAY)
    assert delegation(guardians, ana.address, carer.address) == Delegation(
        TREAT | HPAYMT, OBSERVATION, now + DAY, now - 7
    )
    assert len(tx.events) == 1
    assert dict(tx.events["DelegateSet"]) == {
        "patient": ana.address,
        "delegate": carer.address,
        "purposes": TREAT | HPAYMT,
        "categories": OBSERVATION,
        "until": now + DAY,
        "issuedAt": now - 7,
    }


def test_a_direct_naming_counts_from_its_block(guardians, patient):
    """Whatever else the caller says of its time."""
    tx = guardians.setDelegate(patient, CARER, TREAT, OBSERVATION, 9, Authorization(1, 1), {"from": patient})
    assert delegation(guardians, patient, CARER) == Delegation(TREAT, OBSERVATION, 9, tx.timestamp)


def test_a_delegate_of_one_is_nobodys_else(guardians, ana, carer, named):
    named()
    assert guardians.mayAct(ana.address, carer.address, TREAT, OBSERVATION)
    assert not guardians.mayAct(key("ben").address, carer.address, TREAT, OBSERVATION)
    assert not guardians.mayAct(carer.address, ana.address, TREAT, OBSERVATION)


@pytest.mark.parametrize(
    ("purposes", "categories", "allowed"),
    [
        (TREAT, OBSERVATION, True),
        (TREAT | HPAYMT, ALL_RECORDS, True),
        (HRESCH, OBSERVATION, False),
        (TREAT | HRESCH, OBSERVATION, False),
        (TREAT, OBSERVATION | HIV, False),
        (EVERY_PURPOSE, EVERY_CATEGORY, False),
    ],
)
def test_a_delegates_scope(guardians, ana, carer, named, purposes, categories, allowed):
    named(purposes=TREAT | HPAYMT)
    assert guardians.mayAct(ana.address, carer.address, purposes, categories) is allowed


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC9_a_minors_guardian_ends_with_the_day_of_majority(ana, carer, hospital, consents, now, named, refused, late):
    """To the second, whenever the order was signed."""
    majority = now + 1_000
    named(until=majority)
    order = sign(consents, carer, permit(hospital), now, patient=ana.address, delegate=True)
    at(majority + late)
    assert refused(order) == (PASSED if late == -1 else error("OutOfScope", ana.address, carer.address))


# ---- orders ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def acting(consents, ana, carer, now):
    """An order that the carer signs for Ana."""
    return lambda directive, issued_at=None: sign(
        consents, carer, directive, now if issued_at is None else issued_at, patient=ana.address, delegate=True
    )


def test_a_delegates_grant_is_carried_out_and_told(consents, ana, carer, hospital, now, named, relay, acting):
    named()
    tx = relay(acting(permit(hospital)))
    assert [event.name for event in tx.events] == ["SignedByDelegate", "ConsentGranted"]
    assert dict(tx.events["SignedByDelegate"]) == {"patient": ana.address, "delegate": carer.address}
    assert record(consents, ana.address, hospital, 4).status == ACTIVE
    assert record(consents, ana.address, hospital).issued_at == 0
    assert record(consents, carer.address, hospital).issued_at == 0


def test_the_patients_own_order_names_no_delegate(consents, ana, hospital, now, relay):
    order = sign(consents, ana, permit(hospital), now)
    tx = relay(order._replace(signer=ana.address))
    assert [event.name for event in tx.events] == ["ConsentGranted"]


@pytest.mark.parametrize(
    "terms",
    [{"purposes": TREAT | HPAYMT}, {"purposes": HPAYMT}, {"categories": OBSERVATION | HIV}, {"categories": HIV}],
    ids=str,
)
@pytest.mark.parametrize("kind", [permit, deny])
def test_a_delegate_grants_within_its_scope_alone(ana, carer, hospital, named, refused, acting, kind, terms):
    named()
    assert refused(acting(kind(hospital, **terms))) == error("OutOfScope", ana.address, carer.address)


def test_whoever_was_never_named_is_out_of_scope(ana, carer, hospital, refused, acting):
    assert refused(acting(permit(hospital))) == error("OutOfScope", ana.address, carer.address)


def test_TC9_a_removed_delegates_withheld_order_is_dead(ana, carer, hospital, now, named, refused, acting):
    named(now - 10)
    withheld = acting(permit(hospital), now - 9)
    assert refused(withheld) is PASSED
    named(now - 5, until=0)
    assert refused(withheld) == error("OutOfScope", ana.address, carer.address)


def test_TC4_a_relayer_cannot_pass_a_delegates_order_as_the_patients(ana, carer, hospital, named, refused, acting):
    named()
    order = acting(permit(hospital))
    assert refused(order._replace(signer=NOBODY)) == error("InvalidSignature", ana.address)
    assert refused(order._replace(signer=ana.address)) == error("InvalidSignature", ana.address)
    ben = key("ben").address
    assert refused(order._replace(signer=ben)) == error("InvalidSignature", ben)


def test_a_delegate_sends_its_order_itself(consents, guardians, people, now, hospital):
    """No signature is needed then; the caller is the signer, and nobody else."""
    guardians.setDelegate(people.patient, people.clinic, TREAT, OBSERVATION, FOR_EVER, DIRECT, {"from": people.patient})
    order = sign(consents, key("ben"), permit(hospital), now, patient=people.patient)
    order = order._replace(signer=people.clinic.address, signature=b"")
    assert refusal(consents.relay, *relaying(order), sender=people.stranger) == error("InvalidSignature", people.clinic)
    consents.relay(*relaying(order), {"from": people.clinic})
    assert record(consents, people.patient, hospital, 4).status == ACTIVE


def test_a_patient_sends_its_order_itself(consents, people, now, hospital):
    order = sign(consents, key("ben"), permit(hospital), now, patient=people.patient)._replace(signature=b"")
    consents.relay(*relaying(order), {"from": people.patient})
    assert record(consents, people.patient, hospital).issued_at == now


def test_a_wallet_is_a_delegate_too(consents, guardians, wallet, ana, people, hospital, now):
    """ERC-1271, as for patients; in its own name."""
    guardians.setDelegate(people.patient, wallet, TREAT, OBSERVATION, FOR_EVER, DIRECT, {"from": people.patient})
    order = sign(consents, ana, permit(hospital), now, patient=people.patient)._replace(signer=wallet.address)
    assert refusal(consents.relay, *relaying(order), sender=people.stranger) is PASSED
    wallet.behave(4, {"from": people.stranger})
    assert refusal(consents.relay, *relaying(order), sender=people.stranger) == error("InvalidSignature", wallet)


def test_TC13_nobody_lends_its_name_by_a_call(consents, guardians, salus_project, people, now, hospital):
    """Neither a contract that the patient calls, nor its address at the end of the calldata, nor a call within a
    call.
    """
    caller = salus_project.Caller.deploy({"from": people.deployer})
    order = sign(consents, key("ben"), permit(hospital), now, patient=people.patient)._replace(signature=b"")
    message = error("InvalidSignature", people.patient)
    with brownie.reverts(message):
        caller.call(consents, consents.relay.encode_input(*relaying(order)), {"from": people.patient})
    naming = guardians.setDelegate.encode_input(people.patient, CARER, TREAT, OBSERVATION, FOR_EVER, DIRECT)
    with brownie.reverts(message):
        caller.call(guardians, naming, {"from": people.patient})
    appended = consents.relay.encode_input(*relaying(order)) + people.patient.address[2:]
    with brownie.reverts(message):
        people.stranger.transfer(consents, data=appended)
    for contract in (consents, guardians):
        offered = {entry["name"] for entry in contract.abi if entry["type"] == "function"}
        assert not offered & {"multicall", "isTrustedForwarder", "trustedForwarder", "execute", "delegatecall"}


def test_TC3_a_removal_is_replayed_in_vain(guardians, ana, carer, now, named, naming):
    named(now - 10)
    named(now - 5, until=0)
    replay = signed_delegate(guardians, ana, carer.address, now - 5, until=0)
    assert naming(*replay) == error("Superseded", ana.address, now - 5)


# ---- C10: rank before time -------------------------------------------------------------------------------------------


ARRIVAL = pytest.mark.parametrize("arrival", [1, -1], ids=["as signed", "the other way round"])


@ARRIVAL
def test_c10_a_narrow_delegate_does_not_kill_the_patients_withheld_deny(
    consents, ana, hospital, now, named, acting, stranger, arrival
):
    named(now - 10)
    withheld = sign(consents, ana, deny(hospital, purposes=EVERY_PURPOSE, categories=EVERY_CATEGORY), now - 9)
    orders = [withheld, acting(permit(hospital), now - 5)]
    tx = consents.relay(*relaying(*orders[::arrival], mode=TOLERANT), {"from": stranger})
    assert len(tx.events["ConsentGranted"]) == 2
    assert decide(consents, ana.address, hospital) == (DENY, NAMED, hospital, 0)


@ARRIVAL
def test_c10_nor_does_another_delegates_later_word(
    consents, guardians, ana, carer, hospital, now, named, stranger, arrival
):
    """Two delegates, the narrow one later: the wide one's deny stands."""
    parent = key("parent")
    named(now - 10)
    args = signed_delegate(guardians, ana, parent.address, now - 10, purposes=EVERY_PURPOSE, categories=EVERY_CATEGORY)
    guardians.setDelegate(*args, {"from": stranger})
    wide = deny(hospital, purposes=EVERY_PURPOSE, categories=EVERY_CATEGORY)
    orders = [
        sign(consents, parent, wide, now - 9, patient=ana.address, delegate=True),
        sign(consents, carer, permit(hospital), now - 5, patient=ana.address, delegate=True),
    ]
    tx = consents.relay(*relaying(*orders[::arrival], mode=TOLERANT), {"from": stranger})
    assert len(tx.events["ConsentGranted"]) == 2
    assert decide(consents, ana.address, hospital)[:2] == (DENY, NAMED)


def test_c10_a_delegate_ends_no_consent_of_the_patient_but_denies(
    consents, ana, hospital, now, named, relay, refused, acting
):
    """Its revocation is of its own words; a deny of its own goes before the patient's permit."""
    named(now - 10)
    relay(sign(consents, ana, permit(hospital), now - 5))
    relay(acting(revocation(hospital), now - 4))
    assert decide(consents, ana.address, hospital)[:2] == (PERMIT, NAMED)
    relay(acting(deny(hospital), now - 3))
    assert decide(consents, ana.address, hospital) == (DENY, NAMED, hospital, 4)
    relay(acting(revocation(hospital, 0), now - 2))
    assert decide(consents, ana.address, hospital) == (PERMIT, NAMED, hospital, 0)


def test_c10_a_directive_of_a_delegate_has_an_index_of_its_own(consents, ana, hospital, now, named, relay, acting):
    named()
    relay(sign(consents, ana, permit(hospital, index=3, categories=CLAIM), now - 5))
    tx = relay(acting(permit(hospital, index=3)))
    assert granted(tx.events["ConsentGranted"])["index"] == 7
    assert record(consents, ana.address, hospital, 7).status == ACTIVE
    assert record(consents, ana.address, hospital, 3).categories == CLAIM
    assert decide(consents, ana.address, hospital) == (PERMIT, NAMED, hospital, 7)
    at(now + 1)
    revoked = relay(acting(revocation(hospital, 3), now + 1))
    assert granted(revoked.events["ConsentRevoked"])["index"] == 7
    assert record(consents, ana.address, hospital, 3).status == ACTIVE


def test_delegates_are_numbered_as_they_come(consents, guardians, ana, carer, hospital, now, named, relay, stranger):
    parent = key("parent")
    named()
    guardians.setDelegate(*signed_delegate(guardians, ana, parent.address, now), {"from": stranger})
    assert list(consents.delegatesOf(ana.address)) == []
    for signer in (parent, carer):
        relay(sign(consents, signer, permit(hospital), now, patient=ana.address, delegate=True))
    assert list(consents.delegatesOf(ana.address)) == [parent.address, carer.address]
    assert record(consents, ana.address, hospital, 12).status == 0


def test_c10_an_order_of_before_the_naming_is_refused(consents, ana, carer, now, hospital, named, refused, acting):
    named(now - 5)
    for issued, passes in ((now - 6, False), (now - 5, True)):
        order = acting(permit(hospital), issued)
        assert refused(order) == (PASSED if passes else error("OutOfScope", ana.address, carer.address))


def test_c10_an_order_of_before_is_not_revived_by_a_second_naming(
    consents, ana, carer, now, hospital, named, refused, acting
):
    named(now - 50, until=now + 100)
    withheld = acting(permit(hospital), now - 40)
    named(now - 30, until=0)
    named(now - 20)
    assert refused(withheld) == error("OutOfScope", ana.address, carer.address)


def test_c10_a_mandate_that_is_lengthened_keeps_what_was_signed(
    consents, ana, carer, now, hospital, named, refused, acting
):
    named(now - 50, until=now + 100)
    withheld = acting(permit(hospital), now - 40)
    named(now - 30, until=FOR_EVER)
    assert refused(withheld) is PASSED


def test_tc12_fourteen_delegates_act_for_a_patient(
    consents, guardians, ana, hospital, clinic, now, relay, refused, stranger
):
    for number in range(15):
        delegate = key(f"delegate {number}")
        guardians.setDelegate(*signed_delegate(guardians, ana, delegate.address, now), {"from": stranger})
        order = sign(consents, delegate, permit(hospital), now, patient=ana.address, delegate=True)
        if number < 14:
            relay(order)
    assert refused(order) == error("TooManyDelegates", ana.address, 14)
    # Who was heard is heard again.
    again = sign(consents, key("delegate 13"), permit(clinic), now, patient=ana.address, delegate=True)
    assert refused(again) is PASSED
    assert record(consents, ana.address, hospital, 4 * 14).status == ACTIVE
    assert decide(consents, ana.address, hospital)[:2] == (PERMIT, NAMED)


# ---- C12: the mandate's end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("said", [permit, deny])
def test_c12_what_a_minors_guardian_said_ends_with_the_mandate(
    consents, ana, hospital, now, named, relay, acting, late, said
):
    majority = now + 1_000
    named(until=majority)
    relay(acting(said(hospital)))
    at(majority + late)
    answer = decide(consents, ana.address, hospital)
    if late == -1:
        assert answer[1:] == (NAMED, hospital, 4)
        assert record(consents, ana.address, hospital, 4).status == ACTIVE
    else:
        assert answer == (0, REVOKED, hospital, 4)
        assert record(consents, ana.address, hospital, 4).status == WITHDRAWN


def test_c12_what_a_removed_delegate_granted_counts_no_more_nor_again(
    consents, ana, hospital, now, named, relay, acting
):
    named(now - 10)
    relay(acting(permit(hospital), now - 5))
    assert decide(consents, ana.address, hospital).answer == PERMIT
    named(now - 4, until=0)
    assert decide(consents, ana.address, hospital).answer == 0
    named(now - 3)
    assert decide(consents, ana.address, hospital).answer == 0
    relay(acting(permit(hospital), now - 3))
    assert decide(consents, ana.address, hospital).answer == PERMIT


def test_c12_what_a_narrower_mandate_does_not_hold_counts_no_more(consents, ana, hospital, now, named, relay, acting):
    named(now - 10, purposes=TREAT | HPAYMT)
    relay(acting(permit(hospital, purposes=TREAT | HPAYMT), now - 5), acting(permit(hospital, index=1), now - 5))
    named(now - 4, purposes=TREAT)
    assert decide(consents, ana.address, hospital) == (PERMIT, NAMED, hospital, 5)
    assert decide(consents, ana.address, hospital, HPAYMT).answer == 0


REVOKED_BY = {
    "that directive": lambda hospital: revocation(hospital, 4),
    "all of a grantee's": revocation,
    "everything": lambda _: revocation(),
}


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "signed"])
@pytest.mark.parametrize("revoked", REVOKED_BY)
def test_the_patient_takes_back_what_a_delegate_said(
    consents, guardians, people, carer, hospital, now, relay, revoked, direct
):
    patient = key_of(people.patient)
    guardians.setDelegate(people.patient, carer.address, TREAT, ALL_RECORDS, FOR_EVER, DIRECT, {"from": people.patient})
    at(now + 10)
    relay(sign(consents, carer, permit(hospital), now + 5, patient=patient.address, delegate=True))
    assert decide(consents, patient.address, hospital) == (PERMIT, NAMED, hospital, 4)
    said = REVOKED_BY[revoked](hospital)
    if direct:
        consents.revoke(said.grantee, said.index, {"from": people.patient})
    else:
        relay(sign(consents, patient, said, now + 6))
    assert decide(consents, patient.address, hospital).answer == 0
    assert record(consents, patient.address, hospital, 4).status == WITHDRAWN


def test_a_direct_revocation_stops_the_delegates_withheld_permits(
    consents, guardians, people, carer, hospital, now, refused
):
    patient = people.patient.address
    guardians.setDelegate(patient, carer.address, TREAT, ALL_RECORDS, FOR_EVER, DIRECT, {"from": people.patient})
    at(now + 10)
    orders = [sign(consents, carer, make(hospital), now + 5, patient=patient, delegate=True) for make in (permit, deny)]
    tx = consents.revoke(hospital, 0, {"from": people.patient})
    assert refused(orders[0]) == error("Superseded", patient, hospital, 0, tx.timestamp)
    assert refused(orders[1]) is PASSED


@pytest.mark.parametrize("index", [4, 8, 59])
def test_nobody_revokes_what_no_delegate_can_have_said(
    consents, ana, carer, hospital, named, refused, acting, index, now
):
    named()
    assert refused(sign(consents, ana, revocation(hospital, index), now)) == error("InvalidIndex", index)
    assert refused(acting(revocation(hospital, index))) == error("InvalidIndex", index)


def test_a_delegate_ends_all_that_it_said_itself(consents, ana, hospital, clinic, now, named, relay, acting):
    named(now - 10)
    relay(acting(permit(hospital), now - 5), acting(permit(clinic, index=2), now - 5))
    relay(sign(consents, ana, permit(hospital, index=1), now - 5))
    relay(acting(revocation(), now - 4))
    assert [record(consents, ana.address, *place).status for place in ((hospital, 4), (clinic, 6))] == [WITHDRAWN] * 2
    assert record(consents, ana.address, hospital, 1).status == ACTIVE
    assert consents.revokedUntil(ana.address) == 0


@pytest.mark.parametrize("place", [0, 1, ALL])
def test_TC1_a_delegate_does_not_revoke_what_is_revoked(
    consents, ana, hospital, now, named, relay, refused, acting, place
):
    """TC9: nor what the patient signed since and nobody submitted yet: its revocation is of its own words alone."""
    named(now - 20)
    relay(sign(consents, ana, permit(hospital, index=1), now - 9), sign(consents, ana, revocation(hospital), now - 8))
    withheld = sign(consents, ana, permit(hospital, index=1), now - 7)
    relay(acting(revocation(hospital, place), now - 5))
    assert refused(withheld) is PASSED
    relay(withheld)
    assert decide(consents, ana.address, hospital) == (PERMIT, NAMED, hospital, 1)
