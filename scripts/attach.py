"""The contracts of the chain that Brownie is connected to, by name, out of the address book.

    $ SALUS_CHAIN_PORT=<port that `salus chain up` printed> brownie console
    >>> salus = run("attach")
    >>> salus["Institutions"].standing(accounts[3])

The book is the one in deployments/, or in the folder that BOOKS names.
"""

import json
import os
import sys
from pathlib import Path

from brownie import project, web3

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.deployment.book import standing_book  # noqa: E402


def attach(path, containers):
    """Brownie's contracts at the addresses of a book."""
    book = json.loads(Path(path).read_text())["contracts"]
    return {name: containers[name].at(entry["address"], persist=False) for name, entry in book.items()}


def main():
    """Find the chain's book, and attach."""
    folder = Path(os.environ.get("BOOKS") or ROOT / "deployments")
    path = standing_book(web3, folder)
    if path is None:
        sys.exit(f"error: no address book in {folder} is of this chain; deploy first, or set BOOKS to its folder")
    return attach(path, project.get_loaded_projects()[0])
