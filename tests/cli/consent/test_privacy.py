"""Accounts of one person stay apart on the chain, whatever is done with all of them: a FHIR Consent for two
institutions, a wide denial, a renewal, a wide revocation, delegates; each institution submits what is for it.

given two institutions that know one patient by an account each
    when what the chain shows of both accounts is compared      no transaction, no word, no payer and no time is shared,
                                                                and many blocks lie between what one act did to both
given the same acts at once
    when it is compared again                                   the comparison finds what ties them
"""

import json
from types import SimpleNamespace

import pytest

from salus.chain.local_node import LocalNode
from salus.consent.apart import BLOCKS, FOREVER
from salus.consent.files import orders as files
from salus.consent.model import DirectiveDraft, Effect
from salus.keys.wallet import Wallet
from tests.scripts.test_privacy import evidence, pieces, shared
from tests.support.commands import PASSWORD
from tests.support.deployed_chain import DeployedChain

DAY = 24 * 3600


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    """Anvil, whose whole state can be read."""
    with LocalNode("anvil") as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("apart"))


@pytest.fixture
def known(deployed_chain, run, wallet, keystore):
    """Two hospitals, each with the patient's account for it, granted days apart: {account: (name, keystore)}."""
    found = {}
    for _ in range(2):
        signer, name = deployed_chain.institution("PROVIDER")
        file = keystore(signer)
        assert run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file).code == 0
        found[Wallet.open(wallet.path, PASSWORD).address(name)] = (name, file)
        deployed_chain.node.advance(3 * DAY + 4711)
    return found


class Walk:
    """A patient's commands; each file goes to the institution that it is for, in its own time."""

    def __init__(self, deployed_chain, run, known, folder):
        self.deployed_chain, self.run, self.known, self.folder = deployed_chain, run, known, folder
        self.since = deployed_chain.w3.eth.block_number + 1
        self.acts = 0
        self.blocks = []  # of each act, the block in which each account appears

    def act(self, *words, at_once=False):
        self.acts += 1
        out = self.folder / f"act-{self.acts}.json"
        done = self.run(*words, "--yes", "--out", out, *(["--now"] if at_once else []))
        assert done.code == 0, done.err
        parts = [files.load(path) for path in sorted(self.folder.glob(f"act-{self.acts}*.json"))]
        at = {}
        for orders in sorted(parts, key=lambda orders: orders[0].issued_at):
            ahead = orders[0].issued_at - self.deployed_chain.client().now()
            if ahead > 0:
                self.deployed_chain.node.advance(ahead)
            if not at_once:
                for _ in range(BLOCKS):
                    self.deployed_chain.node.request("evm_mine")
            path = next(p for p in self.folder.glob(f"act-{self.acts}*.json") if files.load(p) == orders)
            _, payer = self.known[orders[0].patient]
            relayed = self.run("consent", "relay", path, "--keystore", payer, "--yes", "--json")
            assert relayed.code == 0, relayed.err
            at[orders[0].patient] = relayed.json()["transactions"][0]["block"]
        self.blocks.append(at)
        self.deployed_chain.node.advance(DAY + 17)  # until the patient's next act

    def everything(self, at_once=False):
        """All that a patient may do with both accounts in one command."""
        consents = []
        for number, (name, _) in enumerate(self.known.values()):
            file = self.folder / f"{self.acts}-{number}.fhir.json"
            self.run("consent", "show", "--fhir", "--to", name, "--out", file)
            consents.append(json.loads(file.read_text()))
        both = self.folder / f"{self.acts}-both.ndjson"
        both.write_text("".join(json.dumps(consent) + "\n" for consent in consents))
        self.act("consent", "grant", "--from-fhir", both, at_once=at_once)
        self.act("consent", "deny", "--to", "role:PROVIDER", "--purpose", "HRESCH", "--until", "2060-01-01",
                 at_once=at_once)  # fmt: skip
        self.act("consent", "renew", "--to", "role:PROVIDER", "--until", "2070-01-01", at_once=at_once)
        self.act("consent", "revoke", "--everything", at_once=at_once)
        return evidence(self.deployed_chain.node, self.since)

    def ties(self, shown):
        """What the chain shows of both accounts: transactions, words, payers and times."""
        one, other = ([tx for tx in shown.transactions if self._names(tx, account)] for account in self.known)
        assert one and other
        public = {
            *(entry.address.lower() for entry in self.deployed_chain.book.contracts.values()),
            *(self.deployed_chain.client().institutions.resolve(name).lower() for name, _ in self.known.values()),
        }
        story = SimpleNamespace(public=public, shown=shown)
        found = {tx["hash"] for tx in one} & {tx["hash"] for tx in other}
        payers = {tx["from"] for tx in one} & {tx["from"] for tx in other}
        times = set.intersection(
            *(self._times(account, mine) for account, mine in zip(self.known, (one, other), strict=True))
        )
        return {"transactions": found, "payers": payers, "words": shared(story, one, other), "times": times}

    @staticmethod
    def _names(tx, account):
        return any(bytes.fromhex(account[2:]) in piece for piece in pieces(tx))

    def _times(self, account, transactions):
        """Every second that the chain shows of an account: of blocks, of issues, of ends."""
        found = {self.deployed_chain.w3.eth.get_block(tx["blockNumber"])["timestamp"] for tx in transactions}
        for event in self.deployed_chain.client().consent.history(account):
            if event.block >= self.since:
                found |= {event.args.get(field, 0) for field in ("issuedAt", "deadline", "start", "end")}
        return found - {0, FOREVER}


