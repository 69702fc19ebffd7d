"""Act 1: the contracts are deployed, institutions accredited, and every account gets gas."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from salus import KeySigner, Node, NodeSigner, Salus, Signer, Wallet, load_keystore, write_keystore
from scripts.demo.stage import ROOT, YEAR, Stage
from scripts.demo.terminal import say

# Who takes part: public name and roles. Each has an account, which the regulator accredits, and an operator's key,
# which acts.
INSTITUTIONS = {
    "city-hospital": ("PROVIDER",),
    "north-mutual": ("INSURER",),
    "river-vaccines": ("MANUFACTURER",),
    "cold-line": ("CARRIER",),
    "harbour-pharmacy": ("PROVIDER", "PHARMACY"),
    "logger-a": ("LOGGER",),
    "logger-b": ("LOGGER",),
    "quality-lab": ("LABORATORY",),
}
# Gas that each account may need for its part; what it is given is this at twice today's price.
GAS = 5_000_000


def set_stage(url: str, folder: Path) -> Stage:
    """Deploy, accredit everybody, give them gas."""
    # The node and who pays first: a mistake there must cost nothing, not even the files of the last run.
    node = Node(url)
    pays = payer_of(node)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    password = secrets.token_urlsafe(16)
    with open(os.open(folder / "password", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    # One wallet holds the keys of all institutions, so that nothing sent to them on a real network is lost.
    keys, _words = Wallet.create(folder / "institutions", password)
    Account.enable_unaudited_hdwallet_features()
    numbers = itertools.count()

    def key() -> LocalAccount:
        account: LocalAccount = Account.from_mnemonic(keys.words(), account_path=f"m/44'/60'/0'/0/{next(numbers)}")
        return account

    regulator = key()
    book = deploy(url, regulator.address, folder / "deployments")
    payer = Salus.connect(url, book=book, signer=pays)
    accounts = {"regulator": regulator}
    for name in INSTITUTIONS:
        accounts |= {f"{name}/account": key(), name: key()}
    people = {name: payer.with_signer(KeySigner(account)) for name, account in accounts.items()} | {"payer": payer}
    # The hospital's operator as a keystore file, for the patient's `--relay-as`.
    write_keystore(folder / "city-hospital.json", bytes(accounts["city-hospital"].key), password)
    patient = {
        **os.environ,
        "SALUS_RPC": url,
        "SALUS_BOOK": str(book),
        "SALUS_HOME": str(folder / "patient"),
        "SALUS_PASSWORD": password,
    }
    stage = Stage(url, folder, patient, people, keys)
    give_gas(stage)
    accredit(stage)
    return stage


def payer_of(node: Node) -> Signer:
    """Who pays for the demo: the keystore that the environment names, or the first account of a local chain."""
    if path := os.environ.get("KEYSTORE"):
        file = os.environ.get("PASSWORD_FILE")
        password = Path(file).read_text().rstrip("\r\n") if file else os.environ.get("SALUS_PASSWORD", "")
        return load_keystore(path, password)
    accounts = node.one("eth_accounts", doing="asking for the node's accounts")
    if not accounts:
        raise SystemExit(
            "error: KEYSTORE is not set, and the node holds no account; name the keystore file of who pays"
        )
    return NodeSigner(node, accounts[0])


def deploy(url: str, regulator: str, books: Path) -> Path:
    """Run scripts/deploy.py, as an engineer would; the address book, which is kept apart from those of real use.

    One regulator with all powers is a weak table, and enough for a story. It is paid as the rest of the story is: what
    the environment says of another deployment does not count.
    """
    told = ("ACCOUNT", "SETUP", "ADMIN_DELAY", "RULES_DELAY", "REPLACE")
    environment = {name: value for name, value in os.environ.items() if name not in told}
    environment |= {"REGULATOR": regulator, "YES": "1", "WEAK": "1", "BOOKS": str(books)}
    words = [sys.executable, str(ROOT / "scripts" / "deploy.py"), "--rpc", url]
    with subprocess.Popen(
        words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        last = ""
        for line in process.stdout or ():
            last = line.strip() or last
            if line.startswith(("deploying", "handing", "written")):
                say(line.strip())
    if process.returncode:
        raise SystemExit(f"error: scripts/deploy.py: {last.removeprefix('error: ')}")
    return ROOT / last.removeprefix("written: ")


def give_gas(stage: Stage) -> None:
    price = int(stage["payer"].node.one("eth_gasPrice"), 16)
    for name, client in stage.people.items():
        if name != "payer":
            stage["payer"].transact(to=client.need_signer().address, value=2 * GAS * price, name="giving gas")
    say(f"{len(stage.people) - 1} accounts have gas; the patient has none and needs none")


def accredit(stage: Stage) -> None:
    until = stage["regulator"].now() + 3 * YEAR
    for name, roles in INSTITUTIONS.items():
        account = stage[f"{name}/account"]
        stage["regulator"].institutions.accredit(account.need_signer().address, name, roles, until)
        account.institutions.set_operator(stage[name].need_signer().address, roles, until - YEAR)
        say(f"accredited {name:17} {', '.join(roles).lower()}")
