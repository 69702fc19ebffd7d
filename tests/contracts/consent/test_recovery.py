"""Who lost the key comes back: k of n guardians move the account, after a delay that the patient can veto.

given guardians who sign for a successor
    when it is nobody, or the controller already                it is refused: InvalidSuccessor
    when a recovery is under way                                it is refused: RecoveryPending
    when its deadline has passed                                it is refused: DeadlinePassed
    when they are too few, strangers, twice the same            it is refused: TooFewGuardians, NotGuardian
    when one key signs for two of them                          it is refused: KeyCountedTwice
    when one did not sign this, for this version                it is refused: InvalidSignature
    when all is well                                            it is under way, ready after the delay
        when the patient vetoes, or as many withdraw it         it is over, and so are the signatures
        when it is finished too early, or twice                 it is refused: NotReady, NoRecovery
        when nobody finishes it in time                         it lapses: NoRecovery
        when it is finished                                     the successor signs, every consent stands
"""

import pytest

from tests.support.boundary_time import PASSED, at, refusal
from tests.support.boundary_time import now as clock
from tests.support.consent_builders import (
    ACTIVE,
    ALL,
    FOR_EVER,
    NOBODY,
    TREAT,
    WITHDRAWN,
    decide,
    granting,
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
    DIRECT,
    FINISH_WITHIN,
    MIN_DELAY,
    NO_RECOVERY,
    RECOVER,
    VETO,
    WITHDRAW,
    Authorization,
    guardian_set,
    recovery_of,
    signature,
    signed_contact,
    signed_delegate,
    signed_set,
)
from tests.support.keys import key_of


@pytest.fixture
def starting(guardians, ana, successor, stranger):
    """How a recovery of Ana's would be refused now."""

    def refused(signers, to=None, **terms):
        args = recovery_of(guardians, ana.address, to or successor.address, signers, **terms)
        return refusal(guardians.startRecovery, *args, sender=stranger)

    return refused


def addresses(signers):
    return [signer.address for signer in signers]


# ---- starting: refused -----------------------------------------------------------------------------------------------


def test_the_successor_is_somebody_else(starting, guarded, ana, family):
    for successor in (NOBODY, ana.address):
        assert starting(family[:2], to=successor) == error("InvalidSuccessor", successor)


def test_one_recovery_at_a_time(starting, recovering, ana, successor, family):
    pending = error("RecoveryPending", ana.address, successor.address)
    assert starting(family[:2]) == pending
    assert starting(family, to=key("thief").address) == pending


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_the_guardians_deadline_is_the_last_second(starting, guarded, family, now, late):
    at(now + 100 + late)
    message = starting(family[:2], deadline=now + 100)
    assert message == (error("DeadlinePassed", now + 100, now + 101) if late == 1 else PASSED)


@pytest.mark.parametrize("given", range(4))
def test_TC9_fewer_than_the_threshold_do_not_move_anybody(starting, guarded, ana, family, given):
    message = starting(family[:given])
    assert message == (PASSED if given >= 2 else error("TooFewGuardians", ana.address, given, 2))


def test_TC9_nobody_guards_who_named_nobody(starting, ana):
    assert starting([]) == error("TooFewGuardians", ana.address, 0, 0)
    assert starting([key("thief")]) == error("TooFewGuardians", ana.address, 1, 0)


def test_a_signature_for_each(guardians, guarded, ana, successor, family, stranger):
    *terms, signers, signatures = recovery_of(guardians, ana.address, successor.address, family[:2])
    for some in (signatures[:1], [*signatures, signatures[0]]):
        message = refusal(guardians.startRecovery, *terms, signers, some, sender=stranger)
        assert message == error("TooFewGuardians", ana.address, len(some), 2)


def test_TC9_one_guardian_is_not_two(starting, guarded, ana, family):
    for signer in family:
        assert starting([signer, signer]) == error("NotGuardian", ana.address, signer.address)


