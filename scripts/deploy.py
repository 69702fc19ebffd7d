"""Deploy Salus: one straight line of constructors, then the regulator takes over and the deployer keeps nothing.

    brownie run deploy --network <any of Brownie's networks>
    python scripts/deploy.py --rpc <url>      (a node that is already up, without a Brownie network for it)

Both read the same environment; each value is printed before anything is sent:

    REGULATOR    address that gets every power; on a local chain the node's second account
    ACCOUNT      name of a Brownie account that pays (asks for its password), or
    KEYSTORE     path of a keystore v3 file that pays, its password in the file PASSWORD_FILE or asked for;
                 on a local chain the node's first account
    ADMIN_DELAY, RULES_DELAY    seconds, see `deploy`
    YES          anything: do not ask

The address book is written to deployments/<chainid>.json.
"""

import argparse
import getpass
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from brownie import accounts, chain, network, project, web3
from brownie._config import CONFIG
from eth_account import Account
from web3 import HTTPProvider, Web3

ROOT = Path(__file__).resolve().parent.parent

# Roles of the AccessManager; 0 is its administrator, who only says who has which role.
ADMIN = 0
REGISTRAR = 1  # accredits, renews and suspends institutions; says whose a GS1 prefix is; distrusts a model of loggers
RULE_MAKER = 2  # registers temperature profiles, models of loggers and schedules of doses
GUARDIAN = 3  # may cancel what the others have scheduled
REVIEWER = 4  # closes the review of broken glass
ARBITER = 5  # decides appeals against claims
RECALLER = 6  # recalls lots, as their manufacturers may
DISPENSER = 7  # takes units out of anybody's shipment for use: the contract Doses alone

ROLES = {
    REGISTRAR: "REGISTRAR",
    RULE_MAKER: "RULE_MAKER",
    GUARDIAN: "GUARDIAN",
    REVIEWER: "REVIEWER",
    ARBITER: "ARBITER",
    RECALLER: "RECALLER",
    DISPENSER: "DISPENSER",
}
# Which role has which functions, by contract.
POWERS = {
    REGISTRAR: {
        "Institutions": ("accredit", "renew", "suspend", "reinstate"),
        "Lots": ("assignPrefix",),
        "Loggers": ("distrustModel",),
    },
    RULE_MAKER: {
        "Lots": ("registerProfile",),
        "Loggers": ("accreditModel",),
        "Doses": ("registerSchedule",),
    },
    REVIEWER: {"AccessLog": ("review",)},
    ARBITER: {"ClaimDesk": ("arbitrate",)},
    RECALLER: {"ColdChain": ("recall",)},
    DISPENSER: {"ColdChain": ("dispense",)},
}
# What holds where a patient never said anything, in the order of IConsentRegistry.Policy.
POLICIES = ("deny", "emergency", "treatment", "normal")
DAY = 24 * 3600


def deploy(  # noqa: PLR0913  what a deployment may choose, each by keyword alone
    deployer,
    regulator,
    *,
    guardian=None,
    admin_delay=2 * DAY,
    rules_delay=0,
    policy="emergency",
    contracts=None,
    say=lambda text: None,
):
    """Deploy every contract of Salus and hand all powers to the regulator.

    deployer     Brownie account that pays; it has no power when this returns.
    regulator    address that becomes administrator, registrar, rule maker, reviewer, arbiter and recaller.
    guardian     address that may cancel what the rule maker has scheduled; the regulator when None. The administrator's
                 own operations only the administrator can cancel (OpenZeppelin): let it be a multisig.
    admin_delay  seconds between scheduling and executing what the administrator does.
    rules_delay  the same for new rules (temperature profiles, models of loggers, schedules of doses), and for an
                 insurer's plan from its publication until it judges. Accreditation, suspension and recall act at once.
    policy       what holds where a patient never said anything, one of `POLICIES`.
    contracts    where the contract containers are; the loaded project when None.
    say          called with progress, a line at a time.

    Returns the deployed contracts, and the library that one is linked to, by name, in the order of deployment.
    """
    c = contracts or project.get_loaded_projects()[0]
    regulator, guardian = str(regulator), str(guardian or regulator)
    if int(regulator, 16) == 0:
        raise ValueError("the regulator is account 0: nobody would have any power")
    if regulator == str(deployer):
        raise ValueError("the regulator is the deployer, who must keep no power: name another account")
    sender = {"from": deployer}
    deployed = {}

    def make(name, *args):
        say(f"deploying {name}")
        deployed[name] = c[name].deploy(*args, sender)
        return deployed[name]

    manager = make("AccessManager", deployer)
    institutions = make("Institutions", manager)
    guardians = make("Guardians")
    consents = make("ConsentRegistry", institutions, guardians, POLICIES.index(policy))
    make("AccessLog", manager, institutions, guardians, consents)
    plans = make("Plans", institutions, consents, rules_delay)
    treasury = make("Treasury", institutions)
    make("ClaimDesk", manager, institutions, plans, treasury)
    lots = make("Lots", manager, institutions)
    loggers = make("Loggers", manager, institutions)
    make("TemperatureRules")  # a library: Brownie links the last one deployed into the next contract
    coldchain = make("ColdChain", manager, institutions, lots, loggers)
    doses = make("Doses", manager, institutions, coldchain)

    say("handing the powers to the regulator")
    for role, label in ROLES.items():
        manager.labelRole(role, label, sender)
    for role, powers in POWERS.items():
        for name, functions in powers.items():
            selectors = [deployed[name].signatures[function] for function in functions]
            manager.setTargetFunctionRole(deployed[name], selectors, role, sender)
        manager.setRoleGuardian(role, GUARDIAN, sender)
    for role in (REGISTRAR, REVIEWER, ARBITER, RECALLER):
        manager.grantRole(role, regulator, 0, sender)
    manager.grantRole(RULE_MAKER, regulator, rules_delay, sender)
    manager.grantRole(DISPENSER, doses, 0, sender)
    manager.grantRole(GUARDIAN, guardian, 0, sender)
    manager.grantRole(ADMIN, regulator, admin_delay, sender)
    manager.renounceRole(ADMIN, deployer, sender)
    return deployed


