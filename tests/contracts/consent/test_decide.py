"""The decision, as one table: what the patient said, what is asked, and the answer with its reason and its directive.

The hospital is a PROVIDER, the clinic a PROVIDER and a PHARMACY; the asked purpose is TREAT and the asked data are
observations unless the row says otherwise. Interfaces: IConsentRegistry.decide.
"""

from typing import NamedTuple

import pytest
from brownie import accounts

from tests.conftest import CARRIER, INSURER, PHARMACY, PROVIDER
from tests.support.boundary_time import at
from tests.support.boundary_time import now as clock
from tests.support.consent_builders import (
    ALL,
    ALL_RECORDS,
    CLAIM,
    CONDITION,
    EXPIRED,
    FOR_EVER,
    HIV,
    HPAYMT,
    HRESCH,
    NAMED,
    NO_DIRECTIVE,
    NOBODY,
    NOT_LICENSED,
    NOT_YET,
    OBSERVATION,
    PSY,
    REVOKED,
    ROLE,
    TREAT,
    WRONG_CATEGORY,
    WRONG_PURPOSE,
    Decision,
    decide,
    deny,
    granting,
    permit,
    revocation,
    role,
)

NONE, PERMIT, DENY = range(3)
NOW = 10_000  # seconds after the start of a row's story, at which it is asked


class Row(NamedTuple):
    """`said` in order: grants, and revocations as (grantee, index); `expected` without a grantee means nobody."""

    said: list
    expected: tuple
    actor: str = "hospital"
    purpose: int = TREAT
    categories: int = OBSERVATION


def says(grantee, index=0, effect=permit, purposes=TREAT, categories=OBSERVATION, start=None, end=None):
    """A directive; start and end in seconds before (-) or after what is now when it is asked."""
    return grantee, index, effect, purposes, categories, start, end


def revokes(grantee=None, index=ALL):
    return grantee, index, None


HOSPITAL, CLINIC = "hospital", "clinic"

