"""The index beside the contracts: every list with it and without it, and the audit of all that happened
there.
"""

import dataclasses

import pytest

from salus.abi import decoding
from salus.chain.book import CONTRACTS
from salus.chain.events import default_index
from salus.chain.local_node import LocalNode
from salus.claims.files.fhir import read_claims
from salus.client import Salus
from salus.consent.access_log import Access, Cause, Outcome
from salus.consent.registry import DirectiveDraft, Effect
from salus.errors import IndexTrouble
from salus.index import Indexer, audit
from salus.index.expected_state import STATE_MODELS
from tests.client.coldchain.test_shipments import Journey
from tests.support.claim_scenario import USD, ClaimScenario
from tests.support.deployed_chain import DeployedChain
from tests.support.deployed_chain import kind as kind_of_chain
from tests.support.shared_data import EXAMPLES
from tests.support.vaccine_scenario import VaccineMaker

DAY = 24 * 3600


class Story:
    """Something of every noun.

    patient, hospital   who granted what, to whom
    claim_scenario      an insurer with claims, the ids of which are `claims`
    journey             a shipment with readings
    """

    def __init__(self, deployed_chain, token, folder):
        self.deployed_chain = deployed_chain
        self.hospital, self.handle = deployed_chain.institution("PROVIDER")
        self.patient = deployed_chain.person()
        self._consents()
        self._accesses()
        self._guardians()
        self.claim_scenario = ClaimScenario(
            deployed_chain, token, folder, reviewThreshold="50.00", reviewDays=5, appealDays=30
        )
        self.claims = self._claims()
        self.journey = Journey(deployed_chain, start=deployed_chain.client().now() - 3600)
        self._trips()

    def draft(self, *purposes, index=None):
        end = self.deployed_chain.client().now() + 30 * DAY
        scope = frozenset(purposes or ("TREAT",)), frozenset({"all"})
        return DirectiveDraft(self.hospital.address, Effect.PERMIT, *scope, 0, end)

    def _consents(self):
        mine, theirs = self.deployed_chain.client(self.patient), self.deployed_chain.client(self.hospital)
        mine.consent.grant(self.draft("TREAT"))
        mine.consent.grant(self.draft("HRESCH"), index=1)
        mine.consent.revoke(self.hospital.address, index=1)
        signer = self.deployed_chain.client(self.deployed_chain.patient())
        self.relayed = signer.signer.address
        theirs.consent.relay([signer.consent.sign(signer.consent.prepare_grant(self.draft("TREAT")))])
        self.deployed_chain.node.advance(1)
        theirs.consent.relay([signer.consent.sign(signer.consent.prepare_revoke(self.hospital.address, index=0))])
        gone = self.deployed_chain.client(self.deployed_chain.person())
        gone.consent.grant(self.draft("TREAT"))
        gone.consent.revoke(None)
        self.gone = gone.signer.address

    def _accesses(self):
        theirs = self.deployed_chain.client(self.hospital)
        uses = [Access(self.patient.address, ("TREAT",), ("Observation",), bytes([n]) * 32) for n in (1, 2)]
        self.used = theirs.accesses.record(uses).block
        id, _ = theirs.accesses.declare_emergency(self.patient.address, Cause.UNCONSCIOUS, ["all"], 3600)
        self.deployed_chain.client(self.deployed_chain.regulator).accesses.review(id, Outcome.JUSTIFIED)

    def _guardians(self):
        mine = self.deployed_chain.client(self.patient)
        carers = sorted((self.deployed_chain.person().address for _ in range(2)), key=lambda a: int(a, 16))
        mine.guardians.set_delegate(carers[0], ["TREAT"], ["all"], mine.now() + DAY)
        mine.guardians.set_guardians(carers, threshold=2, delay=2 * DAY)
        mine.guardians.remove_delegate(carers[0])
        mine.guardians.set_delegate(carers[1], ["TREAT"], ["all"], mine.now() + DAY)

    def _claims(self):
        (claim,) = read_claims(EXAMPLES / "claim.json")
        submitted = [dataclasses.replace(claim, number=str(n)) for n in range(4)]
        answers = self.claim_scenario.submit(submitted)
        ids = [bytes.fromhex(answer.id[2:]) for answer in answers]
        self.claim_scenario.desk.claims.reverse(ids[0])
        waiting = [id for id in ids if self.claim_scenario.desk.claims.get(id).state.name == "PENDED"]
        assert len(waiting) >= 2
        self.claim_scenario.payer.claims.review(waiting[0])
        self.claim_scenario.payer.claims.review(waiting[1], 50)
        self.claim_scenario.desk.claims.appeal(waiting[1])
        self.claim_scenario.payer.treasury.announce_exit(self.claim_scenario.token, 5 * USD)
        return ids

    def _trips(self):
        journey = self.journey
        journey.log(journey.readings(*[500] * 6))
        journey.hand(journey.maker, journey.carrier)
        self._doses()
        self.deployed_chain.node.advance(7200)
        journey.log(journey.readings(*[1200] * 12, after=6))
        journey.as_(journey.laboratory).release(journey.shipment, 1)

    def _doses(self):
        vaccine_maker = VaccineMaker(self.deployed_chain)
        lot = vaccine_maker.lot()
        shipment = vaccine_maker.shipment(lot)
        chain, doses = vaccine_maker.salus.coldchain, vaccine_maker.salus.doses
        part = chain.split(shipment, 4)
        dose = doses.give(shipment, self.deployed_chain.patient().address, vaccine_maker.schedule())
        doses.void(dose)
        chain.merge(part, shipment)
        chain.recall(lot, 7)


