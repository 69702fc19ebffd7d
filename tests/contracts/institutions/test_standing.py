"""Institutions name operators; `standing` says who may act, in which roles, for whom, at this very second.

given an institution
    when it names an operator
        that is an institution, or another's operator           it is refused: OperatorTaken
        otherwise                                               the key acts for it, within both their roles and terms
    when it removes an operator that is not its own             it is refused: NotOperator
given an operator
    when it resigns                                             it is nobody's operator
given any account
    when one asks for its standing                              one answer, the graver news first
"""

import pytest

from tests.conftest import INSURER, LOGGER, PHARMACY, PROVIDER
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.consent_builders import FOR_EVER, NOBODY
from tests.support.errors import error

NURSE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
UNKNOWN, LICENSED, OUT_OF_ROLE, EXPIRED, SUSPENDED, OPERATOR_EXPIRED = range(6)
BOTH = PROVIDER | PHARMACY


@pytest.fixture
def hired(institutions, clinic):
    """The clinic's nurse, for an hour."""
    until = now() + 3_600
    institutions.setOperator(NURSE, BOTH, until, {"from": clinic})
    return until


# ---- operators -------------------------------------------------------------------------------------------------------


def test_only_an_institution_names_operators(institutions, stranger):
    assert refusal(institutions.setOperator, NURSE, PROVIDER, FOR_EVER, sender=stranger) == error(
        "UnknownInstitution", stranger
    )


def test_an_operator_names_no_operators(institutions, clinic, stranger):
    institutions.setOperator(stranger, BOTH, FOR_EVER, {"from": clinic})
    assert refusal(institutions.setOperator, NURSE, PROVIDER, FOR_EVER, sender=stranger) == error(
        "UnknownInstitution", stranger
    )


def test_an_institution_is_nobodys_operator(institutions, clinic, hospital):
    for account in (hospital, clinic):
        assert refusal(institutions.setOperator, account, PROVIDER, FOR_EVER, sender=clinic) == error(
            "OperatorTaken", account, account
        )


def test_a_key_acts_for_one_institution(institutions, hired, hospital, clinic):
    assert refusal(institutions.setOperator, NURSE, PROVIDER, FOR_EVER, sender=hospital) == error(
        "OperatorTaken", NURSE, clinic
    )


def test_a_key_whose_term_ended_is_still_taken(institutions, hired, hospital, clinic):
    at(hired)
    assert refusal(institutions.setOperator, NURSE, PROVIDER, FOR_EVER, sender=hospital) == error(
        "OperatorTaken", NURSE, clinic
    )


def test_an_operator_is_kept_and_told(institutions, clinic):
    tx = institutions.setOperator(NURSE, PHARMACY, FOR_EVER - 3, {"from": clinic})
    assert tuple(institutions.operator(NURSE)) == (clinic, PHARMACY, FOR_EVER - 3)
    assert len(tx.events) == 1
    assert dict(tx.events["OperatorSet"]) == {
        "institution": clinic,
        "operator": NURSE,
        "roles": PHARMACY,
        "until": FOR_EVER - 3,
    }


def test_an_operators_terms_are_replaced(institutions, hired, clinic):
    institutions.setOperator(NURSE, PROVIDER, FOR_EVER, {"from": clinic})
    assert tuple(institutions.operator(NURSE)) == (clinic, PROVIDER, FOR_EVER)


def test_an_operator_is_removed_at_once(institutions, hired, clinic, hospital):
    tx = institutions.removeOperator(NURSE, {"from": clinic})
    assert tuple(institutions.operator(NURSE)) == (NOBODY, 0, 0)
    assert dict(tx.events["OperatorRemoved"]) == {"institution": clinic, "operator": NURSE}
    assert refusal(institutions.setOperator, NURSE, PROVIDER, FOR_EVER, sender=hospital) is PASSED


@pytest.mark.parametrize("who", ["hospital", "stranger", "regulator"])
def test_only_its_own_institution_removes_an_operator(institutions, hired, people, who):
    account = getattr(people, who)
    assert refusal(institutions.removeOperator, NURSE, sender=account) == error("NotOperator", NURSE, account)


def test_a_suspended_institution_may_still_remove_its_operators(institutions, hired, clinic, regulator):
    institutions.suspend(clinic, {"from": regulator})
    assert refusal(institutions.removeOperator, NURSE, sender=clinic) is PASSED


def test_an_operator_resigns(institutions, clinic, stranger):
    institutions.setOperator(stranger, BOTH, FOR_EVER, {"from": clinic})
    tx = institutions.resign({"from": stranger})
    assert tuple(institutions.operator(stranger)) == (NOBODY, 0, 0)
    assert dict(tx.events["OperatorRemoved"]) == {"institution": clinic, "operator": stranger}


def test_who_is_no_operator_cannot_resign(institutions, clinic, stranger):
    assert refusal(institutions.resign, sender=stranger) == error("NotOperator", stranger, NOBODY)
    assert refusal(institutions.resign, sender=clinic) == error("NotOperator", clinic, clinic)


def test_an_institution_cannot_remove_itself(institutions, clinic):
    assert refusal(institutions.removeOperator, clinic, sender=clinic) == error("NotOperator", clinic, clinic)


def test_who_is_an_operator_has_no_licence_of_its_own(institutions, hired, clinic):
    assert tuple(institutions.institution(NURSE))[1:4] == (0, 0, 0)
    assert tuple(institutions.operator(clinic)) == (NOBODY, 0, 0)


# ---- encryption key --------------------------------------------------------------------------------------------------