TABLE = {
    # ---- nobody decided ----
    "nothing was said": Row([], (NONE, NO_DIRECTIVE)),
    "only another institution is named": Row([says(CLINIC)], (NONE, NO_DIRECTIVE)),
    "only another role is named": Row([says(PHARMACY), says(INSURER, effect=deny)], (NONE, NO_DIRECTIVE)),
    "revoked": Row([says(HOSPITAL), revokes(HOSPITAL, 0)], (NONE, REVOKED, HOSPITAL, 0)),
    "all of the pair's revoked": Row([says(HOSPITAL, 2), revokes(HOSPITAL)], (NONE, REVOKED, HOSPITAL, 2)),
    "everything revoked": Row([says(HOSPITAL, 1), says(PROVIDER), revokes()], (NONE, REVOKED, HOSPITAL, 1)),
    "a revoked deny says nothing": Row([says(HOSPITAL, effect=deny), revokes(HOSPITAL)], (NONE, REVOKED, HOSPITAL, 0)),
    "ended": Row([says(HOSPITAL, end=0)], (NONE, EXPIRED, HOSPITAL, 0)),
    "a deny that ended says nothing": Row([says(HOSPITAL, effect=deny, end=0)], (NONE, EXPIRED, HOSPITAL, 0)),
    "not begun": Row([says(HOSPITAL, start=1)], (NONE, NOT_YET, HOSPITAL, 0)),
    "a deny that has not begun says nothing": Row([says(HOSPITAL, effect=deny, start=1)], (NONE, NOT_YET, HOSPITAL, 0)),
    "another purpose": Row([says(HOSPITAL, purposes=HPAYMT)], (NONE, WRONG_PURPOSE, HOSPITAL, 0)),
    "a deny of another purpose is silence": Row(
        [says(HOSPITAL, effect=deny, purposes=HPAYMT)], (NONE, WRONG_PURPOSE, HOSPITAL, 0)
    ),
    "one purpose of two": Row([says(HOSPITAL)], (NONE, WRONG_PURPOSE, HOSPITAL, 0), purpose=TREAT | HRESCH),
    "another category": Row([says(HOSPITAL, categories=CLAIM)], (NONE, WRONG_CATEGORY, HOSPITAL, 0)),
    "a deny of another category is silence": Row(
        [says(HOSPITAL, effect=deny, categories=CLAIM)], (NONE, WRONG_CATEGORY, HOSPITAL, 0)
    ),
    "one category of two": Row(
        [says(HOSPITAL)], (NONE, WRONG_CATEGORY, HOSPITAL, 0), categories=OBSERVATION | CONDITION
    ),
    "all records are no sensitive ones": Row(
        [says(HOSPITAL, categories=ALL_RECORDS)], (NONE, WRONG_CATEGORY, HOSPITAL, 0), categories=OBSERVATION | HIV
    ),
    "a label alone is no record": Row(
        [says(HOSPITAL, categories=HIV)], (NONE, WRONG_CATEGORY, HOSPITAL, 0), categories=OBSERVATION | HIV
    ),
    "two halves make no whole": Row(
        [says(HOSPITAL), says(HOSPITAL, 1, categories=CONDITION)],
        (NONE, WRONG_CATEGORY, HOSPITAL, 0),
        categories=OBSERVATION | CONDITION,
    ),
    "an institution's permit and a role's make no whole": Row(
        [says(HOSPITAL), says(PROVIDER, purposes=HPAYMT)], (NONE, WRONG_PURPOSE, HOSPITAL, 0), purpose=TREAT | HPAYMT
    ),
    "no purpose is asked": Row([says(HOSPITAL)], (NONE, NO_DIRECTIVE), purpose=0),
    "no category is asked": Row([says(HOSPITAL)], (NONE, NO_DIRECTIVE), categories=0),
    "C3: a label alone is no request": Row(
        [says(HOSPITAL, categories=ALL_RECORDS | HIV)], (NONE, NO_DIRECTIVE), categories=HIV
    ),
    "C3: several labels alone are no request, nor is a deny of them an answer": Row(
        [says(HOSPITAL, effect=deny, categories=HIV)], (NONE, NO_DIRECTIVE), categories=HIV | PSY
    ),
    "C3: a deny of all records touches a request with a label": Row(
        [says(HOSPITAL, categories=ALL_RECORDS | HIV), says(HOSPITAL, 1, deny, categories=ALL_RECORDS)],
        (DENY, NAMED, HOSPITAL, 1),
        categories=OBSERVATION | HIV,
    ),
    # ---- the nearest miss ----
    "ended is nearer than revoked": Row(
        [says(HOSPITAL), revokes(HOSPITAL, 0), says(HOSPITAL, 1, end=0)], (NONE, EXPIRED, HOSPITAL, 1)
    ),
    "not begun is nearer than ended": Row(
        [says(HOSPITAL, end=0), says(HOSPITAL, 1, start=1)], (NONE, NOT_YET, HOSPITAL, 1)
    ),
    "another purpose is nearer than not begun": Row(
        [says(HOSPITAL, start=1), says(HOSPITAL, 3, purposes=HPAYMT)], (NONE, WRONG_PURPOSE, HOSPITAL, 3)
    ),
    "another category is nearer than another purpose": Row(
        [says(HOSPITAL, purposes=HPAYMT), says(HOSPITAL, 1, categories=CLAIM)], (NONE, WRONG_CATEGORY, HOSPITAL, 1)
    ),
    "the nearest stays, wherever it is": Row(
        [says(HOSPITAL, categories=CLAIM), says(HOSPITAL, 1, purposes=HPAYMT)], (NONE, WRONG_CATEGORY, HOSPITAL, 0)
    ),
    "of two as near the first": Row(
        [says(HOSPITAL, 2, categories=CLAIM), says(HOSPITAL, 1, categories=CLAIM)], (NONE, WRONG_CATEGORY, HOSPITAL, 1)
    ),
    "of two as near the institution's": Row(
        [says(PROVIDER, end=0), says(HOSPITAL, 3, end=0)], (NONE, EXPIRED, HOSPITAL, 3)
    ),
    "a role's miss may be nearer": Row(
        [says(HOSPITAL, end=0), says(PROVIDER, 1, start=1)], (NONE, NOT_YET, PROVIDER, 1)
    ),
    "of two roles as near the lower bit": Row(
        [says(PHARMACY, end=0), says(PROVIDER, 2, end=0)], (NONE, EXPIRED, PROVIDER, 2), actor=CLINIC
    ),
    "of two roles the nearer": Row(
        [says(PROVIDER, end=0), says(PHARMACY, 2, start=1)], (NONE, NOT_YET, PHARMACY, 2), actor=CLINIC
    ),
    # ---- an institution by name ----
    "permit": Row([says(HOSPITAL)], (PERMIT, NAMED, HOSPITAL, 0)),
    "permit at the last place": Row([says(HOSPITAL, 3)], (PERMIT, NAMED, HOSPITAL, 3)),
    "permit in its first second": Row([says(HOSPITAL, start=0)], (PERMIT, NAMED, HOSPITAL, 0)),
    "permit in its last second": Row([says(HOSPITAL, end=1)], (PERMIT, NAMED, HOSPITAL, 0)),
    "permit for both purposes": Row(
        [says(HOSPITAL, purposes=TREAT | HPAYMT | HRESCH)], (PERMIT, NAMED, HOSPITAL, 0), purpose=TREAT | HRESCH
    ),
    "permit for all records": Row(
        [says(HOSPITAL, categories=ALL_RECORDS)], (PERMIT, NAMED, HOSPITAL, 0), categories=OBSERVATION | 1 << 39
    ),
    "permit with the label": Row(
        [says(HOSPITAL, categories=ALL_RECORDS | HIV)], (PERMIT, NAMED, HOSPITAL, 0), categories=OBSERVATION | HIV
    ),
    "of two permits the latest": Row([says(HOSPITAL, 1), says(HOSPITAL, 2)], (PERMIT, NAMED, HOSPITAL, 2)),
    "granted anew after the revocation": Row(
        [says(HOSPITAL), revokes(HOSPITAL), says(HOSPITAL)], (PERMIT, NAMED, HOSPITAL, 0)
    ),
    "granted anew after everything": Row([says(HOSPITAL), revokes(), says(HOSPITAL, 1)], (PERMIT, NAMED, HOSPITAL, 1)),
    "permit past a miss before it": Row(
        [says(HOSPITAL, categories=CLAIM), says(HOSPITAL, 1)], (PERMIT, NAMED, HOSPITAL, 1)
    ),
    "permit past a miss after it": Row(
        [says(HOSPITAL), says(HOSPITAL, 1, categories=CLAIM)], (PERMIT, NAMED, HOSPITAL, 0)
    ),
    "deny": Row([says(HOSPITAL, effect=deny)], (DENY, NAMED, HOSPITAL, 0)),
    "deny before a permit": Row([says(HOSPITAL), says(HOSPITAL, 1, deny)], (DENY, NAMED, HOSPITAL, 1)),
    "deny before a later, wider permit": Row(
        [says(HOSPITAL, 0, deny), says(HOSPITAL, 1, categories=ALL_RECORDS)], (DENY, NAMED, HOSPITAL, 0)
    ),
    "deny in the last place": Row(
        [says(HOSPITAL, index) for index in range(3)] + [says(HOSPITAL, 3, deny)], (DENY, NAMED, HOSPITAL, 3)
    ),
    "of two denies the first": Row(
        [says(HOSPITAL, 3, deny), says(HOSPITAL, 2, deny), says(HOSPITAL)], (DENY, NAMED, HOSPITAL, 2)
    ),
    "deny that touches one purpose of two": Row(
        [says(HOSPITAL, purposes=TREAT | HRESCH), says(HOSPITAL, 1, deny, purposes=HRESCH)],
        (DENY, NAMED, HOSPITAL, 1),
        purpose=TREAT | HRESCH,
    ),
    "deny that touches one category of two": Row(
        [says(HOSPITAL, categories=ALL_RECORDS | PSY), says(HOSPITAL, 1, deny, categories=PSY)],
        (DENY, NAMED, HOSPITAL, 1),
        categories=OBSERVATION | PSY,
    ),
    "deny of a label leaves the rest": Row(
        [says(HOSPITAL, categories=ALL_RECORDS | PSY), says(HOSPITAL, 1, deny, categories=PSY)],
        (PERMIT, NAMED, HOSPITAL, 0),
    ),
    "deny that ended, beside a permit": Row(
        [says(HOSPITAL, 0, deny, end=0), says(HOSPITAL, 1)], (PERMIT, NAMED, HOSPITAL, 1)
    ),
    # ---- a role ----
    "permit for a role": Row([says(PROVIDER)], (PERMIT, ROLE, PROVIDER, 0)),
    "deny for a role": Row([says(PROVIDER, 2, deny)], (DENY, ROLE, PROVIDER, 2)),
    "a name's permit before an earlier deny of its role": Row(
        [says(PROVIDER, effect=deny), says(HOSPITAL)], (PERMIT, NAMED, HOSPITAL, 0)
    ),
    "C15: a later deny of the role before a name's permit": Row(
        [says(HOSPITAL), says(PROVIDER, effect=deny)], (DENY, ROLE, PROVIDER, 0)
    ),
    "C15: a later, narrower deny of the role before a broader name's permit": Row(
        [says(HOSPITAL, categories=ALL_RECORDS | PSY), says(PROVIDER, 2, deny, categories=PSY)],
        (DENY, ROLE, PROVIDER, 2),
        categories=OBSERVATION | PSY,
    ),
    "C15: what that deny does not touch stays permitted": Row(
        [says(HOSPITAL, categories=ALL_RECORDS | PSY), says(PROVIDER, 2, deny, categories=PSY)],
        (PERMIT, NAMED, HOSPITAL, 0),
    ),
    "C15: a name's permit after the role's deny is an exception to it": Row(
        [says(HOSPITAL), says(PROVIDER, effect=deny), says(HOSPITAL, 1)], (PERMIT, NAMED, HOSPITAL, 1)
    ),
    "C15: of two later denies of roles the first that binds": Row(
        [says(PROVIDER, 1, deny), says(CLINIC), says(PHARMACY, 2, deny)], (DENY, ROLE, PHARMACY, 2), actor=CLINIC
    ),
    "D2: a later permit of the role does not lift a name's deny": Row(
        [says(HOSPITAL, effect=deny), says(PROVIDER)], (DENY, NAMED, HOSPITAL, 0)
    ),
    "D2: a later deny of the role leaves no permit of the role": Row(
        [says(PROVIDER), says(HOSPITAL, categories=CLAIM), says(PROVIDER, 1, deny)], (DENY, ROLE, PROVIDER, 1)
    ),
    "D2: a deny of the role that ended binds nobody": Row(
        [says(HOSPITAL), says(PROVIDER, effect=deny, end=0)], (PERMIT, NAMED, HOSPITAL, 0)
    ),
    "a name's deny before a role's permit": Row(
        [says(HOSPITAL, effect=deny), says(PROVIDER)], (DENY, NAMED, HOSPITAL, 0)
    ),
    "a role's deny where the name is silent": Row(
        [says(HOSPITAL, purposes=HPAYMT), says(PROVIDER, effect=deny)], (DENY, ROLE, PROVIDER, 0)
    ),
    "a role's permit where the name was revoked": Row(
        [says(HOSPITAL), says(PROVIDER), revokes(HOSPITAL)], (PERMIT, ROLE, PROVIDER, 0)
    ),
    "one role's deny before another's permit": Row(
        [says(PROVIDER), says(PHARMACY, 1, deny)], (DENY, ROLE, PHARMACY, 1), actor=CLINIC
    ),
    "one role's permit after another's deny": Row(
        [says(PROVIDER, 1, deny), says(PHARMACY)], (DENY, ROLE, PROVIDER, 1), actor=CLINIC
    ),
    "of two roles' permits the latest": Row(
        [says(PROVIDER, 3), says(PHARMACY)], (PERMIT, ROLE, PHARMACY, 0), actor=CLINIC
    ),
    "the upper role's permit": Row([says(PHARMACY, 1)], (PERMIT, ROLE, PHARMACY, 1), actor=CLINIC),
    "a permit past another role's miss": Row(
        [says(PROVIDER, categories=CLAIM), says(PHARMACY, 1)], (PERMIT, ROLE, PHARMACY, 1), actor=CLINIC
    ),
    "a permit before another role's miss": Row(
        [says(PROVIDER, 1), says(PHARMACY, categories=CLAIM)], (PERMIT, ROLE, PROVIDER, 1), actor=CLINIC
    ),
    "two roles' permits make no whole": Row(
        [says(PROVIDER), says(PHARMACY, categories=CONDITION)],
        (NONE, WRONG_CATEGORY, PROVIDER, 0),
        actor=CLINIC,
        categories=OBSERVATION | CONDITION,
    ),
    "a role that the institution has not": Row([says(CARRIER, effect=deny)], (NONE, NO_DIRECTIVE), actor=CLINIC),
    # ---- who asks ----
    "a stranger": Row([says("stranger")], (DENY, NOT_LICENSED), actor="stranger"),
    "nobody": Row([], (DENY, NOT_LICENSED), actor=NOBODY),
    "a role itself": Row([says(PROVIDER)], (DENY, NOT_LICENSED), actor=role(PROVIDER)),
    "the patient itself": Row([], (DENY, NOT_LICENSED), actor="patient"),
}


