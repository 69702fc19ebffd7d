"""What a deployment needs of its surroundings: the node, the payer and its password."""

import getpass
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from brownie import accounts, network
from brownie._config import CONFIG
from eth_account import Account
from web3 import HTTPProvider, Web3


def connect(url):
    """Connect Brownie to a node by its URL; Brownie itself knows only networks of its list."""
    parts = urlsplit(url)
    try:
        version = Web3(HTTPProvider(url)).client_version.lower()
    except OSError:
        sys.exit(f"error: no node answers at {url}")
    if version.startswith(("anvil", "ethereumjs", "ganache")):
        # As a local chain: of a live one Brownie would remember contracts that are gone when the chain starts anew.
        local = CONFIG.networks["development"]
        local["host"] = f"{parts.scheme}://{parts.hostname}"
        local["cmd_settings"]["port"] = parts.port
        network.connect("development")
        network.gas_price("2 gwei")  # ganache waits for ever on a transaction that offers nothing
        return
    settings = {"gas_limit": "auto", "gas_buffer": 1.1, "reverting_tx_gas_limit": False}
    CONFIG.networks["by-url"] = {"id": "by-url", "name": url, "host": url, "chainid": "fetch", "settings": settings}
    network.connect("by-url")


def payer(local):
    """The account that deploys, as the environment names it."""
    name, path = os.environ.get("ACCOUNT"), os.environ.get("KEYSTORE")
    if name:
        if name not in accounts.load():
            sys.exit(f"error: Brownie has no account {name!r}; `brownie accounts list` shows those it has")
        try:
            return accounts.load(name, password_of(f"Brownie's account {name}"))
        except ValueError:
            sys.exit(f"error: the password of Brownie's account {name} is wrong")
    if path:
        try:
            stored = json.loads(Path(path).read_text())
            return accounts.add(Account.decrypt(stored, password_of(path)))
        except OSError as trouble:
            sys.exit(f"error: {trouble.filename}: {trouble.strerror}")
        except (ValueError, TypeError, KeyError):
            sys.exit(f"error: {path}: no keystore v3 file, or the password is wrong")
    if not local:
        sys.exit("error: no payer; set ACCOUNT to a Brownie account or KEYSTORE to a keystore file")
    return accounts[0]


def password_of(what):
    """The password of a key, from PASSWORD_FILE or asked for."""
    if secret := os.environ.get("PASSWORD_FILE"):
        try:
            return Path(secret).read_text().rstrip("\r\n")
        except OSError as trouble:
            sys.exit(f"error: {trouble.filename}: {trouble.strerror}")
    if not sys.stdin.isatty():
        sys.exit(f"error: the password of {what} is needed: set PASSWORD_FILE, or use a terminal")
    return getpass.getpass(f"Password of {what}: ")
