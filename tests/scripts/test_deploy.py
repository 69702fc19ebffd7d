"""After a deployment each power lies where it should, and the deployer has none left; the book tells the truth.

given a deployment with delays and a guardian
    when anyone asks who has which role                         the regulator has them, the deployer none
    when the deployer uses any power                            it is refused
    when the administrator acts                                 only after scheduling it and waiting
    when a rule maker's rule waits                              the guardian can cancel it, a stranger cannot
    when the registrar suspends                                 it acts at once
given its address book
    when it is written                                          addresses, blocks, arguments and hashes are the chain's
"""

import json
import re
from pathlib import Path

import pytest
from brownie import accounts, chain, web3

from salus.chain.book import abi_hash
from scripts import attach
from scripts import deploy as script
from scripts.deployment.powers import for_regulator
from scripts.deployment.verification import wrong_powers
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.consent_builders import FOR_EVER, NOBODY
from tests.support.errors import error

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400
HOUR = 3_600
PROFILE = (3, 0, 200, 800, 3600, 0, 0, 0, 0, [(0, 0, 801, 30)])
STEPS = [(0, 0, 0, 30)]
DECIDED = (bytes(32), bytes(32), NOBODY, NOBODY, 0, [])
NAMES = [
    "AccessManager",
    "Institutions",
    "Guardians",
    "ConsentRegistry",
    "AccessLog",
    "Plans",
    "Treasury",
    "ClaimDesk",
    "Lots",
    "Loggers",
    "TemperatureRules",
    "ColdChain",
    "Doses",
]
HANDING = "handing the powers to those who shall have them"
PERSON = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
HANDLE = b"newcomer".ljust(32, b"\0")


@pytest.fixture(scope="module")
def guardian():
    return accounts[21]


@pytest.fixture(scope="module")
def spoken():
    """What the script said while it deployed."""
    return []


@pytest.fixture(scope="module")
def deployed_contracts(module_isolation, people, guardian, spoken):
    """As in life: two days before the administrator acts, an hour before a new rule does, a guardian apart."""
    return script.deploy(
        people.deployer, people.regulator, guardian=guardian, admin_delay=2 * DAY, rules_delay=HOUR, say=spoken.append
    )


# ---- who has what ----------------------------------------------------------------------------------------------------


def test_everything_is_deployed_in_one_straight_line(deployed_contracts):
    assert list(deployed_contracts) == NAMES
    assert [contract._name for contract in deployed_contracts.values()] == NAMES
    blocks = [contract.tx.block_number for contract in deployed_contracts.values()]
    assert blocks == sorted(blocks)


def test_the_script_says_what_it_does(deployed_contracts, spoken):
    assert spoken == [*(f"deploying {name}" for name in NAMES), HANDING]


@pytest.mark.parametrize(
    ("role", "delay"),
    [
        (script.ADMIN, 2 * DAY),
        (script.REGISTRAR, 0),
        (script.RULE_MAKER, HOUR),
        (script.REVIEWER, 0),
        (script.ARBITER, 0),
        (script.RECALLER, 0),
    ],
)
def test_the_regulator_has_its_roles_with_their_delays(manager, regulator, role, delay):
    assert tuple(manager.hasRole(role, regulator)) == (True, delay)


def test_the_guardian_has_its_role_and_no_other(manager, guardian):
    held = [manager.hasRole(role, guardian)[0] for role in (script.ADMIN, *script.ROLES)]
    assert held == [role == script.GUARDIAN for role in (script.ADMIN, *script.ROLES)]


def test_a_guardian_that_is_not_named_is_the_regulator(people, module_isolation):
    alone = script.deploy(people.deployer, people.regulator)["AccessManager"]
    assert tuple(alone.hasRole(script.GUARDIAN, people.regulator)) == (True, 0)


def test_the_deployer_has_no_role(manager, deployer):
    assert [manager.hasRole(role, deployer)[0] for role in (script.ADMIN, *script.ROLES)] == [False] * 8