def account(people, name):
    if isinstance(name, int):
        return role(name)
    return getattr(people, name, name)


def tell(consents, people, said, asked_at):
    """The patient says all of it, in order, each in a second of its own."""
    for grantee, index, effect, *terms in said:
        grantee = NOBODY if grantee is None else account(people, grantee)
        at(clock() + 1)
        if effect is None:
            consents.revoke(grantee, index, {"from": people.patient})
            continue
        purposes, categories, start, end = terms
        directive = effect(
            grantee,
            index=index,
            purposes=purposes,
            categories=categories,
            start=0 if start is None else asked_at + start,
            end=FOR_EVER if end is None else asked_at + end,
        )
        consents.grant(*granting(directive), {"from": people.patient})


@pytest.mark.parametrize("row", TABLE)
def test_decision(consents, people, now, row):
    said, expected, actor, purpose, categories = TABLE[row]
    tell(consents, people, said, now + NOW)
    at(now + NOW)
    answer, reason, grantee, index = (*expected, NOBODY, 0)[:4]
    expected = Decision(answer, reason, str(account(people, grantee)), index)
    assert decide(consents, people.patient, account(people, actor), purpose, categories) == expected


# ---- the actor's licence ---------------------------------------------------------------------------------------------

UNLICENSED = Decision(DENY, NOT_LICENSED, NOBODY, 0)


