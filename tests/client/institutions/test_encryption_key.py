"""An institution's encryption key: made privately, published, read back, withdrawn."""

import os
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from salus.errors import BadInput, WalletError, WrongPassword, refusals
from salus.keys.encryption import make_key_file, read_public_key


@pytest.fixture
def hospital(deployed_chain):
    """A client of a hospital, and its public name."""
    signer, name = deployed_chain.institution("PROVIDER")
    return deployed_chain.client(signer), name


def test_what_is_published_is_what_others_read(hospital, salus):
    client, name = hospital
    assert salus.institutions.get(name).encryption_key == b""
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    receipt = client.institutions.set_encryption_key(public)
    (event,) = receipt.events("EncryptionKeySet")
    assert (event.args["institution"], bytes(event.args["key"])) == (client.signer.address, public)
    assert salus.institutions.get(name).encryption_key == public


def test_zeros_withdraw_it(hospital, salus):
    client, name = hospital
    client.institutions.set_encryption_key(b"\7" * 32)
    client.institutions.set_encryption_key(bytes(32))
    assert salus.institutions.get(name).encryption_key == b""


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused_before_anything_is_sent(hospital, length):
    client, _ = hospital
    with pytest.raises(BadInput, match=f"has {length} bytes; an X25519 public key has 32"):
        client.institutions.set_encryption_key(b"\1" * length)


def test_a_stranger_has_none_to_publish(deployed_chain):
    stranger = deployed_chain.client(deployed_chain.person())
    with pytest.raises(refusals()["UnknownInstitution"]):
        stranger.institutions.set_encryption_key(b"\1" * 32)


def test_the_file_is_its_owners_and_encrypted(tmp_path):
    file = tmp_path / "hospital.pem"
    public = make_key_file(file, "pass word")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert file.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert read_public_key(file, "pass word") == public


def test_a_file_that_is_there_stays(tmp_path):
    file = tmp_path / "hospital.pem"
    public = make_key_file(file, "one")
    with pytest.raises(WalletError, match="hospital.pem"):
        make_key_file(file, "two")
    assert read_public_key(file, "one") == public


@pytest.mark.parametrize("given", [None, "another"])
def test_without_its_password_it_stays_shut(tmp_path, given):
    file = tmp_path / "hospital.pem"
    make_key_file(file, "pass word")
    with pytest.raises(WrongPassword, match="hospital.pem"):
        read_public_key(file, given)


def test_an_empty_password_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(BadInput, match="password: is empty; give one"):
        make_key_file(tmp_path / "hospital.pem", "")
    assert list(tmp_path.iterdir()) == []


def test_a_public_file_is_read_as_well(tmp_path):
    key = X25519PrivateKey.generate().public_key()
    file = tmp_path / "public.pem"
    file.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    assert read_public_key(file) == key.public_bytes_raw()


def test_a_key_of_another_kind_is_refused(tmp_path):
    file = tmp_path / "signing.pem"
    file.write_bytes(
        Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(BadInput, match="holds a key of another kind; give an X25519 key"):
        read_public_key(file)


@pytest.mark.parametrize("content", [b"", b"no key\n", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_refused(tmp_path, content):
    file = tmp_path / "x.pem"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.pem.*is no PEM key"):
        read_public_key(file)


def test_a_file_without_end_is_refused():
    with pytest.raises(BadInput, match="too large"):
        read_public_key("/dev/zero")