def test_only_the_contract_doses_dispenses_for_others(deployed_contracts, manager, people, guardian):
    """The regulator neither: who can take units out of any shipment is no person."""
    assert tuple(manager.hasRole(script.DISPENSER, deployed_contracts["Doses"])) == (True, 0)
    others = [
        people.regulator,
        people.deployer,
        guardian,
        *(c for name, c in deployed_contracts.items() if name != "Doses"),
    ]
    assert not any(manager.hasRole(script.DISPENSER, account)[0] for account in others)
    held = [role for role in (script.ADMIN, *script.ROLES) if manager.hasRole(role, deployed_contracts["Doses"])[0]]
    assert held == [script.DISPENSER]


@pytest.mark.parametrize(("role", "powers"), script.POWERS.items())
def test_each_restricted_function_has_its_role(deployed_contracts, manager, role, powers):
    for name, functions in powers.items():
        for function in functions:
            assert (
                manager.getTargetFunctionRole(deployed_contracts[name], deployed_contracts[name].signatures[function])
                == role
            )


@pytest.mark.parametrize("role", script.POWERS)
def test_each_role_has_its_guardian_and_its_administrator(manager, role):
    assert manager.getRoleGuardian(role) == script.GUARDIAN
    assert manager.getRoleAdmin(role) == script.ADMIN


def test_no_restricted_function_was_forgotten():
    """One that the script does not map would be the administrator's alone, two days late."""
    found = {
        (path.stem, name)
        for path in ROOT.glob("contracts/**/*.sol")
        for name in re.findall(r"function (\w+)\([^)]*\)[^{;]*\brestricted\b", path.read_text())
    }
    # These two ask the manager themselves: they have callers of their own besides.
    asking = {("ColdChain", "recall"), ("ColdChain", "dispense")}
    mapped = {(name, f) for powers in script.POWERS.values() for name, functions in powers.items() for f in functions}
    assert found | asking == mapped


def test_nobody_else_was_told_of(deployed_contracts, manager):
    """The log of the manager is its whole history: whoever has a role was granted it there."""
    log = web3.eth.get_logs({"address": manager.address, "fromBlock": 0})
    granted = [
        entry
        for entry in log
        if entry["topics"][0] == web3.keccak(text="RoleGranted(uint64,address,uint32,uint48,bool)")
    ]
    revoked = [entry for entry in log if entry["topics"][0] == web3.keccak(text="RoleRevoked(uint64,address)")]
    assert (len(granted), len(revoked)) == (9, 1)


# ---- the deployer ----------------------------------------------------------------------------------------------------


def test_the_deployer_has_no_power_left(deployed_contracts, manager, institutions, coldchain, deployer, hospital):
    unauthorised = error("AccessManagedUnauthorized", deployer)
    for method, *args in (
        (institutions.accredit, PERSON, HANDLE, 1, FOR_EVER),
        (institutions.renew, hospital, 1, FOR_EVER),
        (institutions.suspend, hospital),
        (institutions.reinstate, hospital),
        (deployed_contracts["Lots"].registerProfile, PROFILE),
        (deployed_contracts["Lots"].assignPrefix, 9506000, 7, deployer),
        (deployed_contracts["Lots"].setAuthority, deployer),
        (deployed_contracts["Loggers"].accreditModel, HANDLE, HANDLE, HANDLE),
        (deployed_contracts["Loggers"].distrustModel, 1),
        (deployed_contracts["Loggers"].setAuthority, deployer),
        (deployed_contracts["Doses"].registerSchedule, 8, STEPS),
        (deployed_contracts["Doses"].setAuthority, deployer),
        (deployed_contracts["AccessLog"].review, HANDLE, 1),
        (deployed_contracts["AccessLog"].setAuthority, deployer),
        (deployed_contracts["ClaimDesk"].arbitrate, DECIDED, 1, 1),
        (deployed_contracts["ClaimDesk"].setAuthority, deployer),
        (institutions.setAuthority, deployer),
        (coldchain.setAuthority, deployer),
    ):
        assert refusal(method, *args, sender=deployer) == unauthorised


