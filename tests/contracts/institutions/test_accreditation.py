"""The regulator accredits, renews, suspends and reinstates; nobody else does.

given a function of the regulator
    when anyone else calls it                                   it is refused: AccessManagedUnauthorized
given an account
    when it is accredited already                               AlreadyAccredited
    when its handle is taken, or no handle                      HandleTaken, InvalidHandle
    when its number stands for a role                           InvalidAccount
    when its roles are none or unknown, or its term is over     InvalidRoles, InvalidTerm
    when it is somebody's operator                              OperatorTaken
    when all is well                                            it is kept, found by its handle, and told
given an institution
    when it is renewed                                          roles and term are replaced, a suspension stays
    when it is suspended or reinstated twice                    AlreadySuspended, NotSuspended
"""

import brownie
import pytest

from tests.conftest import CARRIER, INSURER, LOGGER, PHARMACY, PROVIDER
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.consent_builders import FOR_EVER, NOBODY, role
from tests.support.errors import error

PERSON = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
EVERY_ROLE = 511
NO_HANDLE = b"\0" * 32


def handle(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


@pytest.fixture
def accrediting(institutions, regulator):
    """How an accreditation would be refused, one thing changed."""

    def ask(**changes):
        terms = {"account": PERSON, "handle": handle("newcomer"), "roles": PROVIDER, "until": FOR_EVER} | changes
        return refusal(institutions.accredit, *terms.values(), sender=regulator)

    return ask


# ---- who -------------------------------------------------------------------------------------------------------------

# A point of the curve P-256: its base point.
GENERATOR = (
    "0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    "0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
)
POWERS = {
    "accredit": ("institutions", (PERSON, handle("newcomer"), PROVIDER, FOR_EVER)),
    "renew": ("institutions", ("hospital", PROVIDER, FOR_EVER)),
    "suspend": ("institutions", ("hospital",)),
    "reinstate": ("institutions", ("insurer",)),
    "assignPrefix": ("lots", (9_506_000, 7, "manufacturer")),
    "registerProfile": ("lots", ((3, 0, 200, 800, 3600, 0, 0, 0, 0, [(0, 0, 801, 30)]),)),
    "accreditModel": ("loggers", (handle("model"), *GENERATOR)),
    "distrustModel": ("loggers", (1,)),
    "registerSchedule": ("doses", (8, [(0, 0, 0, 30)])),
}
OTHERS = (
    "deployer hospital insurer manufacturer carrier clinic patient stranger laboratory logger nurse institution manager"
).split()


@pytest.fixture
def powers(institutions, lots, loggers, doses, people, regulator):
    """Each restricted function with arguments that would pass."""
    institutions.suspend(people.insurer, {"from": regulator})
    loggers.accreditModel(handle("first model"), *GENERATOR, {"from": regulator})
    contracts = {"institutions": institutions, "lots": lots, "loggers": loggers, "doses": doses}
    return {
        name: (
            getattr(contracts[contract], name),
            [getattr(people, arg, arg) if isinstance(arg, str) else arg for arg in args],
        )
        for name, (contract, args) in POWERS.items()
    }


@pytest.mark.parametrize("who", OTHERS)
def test_no_wrong_actor_has_a_power_of_the_regulator(powers, deployed_contracts, institutions, people, who):
    if who == "nurse":
        institutions.setOperator(people.stranger, PROVIDER, FOR_EVER, {"from": people.hospital})
    accounts = {"nurse": people.stranger, "institution": institutions, "manager": deployed_contracts["AccessManager"]}
    account = accounts.get(who) or getattr(people, who)
    for function, args in powers.values():
        assert refusal(function, *args, sender=account) == error("AccessManagedUnauthorized", account)


def test_the_regulator_has_each_of_them(powers, regulator):
    for function, args in powers.values():
        assert refusal(function, *args, sender=regulator) is PASSED


# ---- accredit --------------------------------------------------------------------------------------------------------


def test_an_institution_is_accredited_once(institutions, regulator, hospital):
    with brownie.reverts(error("AlreadyAccredited", hospital)):
        institutions.accredit(hospital, handle("again"), PROVIDER, FOR_EVER, {"from": regulator})


def test_a_suspended_institution_is_not_accredited_anew(accrediting, institutions, regulator, hospital):
    institutions.suspend(hospital, {"from": regulator})
    assert accrediting(account=hospital) == error("AlreadyAccredited", hospital)


def test_a_handle_is_unique_for_ever(accrediting, institutions, regulator, hospital):
    institutions.suspend(hospital, {"from": regulator})
    assert accrediting(handle=handle("hospital")) == error("HandleTaken", handle("hospital"), hospital)


HANDLES = {
    "one character": (b"a", True),
    "thirty-one": (b"a" * 31, True),
    "the ends of every kind": (b"az09-", True),
    "empty": (b"", False),
    "thirty-two": (b"a" * 32, False),
    "upper case": (b"Hospital", False),
    "before a": (b"`", False),
    "after z": (b"{", False),
    "before 0": (b"/", False),
    "after 9": (b":", False),
    "before -": (b",", False),
    "a dot": (b"a.b", False),
    "a space": (b"a b", False),
    "an escape": (b"a\x1b[2J", False),
    "not ASCII": ("ä".encode(), False),
    "a formula": (b"=1+1", False),
    "not left-aligned": (b"\0a", False),
    "rubbish after the end": (b"a\0b", False),
    "rubbish in the last byte": (b"a" + bytes(30) + b"a", False),
}


@pytest.mark.parametrize("case", HANDLES)
def test_TT8_a_handle_is_1_to_31_plain_characters(accrediting, case):
    text, sound = HANDLES[case]
    text = text.ljust(32, b"\0")
    assert accrediting(handle=text) == (PASSED if sound else error("InvalidHandle", text))


@pytest.mark.parametrize("account", [NOBODY, role(1), role(3), role(2**32 - 1)])
def test_what_stands_for_a_role_is_no_institution(accrediting, account):
    assert accrediting(account=account) == error("InvalidAccount", account)


def test_the_first_number_that_stands_for_no_role_may_be_one(accrediting):
    assert accrediting(account=role(2**32)) is PASSED


@pytest.mark.parametrize(
    ("roles", "sound"),
    [(0, False), (1, True), (256, True), (511, True), (512, False), (513, False), (2**32 - 1, False)],
)
def test_roles_are_known_and_at_least_one(accrediting, institutions, regulator, hospital, roles, sound):
    message = PASSED if sound else error("InvalidRoles", roles)
    assert accrediting(roles=roles) == message
    assert refusal(institutions.renew, hospital, roles, FOR_EVER, sender=regulator) == message
    assert refusal(institutions.setOperator, PERSON, roles, FOR_EVER, sender=hospital) == message


@pytest.mark.parametrize("left", [-1, 0, 1])
def test_TC8_a_term_lies_in_the_future(accrediting, institutions, regulator, hospital, left):
    until = now() + 1_000
    at(until - left)
    message = PASSED if left == 1 else error("InvalidTerm", until)
    assert accrediting(until=until) == message
    assert refusal(institutions.renew, hospital, PROVIDER, until, sender=regulator) == message
    assert refusal(institutions.setOperator, PERSON, PROVIDER, until, sender=hospital) == message


def test_an_operator_is_no_institution(accrediting, institutions, hospital):
    institutions.setOperator(PERSON, PROVIDER, FOR_EVER, {"from": hospital})
    assert accrediting() == error("OperatorTaken", PERSON, hospital)


def test_an_institution_is_kept_and_found(institutions, regulator):
    tx = institutions.accredit(PERSON, handle("newcomer"), PHARMACY | LOGGER, FOR_EVER - 1, {"from": regulator})
    kept = institutions.institution(PERSON)
    assert (bytes(kept[0]), *kept[1:4], bytes(kept[4])) == (
        handle("newcomer"),
        PHARMACY | LOGGER,
        FOR_EVER - 1,
        0,
        bytes(32),
    )
    assert institutions.byHandle(handle("newcomer")) == PERSON
    assert len(tx.events) == 1
    assert dict(tx.events["InstitutionAccredited"]) == {
        "institution": PERSON,
        "handle": "0x" + handle("newcomer").hex(),
        "roles": PHARMACY | LOGGER,
        "licensedUntil": FOR_EVER - 1,
    }


def test_who_was_never_accredited_is_nothing(institutions):
    kept = institutions.institution(PERSON)
    assert (bytes(kept[0]), *kept[1:4], bytes(kept[4])) == (NO_HANDLE, 0, 0, 0, bytes(32))
    assert institutions.byHandle(handle("nobody")) == NOBODY


# ---- renew, suspend, reinstate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "terms"), [("renew", (PROVIDER, FOR_EVER)), ("suspend", ()), ("reinstate", ())])
def test_who_was_never_accredited_is_unknown(institutions, regulator, function, terms):
    message = refusal(getattr(institutions, function), PERSON, *terms, sender=regulator)
    assert message == error("UnknownInstitution", PERSON)


def test_an_operator_is_not_renewed_or_suspended(institutions, regulator, hospital):
    institutions.setOperator(PERSON, PROVIDER, FOR_EVER, {"from": hospital})
    assert refusal(institutions.suspend, PERSON, sender=regulator) == error("UnknownInstitution", PERSON)


def test_a_renewal_replaces_roles_and_term(institutions, regulator, insurer):
    tx = institutions.renew(insurer, CARRIER, FOR_EVER - 7, {"from": regulator})
    kept = institutions.institution(insurer)
    assert (bytes(kept[0]), *kept[1:4]) == (handle("insurer"), CARRIER, FOR_EVER - 7, 0)
    assert len(tx.events) == 1
    assert dict(tx.events["LicenceRenewed"]) == {
        "institution": insurer,
        "roles": CARRIER,
        "licensedUntil": FOR_EVER - 7,
    }


def test_a_renewal_ends_no_suspension(institutions, regulator, insurer):
    suspended = institutions.suspend(insurer, {"from": regulator}).timestamp
    institutions.renew(insurer, INSURER, FOR_EVER, {"from": regulator})
    assert institutions.institution(insurer)[3] == suspended


def test_a_suspension_is_kept_and_told(institutions, regulator, insurer):
    before = institutions.institution(insurer)
    tx = institutions.suspend(insurer, {"from": regulator})
    assert tuple(institutions.institution(insurer)) == (*before[:3], tx.timestamp, before[4])
    assert len(tx.events) == 1
    assert dict(tx.events["InstitutionSuspended"]) == {"institution": insurer}


def test_who_is_suspended_is_not_suspended_again(institutions, regulator, insurer):
    institutions.suspend(insurer, {"from": regulator})
    assert refusal(institutions.suspend, insurer, sender=regulator) == error("AlreadySuspended", insurer)


def test_a_reinstatement_leaves_everything_as_it_was(institutions, regulator, insurer):
    before = tuple(institutions.institution(insurer))
    institutions.suspend(insurer, {"from": regulator})
    tx = institutions.reinstate(insurer, {"from": regulator})
    assert tuple(institutions.institution(insurer)) == before
    assert len(tx.events) == 1
    assert dict(tx.events["InstitutionReinstated"]) == {"institution": insurer}


def test_who_is_not_suspended_is_not_reinstated(institutions, regulator, insurer):
    assert refusal(institutions.reinstate, insurer, sender=regulator) == error("NotSuspended", insurer)
