"""Words of BIP-39 in its ten languages, and passphrases."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic

from salus.errors import WalletError
from salus.keys.phrases import LANGUAGES, WORD_COUNTS, check_phrase, new_phrase, seed_of
from salus.keys.wallet import Wallet
from tests.support.old_wallets import WORDS

# Published with BIP-39: the words, the passphrase, the seed.
VECTORS = [
    (
        "abandon " * 11 + "about",
        "TREZOR",
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b"
        "2f001698e7463b04",
    ),
    (
        "あいこくしん\u3000" * 11 + "あおぞら",
        "㍍ガバヴァぱばぐゞちぢ十人十色",
        "a262d6fb6122ecf45be09c50492b31f92e9beb7d9a845987a02cefda57a15f9c467a17872029a9e92299b5cbdf306e3a0ee620245cbd5089"
        "59b6cb7ca637bd55",
    ),
]


@pytest.mark.parametrize(("words", "passphrase", "seed"), VECTORS, ids=["english", "japanese"])
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_u12_the_published_seeds_come_out_however_the_text_is_composed(words, passphrase, seed, form):
    typed = unicodedata.normalize(form, words), unicodedata.normalize(form, passphrase)
    assert seed_of(check_phrase(typed[0]), typed[1]).hex() == seed


@settings(max_examples=60, deadline=None)
@given(language=st.sampled_from(LANGUAGES), count=st.sampled_from(WORD_COUNTS), data=st.data())
def test_u12_words_of_every_list_are_taken_and_give_the_librarys_seed(language, count, data):
    library = Mnemonic(language)
    phrase = library.to_mnemonic(data.draw(st.binary(min_size=count // 3 * 4, max_size=count // 3 * 4)))
    typed = unicodedata.normalize(data.draw(st.sampled_from(["NFC", "NFD", "NFKD"])), phrase)
    passphrase = data.draw(st.text(max_size=20))
    assert seed_of(check_phrase(typed), passphrase) == bytes(library.to_seed(phrase, passphrase))


def test_u12_the_lists_are_the_ten_of_the_standard():
    assert len(LANGUAGES) == 10 and {"portuguese", "japanese", "korean"} < set(LANGUAGES)
    assert set(LANGUAGES) <= set(Mnemonic.list_languages())


@pytest.mark.parametrize("language", LANGUAGES)
def test_u12_a_wallet_is_made_and_made_again_in_every_language(tmp_path, cheap, language):
    wallet, phrase = Wallet.create(tmp_path / "first", "pw", language=language)
    again = Wallet.restore(tmp_path / "again", "pw", unicodedata.normalize("NFD", phrase))
    assert again.address() == wallet.address() and again.add("city-hospital") == wallet.address("city-hospital")


@pytest.mark.parametrize(("right", "other"), [("english", "french"), ("french", "english")])
def test_u12_words_that_are_in_two_lists_are_taken_by_the_one_whose_check_they_pass(right, other):
    right, other = Mnemonic(right), Mnemonic(other)
    shared = sorted(set(right.wordlist) & set(other.wordlist))
    phrases = (" ".join(shared[start : start + 12]) for start in range(len(shared) - 12))
    phrase = next(found for found in phrases if right.check(found) and not other.check(found))
    assert check_phrase(phrase) == phrase


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("abeille " * 12).strip(), "do not belong together"),
        ("abeille " * 11 + "zzzz", "word 12 is not in the list of French words"),
        ("あいこくしん " * 11 + "x", "word 12 is not in the list of Japanese words"),
        ("abeille あいこくしん " * 6, "word . is not in the list of"),
        ("abandon " * 13, "13 words are not possible"),
    ],
)
def test_u12_words_that_are_wrong_are_refused_and_never_shown(words, said):
    with pytest.raises(WalletError, match=said) as raised:
        check_phrase(words)
    assert not any(word in str(raised.value) for word in words.split() if len(word) > 1)


def test_u12_what_an_editor_or_a_phone_puts_around_the_words_is_no_part_of_them():
    assert check_phrase(f"\ufeff  {WORDS.title()}\r\n") == WORDS == check_phrase(WORDS.replace(" ", "\u3000"))


def test_u12_a_passphrase_is_kept_and_needed(tmp_path, cheap):
    wallet, words = Wallet.create(tmp_path / "first", "pw", passphrase="caf\u00e9 12")
    wallet.address("city-hospital")
    same = Wallet.restore(tmp_path / "same", "pw", words, passphrase="cafe\u0301 12", relations=["city-hospital"])
    assert dict(same.accounts()) == dict(wallet.accounts()) == dict(Wallet.open(wallet.path, "pw").accounts())
    for wrong in ("", "caf\u00e9 12 ", "CAF\u00c9 12"):
        other = Wallet.restore(tmp_path / f"other{len(wrong)}{wrong[:1]}", "pw", words, passphrase=wrong)
        assert other.address() != wallet.address()


def test_u12_nothing_shows_words_or_passphrase(tmp_path, cheap):
    wallet, words = Wallet.create(tmp_path / "w", "pw", passphrase="sesame street")
    shown = repr(wallet) + repr(wallet._inside) + repr(wallet._file) + repr(wallet.signer())
    assert words not in shown and "sesame" not in shown
    assert b"sesame" not in (tmp_path / "w" / "vault.json").read_bytes()


@pytest.mark.parametrize(("words", "language", "said"), [(13, "english", "13 words"), (12, "klingon", "'klingon'")])
def test_other_words_are_not_made(words, language, said):
    with pytest.raises(WalletError, match=said):
        new_phrase(words, language)
