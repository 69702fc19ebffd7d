"""A password opens what it closed, however é was composed, and whatever an editor put at the start of its file."""

import itertools
import json

import pytest
from eth_account import Account

from salus.errors import WrongPassword
from salus.keys.encryption import make_key_file, read_public_key
from salus.keys.keystores import import_keystore, load_keystore, read_password_file, write_keystore
from salus.keys.wallet import Wallet
from tests.support.old_wallets import ACCOUNTS

KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
FORMS = ("caf\u00e9 \ufb01", "cafe\u0301 \ufb01")
# The last one has the compatibility form of the ligature.
ALL = (*FORMS, "cafe\u0301 fi")


@pytest.mark.parametrize(("closed", "opened"), list(itertools.product(ALL, ALL)))
def test_u12_a_wallet_opens_with_every_form_of_its_password(tmp_path, cheap, closed, opened):
    wallet, _ = Wallet.create(tmp_path / "w", closed)
    assert Wallet.open(tmp_path / "w", opened).address() == wallet.address()


@pytest.mark.parametrize(("closed", "opened"), list(itertools.product(FORMS, FORMS)))
def test_u12_a_keystore_opens_with_every_form_of_its_password(tmp_path, cheap, closed, opened):
    write_keystore(tmp_path / "k.json", KEY, closed)
    assert load_keystore(tmp_path / "k.json", opened).address == ACCOUNTS["default"]


@pytest.mark.parametrize("closed", [*FORMS, "\ufeffcorrect horse"])
def test_u12_a_keystore_of_another_program_opens_with_what_it_took(tmp_path, closed):
    file = tmp_path / "k.json"
    file.write_text(json.dumps(Account.encrypt(KEY, closed, kdf="pbkdf2", iterations=1000)))
    file.chmod(0o600)
    for opened in FORMS if closed in FORMS else ["correct horse"]:
        assert load_keystore(file, opened).address == ACCOUNTS["default"]
    with pytest.raises(WrongPassword):
        load_keystore(file, "cafe fi")


@pytest.mark.parametrize("typed", FORMS)
def test_u12_other_programs_open_a_keystore_of_ours_with_what_a_keyboard_gives(tmp_path, cheap, typed):
    write_keystore(tmp_path / "k.json", KEY, typed)
    document = json.loads((tmp_path / "k.json").read_text())
    assert bytes(Account.decrypt(document, FORMS[0])) == KEY
    import_keystore(tmp_path / "k.json", typed, tmp_path / "again.json")
    assert bytes(Account.decrypt(json.loads((tmp_path / "again.json").read_text()), FORMS[0])) == KEY


@pytest.mark.parametrize(("closed", "opened"), list(itertools.product(FORMS, FORMS)))
def test_u12_an_encryption_key_opens_with_every_form_of_its_password(tmp_path, closed, opened):
    assert make_key_file(tmp_path / "k.pem", closed) == read_public_key(tmp_path / "k.pem", opened)
    with pytest.raises(WrongPassword):
        read_public_key(tmp_path / "k.pem", "cafe fi")


@pytest.mark.parametrize("text", ["\ufeffsecret", "\ufeffsecret\r\n", "\ufeffsecret\nmore"])
def test_u12_the_mark_at_the_start_of_a_password_file_is_no_part_of_the_password(tmp_path, text):
    file = tmp_path / "pw"
    file.write_bytes(text.encode())
    file.chmod(0o600)
    assert read_password_file(file) == "secret"