def test_the_signers_ascend(starting, guarded, ana, family):
    assert starting([family[1], family[0]]) == error("NotGuardian", ana.address, family[0].address)


@pytest.mark.parametrize("place", range(3))
def test_TC9_a_stranger_is_no_guardian(starting, guarded, ana, family, place):
    thief = key("thief")
    signers = [*family[:place], thief, *family[place:]]
    assert starting(signers) == error("NotGuardian", ana.address, thief.address)


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_TC9_any_two_of_three_are_enough(starting, guarded, family, pair):
    """A third who disagrees stops nothing; only the patient does."""
    assert starting([family[i] for i in pair]) is PASSED


@pytest.mark.parametrize("field", ["successor", "deadline", "version", "patient"])
def test_TC4_no_field_of_a_recovery_is_the_relayers_choice(guardians, guarded, ana, successor, family, stranger, field):
    values = {"patient": ana.address, "successor": successor.address, "version": 1, "deadline": FOR_EVER}
    signed = [signature(guardians, signer, RECOVER, *values.values()) for signer in family[:2]]
    other = {"patient": key("ben").address, "successor": key("thief").address, "version": 2, "deadline": FOR_EVER - 1}
    wrong = [signature(guardians, s, RECOVER, *(values | {field: other[field]}).values()) for s in family[:2]]
    args = (ana.address, successor.address, FOR_EVER, addresses(family[:2]))
    assert refusal(guardians.startRecovery, *args, signed, sender=stranger) is PASSED
    for mixed, liar in ((wrong, 0), ([signed[0], wrong[1]], 1)):
        message = refusal(guardians.startRecovery, *args, mixed, sender=stranger)
        assert message == error("InvalidSignature", family[liar].address)


def test_one_guardian_does_not_sign_for_another(guardians, guarded, ana, successor, family, stranger):
    *terms, signers, signatures = recovery_of(guardians, ana.address, successor.address, family[:2])
    message = refusal(guardians.startRecovery, *terms, signers, signatures[::-1], sender=stranger)
    assert message == error("InvalidSignature", family[0].address)


def test_TC3_guardians_who_signed_elsewhere_did_not_sign_here(guardians, guarded, ana, successor, family, stranger):
    for change in ({"chainId": 1}, {"verifyingContract": stranger.address}, {"name": "Salus Consent"}):
        values = (ana.address, successor.address, 1, FOR_EVER)
        signed = [signature(guardians, signer, RECOVER, *values, **change) for signer in family[:2]]
        args = (ana.address, successor.address, FOR_EVER, addresses(family[:2]), signed)
        assert refusal(guardians.startRecovery, *args, sender=stranger) == error("InvalidSignature", family[0].address)


def test_TC9_a_removed_guardians_old_approval_is_dead(guardians, guarded, ana, successor, family, stranger):
    """As is everybody's: the version of the set is signed."""

    def change(members, threshold):
        args = signed_set(guardians, ana, addresses(members), threshold, clock())
        tx = guardians.setGuardians(*args, {"from": stranger})
        at(tx.timestamp + MIN_DELAY)
        guardians.applyGuardians(ana.address, {"from": stranger})

    old = recovery_of(guardians, ana.address, successor.address, family[:2])
    change(family, 2)
    assert refusal(guardians.startRecovery, *old, sender=stranger) == error("InvalidSignature", family[0].address)
    change(family[1:], 1)
    again = recovery_of(guardians, ana.address, successor.address, family[:1])
    for args in (old, again):
        message = refusal(guardians.startRecovery, *args, sender=stranger)
        assert message == error("NotGuardian", ana.address, family[0].address)