def write_book(deployed, folder=ROOT / "deployments"):
    """Write the address book of a deployment, whole or not at all; returns its path."""
    book = {"chainId": chain.id, "contracts": {}}
    for name, contract in deployed.items():
        # Brownie gives the constructor a name, which the compiler's ABI does not have.
        plain = [{k: v for k, v in e.items() if k != "name" or e["type"] != "constructor"} for e in contract.abi]
        abi = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        book["contracts"][name] = {
            "address": contract.address,
            "block": contract.tx.block_number,
            "args": constructor_arguments(name, deployed),
            "abiHash": web3.keccak(text=abi).to_0x_hex(),
            "codeHash": web3.keccak(web3.eth.get_code(contract.address)).to_0x_hex(),
        }
    path = Path(folder) / f"{chain.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".json.new")
    draft.write_text(json.dumps(book, indent=2) + "\n")
    draft.replace(path)
    return path


def constructor_arguments(name, deployed):
    """The arguments of one contract's constructor, decoded from its deployment: what a block explorer asks for."""
    contract = deployed[name]
    data = bytes.fromhex(contract.tx.input.removeprefix("0x"))[len(contract._build["bytecode"]) // 2 :]
    constructor = next((entry for entry in contract.abi if entry["type"] == "constructor"), None)
    types = [value["type"] for value in constructor["inputs"]] if constructor else []
    return [str(value) for value in web3.codec.decode(types, data)]


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
    if name := os.environ.get("ACCOUNT"):
        try:
            return accounts.load(name)
        except FileNotFoundError:
            sys.exit(f"error: Brownie has no account {name!r}; `brownie accounts list` shows those it has")
    if path := os.environ.get("KEYSTORE"):
        secret = os.environ.get("PASSWORD_FILE")
        try:
            password = Path(secret).read_text().rstrip("\r\n") if secret else getpass.getpass(f"Password of {path}: ")
            return accounts.add(Account.decrypt(json.loads(Path(path).read_text()), password))
        except OSError as trouble:
            sys.exit(f"error: {trouble.filename}: {trouble.strerror}")
        except EOFError:
            sys.exit(f"error: the password of {path} is needed: set PASSWORD_FILE, or use a terminal")
        except ValueError:
            sys.exit(f"error: {path}: no keystore v3 file, or the password is wrong")
    if not local:
        sys.exit("error: no payer; set ACCOUNT to a Brownie account or KEYSTORE to a keystore file")
    return accounts[0]


def seconds_of(name, default):
    """A duration from the environment, in seconds."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        sys.exit(f"error: {name} is {text!r}; give whole seconds")
    return int(text)


def main():
    """Read the environment, print it, ask, deploy, write the book."""
    local = "cmd" in CONFIG.active_network
    deployer = payer(local)
    regulator = os.environ.get("REGULATOR") or (str(accounts[1]) if local else None)
    if not regulator or not web3.is_address(regulator):
        sys.exit("error: REGULATOR is not an address; set it to the account that shall hold the powers")
    delays = {"admin_delay": seconds_of("ADMIN_DELAY", 2 * DAY), "rules_delay": seconds_of("RULES_DELAY", 0)}
    print(f"chain      {chain.id}")
    print(f"payer      {deployer}")
    print(f"regulator  {regulator}")
    for name, seconds in delays.items():
        print(f"{name.replace('_', ' '):10} {seconds} s")
    if not local and "YES" not in os.environ and input("deploy? [y/N] ").strip().lower() != "y":
        sys.exit("nothing was sent")

    CONFIG.argv["silent"] = True  # Brownie's own four lines for each transaction; ours are below
    try:
        deployed = deploy(
            deployer, web3.to_checksum_address(regulator), **delays, say=lambda text: print(text, flush=True)
        )
    except ValueError as trouble:
        sys.exit(f"error: {trouble}")
    for name, contract in deployed.items():
        print(f"{name:16} {contract.address}")
    print(f"written: {write_book(deployed).relative_to(ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Deploy Salus on a node that is already up.")
    parser.add_argument("--rpc", required=True, help="the node's URL")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    project.load(ROOT, name="SalusProject")
    connect(arguments.rpc)
    main()
