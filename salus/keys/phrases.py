"""BIP-39: the words of a wallet, in the ten languages of the standard, and the seed that they give.

The seed follows from the text of the words and of the passphrase alone, both in Unicode's form NFKD; the language only
says which words there are, so that none has to be named.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from salus.errors import WalletError

if TYPE_CHECKING:
    from mnemonic import Mnemonic

__all__ = ["LANGUAGES", "WORD_COUNTS", "check_phrase", "new_phrase", "seed_of"]

#: The lists of words that BIP-39 has.
LANGUAGES = (
    "english",
    "japanese",
    "korean",
    "spanish",
    "chinese_simplified",
    "chinese_traditional",
    "french",
    "italian",
    "czech",
    "portuguese",
)

#: How many words a wallet can have.
WORD_COUNTS = (12, 15, 18, 21, 24)


def new_phrase(words: int = 12, language: str = "english") -> str:
    """Words from fresh randomness, as people of the language write them.

    Args:
        words: One of :data:`WORD_COUNTS`.
        language: One of :data:`LANGUAGES`.

    Raises:
        WalletError: There are no such words.
    """
    if words not in WORD_COUNTS:
        raise WalletError(f"{words} words are not possible; choose {', '.join(map(str, WORD_COUNTS))}")
    if language not in LANGUAGES:
        raise WalletError(f"there is no list of words for {language!r}; choose {', '.join(LANGUAGES)}")
    # 32 bits of randomness for every three words.
    return unicodedata.normalize("NFC", _list_of(language).generate(words // 3 * 32))


def check_phrase(text: str) -> str:
    """The words as they are hashed: in form NFKD, small letters, one space between two.

    Args:
        text: The words in any of the ten languages, with any spaces between them.

    Raises:
        WalletError: They are no words of BIP-39; no word is shown.
    """
    words = unicodedata.normalize("NFKD", text.removeprefix("\ufeff")).lower().split()
    if len(words) not in WORD_COUNTS:
        raise WalletError(f"{len(words)} words are not possible; there are {WORD_COUNTS[0]} to {WORD_COUNTS[-1]}")
    phrase = " ".join(words)
    # Some words are in several lists, and the Chinese ones share most: all lists with these words are tried.
    fitting = [each for each in _lists() if set(words) <= set(each.wordlist)]
    if not fitting:
        nearest = max(_lists(), key=lambda each: len(set(words) & set(each.wordlist)))
        wrong = next(place for place, word in enumerate(words, 1) if word not in nearest.wordlist)
        language = nearest.language.replace("_", " ").capitalize()
        raise WalletError(f"word {wrong} is not in the list of {language} words; look for a slip of the pen")
    if not any(each.check(phrase) for each in fitting):
        raise WalletError("the words do not belong together: one is wrong, or their order is")
    return phrase


def seed_of(phrase: str, passphrase: str = "") -> bytes:
    """The seed of BIP-39, 64 bytes. Every passphrase gives one: none is wrong, another one is another wallet.

    Args:
        phrase: The words, from :func:`check_phrase`.
        passphrase: The passphrase, any text; "" for none.
    """
    from mnemonic import Mnemonic

    return bytes(Mnemonic.to_seed(phrase, passphrase))


def _lists() -> Iterator[Mnemonic]:
    return map(_list_of, LANGUAGES)


def _list_of(language: str) -> Mnemonic:
    from mnemonic import Mnemonic

    return Mnemonic(language)