def test_C14_one_key_counts_once(guardians, wallet, ana, people, successor, salus_project):
    """Itself and a wallet that it owns; and two wallets of one owner."""
    other = salus_project.Wallet.deploy(ana.address, {"from": people.deployer})
    patient, ben = people.patient, key("ben")
    members = sorted([ana.address, wallet.address, other.address, ben.address], key=lambda account: int(account, 16))
    guardians.setGuardians(patient, members, 2, MIN_DELAY, DIRECT, {"from": patient})
    values = (patient.address, successor.address, 1, FOR_EVER)

    def message(*accounts):
        signers = sorted(accounts, key=lambda account: int(account, 16))
        signed = [signature(guardians, ben if who == ben.address else ana, RECOVER, *values) for who in signers]
        args = (patient, successor.address, FOR_EVER, signers, signed)
        return refusal(guardians.startRecovery, *args, sender=people.stranger)

    twice = error("KeyCountedTwice", patient, ana.address)
    assert message(ana.address, wallet.address) == twice
    assert message(wallet.address, other.address) == twice
    assert message(ana.address, wallet.address, ben.address) == twice
    for account in (ana.address, wallet.address, other.address):
        assert message(account, ben.address) is PASSED


def test_C14_one_key_withdraws_once(guardians, wallet, ana, people, successor):
    patient, ben = people.patient, key("ben")
    members = sorted([ana.address, wallet.address, ben.address], key=lambda account: int(account, 16))
    guardians.setGuardians(patient, members, 2, MIN_DELAY, DIRECT, {"from": patient})
    pair = sorted([ana, ben], key=lambda signer: int(signer.address, 16))
    start = recovery_of(guardians, patient, successor.address, pair)
    guardians.startRecovery(*start, {"from": people.stranger})
    signers = sorted([ana.address, wallet.address], key=lambda account: int(account, 16))
    signed = [signature(guardians, ana, WITHDRAW, patient.address, successor.address, 2, FOR_EVER)] * 2
    message = refusal(guardians.withdrawRecovery, patient, FOR_EVER, signers, signed, sender=people.stranger)
    assert message == error("KeyCountedTwice", patient, ana.address)


def test_C14_signatures_that_are_no_keys_are_no_two_of_one(guardians, wallet, people, ana, successor, salus_project):
    """A wallet may accept what no key signed: then the chain cannot know, and does not guess."""
    patient = people.patient
    other = salus_project.Wallet.deploy(ana.address, {"from": people.deployer})
    members = sorted([wallet.address, other.address], key=lambda account: int(account, 16))
    guardians.setGuardians(patient, members, 2, MIN_DELAY, DIRECT, {"from": patient})
    for each in (wallet, other):
        each.behave(6, {"from": people.stranger})  # answers well to anything
    for junk in (b"", b"\1" * 65, b"\2" * 200):
        args = (patient, successor.address, FOR_EVER, members, [junk, junk])
        assert refusal(guardians.startRecovery, *args, sender=people.stranger) is PASSED, junk


def test_TC6_a_wallet_is_a_guardian_too(guardians, wallet, ana, people, successor):
    """ERC-1271; and it does not sign once it has changed its mind."""
    guardians.setGuardians(people.patient, [wallet], 1, MIN_DELAY, DIRECT, {"from": people.patient})
    values = (people.patient.address, successor.address, 1, FOR_EVER)
    signed = signature(guardians, ana, RECOVER, *values)
    args = (people.patient, successor.address, FOR_EVER, [wallet], [signed])
    assert refusal(guardians.startRecovery, *args, sender=people.stranger) is PASSED
    for mode in range(1, 9):
        wallet.behave(mode, {"from": people.stranger})
        expected = PASSED if mode == 6 else error("InvalidSignature", wallet)
        assert refusal(guardians.startRecovery, *args, sender=people.stranger) == expected, mode


# ---- under way -------------------------------------------------------------------------------------------------------