def test_d7_no_two_accounts_of_a_person_share_a_time_or_lie_within_some_blocks(deployed_chain, run, known, tmp_path):
    """C17 as well: two actors of one FHIR Consent, the wide acts, and who pays for each."""
    walk = Walk(deployed_chain, run, known, tmp_path)
    shown = walk.everything()
    assert walk.ties(shown) == {"transactions": set(), "payers": set(), "words": set(), "times": set()}
    for at in walk.blocks:
        one, other = at.values()
        assert abs(one - other) >= BLOCKS


def test_d7_what_is_done_at_once_ties_the_accounts_and_is_seen(deployed_chain, run, known, tmp_path):
    """The comparison can fail: with --now the ends are shared, and few blocks lie between."""
    walk = Walk(deployed_chain, run, known, tmp_path)
    ties = walk.ties(walk.everything(at_once=True))
    assert {2840140800, 3155760000} <= ties["times"]
    assert any(abs(one - other) < BLOCKS for one, other in (at.values() for at in walk.blocks))


def test_d7_one_payer_for_both_ties_them_and_is_seen(deployed_chain, run, known, tmp_path):
    account, other = known
    known[other] = (known[other][0], known[account][1])
    walk = Walk(deployed_chain, run, known, tmp_path)
    assert len(walk.ties(walk.everything())["payers"]) == 1


def test_c17_a_batch_of_one_institution_names_one_account_of_the_person(deployed_chain, run, known, tmp_path):
    """What an institution submits together with orders of its other patients has one pseudonym of this one."""
    (account, (name, payer)), (other, _) = known.items()
    run("consent", "grant", "--to", name, "--purpose", "HPAYMT", "--yes", "--out", tmp_path / "mine.json")
    stranger = deployed_chain.client(deployed_chain.patient())
    draft = DirectiveDraft(name, Effect.PERMIT, frozenset({"TREAT"}), frozenset({"all"}), 0, stranger.now() + DAY)
    files.save([stranger.consent.sign(stranger.consent.prepare_grant(draft))], tmp_path / "stranger.json")
    done = run("consent", "relay", tmp_path / "mine.json", tmp_path / "stranger.json", "--keystore", payer, "--yes",
               "--json")  # fmt: skip
    (transaction,) = done.json()["transactions"]
    data = bytes(deployed_chain.w3.eth.get_transaction(transaction["transaction"])["input"])
    assert bytes.fromhex(account[2:]) in data and bytes.fromhex(other[2:]) not in data
