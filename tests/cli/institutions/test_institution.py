"""The noun institution of the command line."""

import pytest

from salus.keys.encryption import make_key_file
from tests.support.commands import PASSWORD


def test_the_regulator_accredits_suspends_reinstates_and_renews(run, deployed_chain, keystore):
    regulator = keystore(deployed_chain.regulator)
    account = deployed_chain.patient().address
    options = ("--keystore", regulator, "--yes")
    done = run(
        "institution", "accredit", "east-clinic", account, "--role", "provider", "--until", "2031-01-01", *options
    )
    assert done.code == 0
    shown = run("institution", "show", "east-clinic", "--json").json()
    assert (shown["standing"], shown["institution"]["account"]) == ("LICENSED", account)
    assert run("institution", "suspend", "east-clinic", *options).code == 0
    assert run("institution", "show", account, "--json").json()["standing"] == "SUSPENDED"
    assert run("institution", "reinstate", "east-clinic", *options).code == 0
    renewed = run("institution", "renew", "east-clinic", "--role", "PHARMACY", "--until", "+1d", *options)
    assert renewed.code == 0
    assert run("institution", "show", "east-clinic", "--json").json()["rolesNow"] == ["PHARMACY"]
    assert "east-clinic" in [line["name"] for line in run("institution", "list", "--json").json()]


def test_a_stranger_does_not_accredit(run, deployed_chain, keystore):
    stranger = deployed_chain.person()
    words = ("institution", "accredit", "my-own", stranger.address, "--role", "INSURER", "--yes")
    result = run(*words, "--keystore", keystore(stranger))
    assert result.code == 1
    assert result.err.splitlines()[-1] == f"refused: {stranger.address} is not who the regulator lets do this"


def test_an_institution_names_and_removes_an_operator(run, deployed_chain, hospital):
    name, file, signer = hospital
    staff = deployed_chain.patient().address
    assert run("institution", "operator", staff, "--role", "PROVIDER", "--keystore", file, "--yes").code == 0
    shown = run("institution", "show", staff, "--json").json()
    assert (shown["standing"], shown["operatorOf"]) == ("LICENSED", signer.address)
    assert [o["address"] for o in run("institution", "show", name, "--json").json()["operators"]] == [staff]
    assert run("institution", "operator", staff, "--remove", "--keystore", file, "--yes").code == 0
    assert run("institution", "show", staff, "--json").json()["standing"] == "UNKNOWN"


def test_an_account_of_the_node_signs(run, deployed_chain):
    account = deployed_chain.patient().address
    words = ("institution", "accredit", "node-clinic", account, "--role", "PROVIDER", "--yes")
    assert run(*words, "--keystore", "node:1").code == 0
    assert run(*words, "--keystore", "node:999").code == 2


# ------------------------------------------------------------------------------------------------ the encryption key


@pytest.fixture
def secret(tmp_path):
    """A file with the password of a key file."""
    path = tmp_path / "secret"
    path.write_text("another password\n")
    path.chmod(0o600)
    return path


def test_a_key_is_made_published_and_withdrawn(run, hospital, secret, tmp_path):
    name, file, _ = hospital
    assert "key       none" in run("institution", "show", name).out
    pem, options = tmp_path / "hospital.pem", ("--keystore", file, "--yes")
    made = run("institution", "key", "--make", pem, "--key-password-file", secret, *options, "--json")
    assert made.code == 0, made.err
    public = made.json()["encryptionKey"]
    assert pem.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert run("institution", "show", name, "--json").json()["institution"]["encryptionKey"] == public
    assert f"key       {public}" in run("institution", "show", name).out
    assert run("institution", "key", "--withdraw", *options).code == 0
    assert run("institution", "show", name, "--json").json()["institution"]["encryptionKey"] is None


def test_a_key_that_is_there_is_published(run, hospital, tmp_path, secret):
    name, file, _ = hospital
    pem = tmp_path / "other.pem"
    public = make_key_file(pem, PASSWORD)
    shown = run("institution", "key", "--file", pem, "--keystore", file, "--yes")
    assert shown.code == 0 and f"key       0x{public.hex()}" in shown.err
    assert run("institution", "show", name, "--json").json()["institution"]["encryptionKey"] == "0x" + public.hex()
    wrong = run("institution", "key", "--file", pem, "--key-password-file", secret, "--keystore", file, "--yes")
    assert (wrong.code, wrong.err) == (2, f"error: the password does not open {pem}\n")


@pytest.mark.parametrize("words", [(), ("--make", "a.pem", "--withdraw"), ("--make", "a.pem", "--file", "b.pem")])
def test_one_thing_is_done_with_a_key(run, hospital, words):
    result = run("institution", "key", *words, "--keystore", hospital[1])
    assert (result.code, result.err) == (2, "error: --make: give one of --make, --file and --withdraw\n")


def test_a_key_file_that_is_there_is_not_replaced(run, hospital, tmp_path):
    pem = tmp_path / "hospital.pem"
    pem.write_text("mine")
    result = run("institution", "key", "--make", pem, "--keystore", hospital[1], "--yes")
    assert result.code == 2 and "is there already" in result.err and pem.read_text() == "mine"
