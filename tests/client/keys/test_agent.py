"""The wallet agent, over its real socket and in its real process."""

import contextlib
import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from salus.errors import WalletError
from salus.keys import agent
from salus.keys.agent_process import SOCKET, at
from salus.keys.wallet import Wallet, default_home

PASSWORD = "correct horse"
PASSPHRASE = "sesame under the mat"


def wait_until(met, seconds=60):
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def runs(pid):
    """Whether a process runs; what ended and was not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def wallet(tmp_path, cheap):
    made, _ = Wallet.create(tmp_path / "wallet", PASSWORD, passphrase=PASSPHRASE)
    made.address("city-hospital")
    return made


@pytest.fixture
def start(wallet, monkeypatch):
    """Start an agent; it is ended with the test."""
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
    started = []

    def start(seconds=60, of=wallet):
        started.append(agent.start(of, seconds))
        return started[-1]

    yield start
    for pid in started:
        if runs(pid):
            os.kill(pid, signal.SIGKILL)


def the_socket():
    return default_home() / SOCKET


def say(line, home=None):
    """What the agent answers to bytes; b"" where it closes."""
    with socket.socket(socket.AF_UNIX) as caller, at(home or default_home()) as folder:
        caller.settimeout(20)
        caller.connect(f"{folder}/{SOCKET}")
        try:
            caller.sendall(line)
            caller.shutdown(socket.SHUT_WR)
            return caller.makefile("rb").read()
        except OSError as closed:
            assert closed.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
            return b""


def test_u12_the_agent_knows_the_relations_and_their_accounts(start, wallet):
    assert agent.known_relations(wallet.path) is None
    start()
    assert agent.known_relations(wallet.path) == dict(wallet.book())


def test_u12_its_socket_is_the_owners_alone_whatever_the_umask(start):
    before = os.umask(0)
    try:
        start()
    finally:
        os.umask(before)
    status = the_socket().lstat()
    assert (stat.S_ISSOCK(status.st_mode), stat.S_IMODE(status.st_mode)) == (True, 0o600)
    assert stat.S_IMODE(default_home().stat().st_mode) == 0o700
    assert not list(default_home().glob(f".{SOCKET}*"))


def test_u12_a_folder_into_which_others_can_look_is_refused(start):
    default_home().mkdir(mode=0o755)
    with pytest.raises(WalletError, match="others can look into"):
        start()


def test_u12_the_agent_ends_when_its_time_is_over(start, wallet):
    pid = start(seconds=1.5)
    assert agent.known_relations(wallet.path)
    wait_until(lambda: not runs(pid))
    assert agent.known_relations(wallet.path) is None and not the_socket().exists()


def test_u12_asking_does_not_prolong_its_time(start, wallet):
    pid = start(seconds=2)
    began = time.monotonic()
    while runs(pid):
        agent.known_relations(wallet.path)
        agent.renew(wallet)
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    assert agent.known_relations(wallet.path) is None


def test_u12_it_is_locked_at_once(start, wallet):
    pid = start()
    assert agent.lock() is True
    assert agent.known_relations(wallet.path) is None
    wait_until(lambda: not runs(pid) and not the_socket().exists())
    assert agent.lock() is False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_u12_a_killed_agent_leaves_no_answer_and_the_next_one_starts(start, wallet, how):
    pid = start()
    os.kill(pid, how)
    wait_until(lambda: not runs(pid))
    assert the_socket().exists() == (how == signal.SIGKILL)
    assert agent.known_relations(wallet.path) is None
    start()
    assert agent.known_relations(wallet.path) == dict(wallet.book())


def test_u12_a_new_agent_takes_the_place_of_the_one_before(start, wallet, tmp_path):
    first = start()
    other, _ = Wallet.create(tmp_path / "other", PASSWORD)
    start(of=other)
    wait_until(lambda: not runs(first))
    assert agent.known_relations(wallet.path) is None
    assert agent.known_relations(other.path) == dict(other.book()) and the_socket().exists()


def test_u12_what_changed_since_is_not_answered_until_it_is_renewed(start, wallet):
    start()
    wallet.address("hill-clinic")
    assert agent.known_relations(wallet.path) is None
    agent.renew(wallet)
    assert agent.known_relations(wallet.path) == dict(wallet.book()) and "hill-clinic" in wallet.book()


def test_u12_another_wallet_in_the_same_place_is_not_answered_for(start, wallet, tmp_path):
    start()
    (wallet.path / "vault.json").unlink()
    again, _ = Wallet.create(wallet.path, PASSWORD)
    assert agent.known_relations(wallet.path) is None
    assert again.address() != wallet.address()


def test_u12_without_a_wallet_nothing_is_answered(start, wallet, tmp_path):
    start()
    assert agent.known_relations(tmp_path / "nowhere") is None
    (wallet.path / "vault.json").unlink()
    assert agent.known_relations(wallet.path) is None


def test_u12_a_renewal_of_another_wallet_is_refused(start, wallet, tmp_path):
    start()
    other, _ = Wallet.create(tmp_path / "other", PASSWORD)
    agent.renew(other)
    assert agent.known_relations(other.path) is None and agent.known_relations(wallet.path) == dict(wallet.book())


def test_u12_its_process_has_no_secret(start, wallet):
    """Neither in its memory, nor in its environment, nor on its command line: it was never given one."""
    pid = start()
    secrets = [PASSWORD, PASSPHRASE, *(" ".join(wallet.words().split()[i : i + 2]) for i in range(11))]
    raw = [wallet._seed, bytes(wallet.signer("city-hospital")._account.key)]
    wanted = [secret.encode() for secret in secrets] + raw + [each.hex().encode() for each in raw]
    told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    found, seen = 0, False
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start_, end = (int(part, 16) for part in span.split("-"))
            if "r" not in rights or "[v" in line:
                continue
            memory.seek(start_)
            part = memory.read(end - start_)
            seen = seen or b"city-hospital" in part
            found += sum(secret in part for secret in wanted)
    assert seen and not found  # it does know the relation: the search looks where things are
    assert not any(secret in told for secret in wanted)


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"{\n", b"[]\n", b"5\n", b'{"ask": "sign"}\n', b'{"ask": "relations"}\n', b"\xff\n", b"no end"],
)
def test_u12_what_it_does_not_understand_gets_no_relation_and_harms_nothing(start, wallet, line):
    start()
    assert b"city-hospital" not in say(line)
    assert agent.known_relations(wallet.path) == dict(wallet.book())


def test_u12_who_says_nothing_does_not_hold_it_up_for_long(start, wallet):
    start()
    with socket.socket(socket.AF_UNIX) as caller, at(default_home()) as folder:
        caller.connect(f"{folder}/{SOCKET}")
        assert agent.known_relations(wallet.path) == dict(wallet.book())


def as_nobody(act):
    """Do something as another user, in a process of its own; what it gives, as bytes."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writer, act())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def open_home(monkeypatch, cheap):
    """A user's folder that others reach, so that the kernel's word alone keeps them out."""
    if os.geteuid():
        pytest.skip("only root becomes another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        monkeypatch.setenv("SALUS_HOME", f"{folder}/home")
        yield Path(folder) / "home"


def test_u12_another_user_gets_no_answer_even_where_the_files_let_them_in(open_home, start, wallet):
    start()
    ask = json.dumps({"ask": "lock"}).encode() + b"\n"
    # The files alone: the socket cannot even be reached.
    assert as_nobody(lambda: refused(lambda: say(ask, open_home))) == b"PermissionError"
    open_home.chmod(0o755)
    the_socket().chmod(0o777)
    # This user connects now, and is sent away unheard.
    assert as_nobody(lambda: refused(lambda: b"<" + say(ask, open_home) + b">")) == b"<>"
    the_socket().chmod(0o600)
    open_home.chmod(0o700)
    assert agent.known_relations(wallet.path) == dict(wallet.book())  # it was not locked either


def test_u12_a_process_of_another_user_is_not_believed_even_behind_the_right_file(open_home, wallet):
    """Who listens is what the kernel says of the moment at which it began to."""
    open_home.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(open_home / SOCKET))
    (open_home / SOCKET).chmod(0o600)
    other = "0x" + "66" * 20
    lie = {"relations": {name: {"path": path, "address": other} for name, path in wallet.relations().items()}}

    def answer():
        listener.listen(1)
        os.write(ready, b"!")
        with contextlib.suppress(OSError):  # who asks hangs up
            listener.settimeout(30)
            caller, _ = listener.accept()
            caller.sendall(json.dumps(lie).encode() + b"\n")
        return b""

    waiting, ready = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            answer()
        finally:
            os._exit(0)
    assert os.read(waiting, 1) == b"!"
    try:
        assert agent.known_relations(wallet.path) is None
    finally:
        os.waitpid(child, 0)
        listener.close()
        os.close(waiting)
        os.close(ready)