def test_a_recovery_is_under_way_and_told(guardians, guarded, ana, successor, family, stranger):
    tx = guardians.startRecovery(
        *recovery_of(guardians, ana.address, successor.address, family[1:]), {"from": stranger}
    )
    ready = tx.timestamp + MIN_DELAY
    assert tuple(guardians.recovery(ana.address)) == (successor.address, ready, ready + FINISH_WITHIN)
    assert guardians.controllerOf(ana.address) == ana.address
    assert len(tx.events) == 1
    assert dict(tx.events["RecoveryStarted"]) == {
        "patient": ana.address,
        "successor": successor.address,
        "readyAt": ready,
        "lapsesAt": ready + FINISH_WITHIN,
    }


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC9_nobody_is_moved_before_the_delay_is_over(guardians, recovering, ana, stranger, late):
    at(recovering + late)
    message = refusal(guardians.finishRecovery, ana.address, sender=stranger)
    assert message == (error("NotReady", ana.address, recovering) if late == -1 else PASSED)


def test_there_is_nothing_to_finish_or_to_veto(guardians, patient, stranger):
    assert refusal(guardians.finishRecovery, patient, sender=stranger) == error("NoRecovery", patient)
    assert refusal(guardians.veto, patient, DIRECT, sender=patient) == error("NoRecovery", patient)


# ---- lapse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_C14_a_recovery_that_nobody_finishes_lapses(guardians, recovering, ana, stranger, late):
    """Four years later nobody remembers it."""
    assert guardians.FINISH_WITHIN() == FINISH_WITHIN
    at(recovering + FINISH_WITHIN + late)
    message = refusal(guardians.finishRecovery, ana.address, sender=stranger)
    assert message == (PASSED if late == -1 else error("NoRecovery", ana.address))


def test_C14_a_lapsed_recovery_is_in_nobodys_way(guardians, recovering, ana, family, stranger):
    """Its end is told with the next act that finds it; what was signed for it is dead."""
    third = key("third")
    at(recovering + FINISH_WITHIN)
    now = recovering + FINISH_WITHIN
    args = vetoing(guardians, ana, ana.address, key("successor").address, 2, now)
    assert refusal(guardians.veto, *args, sender=stranger) == error("NoRecovery", ana.address)
    tx = guardians.startRecovery(*recovery_of(guardians, ana.address, third.address, family[:2]), {"from": stranger})
    assert [event.name for event in tx.events] == ["RecoveryLapsed", "RecoveryStarted"]
    assert tx.events["RecoveryLapsed"]["successor"] == key("successor").address
    assert guardian_set(guardians, ana.address).version == 4
    at(tx.timestamp + MIN_DELAY)
    guardians.finishRecovery(ana.address, {"from": stranger})
    assert guardians.controllerOf(ana.address) == third.address


def test_C14_the_signatures_of_a_lapsed_recovery_do_not_start_it_again(guardians, recovering, starting, family):
    at(recovering + FINISH_WITHIN)
    assert starting(family[:2], version=1) == error("InvalidSignature", family[0].address)
    assert starting(family[:2]) is PASSED


# ---- withdrawn -------------------------------------------------------------------------------------------------------


def withdrawing(guardians, patient, successor, signers, version=None, deadline=FOR_EVER, kind=WITHDRAW):
    """The arguments of `withdrawRecovery`, signed."""
    version = guardian_set(guardians, patient).version if version is None else version
    signed = [signature(guardians, signer, kind, patient, successor, version, deadline) for signer in signers]
    return patient, deadline, addresses(signers), signed


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_C14_the_guardians_withdraw_a_wrong_successor(guardians, recovering, ana, successor, family, stranger, pair):
    """As many as start a recovery, whoever of them started it; then they start the right one."""
    args = withdrawing(guardians, ana.address, successor.address, [family[i] for i in pair])
    tx = guardians.withdrawRecovery(*args, {"from": stranger})
    assert [event.name for event in tx.events] == ["RecoveryWithdrawn"]
    assert dict(tx.events["RecoveryWithdrawn"]) == {"patient": ana.address, "successor": successor.address}
    assert tuple(guardians.recovery(ana.address)) == NO_RECOVERY
    right = recovery_of(guardians, ana.address, key("right").address, family[:2])
    assert refusal(guardians.startRecovery, *right, sender=stranger) is PASSED
    assert refusal(guardians.withdrawRecovery, *args, sender=stranger) == error("NoRecovery", ana.address)