@pytest.fixture(scope="module")
def story(deployed_chain, token, tmp_path_factory):
    return Story(deployed_chain, token, tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="module")
def index(deployed_chain, story, tmp_path_factory):
    """A synced index of the whole chain."""
    path = tmp_path_factory.mktemp("index") / "index.sqlite"
    with Indexer(deployed_chain.url, deployed_chain.book, path) as indexer:
        assert indexer.sync().quarantined == 0
    return path


@pytest.fixture
def both(deployed_chain, index):
    """A client that has the index, and one that asks the node."""
    return Salus.connect(deployed_chain.url, book=deployed_chain.book, index=index), Salus.connect(
        deployed_chain.url, book=deployed_chain.book, index=""
    )


LISTS = {
    "institutions": lambda s, story: s.institutions.all(),
    "an institution by its name": lambda s, story: s.institutions.resolve(story.handle),
    "operators": lambda s, story: s.institutions.operators(story.journey.logger.address),
    "directives": lambda s, story: [s.consent.all(who) for who in (story.patient.address, story.relayed, story.gone)],
    "history of consents": lambda s, story: [s.consent.history(who) for who in (story.patient.address, story.relayed)],
    "explanations": lambda s, story: s.consent.explain(story.patient.address),
    "what a patient did": lambda s, story: s.consent.actions(story.patient.address),
    "delegates": lambda s, story: s.guardians.delegates(story.patient.address),
    "history of guardians": lambda s, story: s.guardians.history(story.patient.address),
    "uses": lambda s, story: s.accesses.all(story.patient.address),
    "uses since a block": lambda s, story: s.accesses.all(story.patient.address, since=story.used),
    "emergencies": lambda s, story: s.accesses.emergencies(story.patient.address),
    "categories of a plan": lambda s, story: [s.plans.categories(story.claim_scenario.plan_id)],
    "prices of a plan": lambda s, story: s.plans.prices(story.claim_scenario.plan_id),
    "histories of claims": lambda s, story: [s.claims.history(id) for id in story.claims],
    "what was decided": lambda s, story: s.claims.decided(story.claims[0]),
    "the report of an insurer": lambda s, story: s.claims.report(insurer=story.claim_scenario.handle),
    "the report of all": lambda s, story: s.claims.report(),
    "profiles": lambda s, story: s.lots.profiles(),
    "lots": lambda s, story: s.lots.all(),
    "devices": lambda s, story: s.devices.all(),
    "doses": lambda s, story: s.doses.given(),
    "readings": lambda s, story: s.coldchain.readings(story.journey.shipment),
}


def not_asked(salus, monkeypatch):
    """From now on this client's node refuses to be asked for logs."""

    assert asked_for(salus, monkeypatch, refuse=True) == []


