"""Wallets and keystores: made privately, opened with the password only, exchanged with other programs."""

import itertools
import json
import multiprocessing
import os
import re
import stat
from dataclasses import replace

import pytest
from eth_account import Account

import salus.keys.keystores
from salus.errors import WalletError, WrongPassword
from salus.keys.keystores import import_keystore, load_keystore, read_password_file, write_keystore, write_private
from salus.keys.wallet import DEFAULT, Wallet, default_path

PASSWORD = "correct horse"
WORDS = "test test test test test test test test test test test junk"
FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # of these words, as every wallet has it
SECOND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def home(tmp_path, cheap):
    return tmp_path / "deep" / "wallet"


# ------------------------------------------------------------------------------------------------------- the wallet


def test_a_new_wallet_is_opened_with_its_password(home):
    wallet, words = Wallet.create(home, PASSWORD)
    assert len(words.split()) == 12
    assert Wallet.open(home, PASSWORD).address() == wallet.address()


@pytest.mark.parametrize("count", [12, 15, 18, 21, 24])
def test_the_words_are_as_many_as_asked(tmp_path, cheap, count):
    assert len(Wallet.create(tmp_path / "w", PASSWORD, words=count)[1].split()) == count


def test_another_number_of_words_is_refused(home):
    with pytest.raises(WalletError, match="13 words are not possible"):
        Wallet.create(home, PASSWORD, words=13)


def test_the_accounts_are_those_of_every_bip39_wallet(home):
    wallet = Wallet.restore(home, PASSWORD, WORDS, numbered=(DEFAULT, "city-hospital"))
    assert (wallet.address(), wallet.address("city-hospital")) == (FIRST, SECOND)


def test_each_relation_has_an_account_of_its_own_that_lasts(home):
    wallet, _ = Wallet.create(home, PASSWORD)
    hospital, insurer = wallet.address("city-hospital"), wallet.address("alpha-health")
    assert len({wallet.address(), hospital, insurer}) == 3
    again = Wallet.open(home, PASSWORD)
    assert list(again.relations()) == [DEFAULT, "city-hospital", "alpha-health"]
    assert dict(again.relations()) == {name: wallet.path_of(name) for name in again.relations()}
    assert again.address("city-hospital") == hospital


def test_the_words_bring_everything_back(home, tmp_path):
    wallet, words = Wallet.create(home, PASSWORD)
    wallet.signer("city-hospital")
    again = Wallet.restore(tmp_path / "other", "another", f"  {words.upper()}\n", relations=list(wallet.relations()))
    assert again.address("city-hospital") == wallet.address("city-hospital")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (WORDS.replace("junk", "test"), "do not belong together"),
        (WORDS.replace("junk", "junc"), "word 12 is not in the list"),
        (WORDS.rsplit(" ", 1)[0], "11 words are not possible"),
        ("", "0 words are not possible"),
    ],
)
def test_words_that_are_wrong_are_refused_without_showing_them(home, words, said):
    with pytest.raises(WalletError, match=said) as raised:
        Wallet.restore(home, PASSWORD, words)
    assert "test" not in str(raised.value)
    assert not home.exists()


@pytest.mark.parametrize("relation", ["", "City", "a b", "-x", "ä", "a" * 64, "../x", "a\n"])
def test_what_is_no_name_for_a_relation_is_refused(home, relation):
    wallet, _ = Wallet.create(home, PASSWORD)
    for ask in (wallet.signer, wallet.address, wallet.add):
        with pytest.raises(WalletError, match="is no name for a relation"):
            ask(relation)
    assert list(wallet.relations()) == [DEFAULT]


def test_a_wrong_password_opens_nothing(home):
    Wallet.create(home, PASSWORD)
    with pytest.raises(WrongPassword, match="that is not the password of"):
        Wallet.open(home, PASSWORD + " ")


def test_an_empty_password_is_refused(home):
    with pytest.raises(WalletError, match="the password is empty"):
        Wallet.create(home, "")
    assert not home.exists()