def test_C14_fewer_than_start_one_do_not_withdraw_it(guardians, recovering, ana, successor, family, stranger):
    def message(signers, **terms):
        args = withdrawing(guardians, ana.address, successor.address, signers, **terms)
        return refusal(guardians.withdrawRecovery, *args, sender=stranger)

    first = family[0].address
    assert message(family[:1]) == error("TooFewGuardians", ana.address, 1, 2)
    assert message([family[0], family[0]]) == error("NotGuardian", ana.address, first)
    assert message([*family[:2], key("thief")]).startswith("NotGuardian: ")
    assert message(family[:2], version=1) == error("InvalidSignature", first)
    # What they signed for a start is no withdrawal.
    assert message(family[:2], kind=RECOVER) == error("InvalidSignature", first)
    assert message(family[:2]) is PASSED


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_C14_a_withdrawals_deadline_is_the_last_second(
    guardians, recovering, ana, successor, family, stranger, now, late
):
    args = withdrawing(guardians, ana.address, successor.address, family[:2], deadline=now + 100)
    at(now + 100 + late)
    message = refusal(guardians.withdrawRecovery, *args, sender=stranger)
    assert message == (error("DeadlinePassed", now + 100, now + 101) if late == 1 else PASSED)


def test_C14_there_is_nothing_to_withdraw(guardians, guarded, ana, successor, family, stranger):
    args = withdrawing(guardians, ana.address, successor.address, family[:2])
    assert refusal(guardians.withdrawRecovery, *args, sender=stranger) == error("NoRecovery", ana.address)


# ---- veto ------------------------------------------------------------------------------------------------------------


def vetoing(guardians, signer, patient, successor, version, now):
    signed = signature(guardians, signer, VETO, patient, successor, version, FOR_EVER)
    return patient, Authorization(now, FOR_EVER, signed)


@pytest.mark.parametrize("late", [-1, 0, DAY])
def test_TC9_the_patient_vetoes_as_long_as_nobody_finished(guardians, recovering, ana, successor, stranger, late):
    at(recovering + late)
    args = vetoing(guardians, ana, ana.address, successor.address, 2, recovering)
    at(recovering + late + 1)
    tx = guardians.veto(*args, {"from": stranger})
    assert [event.name for event in tx.events] == ["RecoveryVetoed"]
    assert dict(tx.events["RecoveryVetoed"]) == {"patient": ana.address, "successor": successor.address}
    assert tuple(guardians.recovery(ana.address)) == NO_RECOVERY
    assert refusal(guardians.finishRecovery, ana.address, sender=stranger) == error("NoRecovery", ana.address)


def test_TC9_the_signatures_are_dead_with_a_veto(
    guardians, recovering, starting, ana, successor, family, stranger, now
):
    args = vetoing(guardians, ana, ana.address, successor.address, 2, now)
    guardians.veto(*args, {"from": stranger})
    assert guardian_set(guardians, ana.address).version == 3
    assert starting(family[:2], version=1) == error("InvalidSignature", family[0].address)
    assert starting(family[:2], version=2) == error("InvalidSignature", family[0].address)
    assert starting(family[:2], version=3) is PASSED


def test_TC3_a_veto_is_dead_with_its_recovery(guardians, recovering, ana, successor, family, stranger, now):
    args = vetoing(guardians, ana, ana.address, successor.address, 2, now)
    guardians.veto(*args, {"from": stranger})
    guardians.startRecovery(*recovery_of(guardians, ana.address, successor.address, family[:2]), {"from": stranger})
    assert refusal(guardians.veto, *args, sender=stranger) == error("InvalidSignature", ana.address)


