"""For whom the client's signer acts: itself, as an institution, or the one whose operator it is."""

import pytest

from salus.errors import BadInput, NoSigner

DAY = 86_400


@pytest.fixture
def hospital(deployed_chain):
    """A client of a hospital."""
    return deployed_chain.client(deployed_chain.institution("PROVIDER")[0])


@pytest.fixture
def nurse(deployed_chain):
    """A client of somebody whom no institution has named yet."""
    return deployed_chain.client(deployed_chain.person())


def test_an_institution_acts_for_itself(hospital):
    assert hospital.institutions.of_signer() == hospital.signer.address


def test_an_operator_acts_for_its_institution_until_it_is_removed(hospital, nurse):
    hospital.institutions.set_operator(nurse.signer.address, ["PROVIDER"], nurse.now() + DAY)
    assert nurse.institutions.of_signer() == hospital.signer.address
    hospital.institutions.remove_operator(nurse.signer.address)
    with pytest.raises(BadInput, match=f"signer: {nurse.signer.address} acts for no institution; name one that does"):
        nurse.institutions.of_signer()


def test_who_only_reads_is_told_that_a_signer_is_needed(salus):
    with pytest.raises(NoSigner):
        salus.institutions.of_signer()