def test_a_wallet_is_not_overwritten(home):
    first, _ = Wallet.create(home, PASSWORD)
    with pytest.raises(WalletError, match="is not empty"):
        Wallet.create(home, "other")
    assert Wallet.open(home, PASSWORD).address() == first.address()


def test_where_there_is_no_wallet_it_says_so(tmp_path):
    with pytest.raises(WalletError, match="there is no wallet in .*; make one with `salus wallet new`"):
        Wallet.open(tmp_path, PASSWORD)


def test_only_the_owner_can_read_it_whatever_the_umask(home):
    before = os.umask(0)
    try:
        wallet, _ = Wallet.create(home, PASSWORD)
        wallet.signer("city-hospital")
    finally:
        os.umask(before)
    assert {mode(path) for path in (home.parent, home)} == {0o700}
    assert [path.name for path in home.iterdir()] == ["vault.json"]
    assert mode(home / "vault.json") == 0o600


def test_nothing_on_the_disk_tells_a_secret_or_a_relation(home):
    wallet, words = Wallet.create(home, PASSWORD)
    key = bytes(wallet.signer("city-hospital")._account.key)
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    names = " ".join(str(path.relative_to(home)) for path in home.rglob("*"))
    accounts = [address.lower()[2:] for address in wallet.accounts().values()]
    for secret in (PASSWORD, key.hex(), "city-hospital", *accounts):
        assert secret.encode() not in written.lower()
        assert secret not in names.lower()
    # One word may be a word of the file as well, as "salt" is, or a part of one; two neighbours are not.
    for one, next_ in itertools.pairwise(words.split()):
        assert not re.search(rf"\b{one}\W+{next_}\b", written.decode() + names)
    assert words not in repr(wallet)


def test_a_wallet_that_others_can_read_is_refused_with_the_cure(home):
    Wallet.create(home, PASSWORD)
    (home / "vault.json").chmod(0o644)
    with pytest.raises(WalletError, match="vault.json can be read by others; run: chmod 600"):
        Wallet.open(home, PASSWORD)


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "00" * 12},
        {"nonce": "zz"},
        {"ciphertext": "00" * 80},
        {"version": 1},
        {"version": 3},
        {"version": True},
        {"salus": "wallet backup"},
        {"kdf": None},
        {"kdf": {"name": "md5"}},
        {"kdf": {"name": "scrypt", "n": 1 << 40, "r": 8, "p": 1, "salt": "00"}},
        {"kdf": {"name": "scrypt", "n": 3, "r": 8, "p": 1, "salt": "00"}},
        {"kdf": {"name": "scrypt", "n": 1 << 12, "r": 8, "p": 1, "salt": "x"}},
        {"kdf": {"name": "scrypt", "n": 1 << 12, "r": 8, "p": 10**9, "salt": "00"}},
    ],
)
def test_a_damaged_vault_is_told_and_costs_nothing(home, change):
    Wallet.create(home, PASSWORD)
    file = home / "vault.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(WalletError, match=str(home)):
        Wallet.open(home, PASSWORD)


def _add(home, name, password):
    salus.keys.keystores._SCRYPT_N = 1 << 12
    Wallet.open(home, password).signer(name)