def test_nobody_else_vetoes(guardians, recovering, ana, successor, family, people, now):
    for signer in (*family, successor):
        args = vetoing(guardians, signer, ana.address, successor.address, 1, now)
        assert refusal(guardians.veto, *args, sender=people.stranger) == error("InvalidSignature", ana.address)
    for sender in (people.stranger, people.regulator, people.deployer):
        assert refusal(guardians.veto, ana.address, DIRECT, sender=sender) == error("InvalidSignature", ana.address)


def test_the_patient_vetoes_directly(guardians, people, successor, family):
    patient = people.patient
    guardians.setGuardians(patient, addresses(family), 2, MIN_DELAY, DIRECT, {"from": patient})
    args = recovery_of(guardians, patient, successor.address, family[:2])
    guardians.startRecovery(*args, {"from": people.stranger})
    guardians.veto(patient, DIRECT, {"from": patient})
    assert tuple(guardians.recovery(patient)) == NO_RECOVERY


# ---- moved -----------------------------------------------------------------------------------------------------------


def test_the_move_is_told_once(guardians, recovering, ana, successor, stranger):
    at(recovering)
    tx = guardians.finishRecovery(ana.address, {"from": stranger})
    assert [event.name for event in tx.events] == ["PatientMoved"]
    assert dict(tx.events["PatientMoved"]) == {"patient": ana.address, "successor": successor.address}
    assert guardians.controllerOf(ana.address) == successor.address
    assert refusal(guardians.finishRecovery, ana.address, sender=stranger) == error("NoRecovery", ana.address)


def test_TC9_the_old_signatures_move_nobody_again(guardians, moved, starting, family):
    """Nor to somebody else, nor back."""
    assert starting(family[:2], to=key("thief").address, version=1) == error("InvalidSignature", family[0].address)


def test_a_patient_who_was_moved_is_moved_again(guardians, moved, ana, successor, family, stranger):
    third = key("third")
    args = recovery_of(guardians, ana.address, third.address, family[:2])
    tx = guardians.startRecovery(*args, {"from": stranger})
    at(tx.timestamp + MIN_DELAY)
    guardians.finishRecovery(ana.address, {"from": stranger})
    assert guardians.controllerOf(ana.address) == third.address


def test_the_registry_follows_and_tells_it_once(guardians, consents, recovering, ana, successor, stranger):
    assert len(consents.follow(ana.address, {"from": stranger}).events) == 0
    at(recovering)
    guardians.finishRecovery(ana.address, {"from": stranger})
    tx = consents.follow(ana.address, {"from": stranger})
    assert [event.name for event in tx.events] == ["ControllerFollowed"]
    assert dict(tx.events["ControllerFollowed"]) == {"patient": ana.address, "controller": successor.address}
    assert len(consents.follow(ana.address, {"from": stranger}).events) == 0


def test_TC9_the_consents_follow_without_being_signed_again(consents, ana, hospital, now, relay, request):
    relay(sign(consents, ana, permit(hospital), now))
    before = record(consents, ana.address, hospital)
    request.getfixturevalue("moved")
    assert record(consents, ana.address, hospital) == before
    assert decide(consents, ana.address, hospital).answer == 1


def test_TC9_the_old_key_signs_nothing_any_more(
    consents, guardians, moved, ana, successor, hospital, refused, stranger
):
    """Not in the registry, not with the guardians; what it withheld is dead as well."""
    second = moved.timestamp
    old = error("InvalidSignature", successor.address)
    assert refused(sign(consents, ana, permit(hospital), second)) == old
    assert refused(sign(consents, ana, revocation(), second)) == old
    assert refused(sign(consents, ana, permit(hospital), second - DAY)) == old
    delegate = signed_delegate(guardians, ana, stranger, second)
    assert refusal(guardians.setDelegate, *delegate, sender=stranger) == old
    members = signed_set(guardians, ana, [stranger], 1, second)
    assert refusal(guardians.setGuardians, *members, sender=stranger) == old


def test_the_old_key_is_no_delegate_of_itself(consents, moved, ana, hospital, refused):
    order = sign(consents, ana, permit(hospital), moved.timestamp, delegate=True)
    assert refused(order) == error("OutOfScope", ana.address, ana.address)


