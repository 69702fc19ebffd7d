"""Which account a relation has follows from its name: the same in every order of first use, and again after a restore.

the path of a relation
├── is the one that salus/keys/paths.py documents, computed here a second time
├── and gives the account that BIP-32 gives, computed here a second time
├── does not depend on the order of first use
└── of the name default is the first account of every other wallet
an old wallet
├── opens unchanged and keeps the accounts of its numbers
├── gives what is new the account of its name
└── is written in the new version at its first change, under whatever form of its password
a restored wallet
├── refuses to sign in a relation that it does not know
└── signs in it once its owner added it
"""

import hashlib
import hmac
import json

import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.errors import UnknownRelation, WalletError, WrongPassword
from salus.keys.paths import path_of
from salus.keys.phrases import seed_of
from salus.keys.wallet import DEFAULT, Wallet
from tests.support.old_wallets import ACCOUNTS, FILES, WORDS, write_old_wallet

PASSWORD = "correct horse"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
# Pinned for ever: what changes them takes their accounts away from everybody.
PINNED = {
    "city-hospital": (
        "m/44'/60'/97782606'/614938000'/1151620876'/2146139182'",
        "0x77C181f7c8B54eA06Ac63FddB6C73bD5466057c1",
    ),
    "hill-clinic": ("m/44'/60'/2111761911'/239962989'/1787409075'/653104311'", None),
    "default": ("m/44'/60'/0'/0/0", ACCOUNTS["default"]),
}

FIRST = "abcdefghijklmnopqrstuvwxyz0123456789"
names = st.builds(str.__add__, st.sampled_from(FIRST), st.text(FIRST + ":._-", max_size=62))


def tags(seed, name):
    """The documented numbers, by other means than the code's."""
    digest = hmac.new(seed, b"salus relation 1:" + name.encode(), "sha512").hexdigest()
    return [int(digest[place : place + 8], 16) % 2**31 for place in (0, 8, 16, 24)]


def hardened(seed, numbers):
    """The private key that BIP-32 gives at a path whose numbers are all hardened."""
    both = hmac.new(b"Bitcoin seed", seed, "sha512").digest()
    key, chain = int.from_bytes(both[:32], "big"), both[32:]
    for number in numbers:
        data = b"\0" + key.to_bytes(32, "big") + (number + 2**31).to_bytes(4, "big")
        both = hmac.new(chain, data, "sha512").digest()
        key, chain = (int.from_bytes(both[:32], "big") + key) % ORDER, both[32:]
    return key.to_bytes(32, "big")


@pytest.fixture
def make(tmp_path, cheap):
    """Wallets of the same words, each in a new folder."""
    made = iter(range(1_000_000))
    return lambda **options: Wallet.restore(tmp_path / str(next(made)), PASSWORD, WORDS, **options)


# --------------------------------------------------------------------------------------------------------- the path


@given(name=names.filter(lambda name: name != DEFAULT), entropy=st.binary(min_size=64, max_size=64))
def test_c5_the_path_is_the_documented_one(name, entropy):
    a, b, c, d = tags(entropy, name)
    assert path_of(entropy, name) == f"m/44'/60'/{a}'/{b}'/{c}'/{d}'"


@pytest.mark.parametrize("name", PINNED)
def test_c5_the_accounts_of_names_never_change(make, name):
    wallet = make()
    path, account = PINNED[name]
    assert wallet.path_of(name) == path
    assert account is None or wallet.address_at(path) == account


