"""The noun devices: loggers, their calibration, and files that their makers signed, real ones too."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import salus.chain.local_node
from salus import errors
from salus.chain.local_node import LocalNode
from salus.coldchain.loggers import Reading, file_proof, write_qtag
from salus.coldchain.loggers.devices import Condition, commit_serial
from salus.errors import BadInput
from tests.support.deployed_chain import DeployedChain
from tests.support.shared_data import shared
from tests.support.vaccine_scenario import DAY, VaccineMaker

FOLDER = "temperature-loggers"


@pytest.fixture
def vaccine_maker(deployed_chain):
    return VaccineMaker(deployed_chain)


@pytest.fixture
def signed(tmp_path):
    """An export that a simulated maker signed; the file's path."""

    def signed(key, name="export.txt", centi=450):
        path = tmp_path / name
        path.write_bytes(write_qtag([Reading(n * 600, centi) for n in range(3)], "SIM1", key=key))
        return path

    return signed


def maker():
    return ec.generate_private_key(ec.SECP256R1())


# ------------------------------------------------------------------------------------------------------------- devices


def test_the_life_of_a_device(vaccine_maker):
    devices, now = vaccine_maker.salus.devices, vaccine_maker.salus.now()
    with pytest.raises(BadInput, match="was never registered on this chain"):
        devices.device(vaccine_maker.device)
    commitment, _ = commit_serial("RCPJ00010")
    devices.register(vaccine_maker.device, accuracy=30, serial=commitment)
    found = devices.device(vaccine_maker.device)
    assert (found.owner, found.model, found.accuracy, found.calibrated_until) == (
        vaccine_maker.signer.address,
        None,
        30,
        None,
    )
    assert (found.condition, found.since >= now) == (Condition.IN_SERVICE, True)
    devices.calibrate(vaccine_maker.device, now + 100 * DAY, hashlib.sha256(b"certificate").digest())
    assert devices.device(vaccine_maker.device).calibrated_until == now + 100 * DAY
    devices.set_condition(vaccine_maker.device, Condition.LOST)
    devices.set_condition(vaccine_maker.device, Condition.IN_SERVICE)
    other = vaccine_maker.new_device()
    devices.register(other, accuracy=30)
    devices.set_condition(vaccine_maker.device, Condition.REPLACED, successor=other)
    assert {d.account: d.condition for d in devices.all(vaccine_maker.handle)} == {
        vaccine_maker.device: Condition.REPLACED,
        other: Condition.IN_SERVICE,
    }
    with pytest.raises(errors.InvalidCondition, match=f"the device {vaccine_maker.device} cannot become in service"):
        devices.set_condition(vaccine_maker.device, Condition.IN_SERVICE)


def test_TR1_equal_serial_numbers_have_other_commitments():
    commitments = {commit_serial("RCPJ00010")[0] for _ in range(100)}
    assert len(commitments) == 100
    commitment, salt = commit_serial("RCPJ00010")
    assert commit_serial("RCPJ00010", salt) == (commitment, salt) and commit_serial("RCPJ00011", salt)[0] != commitment


def test_an_account_that_is_no_logger_is_refused_in_words(vaccine_maker):
    stranger = vaccine_maker.deployed_chain.person(0).address
    with pytest.raises(errors.NotADevice, match=f"{stranger} is not licensed as a logger of this institution"):
        vaccine_maker.salus.devices.register(stranger, accuracy=30)


# --------------------------------------------------------------------------------------------------------------- files


def test_a_makers_file_is_proven_by_anyone(vaccine_maker, signed):
    proof = file_proof(signed(maker()))
    devices = vaccine_maker.salus.devices
    with pytest.raises(BadInput, match="is of no accredited model"):
        devices.prove_file(proof)
    number = vaccine_maker.regulator.devices.accredit_model("q-tag-sim", proof.x, proof.y)
    assert devices.model(number).trusted and devices.model_of(proof).number == number
    assert devices.proven_by(proof.digest) is None
    receipt = devices.prove_file(proof)
    assert [event.name for event in receipt.logs] == ["FileProven"]
    assert devices.proven_by(proof.digest) == number


def test_TP8_a_distrusted_model_proves_nothing_more(vaccine_maker, signed):
    key = maker()
    proof = file_proof(signed(key))
    number = vaccine_maker.regulator.devices.accredit_model("q-tag-sim", proof.x, proof.y)
    vaccine_maker.regulator.devices.distrust_model(number)
    with pytest.raises(errors.ModelNotTrusted, match=f"does not trust the key of model {number} any more"):
        vaccine_maker.salus.devices.prove_file(proof)
    # Trusted anew it is another model, and the one that is taken.
    again = vaccine_maker.regulator.devices.accredit_model("q-tag-sim", proof.x, proof.y)
    assert vaccine_maker.salus.devices.model_of(proof).number == again
    vaccine_maker.salus.devices.prove_file(proof)


def test_a_file_under_another_model_is_refused(vaccine_maker, signed):
    one, other = (file_proof(signed(maker(), f"{n}.txt", centi=400 + n)) for n in range(2))
    number = vaccine_maker.regulator.devices.accredit_model("q-tag-sim", other.x, other.y)
    with pytest.raises(errors.InvalidFileSignature, match=f"the key of model {number} did not sign the file"):
        vaccine_maker.salus.devices.prove_file(one, model=number)


def test_an_unknown_model_is_named(vaccine_maker):
    with pytest.raises(BadInput, match="model: 60000 is unknown on this chain"):
        vaccine_maker.salus.devices.model(60_000)


def test_a_real_file_costs_a_third_of_a_million_gas_or_a_fifth_of_that(tmp_path, monkeypatch, deployed_chain):
    """On a chain that verifies P-256 itself the same contract does with far less."""
    proof = file_proof(shared(FOLDER, "q-tag-clm_RCPJ00010_02.txt"))

    def gas(deployed_chain):
        number = deployed_chain.client(deployed_chain.regulator).devices.accredit_model("q-tag", proof.x, proof.y)
        used = deployed_chain.client(deployed_chain.person()).devices.prove_file(proof, model=number).gas_used
        assert deployed_chain.client().devices.proven_by(proof.digest) == number
        return used

    monkeypatch.setattr(salus.chain.local_node, "_HARDFORK", "osaka")
    with LocalNode("anvil") as node:
        native = gas(DeployedChain(node, tmp_path))
    assert native < 70_000
    assert 280_000 < gas(deployed_chain) < 340_000