def test_TC9_the_old_key_sends_nothing_any_more(consents, guardians, people, successor, family, hospital):
    patient = people.patient
    guardians.setGuardians(patient, addresses(family), 2, MIN_DELAY, DIRECT, {"from": patient})
    args = recovery_of(guardians, patient, successor.address, family[:2])
    tx = guardians.startRecovery(*args, {"from": people.stranger})
    at(tx.timestamp + MIN_DELAY)
    guardians.finishRecovery(patient, {"from": people.stranger})
    consents.follow(patient, {"from": people.stranger})
    refused = error("InvalidSignature", successor.address)
    assert refusal(consents.grant, *granting(permit(hospital)), sender=patient) == refused
    assert refusal(consents.revoke, hospital, 0, sender=patient) == refused
    assert refusal(consents.revoke, NOBODY, ALL, sender=patient) == refused
    order = sign(consents, key_of(patient), permit(hospital), tx.timestamp)
    assert refusal(consents.relay, *relaying(order._replace(signature=b"")), sender=patient) == refused
    assert refusal(guardians.setDelegate, patient, hospital, TREAT, 1, 9, DIRECT, sender=patient) == refused


def test_TC9_the_new_key_signs_everything(consents, guardians, moved, ana, successor, hospital, carer, relay, stranger):
    second = moved.timestamp
    relay(sign(consents, successor, permit(hospital), second, patient=ana.address))
    assert record(consents, ana.address, hospital).status == ACTIVE
    assert record(consents, successor.address, hospital).issued_at == 0
    relay(sign(consents, successor, revocation(hospital, 0), second, patient=ana.address))
    assert record(consents, ana.address, hospital).status == WITHDRAWN
    args = signed_delegate(guardians, successor, carer.address, second, patient=ana.address)
    guardians.setDelegate(*args, {"from": stranger})
    order = sign(consents, carer, permit(hospital, index=1), second, patient=ana.address, delegate=True)
    tx = relay(order)
    assert tx.events["SignedByDelegate"]["delegate"] == carer.address


def test_a_wallet_takes_over_and_signs(consents, guardians, wallet, guarded, people, family, hospital):
    """ERC-1271 of the controller; its owner's key is not the controller."""
    ana = key("ana")
    args = recovery_of(guardians, ana.address, wallet.address, family[:2])
    tx = guardians.startRecovery(*args, {"from": people.stranger})
    at(tx.timestamp + MIN_DELAY)
    guardians.finishRecovery(ana.address, {"from": people.stranger})
    consents.follow(ana.address, {"from": people.stranger})
    order = sign(consents, ana, permit(hospital), clock())
    assert refusal(consents.relay, *relaying(order), sender=people.stranger) is PASSED
    wallet.behave(4, {"from": people.stranger})
    assert refusal(consents.relay, *relaying(order), sender=people.stranger) == error("InvalidSignature", wallet)


def test_C14_what_a_key_signed_before_it_lost_the_account_stays_dead_when_it_comes_back(
    guardians, guarded, ana, family, carer, stranger
):
    """There and back: the first key controls the account again, and signs anew."""
    early = clock()
    delegate = signed_delegate(guardians, ana, carer.address, early)
    # A change of the set and a contact, too.
    members = signed_set(guardians, ana, addresses(family), 3, early)
    contact = signed_contact(guardians, ana, carer.address, early)
    assert guardians.controlledSince(ana.address) == 0
    for successor in (key("successor").address, ana.address):
        args = recovery_of(guardians, ana.address, successor, family[:2])
        tx = guardians.startRecovery(*args, {"from": stranger})
        at(tx.timestamp + MIN_DELAY)
        moved_at = guardians.finishRecovery(ana.address, {"from": stranger}).timestamp
        assert guardians.controlledSince(ana.address) == moved_at
    assert guardians.controllerOf(ana.address) == ana.address
    dead = error("SignedBeforeMove", ana.address, moved_at)
    assert refusal(guardians.setDelegate, *delegate, sender=stranger) == dead
    assert refusal(guardians.setGuardians, *members, sender=stranger) == dead
    assert refusal(guardians.setEmergencyContact, *contact, sender=stranger) == dead
    for second, expected in ((moved_at - 1, dead), (moved_at, PASSED)):
        again = signed_delegate(guardians, ana, carer.address, second)
        assert refusal(guardians.setDelegate, *again, sender=stranger) == expected


