"""A manufacturer's signature in the form that a contract verifies."""

import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from salus.coldchain.loggers import Reading, file_proof, write_qtag
from salus.coldchain.loggers.proof import ORDER
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES, shared

FOLDER = "temperature-loggers"
SIGNED = [
    "q-tag-clm_RCPJ00010_02.txt",
    "fridge-tag-ul_100800001215.txt",
    "fridge-tag-2_130400191542.txt",
    "fridge-tag-2_130400191544.txt",
]


def high(s):
    return int.from_bytes(s, "big") > ORDER // 2


@pytest.mark.parametrize("name", SIGNED)
def test_real_files(name):
    proof = file_proof(shared(FOLDER, name))
    assert proof.verifies and not high(proof.s)
    assert {len(part) for part in vars(proof).values()} == {32}


def test_what_is_committed_to_and_signed():
    content = shared(FOLDER, SIGNED[0]).read_bytes()
    proof = file_proof(shared(FOLDER, SIGNED[0]))
    assert proof.commitment == hashlib.sha256(content[: content.rindex(b"Sig: ")]).digest()
    assert proof.digest == proof.commitment[::-1]


def test_two_units_of_a_lot_share_the_key_and_nothing_else():
    one, other = (file_proof(shared(FOLDER, name)) for name in SIGNED[2:])
    assert (one.x, one.y) == (other.x, other.y)
    assert not {one.digest, one.r, one.s} & {other.digest, other.r, other.s}


def test_line_ends_change_nothing(tmp_path):
    path = tmp_path / "lf.txt"
    path.write_bytes(shared(FOLDER, SIGNED[0]).read_bytes().replace(b"\r\n", b"\n"))
    assert file_proof(path) == file_proof(shared(FOLDER, SIGNED[0]))


def test_edited_file_is_no_proof():
    with pytest.raises(BadInput) as error:
        file_proof(shared(FOLDER, "fridge-tag-2l_edited.txt"))
    assert (error.value.field, error.value.fix.split(",")[0]) == ("line 593: Sig", "does not verify")


def test_unsigned_file_is_no_proof(tmp_path):
    path = tmp_path / "unsigned.txt"
    path.write_bytes(write_qtag([Reading(600 * n, 400) for n in range(3)], "SIM1"))
    with pytest.raises(BadInput) as error:
        file_proof(path)
    assert error.value.field == "Sig" and "is missing" in error.value.fix


def test_s_is_made_low_whatever_the_device_wrote(tmp_path):
    key, seen = ec.derive_private_key(7, ec.SECP256R1()), set()
    for n in range(64):
        path = tmp_path / "export.txt"
        path.write_bytes(write_qtag([Reading(600 * n, 400) for n in range(3)], f"SIM{n}", key=key))
        signed = bytes.fromhex(path.read_bytes().rsplit(b"Sig: ", 1)[1].decode())
        seen.add(high(signed[32:][::-1]))
        proof = file_proof(path)
        assert proof.verifies and not high(proof.s)
        if len(seen) == 2:
            break
    assert seen == {True, False}  # both kinds were met


def test_what_does_not_verify_says_so():
    proof = file_proof(EXAMPLES / "qtag-excursion.txt")
    assert proof.verifies
    twin = (ORDER - int.from_bytes(proof.s, "big")).to_bytes(32, "big")
    for wrong in (
        replace(proof, s=twin),
        replace(proof, r=proof.s),
        replace(proof, x=bytes(32)),
        replace(proof, digest=bytes(32)),
        replace(proof, commitment=bytes(32)),
        replace(proof, commitment=bytes(32), digest=bytes(32)),
    ):
        assert not wrong.verifies