@pytest.fixture
def permitted(consents, people):
    """The hospital is permitted by name, its role as well."""
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    consents.grant(*granting(permit(role(PROVIDER))), {"from": people.patient})
    return Decision(PERMIT, NAMED, people.hospital.address, 0)


@pytest.fixture
def nurse():
    return accounts[20]


def test_a_suspended_institution_is_denied_until_it_is_reinstated(consents, institutions, people, permitted):
    institutions.suspend(people.hospital, {"from": people.regulator})
    assert decide(consents, people.patient, people.hospital) == UNLICENSED
    institutions.reinstate(people.hospital, {"from": people.regulator})
    assert decide(consents, people.patient, people.hospital) == permitted


def test_TC8_an_expired_licence_is_denied(consents, institutions, people, permitted, now):
    until = now + 1_000
    institutions.renew(people.hospital, PROVIDER, until, {"from": people.regulator})
    seen = []
    for second in (until - 1, until):
        at(second)
        seen.append(decide(consents, people.patient, people.hospital))
    assert seen == [permitted, UNLICENSED]


def test_an_operator_asks_as_its_institution(consents, institutions, people, permitted, nurse):
    institutions.setOperator(nurse, PROVIDER, FOR_EVER, {"from": people.hospital})
    assert decide(consents, people.patient, nurse) == permitted