def there_and_back(guardians, consents, ana, family, stranger, *, follows):
    """Move an account to another key and back, the registry told each time or in the end only; when it came back."""
    for number, successor in enumerate((key("successor").address, ana.address)):
        guardians.startRecovery(*recovery_of(guardians, ana.address, successor, family[:2]), {"from": stranger})
        at(clock() + MIN_DELAY)
        moved_at = guardians.finishRecovery(ana.address, {"from": stranger}).timestamp
        if follows == "each" or number:
            consents.follow(ana.address, {"from": stranger})
    return moved_at


@pytest.mark.parametrize("follows", ["each", "last"])
def test_C14_an_order_of_a_key_that_came_back_is_dead(
    guardians, guarded, consents, ana, family, hospital, stranger, refused, follows
):
    early = clock()
    withheld = [sign(consents, ana, permit(hospital), early), sign(consents, ana, revocation(), early)]
    moved_at = there_and_back(guardians, consents, ana, family, stranger, follows=follows)
    dead = error("SignedBeforeMove", ana.address, moved_at)
    assert [refused(order) for order in withheld] == [dead, dead]
    assert refused(sign(consents, ana, permit(hospital), moved_at - 1)) == dead
    assert refused(sign(consents, ana, permit(hospital), moved_at)) is PASSED


def test_C14_what_the_successor_signed_before_it_had_the_account_is_dead(consents, moved, ana, successor, refused):
    dead = error("SignedBeforeMove", ana.address, moved.timestamp)
    order = sign(consents, successor, permit(key("clinic").address), moved.timestamp - 1, patient=ana.address)
    assert refused(order) == dead


def test_C14_a_delegate_is_not_stopped_by_a_move(
    guardians, guarded, consents, ana, family, carer, hospital, stranger, refused
):
    """Its mandate stands until the patient ends it."""
    early = clock()
    guardians.setDelegate(*signed_delegate(guardians, ana, carer.address, early), {"from": stranger})
    order = sign(consents, carer, permit(hospital), early, patient=ana.address, delegate=True)
    there_and_back(guardians, consents, ana, family, stranger, follows="each")
    assert refused(order) is PASSED


def test_moving_one_patient_moves_no_other(consents, guardians, moved, successor, hospital, refused):
    ben = key("ben")
    assert guardians.controllerOf(ben.address) == ben.address
    assert refused(sign(consents, ben, permit(hospital), moved.timestamp)) is PASSED
    assert refused(sign(consents, successor, permit(hospital), moved.timestamp)) is PASSED


def test_a_patient_who_comes_back_to_its_own_account_grants_directly(consents, guardians, people, family, hospital):
    patient, other = people.patient, key("other")
    guardians.setGuardians(patient, addresses(family), 2, MIN_DELAY, DIRECT, {"from": patient})
    for successor in (other.address, patient.address):
        args = recovery_of(guardians, patient, successor, family[:2])
        tx = guardians.startRecovery(*args, {"from": people.stranger})
        at(tx.timestamp + MIN_DELAY)
        guardians.finishRecovery(patient, {"from": people.stranger})
        consents.follow(patient, {"from": people.stranger})
        assert guardians.controllerOf(patient) == successor
    consents.grant(*granting(permit(hospital)), {"from": patient})
    consents.revoke(hospital, 0, {"from": patient})
    assert record(consents, patient, hospital).status == WITHDRAWN
