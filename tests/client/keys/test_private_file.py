"""Files that are trusted, and files that others must not read (P7, P11)."""

import os
import stat
import subprocess
import sys

import pytest

from salus.errors import WalletError
from salus.keys.keystores import read_password_file
from salus.keys.private_file import READ, WRITE, distrust


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("a password\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def another_user(monkeypatch):
    """From now on this program is run by somebody else than who made its files."""
    monkeypatch.setattr(os, "geteuid", lambda uid=os.geteuid(): uid + 1)


def test_P7_an_own_file_is_trusted(file):
    assert distrust(file, file.stat()) == ""


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o755])
def test_P7_what_others_read_is_trusted_only_where_that_does_no_harm(file, mode):
    file.chmod(mode)
    assert distrust(file, file.stat(), others=READ) == f"can be read by others; run: chmod 600 {file}"
    assert distrust(file, file.stat(), others=WRITE) == ""


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
@pytest.mark.parametrize("others", [READ, WRITE])
def test_P7_what_others_write_is_never_trusted(file, mode, others):
    file.chmod(mode)
    assert distrust(file, file.stat(), others=others) == f"can be written by others; run: chmod 600 {file}"


def test_P7_what_another_user_owns_is_never_trusted(file, another_user):
    assert distrust(file, file.stat(), others=WRITE) == "belongs to another user"


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link"])
def test_P7_what_is_no_regular_file_is_never_trusted(tmp_path, file, kind):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "link":
        path.symlink_to(file)
    else:
        path = type(path)("/dev/null")
    assert distrust(path, path.lstat()) == "is no regular file"


def test_P7_a_password_file_of_another_user_is_refused(file, another_user):
    with pytest.raises(WalletError, match="belongs to another user"):
        read_password_file(file)


def test_P7_a_pipe_for_a_password_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(WalletError, match="is no regular file"):
        read_password_file(tmp_path / "pipe")


CORES = """
import resource, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
from salus.keys.signers import KeySigner
from pathlib import Path
from salus.keys.vault import Inside, Sealed
from salus.keys.vault_file import VaultFile
from salus.keys.wallet import Wallet
before = resource.getrlimit(resource.RLIMIT_CORE)
{act}
print(before == (hard, hard), resource.getrlimit(resource.RLIMIT_CORE) == (0, hard))
"""


@pytest.mark.parametrize(
    ("act", "held"),
    [
        ("KeySigner.from_key(bytes(31) + bytes([1]))", True),
        ("Wallet(VaultFile(Path('x'), 'password', Sealed(bytes(32), {}, Inside('words'), 2)), Inside('words'))", True),
        ("Wallet.is_in('.')", False),
    ],
)
def test_P11_no_core_is_dumped_once_a_key_is_in_memory(tmp_path, act, held):
    hard = subprocess.run(
        [sys.executable, "-c", CORES.format(act=act), str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    import resource

    unlimited = resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
    assert hard.stdout.split() == ["True", str(held or not unlimited)], hard.stderr


def test_a_file_that_is_made_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    from salus.formats.json_file import create_new

    before = os.umask(0)
    try:
        with create_new(tmp_path / "new") as stream:
            stream.write("ß")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert (tmp_path / "new").read_text("utf-8") == "ß"
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_new(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()