ADMINISTRATION = {
    "labelRole": (5, "x"),
    "grantRole": (script.REGISTRAR, PERSON, 0),
    "revokeRole": (script.REGISTRAR, PERSON),
    "setRoleAdmin": (script.REGISTRAR, script.GUARDIAN),
    "setRoleGuardian": (script.REGISTRAR, script.ADMIN),
    "setGrantDelay": (script.REGISTRAR, 0),
    "setTargetFunctionRole": (PERSON, ["0x12345678"], script.REGISTRAR),
    "setTargetAdminDelay": (PERSON, 0),
    "setTargetClosed": (PERSON, True),
    "updateAuthority": (PERSON, PERSON),
}


@pytest.mark.parametrize("who", ["deployer", "guardian", "stranger"])
@pytest.mark.parametrize("function", ADMINISTRATION)
def test_only_the_regulator_administers(manager, people, guardian, function, who):
    account = guardian if who == "guardian" else getattr(people, who)
    message = refusal(getattr(manager, function), *ADMINISTRATION[function], sender=account)
    assert message == error("AccessManagerUnauthorizedAccount", account, script.ADMIN)


# ---- delays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ADMINISTRATION)
def test_TP7_the_administrator_itself_cannot_act_at_once(manager, regulator, function):
    method, args = getattr(manager, function), ADMINISTRATION[function]
    operation = manager.hashOperation(regulator, manager, method.encode_input(*args))
    assert refusal(method, *args, sender=regulator) == error("AccessManagerNotScheduled", bytes(operation))


def test_TP7_what_the_administrator_scheduled_acts_after_the_delay(manager, regulator, stranger):
    call = manager.grantRole.encode_input(script.REGISTRAR, stranger, 0)
    tx = manager.schedule(manager, call, 0, {"from": regulator})
    operation = bytes(tx.events["OperationScheduled"]["operationId"])
    ready = tx.timestamp + 2 * DAY
    at(ready - 1)
    assert refusal(manager.execute, manager, call, sender=regulator) == error("AccessManagerNotReady", operation)
    at(ready)
    manager.execute(manager, call, {"from": regulator})
    assert tuple(manager.hasRole(script.REGISTRAR, stranger)) == (True, 0)


def test_a_rule_waits_its_hour(manager, lots, regulator):
    call = lots.registerProfile.encode_input(PROFILE)
    operation = bytes(manager.hashOperation(regulator, lots, call))
    assert refusal(lots.registerProfile, PROFILE, sender=regulator) == error("AccessManagerNotScheduled", operation)
    tx = manager.schedule(lots, call, 0, {"from": regulator})
    at(tx.timestamp + HOUR - 1)
    assert refusal(lots.registerProfile, PROFILE, sender=regulator) == error("AccessManagerNotReady", operation)
    at(tx.timestamp + HOUR)
    assert refusal(lots.registerProfile, PROFILE, sender=regulator) is PASSED
    assert refusal(manager.execute, lots, call, sender=regulator) is PASSED


def test_the_guardian_cancels_a_rule_that_waits(manager, lots, regulator, guardian, stranger, deployer):
    call = lots.registerProfile.encode_input(PROFILE)
    manager.schedule(lots, call, 0, {"from": regulator})
    selector = lots.signatures["registerProfile"]
    for account in (stranger, deployer):
        assert refusal(manager.cancel, regulator, lots, call, sender=account) == error(
            "AccessManagerUnauthorizedCancel", account, regulator, lots, bytes.fromhex(selector[2:])
        )
    manager.cancel(regulator, lots, call, {"from": guardian})
    at(now() + HOUR + 10)
    operation = bytes(manager.hashOperation(regulator, lots, call))
    assert refusal(manager.execute, lots, call, sender=regulator) == error("AccessManagerNotScheduled", operation)


def test_TP7_a_plan_waits_as_long_as_a_rule(deployed_contracts):
    assert deployed_contracts["Plans"].PUBLISH_DELAY() == HOUR