def test_processes_add_relations_and_none_is_lost(home):
    wallet, _ = Wallet.create(home, PASSWORD)
    names = [f"clinic-{i}" for i in range(3)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add, args=(home, name, PASSWORD)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    relations = Wallet.open(home, PASSWORD).relations()
    assert sorted(relations) == sorted([DEFAULT, *names])
    assert all(path == wallet.path_of(name) for name, path in relations.items())


TRANSACTION = {"nonce": 0, "gas": 21000, "gasPrice": 1, "to": FIRST, "value": 0, "chainId": 1}


def test_the_day_of_the_last_signature_is_kept_and_written_once_a_day(home, monkeypatch):
    wallet, _ = Wallet.create(home, PASSWORD)
    signer = wallet.signer("city-hospital")
    assert {each.used for each in wallet.book().values()} == {""}  # an account that was looked at did not sign
    signer.sign_transaction(TRANSACTION)
    day = Wallet.open(home, PASSWORD).book()["city-hospital"].used
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", day) and not wallet.book()[DEFAULT].used
    written = (home / "vault.json").read_bytes()
    signer.sign_transaction(TRANSACTION)
    assert (home / "vault.json").read_bytes() == written


def test_a_wallet_that_cannot_be_written_to_signs_all_the_same(home, monkeypatch):
    wallet, _ = Wallet.create(home, PASSWORD)
    signed = wallet.signer().sign_transaction(TRANSACTION)
    again = Wallet.open(home, PASSWORD)
    again._write(again._inside.having(DEFAULT, replace(again.book()[DEFAULT], used="")))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert again.signer().sign_transaction(TRANSACTION) == signed
    assert not Wallet.open(home, PASSWORD).book()[DEFAULT].used


def test_signing_typed_data_is_a_use_too(home):
    from salus.keys.typed_data import Domain, TypedData

    wallet, _ = Wallet.create(home, PASSWORD)
    wallet.signer().sign_typed(TypedData("Act(uint8 a)", Domain("Any", "1", 1, FIRST), {"a": 1}))
    assert Wallet.open(home, PASSWORD).book()[DEFAULT].used


def test_the_default_place_is_the_homes(tmp_path, monkeypatch):
    assert default_path() == tmp_path / "home" / "wallet"
    monkeypatch.delenv("SALUS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".salus" / "wallet"


def test_the_real_cost_is_as_documented():
    """Not with the cheap parameters of the other tests."""
    assert (salus.keys.keystores._SCRYPT_N, salus.keys.keystores._SCRYPT_R, salus.keys.keystores._SCRYPT_P) == (
        262144,
        8,
        1,
    )


def test_a_keystore_is_written_at_full_cost(tmp_path):
    file = tmp_path / "k.json"
    write_keystore(file, KEY, PASSWORD)
    params = json.loads(file.read_text())["crypto"]["kdfparams"]
    assert (params["n"], params["r"], params["p"]) == (262144, 8, 1)
    assert load_keystore(file, PASSWORD).address == FIRST


# --------------------------------------------------------------------------------------------------------- keystores


@pytest.fixture
def foreign(tmp_path, cheap):
    """A keystore as another program writes it."""

    def write(kdf="scrypt", rounds=4096, password=PASSWORD, **changes):
        path = tmp_path / "foreign.json"
        path.write_text(json.dumps({**Account.encrypt(KEY, password, kdf=kdf, iterations=rounds), **changes}))
        path.chmod(0o600)
        return path

    return write


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_keystores_of_other_programs_open(foreign, kdf):
    assert load_keystore(foreign(kdf), PASSWORD).address == FIRST


def test_a_keystore_without_an_address_opens(foreign):
    """cast writes none."""
    file = foreign()
    document = json.loads(file.read_text())
    del document["address"]
    file.write_text(json.dumps(document))
    assert load_keystore(file, PASSWORD).address == FIRST


def test_keystores_of_ours_open_in_other_programs(home, tmp_path):
    file = tmp_path / "k.json"
    Wallet.restore(home, PASSWORD, WORDS).export_to(DEFAULT, file)
    assert Account.from_key(Account.decrypt(json.loads(file.read_text()), PASSWORD)).address == FIRST


def test_an_exported_account_opens(home, tmp_path):
    wallet = Wallet.restore(home, PASSWORD, WORDS)
    out = tmp_path / "out.json"
    assert wallet.export_to(DEFAULT, out, "other") == FIRST
    assert load_keystore(out, "other").address == FIRST
    with pytest.raises(WalletError, match="there is no relation 'x'; there are default"):
        wallet.export_to("x", tmp_path / "x.json")


def test_a_weak_keystore_is_strong_after_import(foreign, tmp_path, monkeypatch):
    monkeypatch.setattr(salus.keys.keystores, "_SCRYPT_N", 1 << 13)
    source, target = foreign(rounds=2), tmp_path / "mine.json"
    assert import_keystore(source, PASSWORD, target, "new") == FIRST
    assert json.loads(target.read_text())["crypto"]["kdfparams"]["n"] == 1 << 13
    assert mode(target) == 0o600
    with pytest.raises(WrongPassword):
        load_keystore(target, PASSWORD)
    assert load_keystore(target, "new").address == FIRST


def test_the_wrong_password_is_told(foreign):
    with pytest.raises(WrongPassword, match="that is not the password of .*foreign.json"):
        load_keystore(foreign(), "wrong")


@pytest.mark.parametrize("kind", [0o644, 0o640, 0o604, 0o660])
def test_a_keystore_that_others_can_read_is_refused_with_the_cure(foreign, kind):
    file = foreign()
    file.chmod(kind)
    with pytest.raises(
        WalletError, match="foreign.json can be (read|written) by others; run: chmod 600 .*foreign.json"
    ):
        load_keystore(file, PASSWORD)


def test_a_keystore_of_another_account_is_refused(foreign):
    with pytest.raises(WalletError, match="holds the key of"):
        load_keystore(foreign(address=SECOND[2:].lower()), PASSWORD)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1},
        {"version": None},
        {"crypto": None},
        {"crypto": {"kdf": "scrypt"}},
        {"crypto": {"kdf": "scrypt", "kdfparams": {"n": 1 << 40, "r": 8, "p": 1}}},
        {"crypto": {"kdf": "scrypt", "kdfparams": {"n": True, "r": 8, "p": 1}}},
        {"crypto": {"kdf": "pbkdf2", "kdfparams": {"c": 10**12}}},
        {"crypto": {"kdf": "pbkdf2", "kdfparams": {"c": "9"}}},
        {"crypto": {"kdf": "none", "kdfparams": {}}},
        {"crypto": {"kdf": "scrypt", "kdfparams": {"n": 4096, "r": 8, "p": 1}}},
    ],
)
def test_what_is_no_keystore_is_told_and_costs_nothing(foreign, change):
    with pytest.raises(WalletError, match="foreign.json"):
        load_keystore(foreign(**change), PASSWORD)


