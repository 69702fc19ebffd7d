"""Nothing personal reaches the chain: the whole demo is played, and all that it left there is searched for what went
in.

given the demo on a chain of its own
    when calldata, events, storage and code are searched        no name, birth date, identifier, reference, code or
    display
                                                                text of examples/ is in them, as text, number or bare
                                                                hash
    when the patient's accounts for two institutions are compared   neither ever paid or was paid, no transaction names
    both,
                                                                and no value is seen with both but public ones
given the same chain, with each of them planted in it
    when it is searched again                                   each is found
"""

import datetime as dt
import gzip
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils import keccak
from web3 import HTTPProvider, Web3

from salus.abi.terms import pack
from salus.chain.local_node import LocalNode
from tests.support.doc_blocks import blocks, difference

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CHAIN = 31_399  # its address book is this test's alone

# What the demo reads from examples/, and what it says itself.
FHIR = ("consent-insurer.json", "claim.json", "claims.ndjson", "claims-bundle.json", "plan.json")
SPOKEN = ("CH-2025-0099", "claim-late")

# Public by design, and why; each is looked for too, so that none is here in vain.
PUBLIC = {
    "city-hospital": "an institution's handle: whom one may grant to must be findable",
    "north-mutual": "an institution's handle",
    "RV-2025-017": "a lot number: whoever holds a vial must be able to ask what became of its lot",
    "04006381333931": "a GTIN: the same",
    "USD": "the symbol of the demo's token",
}

# Elements of FHIR and of plans whose text may tell whom or what; `system`, `use`, `status` and the like name
# vocabularies.
TELLING = {
    "id",
    "value",
    "reference",
    "display",
    "text",
    "family",
    "given",
    "birthDate",
    "code",
    "name",
    "fullUrl",
    "salt",
}
# Codings of these say how a form is to be read, not what is wrong with somebody.
FORM = re.compile(r"http://(terminology\.hl7\.org|hl7\.org/fhir/resource-types)")


# ---- what went in ----


def tokens() -> set[str]:
    """Every telling text of the files that the demo reads."""
    found: set[str] = set(SPOKEN)
    for name in FHIR:
        text = (EXAMPLES / name).read_text()
        for document in (
            [json.loads(line) for line in text.splitlines()] if name.endswith("ndjson") else [json.loads(text)]
        ):
            found |= _telling(document)
    serial = re.search(r"Serial: (\S+)", (EXAMPLES / "qtag-excursion.txt").read_text())
    return (found | {serial[1]}) - set(PUBLIC)


def _telling(value, key="") -> set[str]:
    if isinstance(value, list):
        return set().union(*(_telling(item, key) for item in value)) if value else set()
    if isinstance(value, dict):
        if FORM.match(str(value.get("system", ""))):
            return set()
        return set().union(*(_telling(item, name) for name, item in value.items()))
    return {value} if key in TELLING and isinstance(value, str) else set()


