"""The words that follow ``salus``: what each is for, and which folder of the package does its work.

This module imports nothing: the first help must appear at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["ABOUT", "WORDS", "Word", "overview"]


class Word(NamedTuple):
    """A command word. Its commands are ``noun`` in the module of its name.

    Attributes:
        folder: The folder of ``salus/`` (and of ``tests/cli/``) whose subject it is.
        about: One line for the help.
    """

    folder: str
    about: str


#: In the order in which the help lists them. A line of the help fits into 80 columns, so that nothing needs wrapping.
WORDS: Mapping[str, Word] = {
    "chain": Word("chain", "Start a local chain with all contracts; look at a chain."),
    "wallet": Word("keys", "Keys: a wallet from twelve words, keystore files."),
    "institution": Word("institutions", "Accredit institutions; look them up; name operators."),
    "consent": Word("consent", "Grant, revoke, relay and explain consent."),
    "claim": Word("claims", "Submit claims and see how they were judged."),
    "profile": Word("coldchain", "Temperature profiles: list, show and register them."),
    "lot": Word("coldchain", "Register, find and recall lots; GS1 prefixes."),
    "logger": Word("coldchain", "Temperature loggers: register, calibrate; prove files."),
    "shipment": Word("coldchain", "Ship vaccines, log temperatures, see the verdict."),
    "dose": Word("doses", "Give doses by a schedule; who is due, who had a recall."),
    "label": Word("coldchain", "Make and read labels of lots: GS1 Digital Links as QR codes."),
    "verify": Word("coldchain", "Is the vaccine in hand what its label says, and may it be used?"),
    "outbox": Word("outbox", "What was sent in bulk: list, resume, forget."),
    "index": Word("index", "Keep all events in a local database; compare it with the chain."),
    "doctor": Word("cli", "Check node, address book, keys, index and outbox."),
    "completion": Word("cli", "Print the script that completes commands in bash, zsh or fish."),
}

#: What `salus --help` begins with. It fits into 80 columns too.
ABOUT = """Salus: consent, claims, cold chain for public health, on any Ethereum node.

Start here, in two terminals:
  salus chain up
  salus institution list; salus wallet new; salus consent grant --help
Where something does not work: salus doctor"""


def overview() -> str:
    """What ``salus --help`` says, as click would lay it out at a terminal of 80 columns or more."""
    about = "\n".join(f"  {line}".rstrip() for line in ABOUT.splitlines())
    nouns = "\n".join(f"  {name:<{max(map(len, WORDS))}}  {word.about}" for name, word in WORDS.items())
    return f"""Usage: salus [OPTIONS] COMMAND [ARGS]...

{about}

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Nouns:
{nouns}
"""