def refused(act):
    try:
        return act()
    except OSError as trouble:
        return type(trouble).__name__.encode()


@pytest.mark.parametrize("change", ["mode", "owner", "file", "link"])
def test_u12_a_socket_that_another_user_could_have_made_is_not_asked(start, wallet, tmp_path, change):
    start()
    path = the_socket()
    if change == "mode":
        path.chmod(0o620)
    elif change == "owner":
        if os.geteuid():
            pytest.skip("only root gives a file away")
        os.chown(path, 65534, -1)
    else:
        path.rename(tmp_path / "moved")
        path.write_text("{}") if change == "file" else path.symlink_to(tmp_path / "moved")
    assert agent.known_relations(wallet.path) is None


def test_u12_an_agent_that_cannot_have_its_socket_does_not_start(start, wallet):
    the_socket().mkdir(parents=True, mode=0o700)
    default_home().chmod(0o700)
    with pytest.raises(WalletError, match="the agent did not start"):
        start()
    assert [path.name for path in default_home().iterdir()] == [SOCKET] and the_socket().is_dir()
    assert agent.known_relations(wallet.path) is None and agent.lock() is False


def test_u12_where_the_kernel_does_not_say_who_asks_no_agent_starts(start, monkeypatch):
    monkeypatch.delattr(socket, "SO_PEERCRED")
    with pytest.raises(WalletError, match="does not say which user is at the other end"):
        start()
    assert not the_socket().exists()


def test_u12_a_folder_with_a_long_name_has_its_agent_too(tmp_path, start, wallet, monkeypatch):
    """A socket's name has 107 bytes at most."""
    monkeypatch.setenv("SALUS_HOME", str(tmp_path / ("x" * 120)))
    start()
    assert agent.known_relations(wallet.path) == dict(wallet.book())


def test_u12_it_goes_on_after_the_process_that_started_it(wallet):
    program = (
        "import sys; from salus.keys import agent; from salus.keys.wallet import Wallet\n"
        "import salus.keys.keystores as k; k._SCRYPT_N = 1 << 12\n"
        f"print(agent.start(Wallet.open(sys.argv[1], {PASSWORD!r}), 60))"
    )
    done = subprocess.run([sys.executable, "-c", program, wallet.path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert agent.known_relations(wallet.path) == dict(wallet.book())
    assert agent.lock() and done.stdout.strip().isdecimal()
