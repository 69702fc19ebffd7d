"""Deploy Salus: one straight line of constructors, then those who shall have a power get it and the deployer has none.

    brownie run deploy --network <any of Brownie's networks>
    python scripts/deploy.py --rpc <url>      (a node that is already up, without a Brownie network for it)

Both read the same environment, check all of it, show what they would do and what it may cost, and ask:

    SETUP        the table of powers: a file like deployments/template.toml; or
    REGULATOR    address that gets every power; on a local chain the node's second account
    ADMIN_DELAY, RULES_DELAY    with REGULATOR: seconds, see `deploy`
    ACCOUNT      name of a Brownie account that pays, or
    KEYSTORE     path of a keystore v3 file that pays; on a local chain the node's first account.
                 The password of either is in the file PASSWORD_FILE, or asked for
    WEAK         anything: deploy on a live chain although the table has a weakness that is shown
    REPLACE      anything: deploy a second time on a chain that has a deployment; its address book is kept
    BOOKS        folder of the address books, deployments/ by default
    YES          anything: do not ask

All transactions are sent at once. What breaks off is finished by the same command: it finds on the chain how far the
first try came. The address book is written to deployments/<chainid>-<genesis>.json, after everything was looked at.
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from brownie import accounts, chain, project, web3
from brownie._config import CONFIG
from brownie.network.transaction import TransactionReceipt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.deployment import book as books  # noqa: E402
from scripts.deployment.environment import connect, payer  # noqa: E402
from scripts.deployment.pipeline import Journal, Pipeline, Stopped, fees_of, most_per_gas  # noqa: E402
from scripts.deployment.powers import (  # noqa: E402
    DAY,
    OWN_GUARDIAN,
    POLICIES,
    BadSetup,
    Setup,
    for_regulator,
    in_words,
    load_setup,
    weaknesses,
)
from scripts.deployment.steps import Line  # noqa: E402
from scripts.deployment.verification import wrong_code, wrong_powers  # noqa: E402

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
# The roles that people hold, as the table of powers names them.
HELD = ("ADMIN", "REGISTRAR", "RULE_MAKER", "REVIEWER", "ARBITER", "RECALLER")
# The same in words.
MEANING = {
    "ADMIN": "says who has which power",
    "REGISTRAR": "accredits, renews and suspends institutions; assigns GS1 prefixes; distrusts a model of loggers",
    "RULE_MAKER": "registers temperature profiles, models of loggers and schedules of doses",
    "REVIEWER": "closes the review of broken glass",
    "ARBITER": "decides appeals against claims",
    "RECALLER": "recalls lots, as their manufacturers may",
}
# Wei; a local chain waits for ever on a transaction that offers nothing.
LOCAL_PRICE = 2 * 10**9


class Deployed(dict):
    """The deployed contracts, and the library that one is linked to, by name, in the order of deployment.

    gas      what all transactions used together
    blocks   how many blocks they are in
    """

    gas = blocks = 0


def line_up(containers, deployer, setup, nonces):
    """The steps of a deployment: every contract, then all powers in one transaction.

    containers   of the loaded project
    deployer     address of who pays
    setup        the table of powers
    nonces       of the payer, one a step
    """
    line = Line(containers, deployer, nonces)
    make = line.create

    manager = make("AccessManager", deployer)
    institutions = make("Institutions", manager)
    guardians = make("Guardians")
    consents = make("ConsentRegistry", institutions, guardians, POLICIES.index(setup.policy))
    make("AccessLog", manager, institutions, guardians, consents)
    plans = make("Plans", institutions, consents, setup.plan_delay)
    treasury = make("Treasury", institutions)
    make("ClaimDesk", manager, institutions, plans, treasury)
    lots = make("Lots", manager, institutions)
    loggers = make("Loggers", manager, institutions)
    make("TemperatureRules")  # a library: the next contract is linked to it
    coldchain = make("ColdChain", manager, institutions, lots, loggers)
    make("Doses", manager, institutions, coldchain)

    powers = powers_of(containers, line.addresses, setup)
    own = {role: f"GUARDIAN_OF_{ROLES[role - OWN_GUARDIAN]}" for role, _ in powers["members"] if role > OWN_GUARDIAN}
    line.hand_over(
        manager,
        [
            *(("labelRole", role, label) for role, label in {**ROLES, **own}.items()),
            *(
                ("setTargetFunctionRole", line.addresses[name], selectors_of(containers[name], functions), role)
                for role, contracts in POWERS.items()
                for name, functions in contracts.items()
            ),
            *(("setRoleGuardian", role, guardian) for role, guardian in powers["guardians"].items()),
            *(("grantRole", role, account, delay) for (role, account), delay in powers["members"].items()),
            ("renounceRole", ADMIN, deployer),
        ],
    )
    return line.steps


def selectors_of(container, functions):
    """The selectors of some functions of a contract."""
    return [bytes.fromhex(container.signatures[function][2:]) for function in functions]


def powers_of(containers, addresses, setup):
    """What the AccessManager must say in the end: who has which role with which delay (seconds), which role may cancel
    what another one has scheduled, and which role has which function.
    """
    members, watched = {}, {role: GUARDIAN for role in POWERS}
    for name, held in setup.holders.items():
        role = ADMIN if name == "ADMIN" else next(number for number, label in ROLES.items() if label == name)
        for holder in held:
            members[role, holder.account] = holder.delay
            if holder.guardian and holder.guardian != setup.guardian:
                watched[role] = OWN_GUARDIAN + role
                members[watched[role], holder.guardian] = 0
    members[DISPENSER, addresses["Doses"]] = 0
    members[GUARDIAN, setup.guardian] = 0
    functions = {
        (addresses[name], selector.hex()): role
        for role, contracts in POWERS.items()
        for name, names in contracts.items()
        for selector in selectors_of(containers[name], names)
    }
    return {"members": members, "guardians": watched, "functions": functions}


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

    Returns the contracts, see `Deployed`.
    """
    regulator, guardian = str(regulator), str(guardian or regulator)
    if int(regulator, 16) == 0:
        raise ValueError("the regulator is account 0: nobody would have any power")
    if regulator == str(deployer):
        raise ValueError("the regulator is the deployer, who must keep no power: name another account")
    setup = for_regulator(
        regulator, HELD, guardian=guardian, admin_delay=admin_delay, rules_delay=rules_delay, policy=policy
    )
    return carry_out(deployer, setup, contracts=contracts, say=say)


