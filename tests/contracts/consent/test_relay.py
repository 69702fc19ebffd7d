"""A patient signs, and anyone hands the order in.

given an order
    when it was issued later than now                           it is refused: IssuedInFuture
    when its deadline has passed                                it is refused: DeadlinePassed
    when the signature is not the patient's, over every field, for this contract on this chain
                                                                it is refused: InvalidSignature
    when it has neither a signature nor a proof of its own      it is refused: InvalidSignature
    when it breaks a rule of granting                           it is refused as a grant is
    when it is a revocation with anything else than its place   it is refused: EmptyScope, InvalidPeriod
    when a later action stands                                  it is refused: Superseded
    when all is well
        it holds as of its issue, whoever hands it in; the patient needs no ether
        a second time it is refused, and changes nothing
given several orders
    when one is refused                                         none is carried out
"""

import brownie
import pytest
from brownie import chain, web3
from eth_account import Account
from eth_keys import keys

from tests.support.boundary_time import PASSED, at, forked, refusal
from tests.support.consent_builders import (
    ACTIVE,
    ALL,
    CLAIM,
    DENY,
    EVERY_CATEGORY,
    EVERY_PURPOSE,
    FOR_EVER,
    HPAYMT,
    NO_DOCUMENT,
    NOBODY,
    NOTHING,
    OBSERVATION,
    PERMIT,
    STRICT,
    TREAT,
    WITHDRAWN,
    Order,
    Record,
    deny,
    digest,
    granted,
    key,
    permit,
    proven,
    record,
    relaying,
    revocation,
    sign,
    signed,
    terms,
    words,
)
from tests.support.errors import error

FORK = 31338
HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def full(hospital):
    """A grant in which no field is zero."""
    return permit(
        hospital, index=1, purposes=TREAT, categories=OBSERVATION, start=77, end=FOR_EVER - 5, document=b"\x11" * 32
    )


# ---- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("directive", [permit, revocation], ids=["grant", "revocation"])
@pytest.mark.parametrize("early", [-1, 0, 1])
def test_TC8_an_order_is_not_issued_in_the_future(consents, ana, hospital, now, refused, directive, early):
    order = sign(consents, ana, directive(hospital), now + early)
    assert refused(order) == (error("IssuedInFuture", now + 1, now) if early == 1 else PASSED)


@pytest.mark.parametrize("directive", [permit, revocation], ids=["grant", "revocation"])
@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_a_deadline_is_the_last_second(consents, ana, hospital, now, refused, directive, late):
    deadline = now + 1_000
    order = sign(consents, ana, directive(hospital), now, deadline)
    at(deadline + late)
    assert refused(order) == (error("DeadlinePassed", deadline, deadline + 1) if late == 1 else PASSED)


def test_TC8_a_grant_that_ended_before_it_came_is_refused(consents, ana, hospital, now, refused):
    order = sign(consents, ana, permit(hospital, end=now + 100), now)
    at(now + 100)
    assert refused(order) == error("InvalidPeriod", 0, now + 100)


# ---- what is signed --------------------------------------------------------------------------------------------------


def test_the_digest_of_a_grant_is_what_a_wallet_signs(consents, ana, full, now):
    order = Order(ana.address, full, now, now + 99)
    assert digest(consents, order) == bytes(signed(consents, order, ana).message_hash)


@pytest.mark.parametrize(("named", "index"), [(True, 0), (True, 3), (True, ALL), (False, ALL)])
def test_the_digest_of_a_revocation_is_what_a_wallet_signs(consents, ana, hospital, now, named, index):
    order = Order(ana.address, revocation(hospital if named else NOBODY, index), now, now + 99)
    assert digest(consents, order) == bytes(signed(consents, order, ana).message_hash)


def test_the_domain_is_published(consents):
    fields, name, version, chain_id, contract, salt, extensions = consents.eip712Domain()
    assert (bytes(fields), name, version, chain_id) == (b"\x0f", "Salus Consent", "1", chain.id)
    assert (contract, bytes(salt), list(extensions)) == (consents.address, bytes(32), [])


FLIPS = {
    "grantee": "0x00000000000000000000000000000000000ABCdE",
    "index": 2,
    "effect": DENY,
    "purposes": TREAT | HPAYMT,
    "categories": OBSERVATION | CLAIM,
    "start": 78,
    "end": FOR_EVER,
    "document": b"\x12" * 32,
}