def asked_for(salus, monkeypatch, *, refuse=False):
    """From now on a list of what this client's node is asked for logs."""
    asked, many = [], salus.node.many

    def heard(calls, *, doing=""):
        asked.extend(params[0] for method, params in calls if method == "eth_getLogs")
        assert not (refuse and asked), "the node was asked for logs"
        return many(calls, doing=doing)

    monkeypatch.setattr(salus.node, "many", heard)
    return asked


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_is_the_same_with_the_index_and_without(both, story, monkeypatch, kind):
    with_index, without = both
    not_asked(with_index, monkeypatch)
    found = LISTS[kind](with_index, story)
    assert found and found == LISTS[kind](without, story)


def test_every_event_of_every_contract_is_the_same(deployed_chain, both, story, monkeypatch):
    with_index, without = both
    not_asked(with_index, monkeypatch)
    kinds = 0
    for contract in CONTRACTS:
        for entry in decoding.events_of(contract).values():
            found = with_index.logs(contract, entry["name"])
            assert found == without.logs(contract, entry["name"])
            kinds += bool(found)
            for part in entry["inputs"]:
                value = found[-1].args[part["name"]] if found and part["indexed"] else None
                if isinstance(value, (str, bytes)):
                    where = {part["name"]: value}
                    some = with_index.logs(contract, entry["name"], where)
                    assert found[-1] in some and some == without.logs(contract, entry["name"], where)
    assert kinds > 20


def test_what_is_newer_than_the_index_comes_from_the_node(deployed_chain, both, story, monkeypatch):
    with_index, without = both
    patient = deployed_chain.client(deployed_chain.person())
    before = len(with_index.logs("ConsentRegistry", "ConsentGranted"))
    patient.consent.grant(story.draft("TREAT"))
    asked = asked_for(with_index, monkeypatch)
    found = with_index.logs("ConsentRegistry", "ConsentGranted")
    assert len(found) == before + 1 and found == without.logs("ConsentRegistry", "ConsentGranted")
    # Only for the blocks that the index does not have.
    assert asked[0]["fromBlock"] == hex(with_index.index.store.cursor().block + 1)
    assert [e.block for e in with_index.consent.history(patient.signer.address)] == [found[-1].block]


def test_an_index_whose_last_block_is_not_on_the_chain_is_not_believed(deployed_chain, both, story, index, tmp_path):
    import sqlite3

    copy = tmp_path / "parted.sqlite"
    with sqlite3.connect(index) as here, sqlite3.connect(copy) as there:
        here.backup(there)
        there.execute("UPDATE cursor SET hash = randomblob(32)")
        there.execute("DELETE FROM events")
    for connection in (here, there):
        connection.close()
    parted, without = Salus.connect(deployed_chain.url, book=deployed_chain.book, index=copy), both[1]
    assert LISTS["histories of claims"](parted, story) == LISTS["histories of claims"](without, story)


def test_the_index_beside_the_book_is_found_by_itself(deployed_chain, story, index, tmp_path, monkeypatch):
    book = tmp_path / "31337.json"
    book.write_bytes(deployed_chain.book_path.read_bytes())
    assert Salus.connect(deployed_chain.url, book=book).index is None
    with Indexer(
        deployed_chain.url, Salus.connect(deployed_chain.url, book=book).book, tmp_path / "31337.index.sqlite"
    ) as indexer:
        indexer.sync()
    client = Salus.connect(deployed_chain.url, book=book)
    assert client.index.store.display_name == str(default_index(client.book)) == str(tmp_path / "31337.index.sqlite")
    assert client.with_signer(story.hospital).index is client.index
    not_asked(client, monkeypatch)
    assert client.institutions.all()
    # A file that is none is passed over where nobody named it, and told where somebody did.
    (tmp_path / "31337.index.sqlite").write_bytes(b"nothing of the kind" * 99)
    assert Salus.connect(deployed_chain.url, book=book).institutions.all()
    with pytest.raises(IndexTrouble, match="is not a database"):
        Salus.connect(deployed_chain.url, book=book, index=tmp_path / "31337.index.sqlite").institutions.all()
    with pytest.raises(IndexTrouble, match="cannot be used .*make it with `salus index sync`"):
        Salus.connect(deployed_chain.url, book=book, index=tmp_path / "nowhere.sqlite")