def carry_out(deployer, setup, *, contracts=None, say=lambda text: None, journal=None):
    """Deploy every contract and hand the powers to those whom a table names; finish what was broken off.

    deployer   Brownie account that pays; it has no power when this returns.
    setup      the table, see scripts/deployment/powers.py
    journal    path of the file by which a deployment that was broken off is found again; None for none

    Returns the contracts, see `Deployed`; raises `Stopped` where the chain is not as it should be in the end.
    """
    c = contracts or project.get_loaded_projects()[0]
    if str(deployer) in setup.accounts():
        raise ValueError(f"{deployer} pays, and must keep no power: name another account in {setup.name}")

    def build(nonces):
        return line_up(c, str(deployer), setup, nonces)

    plan = line_up(c, str(deployer), setup, range(1 << 10))
    count, what = len(plan), web3.keccak(b"".join(step.data for step in plan)).to_0x_hex()
    local = CONFIG.network_type == "development"
    fees = fees_of(web3, least=LOCAL_PRICE if local else 0)
    pipeline = Pipeline(web3, deployer, fees, Journal.read(journal, what), say, local=local)
    steps, receipts = pipeline.carry_out(build, count)

    addresses = {step.name: step.address for step in steps if step.address}
    powers = powers_of(c, addresses, setup)
    blocks = [receipt["blockNumber"] for receipt in (receipts[0], receipts[-1])]
    if wrong := [*wrong_code(steps, receipts), *wrong_powers(addresses["AccessManager"], blocks, powers)]:
        raise Stopped("; ".join(["the chain is not as it should be", *wrong]))
    deployed = Deployed()
    for step, receipt in zip(steps, receipts):
        if step.address:
            made = TransactionReceipt(receipt["transactionHash"].to_0x_hex(), sender=deployer, silent=True)
            deployed[step.name] = c[step.name].at(step.address, tx=made, persist=False)
    deployed.gas = sum(receipt["gasUsed"] for receipt in receipts)
    deployed.blocks = len({receipt["blockNumber"] for receipt in receipts})
    return deployed