@pytest.mark.parametrize("name", ["city-hospital", "a", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8", "b" * 63])
def test_c5_the_account_is_that_of_bip32(make, name):
    wallet = make()
    wallet.add(name)
    key = hardened(seed_of(WORDS), [44, 60, *tags(seed_of(WORDS), name)])
    assert bytes(wallet.signer(name)._account.key) == key
    from eth_keys.datatypes import PrivateKey as EthKey

    assert wallet.address(name) == EthKey(PrivateKey(key).secret).public_key.to_checksum_address()


@settings(max_examples=30, deadline=None)
@given(order=st.lists(names, min_size=1, max_size=8, unique=True), data=st.data())
def test_c5_any_order_of_first_use_gives_the_same_accounts(tmp_path_factory, order, data):
    other = data.draw(st.permutations(order))
    import salus.keys.keystores as keystores

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keystores, "_SCRYPT_N", 1 << 4)
        folder = tmp_path_factory.mktemp("wallets")
        first, words = Wallet.create(folder / "first", PASSWORD)
        accounts = {name: first.address(name) for name in order}
        again = Wallet.restore(folder / "again", PASSWORD, words)
        assert {name: again.add(name) for name in other} == accounts
        # And no two relations share an account.
        assert len(set(first.accounts().values())) == len(first.accounts())


def test_c5_another_passphrase_gives_other_accounts_and_other_paths(make):
    bare, salted = make(), make(passphrase="sesame")
    assert bare.path_of("city-hospital") != salted.path_of("city-hospital")
    assert bare.address() != salted.address()


# ------------------------------------------------------------------------------------------------------ old wallets


def test_c5_an_old_wallet_opens_unchanged(tmp_path):
    folder = write_old_wallet(tmp_path / "wallet")
    before = (folder / "vault.json").read_bytes()
    wallet = Wallet.open(folder, PASSWORD)
    assert dict(wallet.accounts()) == ACCOUNTS == {name: wallet.address(name) for name in ACCOUNTS}
    assert dict(wallet.relations()) == {name: f"m/44'/60'/0'/0/{i}" for i, name in enumerate(ACCOUNTS)}
    assert {name: wallet.signer(name).address for name in ACCOUNTS} == ACCOUNTS
    assert (folder / "vault.json").read_bytes() == before and not wallet.restored


def test_c5_what_is_new_in_an_old_wallet_has_the_account_of_its_name(tmp_path, cheap):
    folder = write_old_wallet(tmp_path / "wallet")
    wallet = Wallet.open(folder, PASSWORD)
    fresh = wallet.address("alpha-health")
    assert wallet.relations()["alpha-health"] == path_of(seed_of(WORDS), "alpha-health")
    assert json.loads((folder / "vault.json").read_text())["version"] == 2
    again = Wallet.open(folder, PASSWORD)
    assert dict(again.accounts()) == {**ACCOUNTS, "alpha-health": fresh}
    assert {name: again.signer(name).address for name in ACCOUNTS} == ACCOUNTS


@pytest.mark.parametrize("typed", ["caf\u00e9", "cafe\u0301"])
def test_u12_an_old_wallet_opens_however_its_password_is_composed_and_still_does_when_it_is_new(tmp_path, cheap, typed):
    folder = write_old_wallet(tmp_path / "wallet", "caf\u00e9")
    Wallet.open(folder, typed).signer("alpha-health")
    assert json.loads((folder / "vault.json").read_text())["version"] == 2
    for other in ("caf\u00e9", "cafe\u0301"):
        assert "alpha-health" in Wallet.open(folder, other).accounts()


def test_u12_an_old_wallet_whose_password_began_with_a_mark_opens_without_it(tmp_path, cheap):
    folder = write_old_wallet(tmp_path / "wallet", "\ufeffcorrect horse")
    assert dict(Wallet.open(folder, PASSWORD).accounts()) == ACCOUNTS


@pytest.mark.parametrize("password", FILES)
def test_u12_a_wrong_password_opens_no_old_wallet(tmp_path, password):
    folder = write_old_wallet(tmp_path / "wallet", password)
    with pytest.raises(WrongPassword, match="that is not the password of"):
        Wallet.open(folder, "wrong horse")


def test_c5_two_that_opened_an_old_wallet_both_change_it(tmp_path, cheap):
    """The first one writes it under another key than the second one has."""
    folder = write_old_wallet(tmp_path / "wallet", "caf\u00e9")
    first, second = Wallet.open(folder, "caf\u00e9"), Wallet.open(folder, "cafe\u0301")
    accounts = {"alpha-health": first.address("alpha-health"), "lake-lab": second.address("lake-lab")}
    assert dict(Wallet.open(folder, "caf\u00e9").accounts()) == {**ACCOUNTS, **accounts}


def test_c5_the_numbers_of_an_old_wallet_come_back_in_their_order(make):
    assert dict(make(numbered=ACCOUNTS).accounts()) == ACCOUNTS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"numbered": ["city-hospital"]}, "the first relation of every wallet is 'default'"),
        ({"numbered": ["default", "a", "a"]}, "a relation is named twice"),
        ({"relations": ["a", "a"]}, "a relation is named twice"),
        ({"relations": ["a"], "numbered": ["default", "a"]}, "a is named twice: by its name, and as number 1"),
    ],
)
def test_c5_relations_that_contradict_each_other_are_refused(make, tmp_path, options, said):
    with pytest.raises(WalletError, match=said):
        make(**options)
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------------------------------- after a restore