@pytest.mark.parametrize("field", FLIPS)
def test_TC4_no_field_of_a_grant_is_the_relayers_choice(consents, ana, full, now, refused, field):
    order = sign(consents, ana, full, now)
    assert refused(order) is PASSED
    forged = order._replace(directive=full._replace(**{field: FLIPS[field]}))
    assert refused(forged) == error("InvalidSignature", ana.address)


@pytest.mark.parametrize("directive", [permit, revocation], ids=["grant", "revocation"])
@pytest.mark.parametrize("field", ["patient", "issued_at", "deadline"])
def test_TC4_no_field_of_an_order_is_the_relayers_choice(consents, ana, hospital, now, refused, directive, field):
    order = sign(consents, ana, directive(hospital), now - 5, now + 500)
    assert refused(order) is PASSED
    other = {"patient": key("ben").address, "issued_at": now - 4, "deadline": now + 501}[field]
    forged = order._replace(**{field: other})
    assert refused(forged) == error("InvalidSignature", forged.patient)


@pytest.mark.parametrize(("field", "other"), [("grantee", NOBODY), ("index", 2), ("index", ALL)])
def test_TC4_no_field_of_a_revocation_is_the_relayers_choice(consents, ana, hospital, now, refused, field, other):
    place = revocation(hospital, 1)
    order = sign(consents, ana, place, now)
    assert refused(order) is PASSED
    forged = order._replace(directive=place._replace(**{field: other}))
    assert refused(forged) == error("InvalidSignature", ana.address)


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("purposes", TREAT, "EmptyScope"),
        ("categories", OBSERVATION, "EmptyScope"),
        ("start", 1, "InvalidPeriod"),
        ("end", FOR_EVER, "InvalidPeriod"),
        ("document", b"\x01" * 32, "InvalidPeriod"),
    ],
)
def test_TC4_a_revocation_carries_nothing_that_is_not_signed(consents, ana, hospital, now, refused, field, value, name):
    order = sign(consents, ana, revocation(hospital, 0), now)
    smuggled = order.directive._replace(**{field: value})
    details = smuggled[3:5] if name == "EmptyScope" else smuggled[5:7]
    assert refused(order._replace(directive=smuggled)) == error(name, *details)


@pytest.mark.parametrize("kind", ["grant", "revocation"])
def test_TC4_no_bit_of_the_word_is_the_relayers_choice(consents, ana, hospital, stranger, full, now, kind):
    """Each of the 256, whether it makes the order one of another time, another scope, or of no meaning at all."""
    directive = full if kind == "grant" else revocation(hospital, 1)
    order = sign(consents, ana, directive, now - 5, now + 500)
    patient, grantee, word, *rest = relaying(order)[0][0]
    assert refusal(consents.relay, [(patient, grantee, word, *rest)], [], STRICT, sender=stranger) is PASSED
    for bit in range(256):
        flipped = word ^ 1 << bit
        issued_at, deadline = flipped >> 216, flipped >> 96 & FOR_EVER
        expected = error("InvalidSignature", patient)
        if issued_at > now:
            expected = error("IssuedInFuture", issued_at, now)
        elif deadline < now:
            expected = error("DeadlinePassed", deadline, now)
        elif kind == "revocation" and 8 <= bit < 96:
            expected = error("EmptyScope", flipped >> 64 & EVERY_PURPOSE, flipped >> 8 & EVERY_CATEGORY)
        elif kind == "revocation" and 136 <= bit < 216:
            expected = error("InvalidPeriod", flipped >> 176 & FOR_EVER, flipped >> 136 & FOR_EVER)
        message = refusal(consents.relay, [(patient, grantee, flipped, *rest)], [], STRICT, sender=stranger)
        assert message == expected, bit


def test_TC5_no_bit_of_the_signature_can_be_changed(consents, ana, hospital, stranger, now):
    *order, r, vs = relaying(sign(consents, ana, permit(hospital), now))[0][0]
    whole = int.from_bytes(r + vs, "big")
    for bit in range(512):
        changed = (whole ^ 1 << bit).to_bytes(64, "big")
        message = refusal(consents.relay, [(*order, changed[:32], changed[32:])], [], STRICT, sender=stranger)
        assert message == error("InvalidSignature", ana.address), bit


def test_TC3_a_grant_is_no_revocation_and_the_reverse(consents, ana, hospital, now, refused):
    permitted = sign(consents, ana, permit(hospital), now)
    revoked = sign(consents, ana, revocation(hospital, 0), now)
    assert refused(permitted._replace(signature=revoked.signature)) == error("InvalidSignature", ana.address)
    assert refused(revoked._replace(signature=permitted.signature)) == error("InvalidSignature", ana.address)