def write_book(deployed, folder=ROOT / "deployments"):
    """Write the address book of a deployment, whole or not at all; returns its path. An older one is kept beside it."""
    return books.write_book(web3, book_of(deployed), folder)[0]


def book_of(deployed):
    """The address book of a deployment, as its file has it."""
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
    return book


def constructor_arguments(name, deployed):
    """The arguments of one contract's constructor, decoded from its deployment: what a block explorer asks for."""
    contract = deployed[name]
    data = bytes.fromhex(contract.tx.input.removeprefix("0x"))[len(contract._build["bytecode"]) // 2 :]
    constructor = next((entry for entry in contract.abi if entry["type"] == "constructor"), None)
    types = [value["type"] for value in constructor["inputs"]] if constructor else []
    return [str(value) for value in web3.codec.decode(types, data)]


# ------------------------------------------------------------------------------------------ what the environment says


@dataclass(frozen=True)
class Wanted:
    """What was asked for, looked at as far as it can be before anything is asked or sent."""

    setup: Setup
    books: Path
    journal: Path
    local: bool
    weak: list[str] = field(default_factory=list)

    @property
    def goes_on(self):
        """Whether a deployment was broken off here, which is now finished."""
        return self.journal.is_file()


def wanted(local):
    """Read the environment and the chain; what is missing or must not be ends this with one line."""
    folder = Path(os.environ.get("BOOKS") or ROOT / "deployments")
    setup = setup_of(local)
    journal = books.journal_path(web3, folder)
    standing = books.standing_book(web3, folder)
    if standing and not journal.is_file() and "REPLACE" not in os.environ:
        sys.exit(
            f"error: {shown(standing)} is of a deployment that is on this chain;"
            " set REPLACE=1 (--replace) to deploy a second one, and the book is kept under another name"
        )
    weak = [] if local else weaknesses(setup)
    if weak and "WEAK" not in os.environ:
        sys.exit(
            f"error: the powers are weak: {'; '.join(weak)}."
            " Name a table with SETUP (--setup), see deployments/template.toml; or set WEAK=1 (--weak) to deploy it so"
        )
    if not local and "YES" not in os.environ and not sys.stdin.isatty():
        sys.exit("error: nobody can be asked without a terminal; set YES=1 to deploy without a question")
    return Wanted(setup, folder, journal, local, weak)


def setup_of(local):
    """The table of powers that the environment names."""
    if file := os.environ.get("SETUP"):
        for name in ("REGULATOR", "ADMIN_DELAY", "RULES_DELAY"):
            if name in os.environ:
                sys.exit(f"error: SETUP and {name} are both set; the table {file} says all that {name} says")
        try:
            return load_setup(file, HELD)
        except BadSetup as trouble:
            sys.exit(f"error: {trouble}")
    regulator = os.environ.get("REGULATOR") or (str(accounts[1]) if local else None)
    if not regulator or not web3.is_address(regulator):
        sys.exit("error: REGULATOR is not an address; set it to the account that shall hold the powers")
    if int(regulator, 16) == 0:
        sys.exit("error: the regulator is account 0: nobody would have any power")
    delays = {"admin_delay": seconds_of("ADMIN_DELAY", 2 * DAY), "rules_delay": seconds_of("RULES_DELAY", 0)}
    return for_regulator(web3.to_checksum_address(regulator), HELD, **delays)


def seconds_of(name, default):
    """A duration from the environment, in seconds."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        sys.exit(f"error: {name} is {text!r}; give whole seconds")
    return int(text)


def shown(path):
    """A path as it is printed: within the project where it is in it."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def show(ask, deployer):
    """Print what will be done, and what it may cost; where the payer cannot pay that, nothing is sent."""
    print(f"chain      {chain.id}, first block {web3.eth.get_block(0)['hash'].to_0x_hex()}")
    print(f"payer      {deployer}, which keeps no power")
    for line in in_words(ask.setup, MEANING):
        print(line)
    for line in ask.weak:
        print(f"weak: {line}")
    fees = fees_of(web3, least=LOCAL_PRICE if ask.local else 0)
    steps = line_up(project.get_loaded_projects()[0], str(deployer), ask.setup, range(1 << 10))
    gas, price, has = sum(step.gas for step in steps), most_per_gas(fees), deployer.balance()
    ether = web3.from_wei
    print(f"cost       about {gas:,} gas in {len(steps)} transactions, at most {ether(gas * price, 'ether')} of the")
    print(f"           chain's coin at {ether(price, 'gwei')} gwei; the payer has {ether(has, 'ether')}")
    if ask.goes_on:
        print(f"a deployment was broken off here ({shown(ask.journal)}): this one finishes it")
    elif has < sum(step.limit for step in steps) * price:
        sys.exit(f"error: {deployer} has too little: {ether(has, 'ether')}; give it what is shown above, and a third")


def main():
    """Read the environment, look at everything, show it, ask, deploy, write the book."""
    try:
        local = CONFIG.network_type == "development"
        ask = wanted(local)
        deployer = payer(local)
        if str(deployer) in ask.setup.accounts():
            sys.exit(f"error: {deployer} pays, and must keep no power: name another account in {ask.setup.name}")
        show(ask, deployer)
        if not local and "YES" not in os.environ and input("deploy? [y/N] ").strip().lower() != "y":
            sys.exit("nothing was sent")
    except (KeyboardInterrupt, EOFError):
        print("\nnothing was sent", file=sys.stderr)
        sys.exit(130)
    act(ask, deployer)


def act(ask, deployer):
    """Deploy, write the book, say where everything is."""
    try:
        deployed = carry_out(deployer, ask.setup, journal=ask.journal, say=lambda text: print(text, flush=True))
        path, kept = books.write_book(web3, book_of(deployed), ask.books)
        ask.journal.unlink(missing_ok=True)
    except (ValueError, Stopped) as trouble:
        sys.exit(f"error: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
    for name, contract in deployed.items():
        print(f"{name:16} {contract.address}")
    print(f"looked at: the code of all {len(deployed)}, each power, none with the payer")
    print(f"used: {deployed.gas:,} gas in {deployed.blocks} blocks")
    if kept:
        print(f"kept: the book before, {shown(kept)}")
    print(f"written: {shown(path)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Deploy Salus on a node that is already up.")
    parser.add_argument("--rpc", required=True, help="the node's URL")
    parser.add_argument("--setup", metavar="FILE", help="the table of powers [SETUP]")
    parser.add_argument("--books", metavar="FOLDER", help="where address books are [BOOKS, deployments/]")
    parser.add_argument("--weak", action="store_const", const="1", help="deploy in spite of a weak table [WEAK]")
    parser.add_argument("--replace", action="store_const", const="1", help="deploy a second time [REPLACE]")
    arguments = parser.parse_args()
    for name in ("setup", "books", "weak", "replace"):
        if getattr(arguments, name):
            os.environ[name.upper()] = getattr(arguments, name)
    try:
        project.load(ROOT, name="SalusProject")
        connect(arguments.rpc)
    except KeyboardInterrupt:
        sys.exit(130)
    main()