@pytest.mark.parametrize("text", ["", "[]", "5", "{", "null", "\udcff", '"x"'])
def test_what_is_no_json_is_told(tmp_path, text):
    file = tmp_path / "k.json"
    file.write_text(text, errors="surrogateescape")
    file.chmod(0o600)
    with pytest.raises(WalletError, match="k.json"):
        load_keystore(file, PASSWORD)


def test_a_pipe_or_a_folder_is_no_keystore(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(WalletError, match="is no regular file|cannot be read"):
            load_keystore(path, PASSWORD)


def test_a_keystore_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WalletError, match="there is no keystore .*nothing.json"):
        load_keystore(tmp_path / "nothing.json", PASSWORD)


# ------------------------------------------------------------------------------------------------------------- files


def test_a_file_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(WalletError, match="is there already"):
        write_private(tmp_path / "x", "yours")
    assert (tmp_path / "x").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "x").symlink_to(victim)
    with pytest.raises(WalletError, match="is there already"):
        write_private(tmp_path / "x", "yours")
    write_private(tmp_path / "x", "yours", replace=True)
    assert (victim.read_text(), (tmp_path / "x").read_text()) == ("mine", "yours")


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_private(tmp_path / "x", "old")

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WalletError, match="cannot be written: No space left"):
        write_private(tmp_path / "x", "new", replace=True)
    assert (tmp_path / "x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("text", ["secret", "secret\n", "secret\r\n", "secret\nmore\n"])
def test_the_password_is_the_first_line(tmp_path, text):
    file = tmp_path / "pw"
    file.write_bytes(text.encode())
    file.chmod(0o600)
    assert read_password_file(file) == "secret"


def test_a_password_file_that_others_can_read_is_refused(tmp_path):
    file = tmp_path / "pw"
    file.write_text("secret")
    file.chmod(0o644)
    with pytest.raises(WalletError, match="pw can be read by others; run: chmod 600") as raised:
        read_password_file(file)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "\n", "\nsecret"])
def test_a_password_file_without_a_password_is_refused(tmp_path, text):
    file = tmp_path / "pw"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(WalletError, match="has no password in its first line"):
        read_password_file(file)
