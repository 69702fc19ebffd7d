"""What the chain says of its powers: who has which role, what each may do, how soon, and who can stop it.

given a deployment
    when its powers are read                    every holder, function and guardian is told, contracts by their names
    when a holder gets a delay                  it is told how soon that one acts, also where the change still waits
    when something is announced                 it waits, until it is cancelled or lapses
    when somebody loses a role                  that one is no longer told
    when what is left is weak                   it says so
"""

import pytest

from salus import Refused
from salus.chain.local_node import LocalNode
from salus.chain.powers import read_powers
from salus.keys.signers import KeySigner
from tests.support.deployed_chain import DeployedChain, kind

DAY = 86_400


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A chain of its own: powers are changed here."""
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("deployments"))


@pytest.fixture
def administrator(chain):
    """The client of who deployed: on this chain it has stayed the administrator."""
    snapshot = chain.node.request("evm_snapshot")
    yield chain.client(KeySigner.from_key(chain.node.keys[0]))
    chain.node.request("evm_revert", snapshot)


def act(client, function, *arguments):
    client.send(getattr(client.contract("AccessManager").functions, function)(*arguments))


def role(client, number):
    (found,) = (each for each in read_powers(client).roles if each.id == number)
    return found


def test_C7_every_function_and_its_holders_are_told(chain, administrator):
    powers = read_powers(administrator)
    told = {each.id: ({h.name or h.account for h in each.holders}, set(each.functions)) for each in powers.roles}
    regulator = {chain.regulator.address}
    names = ("accredit", "renew", "suspend", "reinstate")
    assert told == {
        0: ({chain.node.accounts[0]}, set()),
        1: (regulator, {*(f"Institutions.{n}" for n in names), "Lots.assignPrefix", "Loggers.distrustModel"}),
        2: (regulator, {"Lots.registerProfile", "Loggers.accreditModel", "Doses.registerSchedule"}),
        4: (regulator, {"AccessLog.review"}),
        5: (regulator, {"ClaimDesk.arbitrate"}),
        6: (regulator, {"ColdChain.recall"}),
        7: ({"Doses"}, {"ColdChain.dispense"}),
    }
    assert all(each.guardians == (chain.node.accounts[0],) for each in powers.roles)
    assert (powers.scheduled, powers.closed) == ((), ())


def test_C7_a_delay_is_told_now_and_to_come(chain, administrator):
    who = chain.patient().address
    act(administrator, "grantRole", 2, who, DAY)
    (holder,) = (h for h in role(administrator, 2).holders if h.account == who)
    assert (holder.delay, holder.next_delay, holder.next_at) == (DAY, DAY, 0)
    act(administrator, "grantRole", 2, who, 3600)  # less comes only after the time that is taken away, or five days
    (holder,) = (h for h in role(administrator, 2).holders if h.account == who)
    assert (holder.delay, holder.next_delay) == (DAY, 3600)
    assert holder.next_at > administrator.now()


def test_C7_who_lost_a_role_is_not_told_and_who_gets_it_later_is(chain, administrator):
    who = chain.patient().address
    act(administrator, "revokeRole", 6, chain.regulator.address)
    assert role(administrator, 6).holders == ()
    act(administrator, "setGrantDelay", 6, 3 * DAY)
    chain.node.advance(6 * DAY)
    act(administrator, "grantRole", 6, who, 0)
    changed = role(administrator, 6)
    assert (changed.grant_delay, changed.holders[0].account) == (3 * DAY, who)
    assert changed.holders[0].since > administrator.now() + 2 * DAY


def test_C7_what_was_announced_waits_until_it_is_cancelled(chain, administrator):
    who = chain.person()
    act(administrator, "grantRole", 1, who.address, DAY)
    theirs = chain.client(who)
    call = theirs.contract("Institutions").functions.suspend(who.address)
    target = theirs.book["Institutions"].address
    act(theirs, "schedule", target, call.data, 0)
    (waiting,) = read_powers(administrator).scheduled
    assert (waiting.caller, waiting.what) == (who.address, "Institutions.suspend")
    assert waiting.at >= administrator.now() + DAY - 1
    act(administrator, "cancel", who.address, target, call.data)
    assert read_powers(administrator).scheduled == ()


def test_C7_a_closed_contract_is_told_until_it_is_open_again(administrator):
    target = administrator.book["Lots"].address
    act(administrator, "setTargetClosed", target, True)
    assert read_powers(administrator).closed == ("Lots",)
    act(administrator, "setTargetClosed", target, False)
    assert read_powers(administrator).closed == ()


def test_C7_what_is_weak_is_said(chain, administrator):
    before = read_powers(administrator).warnings
    assert [line.split(":")[0] for line in before] == ["ADMIN acts at once"]
    act(administrator, "labelRole", 2, "RULE_MAKER")
    assert any(line.startswith("RULE_MAKER acts at once") for line in read_powers(administrator).warnings)
    act(administrator, "grantRole", 0, chain.regulator.address, 2 * DAY)
    act(administrator, "renounceRole", 0, chain.node.accounts[0])
    warnings = read_powers(administrator).warnings
    assert any(line.startswith("one account holds every role") for line in warnings)
    assert not any(line.startswith("ADMIN acts at once") for line in warnings)


def test_C7_that_nobody_is_left_as_administrator_is_said(chain, administrator):
    act(administrator, "renounceRole", 0, chain.node.accounts[0])
    powers = read_powers(administrator)
    assert powers.warnings[0].startswith("nobody is the administrator")
    with pytest.raises(Refused):
        act(administrator, "grantRole", 1, chain.node.accounts[2], 0)