def test_the_registrar_acts_at_once(institutions, regulator):
    """A suspension must not wait."""
    institutions.accredit(PERSON, HANDLE, 1, FOR_EVER, {"from": regulator})
    institutions.suspend(PERSON, {"from": regulator})
    assert institutions.standing(PERSON)[2] == 4


def test_the_guardian_does_nothing_but_cancel(institutions, lots, guardian):
    message = error("AccessManagedUnauthorized", guardian)
    assert refusal(institutions.suspend, PERSON, sender=guardian) == message
    assert refusal(lots.registerProfile, PROFILE, sender=guardian) == message


def test_two_deployments_do_not_touch(people, deployed_contracts):
    second = script.deploy(people.stranger, people.carrier)
    assert not {contract.address for contract in second.values()} & {
        contract.address for contract in deployed_contracts.values()
    }
    assert second["AccessManager"].hasRole(script.ADMIN, people.regulator)[0] is False


# ---- the book --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book(deployed_contracts, tmp_path_factory):
    path = script.write_book(deployed_contracts, tmp_path_factory.mktemp("deployments"))
    assert path.name == f"{chain.id}-{web3.eth.get_block(0)['hash'].to_0x_hex()[2:10]}.json"
    return json.loads(path.read_text())


def test_the_book_names_the_chain_and_all_contracts(book, deployed_contracts):
    assert book["chainId"] == web3.eth.chain_id
    assert {name: entry["address"] for name, entry in book["contracts"].items()} == {
        name: contract.address for name, contract in deployed_contracts.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_books_hashes_and_blocks_are_the_chains(book, deployed_contracts, name):
    entry = book["contracts"][name]
    assert entry["codeHash"] == web3.keccak(web3.eth.get_code(entry["address"])).to_0x_hex()
    assert web3.eth.get_code(entry["address"], entry["block"]) != b""
    assert web3.eth.get_code(entry["address"], entry["block"] - 1) == b""
    # Without the name that Brownie gives to a constructor: so that the client's own ABI has the same hash.
    plain = [
        {k: v for k, v in part.items() if (part["type"], k) != ("constructor", "name")}
        for part in deployed_contracts[name].abi
    ]
    assert entry["abiHash"] == abi_hash(plain)


def test_the_library_of_the_book_is_the_one_that_is_linked_to(deployed_contracts):
    assert bytes.fromhex(deployed_contracts["TemperatureRules"].address[2:]) in bytes(
        web3.eth.get_code(deployed_contracts["ColdChain"].address)
    )


def test_the_books_arguments_are_those_of_the_constructors(book, deployed_contracts, deployer):
    address = {name: contract.address.lower() for name, contract in deployed_contracts.items()}
    expected = {
        "AccessManager": [deployer.address.lower()],
        "Institutions": [address["AccessManager"]],
        "Guardians": [],
        "ConsentRegistry": [address["Institutions"], address["Guardians"], "1"],
        "AccessLog": [address[name] for name in ("AccessManager", "Institutions", "Guardians", "ConsentRegistry")],
        "Plans": [address["Institutions"], address["ConsentRegistry"], str(HOUR)],
        "Treasury": [address["Institutions"]],
        "ClaimDesk": [address[name] for name in ("AccessManager", "Institutions", "Plans", "Treasury")],
        "Lots": [address["AccessManager"], address["Institutions"]],
        "Loggers": [address["AccessManager"], address["Institutions"]],
        "TemperatureRules": [],
        "ColdChain": [address[name] for name in ("AccessManager", "Institutions", "Lots", "Loggers")],
        "Doses": [address[name] for name in ("AccessManager", "Institutions", "ColdChain")],
    }
    assert {name: [arg.lower() for arg in entry["args"]] for name, entry in book["contracts"].items()} == expected


def test_U2_a_book_that_is_replaced_keeps_its_content_under_another_name(deployed_contracts, tmp_path):
    path = script.write_book(deployed_contracts, tmp_path / "new")
    for number, older in enumerate(("the first", "the second"), 1):
        path.write_text(older)
        assert script.write_book(deployed_contracts, tmp_path / "new") == path
        assert json.loads(path.read_text())["chainId"] == chain.id
        assert path.with_suffix(f".{number}.json").read_text() == older
    assert len(list(path.parent.iterdir())) == 3


def test_U2_the_same_book_again_leaves_no_second_file(deployed_contracts, tmp_path):
    path = script.write_book(deployed_contracts, tmp_path)
    script.write_book(deployed_contracts, tmp_path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the script looks for address books."""
    monkeypatch.setenv("BOOKS", str(tmp_path))
    return tmp_path


def test_U2_a_chain_with_a_deployment_is_not_deployed_on_again(deployed_contracts, folder):
    path = script.write_book(deployed_contracts, folder)
    before, height = path.read_text(), len(chain)
    with pytest.raises(SystemExit, match=r"is of a deployment that is on this chain; set REPLACE=1 \(--replace\)"):
        script.main()
    assert (path.read_text(), len(chain)) == (before, height)


def test_U2_a_book_of_the_earlier_name_protects_its_deployment_too(deployed_contracts, folder):
    earlier = folder / f"{chain.id}.json"
    script.write_book(deployed_contracts, folder).rename(earlier)
    with pytest.raises(SystemExit, match=f"{earlier.name} is of a deployment"):
        script.main()


def test_U3_a_book_of_a_chain_that_was_reset_is_in_nobodys_way(deployed_contracts, folder, capsys):
    """Its contracts are gone: there is nothing to protect, and its file stays as it is."""
    earlier = folder / f"{chain.id}.json"
    gone = {"chainId": chain.id, "contracts": {"Lots": {"address": PERSON, "block": 1, "codeHash": "0x" + "11" * 32}}}
    earlier.write_text(json.dumps(gone))
    script.main()
    assert json.loads(earlier.read_text()) == gone
    assert "written: " in capsys.readouterr().out


def test_U2_a_second_deployment_is_made_where_it_is_said_aloud(deployed_contracts, folder, monkeypatch, capsys):
    path = script.write_book(deployed_contracts, folder)
    before = path.read_text()
    monkeypatch.setenv("REPLACE", "1")
    script.main()
    kept = path.with_suffix(".1.json")
    assert kept.read_text() == before
    assert json.loads(path.read_text())["contracts"].keys() == json.loads(before)["contracts"].keys()
    assert path.read_text() != before
    said = capsys.readouterr().out
    assert f"kept: the book before, {kept}" in said
    assert not list(folder.glob("*unfinished*"))


def test_U5_brownies_console_finds_the_contracts_by_the_book(deployed_contracts, folder):
    script.write_book(deployed_contracts, folder)
    assert {name: c.address for name, c in attach.main().items()} == {
        name: c.address for name, c in deployed_contracts.items()
    }


def test_U5_without_a_book_of_this_chain_brownie_is_told_so(deployed_contracts, folder):
    gone = {"chainId": chain.id, "contracts": {"Lots": {"address": PERSON, "block": 1, "codeHash": "0x" + "11" * 32}}}
    (folder / f"{chain.id}.json").write_text(json.dumps(gone))
    with pytest.raises(SystemExit, match="no address book in .* is of this chain"):
        attach.main()


# ---- what is looked at in the end ----------------------------------------------------------------------------------


@pytest.fixture
def looked_at(deployed_contracts, people, guardian, salus_project):
    """The manager, the blocks of the deployment, and the table that it should make."""
    setup = for_regulator(
        str(people.regulator), script.HELD, guardian=str(guardian), admin_delay=2 * DAY, rules_delay=HOUR
    )
    addresses = {name: contract.address for name, contract in deployed_contracts.items()}
    first = deployed_contracts["AccessManager"].tx.block_number
    return addresses["AccessManager"], (first, len(chain) - 1), script.powers_of(salus_project, addresses, setup)


def test_U2_the_look_at_the_end_finds_the_table(looked_at):
    assert list(wrong_powers(*looked_at)) == []


def test_U2_the_look_at_the_end_finds_each_difference(looked_at, people):
    manager, blocks, powers = looked_at
    members = powers["members"]
    short = {key: delay for key, delay in members.items() if key != (script.ARBITER, str(people.regulator))}
    for part, changed in (
        ("members", members | {(script.ADMIN, str(people.regulator)): DAY}),
        ("members", members | {(script.ADMIN, str(people.deployer)): 0}),
        ("members", short),
        ("guardians", powers["guardians"] | {script.ARBITER: script.ADMIN}),
        ("functions", {key: role for key, role in powers["functions"].items() if role != script.RECALLER}),
    ):
        (line,) = wrong_powers(manager, blocks, powers | {part: changed})
        assert line.startswith(("holder (", "guardian ", "function ("))


def test_U2_a_deployer_who_keeps_the_administration_is_found(people, looked_at, salus_project, module_isolation):
    alone = salus_project.AccessManager.deploy(people.stranger, {"from": people.stranger})
    blocks = (alone.tx.block_number, alone.tx.block_number)
    nothing = {"members": {}, "guardians": {}, "functions": {}}
    assert list(wrong_powers(alone.address, blocks, nothing)) == [
        f"holder (0, '{people.stranger}'): is 0, and should be None"
    ]
    alone.setGrantDelay(script.ARBITER, DAY, {"from": people.stranger})
    found = list(wrong_powers(alone.address, (blocks[0], len(chain) - 1), nothing))
    assert "AccessManager: has a delay of grants, which no deployment makes" in found


def test_U2_code_that_differs_in_one_byte_is_found(deployed_contracts, people, salus_project, looked_at):
    steps = script.line_up(salus_project, str(people.deployer), for_regulator(PERSON, script.HELD), range(14))
    assert [step.name for step in steps if step.address] == NAMES
    for step in steps[:-1]:
        code = bytearray(web3.eth.get_code(deployed_contracts[step.name].address))
        if step.name != "ColdChain":  # it is linked to the library of its own deployment
            assert step.is_there(code)
        code[len(code) // 2] ^= 1
        code[200] ^= 1
        assert not step.is_there(code) and not step.is_there(b"")


# ---- what the environment says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["nonsense", "0x12", "0x" + "zz" * 20])
def test_a_regulator_that_is_no_address_is_refused(deployed_contracts, monkeypatch, capsys, word):
    height = len(chain)
    monkeypatch.setenv("REGULATOR", word)
    with pytest.raises(SystemExit, match="REGULATOR is not an address"):
        script.main()
    assert len(chain) == height


# ---- who may be the regulator
# --------------------------------------------------------------------------------------------------------


def test_a_regulator_that_deploys_is_refused(people, deployed_contracts):
    """It would renounce the administration that it has just received."""
    height = len(chain)
    with pytest.raises(ValueError, match="the regulator is the deployer"):
        script.deploy(people.regulator, people.regulator)
    assert len(chain) == height


def test_the_administrators_own_operations_only_the_administrator_cancels(manager, regulator, guardian, stranger):
    """OpenZeppelin's rule, and the reason why the administrator should be a multisig."""
    call = manager.grantRole.encode_input(script.ADMIN, stranger, 0)
    manager.schedule(manager, call, 0, {"from": regulator})
    assert refusal(manager.cancel, regulator, manager, call, sender=guardian).startswith(
        "AccessManagerUnauthorizedCancel"
    )
    assert refusal(manager.cancel, regulator, manager, call, sender=regulator) is PASSED


@pytest.mark.parametrize("name", ["ADMIN_DELAY", "RULES_DELAY"])
def test_a_delay_that_is_no_number_is_refused(deployed_contracts, monkeypatch, name):
    monkeypatch.setenv(name, "a day")
    with pytest.raises(SystemExit, match=f"{name} is 'a day'"):
        script.main()


def test_a_regulator_that_nobody_has_is_refused(deployed_contracts, monkeypatch):
    monkeypatch.setenv("REGULATOR", NOBODY)
    with pytest.raises(SystemExit, match="the regulator is account 0"):
        script.main()
