"""A backup of a wallet: encrypted, complete, private, never written over another file."""

import json
import os
import stat

import pytest

from salus.errors import UnknownRelation, WalletError, WrongPassword
from salus.keys.wallet import DEFAULT, Wallet
from tests.support.old_wallets import ACCOUNTS, WORDS, write_old_wallet

PASSWORD = "correct horse"


@pytest.fixture
def wallet(tmp_path, cheap):
    """A wallet with a passphrase, two relations, one of them used."""
    made, _ = Wallet.create(tmp_path / "wallet", PASSWORD, passphrase="sesame", language="spanish")
    made.address("city-hospital")
    made.signer("hill-clinic").sign_transaction(
        {"nonce": 0, "gas": 21000, "gasPrice": 1, "to": made.address(), "value": 0, "chainId": 1}
    )
    return made


@pytest.fixture
def backup(wallet, tmp_path):
    wallet.backup_to(tmp_path / "backup")
    return tmp_path / "backup"


def test_u12_a_backup_brings_everything_back(wallet, backup, tmp_path):
    again = Wallet.restore_backup(tmp_path / "again", PASSWORD, backup)
    assert dict(again.book()) == dict(wallet.book()) and again.book()["hill-clinic"].used
    assert (again.words(), again.restored) == (wallet.words(), False)
    assert again.address("new-one") == wallet.address("new-one")
    assert dict(Wallet.open(tmp_path / "again", PASSWORD).accounts()) == dict(again.accounts())


def test_u12_a_backup_of_an_old_wallet_keeps_the_accounts_of_its_numbers(tmp_path, cheap):
    Wallet.open(write_old_wallet(tmp_path / "wallet"), PASSWORD).backup_to(tmp_path / "backup")
    again = Wallet.restore_backup(tmp_path / "again", PASSWORD, tmp_path / "backup")
    assert dict(again.accounts()) == ACCOUNTS == {name: again.signer(name).address for name in ACCOUNTS}


def test_c5_a_backup_of_a_restored_wallet_still_asks(tmp_path, cheap):
    Wallet.restore(tmp_path / "wallet", PASSWORD, WORDS).backup_to(tmp_path / "backup")
    again = Wallet.restore_backup(tmp_path / "again", PASSWORD, tmp_path / "backup")
    with pytest.raises(UnknownRelation):
        again.signer("city-hospital")


def test_u12_a_backup_is_the_owners_alone_and_tells_nothing(wallet, tmp_path):
    before = os.umask(0)
    try:
        wallet.backup_to(tmp_path / "backup")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    text = (tmp_path / "backup").read_text().lower()
    assert not any(secret.lower() in text for secret in ("city-hospital", "sesame", wallet.words(), wallet.address()))
    # Neither its key nor its nonces are those of the wallet.
    vault, copy = (json.loads(path.read_text()) for path in (wallet.path / "vault.json", tmp_path / "backup"))
    assert vault["kdf"]["salt"] != copy["kdf"]["salt"] and vault["nonce"] != copy["nonce"]


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_u12_a_backup_is_never_written_over_something(wallet, tmp_path, kind):
    target = tmp_path / "backup"
    if kind == "file":
        target.write_text("mine")
    elif kind == "link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
    with pytest.raises(WalletError, match="is there already; it was left as it is"):
        wallet.backup_to(target)
    assert not (tmp_path / "nowhere").exists()


def test_u12_a_wrong_password_opens_no_backup_and_makes_no_wallet(backup, tmp_path):
    with pytest.raises(WrongPassword, match="that is not the password of .*backup"):
        Wallet.restore_backup(tmp_path / "again", "wrong", backup)
    assert not (tmp_path / "again").exists()


def test_u12_a_wallet_is_no_backup_and_a_backup_is_no_wallet(wallet, backup, tmp_path):
    with pytest.raises(WalletError, match="is no wallet backup"):
        Wallet.restore_backup(tmp_path / "again", PASSWORD, wallet.path / "vault.json")
    (tmp_path / "folder").mkdir(mode=0o700)
    backup.rename(tmp_path / "folder" / "vault.json")
    with pytest.raises(WalletError, match="is no wallet, or one of another version"):
        Wallet.open(tmp_path / "folder", PASSWORD)


@pytest.mark.parametrize(
    "change",
    [{"salus": "wallet"}, {"version": 2}, {"nonce": "00" * 12}, {"ciphertext": "00" * 80}, {"kdf": {"name": "md5"}}],
)
def test_u12_a_damaged_backup_is_told(backup, tmp_path, change):
    backup.write_text(json.dumps({**json.loads(backup.read_text()), **change}))
    with pytest.raises(WalletError, match="backup"):
        Wallet.restore_backup(tmp_path / "again", PASSWORD, backup)


def test_a_backup_that_others_can_read_is_refused(backup, tmp_path):
    backup.chmod(0o644)
    with pytest.raises(WalletError, match="can be read by others"):
        Wallet.restore_backup(tmp_path / "again", PASSWORD, backup)


# ------------------------------------------------------------------------------ the words, and a backup's list of names


def test_c5_the_words_alone_open_the_list_of_names_in_a_backup(wallet, backup, tmp_path):
    """Whoever forgot the password still has the words."""
    again = Wallet.restore(tmp_path / "again", "another password", wallet.words(), passphrase="sesame")
    assert list(again.accounts()) == [DEFAULT]
    again.add_from(backup)
    assert dict(again.accounts()) == dict(wallet.accounts())


def test_c5_the_numbers_of_an_old_wallet_come_back_with_the_list(tmp_path, cheap):
    Wallet.open(write_old_wallet(tmp_path / "wallet"), PASSWORD).backup_to(tmp_path / "backup")
    again = Wallet.restore(tmp_path / "again", PASSWORD, WORDS)
    again.add_from(tmp_path / "backup")
    assert dict(again.accounts()) == ACCOUNTS


def test_c5_the_list_of_another_wallet_is_refused(wallet, backup, tmp_path):
    other = Wallet.restore(tmp_path / "other", PASSWORD, wallet.words())  # without its passphrase
    with pytest.raises(WalletError, match="is a backup of another wallet"):
        other.add_from(backup)
    assert list(other.accounts()) == [DEFAULT]


@pytest.mark.parametrize("names", [None, {}, {"nonce": "00" * 12, "ciphertext": "00"}, {"nonce": 5}])
def test_c5_a_damaged_list_is_told(wallet, backup, names):
    backup.write_text(json.dumps({**json.loads(backup.read_text()), "names": names}))
    with pytest.raises(WalletError, match="damaged"):
        wallet.add_from(backup)
