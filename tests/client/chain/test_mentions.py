"""Which accounts a chain knows: those that any event is about, in whichever place."""

import pytest

from salus.consent.model import DirectiveDraft, Effect
from tests.support.fault_proxy import FaultProxy


@pytest.fixture
def patient(deployed_chain):
    return deployed_chain.person()


@pytest.fixture
def granted(deployed_chain, patient):
    """A patient who granted to a hospital; the hospital's account."""
    hospital, name = deployed_chain.institution("PROVIDER")
    salus = deployed_chain.client(patient)
    scope = frozenset({"TREAT"}), frozenset({"all"})
    salus.consent.grant(DirectiveDraft(name, Effect.PERMIT, *scope, 0, salus.now() + 86_400))
    return hospital.address


def test_c5_an_account_is_known_with_whom_it_deals(deployed_chain, salus, patient, granted):
    found = salus.mentions([patient.address, deployed_chain.patient().address])
    assert found.keys() == {patient.address} and granted in found[patient.address]


def test_c5_an_account_is_known_in_whichever_place_an_event_has_it(deployed_chain, salus, patient, granted):
    """The grantee is the second argument of a grant, the institution the first of its accreditation."""
    assert patient.address in salus.mentions([granted])[granted]


def test_c5_many_accounts_are_asked_for_in_parts(deployed_chain, salus, patient, granted, monkeypatch):
    monkeypatch.setattr("salus.chain.events._ACCOUNTS_AT_ONCE", 3)
    strangers = [deployed_chain.patient().address for _ in range(7)]
    assert salus.mentions([*strangers, patient.address, granted]).keys() == {patient.address, granted}
    assert salus.mentions([]) == {} == salus.mentions(strangers)


def test_c5_a_node_that_limits_its_answers_is_asked_for_less(deployed_chain, patient, granted):
    from salus.client import Salus

    with FaultProxy(deployed_chain.url) as proxy:
        proxy.spoil("eth_getLogs", "range_limit", blocks=3)
        salus = Salus.connect(proxy.url, book=deployed_chain.book_path)
        assert salus.mentions([patient.address]).keys() == {patient.address}