# ----------------------------------------------------------------------------------------------------------- the audit


def test_the_audit_finds_nothing_after_all_that_happened(deployed_chain, story, index):
    """Requirement 57: of every test that ran on this chain before as well."""
    with Indexer(deployed_chain.url, deployed_chain.book, index) as indexer:
        indexer.sync()
        found = audit(
            Salus.connect(deployed_chain.url, book=deployed_chain.book, index=""), indexer.store, deployed_chain.url
        )
    assert found.differences == []
    assert found.rebuilt
    assert found.without == ("AccessManager",)
    assert set(found.views) == set(STATE_MODELS)
    assert all(count > 0 for count in found.views.values())


# What is done to a copy of the index, where the audit must see it, and what it says of the index there.
GONE = "DELETE FROM events WHERE topic0 = "
DAMAGE = {
    "a directive that is not there": (GONE + ":ConsentGranted", "ConsentRegistry.directive", None),
    "a revocation that is not there": (GONE + ":ConsentRevoked", "ConsentRegistry.", None),
    "an operator that is not there": (GONE + ":OperatorSet", "events", None),
    "what follows on nothing": (GONE + ":ClaimDecided", "ClaimDesk.ClaimReversed", "an event"),
    "a claim that was not reversed": (GONE + ":ClaimReversed", "ClaimDesk.claim", "'state': 1"),
    "a payment of another amount": (
        "UPDATE events SET data = CAST(substr(data, 1, 95) || X'01' || substr(data, 97) AS BLOB) WHERE topic0 = :Paid",
        "Treasury.pool",
        "'balance'",
    ),
    "a plan that was not published": (GONE + ":PlanPublished", "Plans.inForceAt", "0"),
    "a shipment that stayed with its maker": (GONE + ":ShipmentHanded", "ColdChain.shipment", None),
    "a delegate that was not removed": (GONE + ":DelegateSet", "events", None),
    "an emergency that was not reviewed": (GONE + ":EmergencyReviewed", "AccessLog.emergency", None),
    "a header of another time": (
        "UPDATE blocks SET time = time + 1 WHERE number = (SELECT block FROM cursor)",
        "blocks",
        None,
    ),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A chain of its own where only one story happened, so that an audit is quick; and its index."""
    folder = tmp_path_factory.mktemp("small")
    with LocalNode(kind_of_chain()) as node:
        deployed_chain = DeployedChain(node, folder)
        Story(deployed_chain, deployed_chain.deploy("TestToken", "Dollar", "USD", 6), folder)
        with Indexer(deployed_chain.url, deployed_chain.book, folder / "index.sqlite") as indexer:
            indexer.sync()
        yield deployed_chain, folder / "index.sqlite"


@pytest.mark.parametrize("kind", DAMAGE)
def test_the_audit_names_what_differs(small, tmp_path, kind):
    import sqlite3

    deployed_chain, index = small
    statement, where, said = DAMAGE[kind]
    copy = tmp_path / "damaged.sqlite"
    topics = {e["name"]: topic for c in CONTRACTS for topic, e in decoding.events_of(c).items()}
    with sqlite3.connect(index) as here, sqlite3.connect(copy) as there:
        here.backup(there)
        assert there.execute(statement, topics).rowcount > 0
    for connection in (here, there):
        connection.close()
    with Indexer(deployed_chain.url, deployed_chain.book, copy) as indexer:
        found = audit(
            Salus.connect(deployed_chain.url, book=deployed_chain.book, index=""), indexer.store, deployed_chain.url
        )
    there = [one for one in found.differences if one.where.startswith(where)]
    assert there and (said is None or any(said in one.index for one in there))
    # Each is told by the comparison with a fresh index, too.
    assert {one.where for one in found.differences} & {"events", "blocks"}


def test_an_audit_of_an_index_that_is_behind_speaks_of_its_own_block(deployed_chain, story, index):
    with Indexer(deployed_chain.url, deployed_chain.book, index) as indexer:
        at = indexer.sync().block
        deployed_chain.client(deployed_chain.person()).consent.grant(story.draft("TREAT"))
        assert audit(deployed_chain.client(), indexer.store, deployed_chain.url, rebuild=False).block == at