def test_only_an_institution_publishes_a_key(institutions, clinic, stranger):
    institutions.setOperator(stranger, BOTH, FOR_EVER, {"from": clinic})
    assert refusal(institutions.setEncryptionKey, b"\1" * 32, sender=stranger) == error("UnknownInstitution", stranger)


@pytest.mark.parametrize("key", [b"\x5a" * 32, b"\0" * 32])
def test_a_key_is_kept_and_told(institutions, clinic, key):
    tx = institutions.setEncryptionKey(key, {"from": clinic})
    assert bytes(institutions.institution(clinic)[4]) == key
    assert len(tx.events) == 1
    assert dict(tx.events["EncryptionKeySet"]) == {"institution": clinic, "key": "0x" + key.hex()}


# ---- standing --------------------------------------------------------------------------------------------------------


def standing(institutions, account):
    return tuple(institutions.standing(account))


@pytest.mark.parametrize("who", ["stranger", "regulator", "deployer", "patient"])
def test_a_stranger_is_unknown(institutions, people, who):
    assert standing(institutions, getattr(people, who)) == (NOBODY, 0, UNKNOWN)


def test_nobody_is_unknown(institutions):
    assert standing(institutions, NOBODY) == (NOBODY, 0, UNKNOWN)


def test_an_institution_stands_for_itself(institutions, clinic):
    assert standing(institutions, clinic) == (clinic, BOTH, LICENSED)


def test_an_operator_stands_for_its_institution(institutions, hired, clinic):
    assert standing(institutions, NURSE) == (clinic, BOTH, LICENSED)


def test_a_removed_operator_is_unknown(institutions, hired, clinic):
    institutions.removeOperator(NURSE, {"from": clinic})
    assert standing(institutions, NURSE) == (NOBODY, 0, UNKNOWN)


@pytest.mark.parametrize(
    ("given", "left"), [(PROVIDER, PROVIDER), (PROVIDER | INSURER, PROVIDER), (INSURER | LOGGER, 0), (511, BOTH)]
)
def test_an_operator_has_no_role_that_its_institution_has_not(institutions, clinic, given, left):
    institutions.setOperator(NURSE, given, FOR_EVER, {"from": clinic})
    assert standing(institutions, NURSE) == (clinic, left, LICENSED)


def test_a_role_taken_from_the_institution_is_taken_from_its_operators(institutions, hired, clinic, regulator):
    institutions.renew(clinic, PHARMACY, FOR_EVER, {"from": regulator})
    assert standing(institutions, NURSE) == (clinic, PHARMACY, LICENSED)


def test_TC8_an_operators_term_ends_to_the_second(institutions, hired, clinic):
    seen = []
    for second in (hired - 1, hired, hired + 1):
        at(second)
        seen.append(standing(institutions, NURSE))
    assert seen == [(clinic, BOTH, LICENSED), (clinic, 0, OPERATOR_EXPIRED), (clinic, 0, OPERATOR_EXPIRED)]


def test_TC8_a_licence_ends_to_the_second(institutions, clinic, regulator):
    until = now() + 1_000
    institutions.setOperator(NURSE, PROVIDER, FOR_EVER, {"from": clinic})
    institutions.renew(clinic, BOTH, until, {"from": regulator})
    seen = []
    for second in (until - 1, until, until + 1):
        at(second)
        seen.append((standing(institutions, clinic), standing(institutions, NURSE)))
    gone = (clinic, 0, EXPIRED)
    assert seen == [((clinic, BOTH, LICENSED), (clinic, PROVIDER, LICENSED)), (gone, gone), (gone, gone)]


def test_a_suspension_holds_for_the_institution_and_its_operators(institutions, hired, clinic, regulator):
    institutions.suspend(clinic, {"from": regulator})
    assert [standing(institutions, account) for account in (clinic, NURSE)] == [(clinic, 0, SUSPENDED)] * 2
    institutions.reinstate(clinic, {"from": regulator})
    assert [standing(institutions, account) for account in (clinic, NURSE)] == [(clinic, BOTH, LICENSED)] * 2


def test_the_graver_news_goes_first(institutions, hired, clinic, regulator):
    institutions.renew(clinic, BOTH, hired + 100, {"from": regulator})
    at(hired)
    assert standing(institutions, NURSE) == (clinic, 0, OPERATOR_EXPIRED)
    at(hired + 100)
    assert standing(institutions, NURSE) == (clinic, 0, EXPIRED)
    institutions.suspend(clinic, {"from": regulator})
    assert standing(institutions, NURSE) == (clinic, 0, SUSPENDED)
    assert standing(institutions, clinic) == (clinic, 0, SUSPENDED)


# ---- whom an institution may not name --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1])
def test_TC5_accounts_without_a_key_are_nobodys_operators(institutions, hospital, number):
    account = f"0x{number:040x}"
    assert refusal(institutions.setOperator, account, PROVIDER, FOR_EVER, sender=hospital) == error(
        "InvalidAccount", account
    )


def test_TC10_a_suspended_institution_names_no_operators(institutions, hospital, regulator):
    """It could stand in the way of anyone's accreditation, or of another's staff, at no cost."""
    institutions.suspend(hospital, {"from": regulator})
    assert refusal(institutions.setOperator, NURSE, PROVIDER, FOR_EVER, sender=hospital) == error(
        "LicenceEnded", hospital
    )


def test_TC10_an_expired_institution_names_no_operators(institutions, hospital):
    at(institutions.institution(hospital)[2])
    assert refusal(institutions.setOperator, NURSE, PROVIDER, FOR_EVER, sender=hospital) == error(
        "LicenceEnded", hospital
    )