def test_TC8_an_operators_term_ends(consents, institutions, people, permitted, nurse, now):
    until = now + 1_000
    institutions.setOperator(nurse, PROVIDER, until, {"from": people.hospital})
    seen = []
    for second in (until - 1, until):
        at(second)
        seen.append(decide(consents, people.patient, nurse))
    assert seen == [permitted, UNLICENSED]


def test_TC10_a_removed_operator_is_denied(consents, institutions, people, permitted, nurse):
    institutions.setOperator(nurse, PROVIDER, FOR_EVER, {"from": people.hospital})
    institutions.removeOperator(nurse, {"from": people.hospital})
    assert decide(consents, people.patient, nurse) == UNLICENSED


def test_an_operator_of_a_suspended_institution_is_denied(consents, institutions, people, permitted, nurse):
    institutions.setOperator(nurse, PROVIDER, FOR_EVER, {"from": people.hospital})
    institutions.suspend(people.hospital, {"from": people.regulator})
    assert decide(consents, people.patient, nurse) == UNLICENSED


def test_a_permit_for_a_role_is_only_for_operators_who_have_it(consents, institutions, people, nurse):
    consents.grant(*granting(permit(role(PHARMACY))), {"from": people.patient})
    institutions.setOperator(nurse, PROVIDER, FOR_EVER, {"from": people.clinic})
    assert decide(consents, people.patient, nurse)[:2] == (NONE, NO_DIRECTIVE)
    institutions.setOperator(nurse, PHARMACY, FOR_EVER, {"from": people.clinic})
    assert decide(consents, people.patient, nurse)[:2] == (PERMIT, ROLE)