@pytest.mark.parametrize(
    "change",
    [
        {"chainId": 1},
        {"verifyingContract": "0x00000000000000000000000000000000000ABCdE"},
        {"name": "Salus Consents"},
        {"version": "2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_TC3_a_signature_for_elsewhere_is_refused(consents, ana, hospital, now, refused, change):
    order = Order(ana.address, permit(hospital), now)
    elsewhere = order._replace(signature=bytes(signed(consents, order, ana, **change).signature))
    assert refused(elsewhere) == error("InvalidSignature", ana.address)


def test_TC3_another_registry_refuses_what_was_signed_for_this_one(
    consents, salus_project, institutions, guardians, deployer, ana, hospital, now
):
    second = salus_project.ConsentRegistry.deploy(institutions, guardians, 1, {"from": deployer})
    order = sign(consents, ana, permit(hospital), now)
    with brownie.reverts(error("InvalidSignature", ana.address)):
        second.relay(*relaying(order), {"from": deployer})


def test_TC3_after_a_fork_the_separator_is_that_of_the_chain(consents, ana, hospital, now, refused):
    """Requirement 1: a separator kept from the deployment would count on both chains."""
    order = Order(ana.address, permit(hospital), now)
    here, there = (
        order._replace(signature=bytes(signed(consents, order, ana, chainId=id_).signature)) for id_ in (chain.id, FORK)
    )
    assert (refused(here), refused(there)) == (PASSED, error("InvalidSignature", ana.address))
    with forked(FORK):
        assert consents.eip712Domain()[3] == FORK
        assert (refused(here), refused(there)) == (error("InvalidSignature", ana.address), PASSED)


# ---- malformed signatures --------------------------------------------------------------------------------------------


def test_TC5_somebody_elses_signature_is_refused(consents, ana, hospital, now, refused):
    order = sign(consents, key("ben"), permit(hospital), now, patient=ana.address)
    assert refused(order) == error("InvalidSignature", ana.address)


def mangled(signature: bytes) -> dict[str, bytes]:
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    assert s <= HALF and v in (27, 28)
    compact = r + (s | (v - 27) << 255).to_bytes(32, "big")
    return {
        "malleable": r + (CURVE - s).to_bytes(32, "big") + bytes([55 - v]),
        "compact": compact,
        "v of 0 or 1": signature[:64] + bytes([v - 27]),
        "v of the other parity": signature[:64] + bytes([55 - v]),
        "v of 29": signature[:64] + b"\x1d",
        "one byte short": signature[:64],
        "one byte long": signature + b"\0",
        "nothing": b"",
        "zeros": bytes(65),
        "zeros with v": bytes(64) + b"\x1b",
        "s of 0": r + bytes(32) + bytes([v]),
        "r beyond the curve": b"\xff" * 32 + signature[32:],
    }


FLAWS = pytest.mark.parametrize("flaw", mangled(bytes(31) + b"\1" + bytes(31) + b"\1" + b"\x1b"))
# In the order itself where it can be said there, or as a proof.
WAYS = pytest.mark.parametrize("way", [relaying, proven], ids=["order", "proof"])


@WAYS
@FLAWS
def test_TC5_a_mangled_signature_is_refused(consents, ana, hospital, stranger, now, way, flaw):
    order = sign(consents, ana, permit(hospital), now)
    order = order._replace(signature=mangled(order.signature)[flaw])
    assert refusal(consents.relay, *way(order), sender=stranger) == error("InvalidSignature", ana.address)


@WAYS
@FLAWS
def test_TC5_nobody_has_no_consent_to_give(consents, ana, hospital, stranger, now, way, flaw):
    """A key that cannot be recovered is number 0, which must not pass as the patient 0."""
    order = sign(consents, ana, permit(hospital), now, patient=NOBODY)
    order = order._replace(signature=mangled(order.signature)[flaw])
    assert refusal(consents.relay, *way(order), sender=stranger) == error("InvalidSignature", NOBODY)


@pytest.mark.parametrize("s", [HALF + 1, (1 << 255) - 1])
def test_TC5_the_upper_half_of_the_curve_is_refused_in_two_words(consents, ana, hospital, stranger, now, s):
    order = sign(consents, ana, permit(hospital), now)
    for parity in (0, 1):
        spelled = words(order, order.signature[:32], (s | parity << 255).to_bytes(32, "big"))
        assert refusal(consents.relay, [spelled], [], STRICT, sender=stranger) == error("InvalidSignature", ana.address)


def test_TC5_both_spellings_of_a_signature_are_one_order(consents, ana, hospital, clinic, stranger, now):
    """Nothing is kept or found by a signature: the second comes as late as the same a second time."""
    for grantee, first, second in ((hospital, relaying, proven), (clinic, proven, relaying)):
        order = sign(consents, ana, permit(grantee), now - 1)
        consents.relay(*first(order), {"from": stranger})
        late = error("Superseded", ana.address, grantee, 0, now - 1)
        assert refusal(consents.relay, *second(order), sender=stranger) == late


@pytest.mark.parametrize("number", [1, 2, 1 << 255])
def test_TC5_a_proof_that_is_not_there_proves_nothing(consents, ana, hospital, stranger, now, number):
    order = sign(consents, ana, permit(hospital), now)
    spelled = words(order, bytes(32), number.to_bytes(32, "big"))
    proof = (NOBODY, order.signature)
    assert refusal(consents.relay, [spelled], [proof], STRICT, sender=stranger) == error(
        "InvalidSignature", ana.address
    )
    assert refusal(consents.relay, [words(order, bytes(32), bytes(32))], [proof], STRICT, sender=stranger) is PASSED


def test_TC5_a_proof_is_of_its_own_order_alone(consents, ana, hospital, clinic, stranger, now):
    orders = [sign(consents, ana, permit(grantee), now) for grantee in (hospital, clinic)]
    given, proofs, _ = proven(*orders)
    assert refusal(consents.relay, given, proofs, STRICT, sender=stranger) is PASSED
    assert refusal(consents.relay, given, proofs[::-1], STRICT, sender=stranger) == error(
        "InvalidSignature", ana.address
    )
    shared = [given[0], words(orders[1], bytes(32), bytes(32))]
    assert refusal(consents.relay, shared, proofs, STRICT, sender=stranger) == error("InvalidSignature", ana.address)


def test_who_sends_several_orders_itself_proves_all_at_once(consents, people, now):
    """An empty signature: the caller is the patient."""
    to = (people.hospital, people.clinic, people.insurer)
    own = [words(Order(people.patient.address, permit(grantee), now), bytes(32), bytes(32)) for grantee in to]
    proof = (NOBODY, b"")
    assert refusal(consents.relay, own, [proof], STRICT, sender=people.stranger) == error(
        "InvalidSignature", people.patient
    )
    assert len(consents.relay(own, [proof], STRICT, {"from": people.patient}).events["ConsentGranted"]) == 3


@pytest.mark.parametrize("number", [1, 2, 3, 4, 9])
def test_TC5_a_precompiled_contract_is_no_wallet(consents, ana, hospital, now, refused, number):
    """The fourth answers with what it was asked, which begins with the right four bytes."""
    account = f"0x{number:040x}"
    order = sign(consents, ana, permit(hospital), now, patient=account)
    assert refused(order) == error("InvalidSignature", account)


def test_TC5_a_signature_of_the_bare_hash_is_refused(consents, ana, hospital, now, refused):
    """What a wallet signs as a personal message has another prefix."""
    order = Order(ana.address, permit(hospital), now)
    personal = web3.keccak(b"\x19Ethereum Signed Message:\n32" + digest(consents, order))
    signature = keys.PrivateKey(ana.key).sign_msg_hash(personal).to_bytes()
    message = refused(order._replace(signature=signature[:64] + bytes([signature[64] + 27])))
    assert message == error("InvalidSignature", ana.address)


# ---- rules of granting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"grantee": NOBODY}, error("InvalidGrantee", NOBODY)),
        ({"index": 4}, error("InvalidIndex", 4)),
        ({"purposes": 0}, error("EmptyScope", 0, OBSERVATION)),
        ({"start": 9, "end": 9}, error("InvalidPeriod", 9, 9)),
    ],
    ids=lambda value: "",
)
def test_a_signed_grant_obeys_the_same_rules(consents, ana, hospital, now, refused, terms, message):
    assert refused(sign(consents, ana, permit(hospital)._replace(**terms), now)) == message


@pytest.mark.parametrize(
    ("directive", "message"),
    [
        (revocation(NOBODY, 0), error("InvalidGrantee", NOBODY)),
        (revocation("0x00000000000000000000000000000000000ABCdE", 4), error("InvalidIndex", 4)),
        (revocation("0x00000000000000000000000000000000000ABCdE", 62), error("InvalidIndex", 62)),
    ],
    ids=["one of nobody", "index 4", "index 62"],
)
def test_a_signed_revocation_obeys_the_same_rules(consents, ana, now, refused, directive, message):
    assert refused(sign(consents, ana, directive, now)) == message


# ---- superseded ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("later", "passes"), [(-1, False), (0, False), (1, True)])
def test_a_permit_passes_only_after_what_stands(consents, ana, hospital, now, relay, refused, later, passes):
    relay(sign(consents, ana, deny(hospital, index=2), now - 10))
    order = sign(consents, ana, permit(hospital, index=2), now - 10 + later)
    assert refused(order) == (PASSED if passes else error("Superseded", ana.address, hospital, 2, now - 10))


@pytest.mark.parametrize(("later", "passes"), [(-1, False), (0, True), (1, True)])
def test_c4_a_deny_goes_before_a_permit_of_its_second(consents, ana, hospital, now, relay, refused, later, passes):
    relay(sign(consents, ana, permit(hospital, index=2), now - 10))
    order = sign(consents, ana, deny(hospital, index=2), now - 10 + later)
    assert refused(order) == (PASSED if passes else error("Superseded", ana.address, hospital, 2, now - 10))


@pytest.mark.parametrize(("later", "passes"), [(-1, False), (0, True), (1, True)])
def test_a_revocation_wins_in_the_same_second(consents, ana, hospital, now, relay, refused, later, passes):
    relay(sign(consents, ana, permit(hospital, index=2), now - 10))
    order = sign(consents, ana, revocation(hospital, 2), now - 10 + later)
    assert refused(order) == (PASSED if passes else error("Superseded", ana.address, hospital, 2, now - 10 + later))


def test_an_issue_of_zero_is_never_later_than_nothing(consents, ana, hospital, refused):
    assert refused(sign(consents, ana, permit(hospital), 0)) == error("Superseded", ana.address, hospital, 0, 0)
    assert refused(sign(consents, ana, revocation(), 0)) == error("Superseded", ana.address, NOBODY, ALL, 0)


@pytest.mark.parametrize("index", [0, 1])
def test_a_signed_revocation_of_one_place_leaves_the_others_alone(consents, ana, hospital, now, relay, refused, index):
    relay(sign(consents, ana, revocation(hospital, index), now - 5))
    assert tuple(consents.refusedUntil(ana.address, hospital)) == (0, 0)
    assert refused(sign(consents, ana, permit(hospital, index=index), now - 10)) == error(
        "Superseded", ana.address, hospital, index, now - 5
    )
    assert refused(sign(consents, ana, permit(hospital, index=index ^ 1), now - 10)) is PASSED


def test_TC1_a_signed_revocation_of_all_kills_what_is_withheld(consents, ana, hospital, now, relay, refused):
    relay(sign(consents, ana, revocation(hospital), now - 5))
    assert tuple(consents.refusedUntil(ana.address, hospital)) == (now - 5, now - 5)
    for index in range(4):
        dead = error("Superseded", ana.address, hospital, index, now - 5)
        assert refused(sign(consents, ana, permit(hospital, index=index), now - 5)) == dead
        assert refused(sign(consents, ana, permit(hospital, index=index), now - 4)) is PASSED


def test_TC1_a_revocation_that_comes_late_spares_what_is_newer(consents, ana, hospital, now, relay):
    relay(
        sign(consents, ana, permit(hospital, index=0), now - 20),
        sign(consents, ana, permit(hospital, index=1), now - 10),
    )
    relay(sign(consents, ana, revocation(hospital), now - 15))
    assert [record(consents, ana.address, hospital, i).status for i in (0, 1)] == [WITHDRAWN, ACTIVE]


def test_an_older_refusal_never_takes_back_a_newer_one(consents, ana, hospital, now, relay, refused):
    relay(sign(consents, ana, revocation(hospital), now - 5))
    old = sign(consents, ana, revocation(hospital), now - 9)
    assert refused(old) == error("Superseded", ana.address, hospital, ALL, now - 9)
    relay(sign(consents, ana, revocation(), now - 5))
    assert refused(sign(consents, ana, revocation(), now - 9)) == error("Superseded", ana.address, NOBODY, ALL, now - 9)
    assert consents.revokedUntil(ana.address) == now - 5


# ---- carried out -----------------------------------------------------------------------------------------------------


def test_a_signed_grant_holds_as_of_its_issue(consents, ana, full, hospital, now, relay):
    tx = relay(sign(consents, ana, full, now - 50))
    assert record(consents, ana.address, hospital, 1) == Record(
        PERMIT, TREAT, OBSERVATION, 77, FOR_EVER - 5, now - 50, ACTIVE
    )
    assert len(tx.events) == 1
    assert granted(tx.events["ConsentGranted"]) == {
        "patient": ana.address,
        "grantee": hospital,
        "index": 1,
        "effect": PERMIT,
        "purposes": TREAT,
        "categories": OBSERVATION,
        "start": 77,
        "end": FOR_EVER - 5,
        "issued_at": now - 50,
        "deadline": FOR_EVER,
        "document": "0x" + "11" * 32,
    }


def test_a_signed_revocation_holds_as_of_its_issue(consents, ana, hospital, now, relay):
    relay(sign(consents, ana, permit(hospital, index=3, purposes=HPAYMT), now - 50))
    tx = relay(sign(consents, ana, revocation(hospital, 3), now - 40))
    assert record(consents, ana.address, hospital, 3) == Record(
        NOTHING, HPAYMT, OBSERVATION, 0, FOR_EVER, now - 40, WITHDRAWN
    )
    assert dict(tx.events["ConsentRevoked"]) == {
        "patient": ana.address,
        "grantee": hospital,
        "terms": terms(revocation(hospital, 3), now - 40, FOR_EVER),
    }
    assert len(tx.events) == 1


def test_the_extremes_of_every_field_may_be_signed(consents, ana, hospital, now, relay):
    most = deny(
        hospital,
        index=3,
        purposes=EVERY_PURPOSE,
        categories=EVERY_CATEGORY,
        start=FOR_EVER - 1,
        end=FOR_EVER,
        document=b"\xff" * 32,
    )
    relay(sign(consents, ana, most, now))
    assert record(consents, ana.address, hospital, 3)[:6] == (*most[2:7], now)


def test_the_patient_needs_no_ether(consents, ana, hospital, now, relay):
    assert web3.eth.get_balance(ana.address) == 0
    relay(sign(consents, ana, permit(hospital), now))
    assert web3.eth.get_transaction_count(ana.address) == 0


def test_TC5_a_replay_changes_nothing(consents, ana, hospital, now, relay, refused):
    order = sign(consents, ana, permit(hospital), now - 1)
    relay(order)
    before = record(consents, ana.address, hospital)
    assert refused(order) == error("Superseded", ana.address, hospital, 0, now - 1)
    assert record(consents, ana.address, hospital) == before


def test_whoever_hands_it_in_the_outcome_is_one(consents, ana, people, now):
    order = sign(consents, ana, permit(people.hospital), now - 1)
    for sender in (people.hospital, people.insurer, people.stranger, people.regulator):
        chain.snapshot()
        consents.relay(*relaying(order), {"from": sender})
        assert record(consents, ana.address, people.hospital).issued_at == now - 1
        assert record(consents, sender, people.hospital).issued_at == 0
        chain.revert()


def test_no_orders_are_no_trouble(relay):
    assert len(relay().events) == 0


@pytest.mark.parametrize("bad", range(3))
def test_one_bad_order_stops_all(consents, ana, hospital, clinic, insurer, now, refused, bad):
    orders = [sign(consents, ana, permit(grantee), now) for grantee in (hospital, clinic, insurer)]
    orders[bad] = orders[bad]._replace(deadline=0)
    assert refused(*orders) == error("DeadlinePassed", 0, now)


def test_orders_of_several_patients_in_one_go(consents, hospital, now, relay):
    patients = [key(f"patient {i}") for i in range(20)]
    tx = relay(*(sign(consents, patient, permit(hospital), now) for patient in patients))
    assert len(tx.events["ConsentGranted"]) == 20
    assert all(record(consents, patient.address, hospital).status == ACTIVE for patient in patients)


def test_TC7_a_field_that_no_type_names_is_not_signed(consents, ana, hospital, now, refused):
    """A screen may show it, the wallet ignores it: what counts is the digest that the contract publishes."""
    order = Order(ana.address, permit(hospital), now)
    wider = order._replace(directive=order.directive._replace(purposes=EVERY_PURPOSE))
    assert digest(consents, order) != digest(consents, wider)
    assert order.directive.document == NO_DOCUMENT
    signature = Account.unsafe_sign_hash(digest(consents, order), ana.key).signature
    assert refused(order._replace(signature=bytes(signature))) is PASSED
    assert refused(wider._replace(signature=bytes(signature))) == error("InvalidSignature", ana.address)