def test_c5_a_restored_wallet_does_not_sign_in_a_relation_that_it_does_not_know(make):
    wallet = make()
    for ask in (wallet.signer, wallet.address):
        with pytest.raises(UnknownRelation, match="does not know a relation 'city-hospital'") as raised:
            ask("city-hospital")
        assert raised.value.address == PINNED["city-hospital"][1]
    assert list(wallet.accounts()) == [DEFAULT] and list(Wallet.open(wallet.path, PASSWORD).accounts()) == [DEFAULT]


def test_c5_it_signs_there_once_its_owner_said_so(make):
    wallet = make()
    assert wallet.add("city-hospital") == wallet.signer("city-hospital").address == PINNED["city-hospital"][1]
    assert Wallet.open(wallet.path, PASSWORD).signer("city-hospital").address == PINNED["city-hospital"][1]


def test_c5_what_another_process_added_is_known(make):
    wallet = make()
    Wallet.open(wallet.path, PASSWORD).add("city-hospital")
    assert wallet.signer("city-hospital").address == PINNED["city-hospital"][1]


def test_c5_two_relations_never_share_an_account_and_none_changes_its_own(make):
    wallet = make(numbered=ACCOUNTS)
    with pytest.raises(WalletError, match=f"city-hospital has the account {ACCOUNTS['city-hospital']} already"):
        wallet.add("city-hospital")
    with pytest.raises(WalletError, match="that is the account of hill-clinic already"):
        wallet.add("other", "m/44'/60'/0'/0/2")
    assert dict(wallet.accounts()) == ACCOUNTS


def test_c5_an_account_without_a_name_gets_one_and_stays_where_it_is(make):
    wallet = make()
    wallet.add("old:1", "m/44'/60'/0'/0/1")
    wallet.add("later")
    wallet.add("city-hospital", "m/44'/60'/0'/0/1")
    assert list(wallet.accounts()) == [DEFAULT, "city-hospital", "later"]
    assert wallet.address("city-hospital") == ACCOUNTS["city-hospital"]


def test_c5_a_vault_that_says_another_account_than_its_words_give_does_not_sign(make):
    from dataclasses import replace

    wallet = make()
    wrong = replace(wallet.book()[DEFAULT], address=ACCOUNTS["hill-clinic"])
    wallet._write(wallet._inside.having(DEFAULT, wrong))
    with pytest.raises(WalletError, match="gives default another account than it has"):
        Wallet.open(wallet.path, PASSWORD).signer()


def test_c5_a_wallet_that_took_the_place_of_another_is_not_mixed_with_it(make):
    """Both are under one password, so that the file opens."""
    import shutil

    wallet = make()
    shutil.rmtree(wallet.path)
    other, _ = Wallet.create(wallet.path, PASSWORD)
    with pytest.raises(WalletError, match="another wallet is in .* meanwhile"):
        wallet.add("city-hospital")
    signed = wallet.signer().sign_transaction(
        {"nonce": 0, "gas": 21000, "gasPrice": 1, "to": other.address(), "value": 0, "chainId": 1}
    )
    assert signed and dict(Wallet.open(wallet.path, PASSWORD).book()) == dict(other.book())


def test_c5_the_seed_is_no_key_of_the_tag_alone():
    """Whoever sees the paths cannot try names: they need the seed for it."""
    seeds = [hashlib.sha512(bytes([i])).digest() for i in range(50)]
    assert len({path_of(seed, "city-hospital") for seed in seeds}) == 50