def test_a_role_that_was_taken_away_no_longer_counts(consents, institutions, people):
    consents.grant(*granting(permit(role(PHARMACY))), {"from": people.patient})
    assert decide(consents, people.patient, people.clinic)[:2] == (PERMIT, ROLE)
    institutions.renew(people.clinic, PROVIDER, FOR_EVER, {"from": people.regulator})
    assert decide(consents, people.patient, people.clinic)[:2] == (NONE, NO_DIRECTIVE)


def test_a_consent_given_to_an_operator_is_not_its_institutions(consents, institutions, people, nurse):
    institutions.setOperator(nurse, PROVIDER, FOR_EVER, {"from": people.hospital})
    consents.grant(*granting(permit(nurse)), {"from": people.patient})
    assert decide(consents, people.patient, nurse)[:2] == (NONE, NO_DIRECTIVE)


def test_nine_roles_are_still_one_question(consents, institutions, people):
    """The bound of the loop: every role, every place."""
    institutions.renew(people.hospital, 511, FOR_EVER, {"from": people.regulator})
    for bit in range(9):
        for index in range(4):
            grantee = role(1 << bit)
            consents.grant(*granting(permit(grantee, index=index, categories=CLAIM)), {"from": people.patient})
    assert decide(consents, people.patient, people.hospital) == (NONE, WRONG_CATEGORY, role(1), 0)
    consents.grant(*granting(deny(role(1 << 8), index=3)), {"from": people.patient})
    assert decide(consents, people.patient, people.hospital) == (DENY, ROLE, role(1 << 8), 3)
    assert (
        consents.decide.estimate_gas(people.patient, people.hospital, TREAT, OBSERVATION, {"from": people.patient})
        < 250_000
    )


def test_TC9_every_patient_answers_alone(consents, people, permitted):
    assert decide(consents, people.stranger, people.hospital) == (NONE, NO_DIRECTIVE, NOBODY, 0)


def test_a_contract_sees_the_decision_in_its_own_transaction(consents, salus_project, people, deployer, permitted):
    """As a desk does: what was revoked a transaction earlier does not count."""
    desk = salus_project.Caller.deploy({"from": deployer})
    question = consents.decide.encode_input(people.patient, people.hospital, TREAT, OBSERVATION)
    asked = desk.call(consents, question, {"from": people.stranger})
    assert consents.decide.decode_output(asked.return_value)[0] == PERMIT
    consents.revoke(people.hospital, ALL, {"from": people.patient})
    consents.revoke(role(PROVIDER), ALL, {"from": people.patient})
    asked = desk.call(consents, question, {"from": people.stranger})
    assert consents.decide.decode_output(asked.return_value)[:2] == (NONE, REVOKED)


def test_the_roles_accounts_are_the_roles_bits(consents, institutions, people):
    """No institution can sit on an account that stands for a role."""
    for bit in range(32):
        assert consents.decide(people.patient, role(1 << bit), TREAT, OBSERVATION)[:2] == (DENY, NOT_LICENSED)
    assert revocation().index == ALL


def test_TC1_a_deny_for_a_role_is_not_dodged_through_an_operator(consents, institutions, people, nurse):
    """The clinic is a pharmacy, and the patient wants no pharmacy to see it; a key with fewer roles is still the
    clinic's.
    """
    consents.grant(*granting(permit(role(PROVIDER))), {"from": people.patient})
    consents.grant(*granting(deny(role(PHARMACY))), {"from": people.patient})
    assert decide(consents, people.patient, people.clinic)[:2] == (DENY, ROLE)
    institutions.setOperator(nurse, PROVIDER, FOR_EVER, {"from": people.clinic})
    assert decide(consents, people.patient, nurse)[:2] == (DENY, ROLE)
