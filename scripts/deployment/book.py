"""The address books in `deployments/`: one a chain, told by its id and its first block; none is ever overwritten."""

import json
from pathlib import Path


def chain_key(w3):
    """What tells a chain from every other, in a file's name: its id and the beginning of its first block's hash."""
    return f"{w3.eth.chain_id}-{w3.eth.get_block(0)['hash'].to_0x_hex()[2:10]}"


def book_path(w3, folder):
    """Where the book of a chain lies."""
    return Path(folder) / f"{chain_key(w3)}.json"


def journal_path(w3, folder):
    """Where a deployment says what it is about to do, until it has done it."""
    return Path(folder) / f"{chain_key(w3)}.unfinished.json"


def standing_book(w3, folder):
    """The book whose contracts are on this chain; None where there is none.

    A book of the name that earlier versions gave, by the chain's id alone, may be of a chain that is gone.
    """
    for path in (book_path(w3, folder), Path(folder) / f"{w3.eth.chain_id}.json"):
        try:
            contracts = json.loads(path.read_text())["contracts"].values()
            if any(w3.keccak(w3.eth.get_code(c["address"])).to_0x_hex() == c["codeHash"] for c in contracts):
                return path
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, AttributeError):
            # Whatever it is, a new book must not take its place; nothing is written under the earlier name.
            if path == book_path(w3, folder):
                return path
    return None


def write_book(w3, book, folder):
    """Write a book, whole or not at all; one of other contracts that is there keeps its content under another name.

    Returns the path of the book, and that of the older one or None.
    """
    path, kept = book_path(w3, folder), None
    text = json.dumps(book, indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_text() != text:
        kept = _next_version(path)
        # A second name first: at no moment is there none.
        kept.hardlink_to(path)
    draft = path.with_suffix(".json.new")
    draft.write_text(text)
    draft.replace(path)
    return path, kept


def _next_version(path):
    number = 1
    while (older := path.with_suffix(f".{number}.json")).exists():
        number += 1
    return older