def needles(token: str) -> dict[str, bytes]:
    """How a text may be written on a chain, by name.

    Of a short one only what cannot be chance: some hundred thousand random bytes lie there.
    """
    raw = token.encode()
    length = len(raw).to_bytes(32)
    padded = raw.ljust((len(raw) + 31) // 32 * 32, b"\0")
    forms = {
        "bytes32": raw.ljust(32, b"\0"),
        "string": length + padded,
        "number of the text": raw.rjust(32, b"\0"),
        "keccak256": keccak(raw),
        "sha256": sha256(raw).digest(),
        "stored string": raw.ljust(31, b"\0") + bytes([2 * len(raw)]) if len(raw) < 32 else padded,
    }
    if len(raw) >= 6:
        forms |= {"text": raw, "hex text": raw.hex().encode()}
    if re.fullmatch(r"0x[0-9a-f]{64}", token):
        forms["bytes"] = bytes.fromhex(token[2:])
    if re.fullmatch(r"\d{4}-\d\d-\d\d", token):
        forms["day"] = (dt.date.fromisoformat(token) - dt.date(1970, 1, 1)).days.to_bytes(32)
    digits = re.sub(r"\D", "", token)
    if re.fullmatch(r"[\d-]+", token):
        number = int(digits)
        forms["number"] = number.to_bytes(32)
        if number >= 1 << 24:
            forms["packed number"] = number.to_bytes(8).lstrip(b"\0").rjust(5, b"\0")
        if len(digits) >= 8:
            forms["digits"] = bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0")).rjust(5, b"\0")
    return forms


# Small numbers that the contracts hold for reasons of their own: codes as short as these are searched as text alone.
SMALL = 1 << 16


# ---- what is on the chain ----


@dataclass(frozen=True)
class Evidence:
    """All that a chain shows: where, and the bytes; and who sent what to whom."""

    seen: tuple[tuple[str, bytes], ...]
    transactions: tuple[dict, ...]  # each with its logs


def evidence(node, since=0) -> Evidence:
    """Everything in the blocks from `since` on, and in storage and code now."""
    w3 = Web3(HTTPProvider(node.url))
    seen, transactions = [], []
    for number in range(since, w3.eth.block_number + 1):
        for tx in w3.eth.get_block(number, full_transactions=True)["transactions"]:
            logs = w3.eth.get_transaction_receipt(tx["hash"])["logs"]
            transactions.append({**tx, "logs": logs})
            where = f"transaction {tx['hash'].to_0x_hex()}"
            seen.append((f"{where}, calldata", bytes(tx["input"])))
            for log in logs:
                seen += [(f"{where}, topic", bytes(topic)) for topic in log["topics"]]
                seen.append((f"{where}, event data", bytes(log["data"])))
    state = node.request("anvil_dumpState")
    accounts = json.loads(gzip.decompress(bytes.fromhex(state[2:])))["accounts"]
    for address, account in accounts.items():
        seen.append((f"code of {address}", bytes.fromhex(account["code"][2:])))
        for slot, value in account["storage"].items():
            at = f"storage of {address} at {slot}"
            seen.append((at, _word(slot)))
            seen.append((at, _word(value)))
    return Evidence(tuple(seen), tuple(transactions))


def _word(text: str) -> bytes:
    return int(text, 16).to_bytes(32)


def search(seen, words) -> set[tuple[str, str, str]]:
    """(token, form, where) of everything that is found."""
    # One haystack, for speed; no needle is as long as the fence, so none can span two pieces.
    fence = b"\xfe\x01" * 256
    whole = fence.join(piece for _, piece in seen)
    found = set()
    for token in words:
        for form, needle in needles(token).items():
            if form == "number" and int.from_bytes(needle) < SMALL:
                continue
            if needle in whole:
                found |= {(token, form, where) for where, piece in seen if needle in piece}
    return found


# ---- the story ----


@dataclass(frozen=True)
class Story:
    node: LocalNode
    printed: str
    shown: Evidence
    accounts: dict[str, str]  # of the patient, by the institution that each is for
    book: dict[str, str]
    public: set[str]  # accounts of institutions, contracts and payers, in lower case


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("privacy") / "demo"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SALUS_")}
    with LocalNode("anvil", chain_id=CHAIN) as node:
        words = [sys.executable, "-m", "scripts.demo", "--rpc", node.url, "--out", str(folder)]
        # What the environment says of another deployment must not reach this one.
        told = clean | {"ACCOUNT": "of-another-deployment", "SETUP": "of-another-deployment.toml"}
        played = subprocess.run(words, env=told, cwd=ROOT, capture_output=True, text=True, timeout=400)
        assert played.returncode == 0, played.stderr[-2000:] or played.stdout[-2000:]
        (book,) = (folder / "deployments").glob(f"{CHAIN}-*.json")
        own = clean | {
            "SALUS_RPC": node.url,
            "SALUS_BOOK": str(book),
            "SALUS_HOME": str(folder / "patient"),
            "SALUS_PASSWORD": (folder / "password").read_text(),
        }

        def account(relation):
            words = [sys.executable, "-m", "salus.cli", "wallet", "address", relation, "--json"]
            done = subprocess.run(words, env=own, cwd=folder, capture_output=True, text=True, check=True)
            return json.loads(done.stdout)["address"].lower()

        accounts = {name: account(name) for name in ("city-hospital", "north-mutual")}
        shown = evidence(node)
        contracts = {name: entry["address"] for name, entry in json.loads(book.read_text())["contracts"].items()}
        public = {tx["from"].lower() for tx in shown.transactions} | {
            str(tx["to"] or tx.get("contractAddress") or "").lower() for tx in shown.transactions
        }
        public |= {address.lower() for address in contracts.values()} - {""}
        yield Story(node, played.stdout, shown, accounts, contracts, public)


def test_the_demo_was_seen_whole(story):
    """What is public by design is found: the search reaches calldata, events and storage."""
    found = search(story.shown.seen, PUBLIC)
    assert {token for token, _, _ in found} == set(PUBLIC)
    kinds = {re.search(r"calldata|topic|event data|storage|code", where)[0] for where, _ in story.shown.seen}
    assert kinds == {"calldata", "topic", "event data", "storage", "code"}
    assert len(story.shown.transactions) > 40


def test_U4_the_demo_does_not_look_for_an_account_that_is_for_another_deployment(story):
    assert "handing the powers" in story.printed
    assert "of-another-deployment" not in story.printed


def test_the_readme_shows_what_the_demo_prints(story):
    (block,) = (block for block in blocks(ROOT / "README.md") if "test_privacy" in block.reason)
    found = difference("\n".join(("…", *block.lines)), story.printed)
    assert not found, found


def test_what_is_searched_for_is_there_to_be_lost():
    """The files do hold what must not get out: of each kind one, by its known text."""
    known = tokens()
    for token in ("Patient/patient-1", "CH-2025-0001", "claim-1", "185349003", "140", "Encounter for check up"):
        assert token in known
    assert {"Okafor", "Amara", "1984-02-29"} <= known
    assert not known & set(PUBLIC)


def test_nothing_that_went_in_is_on_the_chain(story):
    """Requirement 30."""
    assert search(story.shown.seen, tokens()) == set()


# ---- one patient, two institutions ----


def test_the_patient_never_pays_and_is_never_paid_for(story):
    """No sender, and no funder, tells that two accounts are one person's: they have neither."""
    w3 = Web3(HTTPProvider(story.node.url))
    for account in map(Web3.to_checksum_address, story.accounts.values()):
        assert (w3.eth.get_balance(account), w3.eth.get_transaction_count(account)) == (0, 0)
        assert not any(account in (tx["from"], tx["to"]) for tx in story.shown.transactions)


def test_no_identifier_is_shared_between_two_institutions(story):
    """TC11, requirement 32: what is seen with one account and with the other is public, or a small number."""
    one, other = (bytes.fromhex(account[2:]) for account in story.accounts.values())
    assert one != other
    with_one, with_other = mentions(story, one), mentions(story, other)
    assert with_one and with_other, "both accounts were used"
    assert not {tx["hash"] for tx in with_one} & {tx["hash"] for tx in with_other}
    assert shared(story, with_one, with_other) == set()


def mentions(story, account: bytes) -> list[dict]:
    return [tx for tx in story.shown.transactions if any(account in piece for piece in pieces(tx))]


def pieces(tx) -> list[bytes]:
    logs = [part for log in tx["logs"] for part in (*map(bytes, log["topics"]), bytes(log["data"]))]
    return [bytes(tx["input"]), *logs]


def shared(story, with_one, with_other) -> set[str]:
    """Words that both footprints have, without those that tell nothing about who is behind them."""
    both = words(with_one) & words(with_other)
    return {word.hex() for word in both if not _tells_nothing(story, word)}


def words(transactions) -> set[bytes]:
    """All 32-byte words of calldata (after the selector), topics and event data, and who sent each."""
    found = set()
    for tx in transactions:
        calldata, *logged = pieces(tx)
        for piece in (calldata[4:], *logged):
            found |= {piece[i : i + 32].ljust(32, b"\0") for i in range(0, len(piece), 32)}
        found.add(bytes.fromhex(tx["from"][2:]).rjust(32, b"\0"))
    return found


def _tells_nothing(story, word: bytes) -> bool:
    number = int.from_bytes(word)
    # Times, places, amounts, effects and bit sets: what anybody may say. Offsets and lengths of the ABI.
    if number < 1 << 56:
        return True
    # The last byte of a signature, 27 or 28, which its padding makes a word of.
    if word.rstrip(b"\0") in (b"\x1b", b"\x1c"):
        return True
    # Institutions, contracts and those who relay for everybody.
    if number < 1 << 160 and "0x" + word[12:].hex() in story.public:
        return True
    # Names of events, which all of their kind share.
    return word in {bytes(log["topics"][0]) for tx in story.shown.transactions for log in tx["logs"]}


def test_a_shared_identifier_would_be_seen(story):
    """The comparison can fail: one secret word said with both accounts is found."""
    one, other = (bytes.fromhex(account[2:]) for account in story.accounts.values())
    secret = keccak(text="the same salt twice")

    def with_secret(tx):
        return {**tx, "input": bytes(tx["input"]) + secret}

    offset = (-len(bytes(mentions(story, one)[0]["input"])[4:])) % 32
    assert offset == 0
    found = shared(story, [with_secret(mentions(story, one)[0])], [with_secret(mentions(story, other)[0])])
    assert secret.hex() in found


# ---- the search can fail ----


def test_everything_planted_is_found(story):
    """Each token, in calldata, in an event and in storage, of this very chain; the search without them was empty."""
    w3 = Web3(HTTPProvider(story.node.url))
    since = w3.eth.block_number + 1
    payer = w3.eth.accounts[0]
    abi = json.loads((ROOT / "build" / "contracts" / "ConsentRegistry.json").read_text())["abi"]
    consents = w3.eth.contract(address=story.book["ConsentRegistry"], abi=abi)
    build = json.loads((ROOT / "build" / "contracts" / "TestToken.json").read_text())
    plain = {"from": payer, "gasPrice": w3.eth.gas_price}

    planted = defaultdict(set)
    for token in sorted(tokens()):
        for form, needle in needles(token).items():
            w3.eth.send_transaction({**plain, "to": payer, "data": b"\x11\x22\x33\x44" + needle})
            planted["calldata"].add((token, form))
        document = keccak(text=token)
        grantee = Account.create().address
        terms = pack(effect=1, purposes=1, categories=1, end=2**40 - 1)
        consents.functions.grant(grantee, terms, document).transact(plain)
        planted["event data"].add((token, "keccak256"))
    factory = w3.eth.contract(abi=build["abi"], bytecode=build["bytecode"])
    factory.constructor("Encounter for check up", "CH-2025-0001", 6).transact(plain)
    planted["storage"] = {("Encounter for check up", "text"), ("CH-2025-0001", "stored string")}

    found = defaultdict(set)
    for token, form, where in search(evidence(story.node, since).seen, tokens()):
        found[re.search(r"calldata|event data|storage|code|topic", where)[0]].add((token, form))
    small = {(token, "number") for token in tokens() if token.isdigit() and int(token) < SMALL}
    for kind, expected in planted.items():
        assert expected - small <= found[kind], kind
