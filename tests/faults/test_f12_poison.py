"""F12, F19: what is at an address of the book emits what the ABI does not know, or is no longer what was deployed."""

import json

import pytest
from eth_abi.abi import encode

from salus.abi import decoding
from salus.errors import IndexTrouble, NotDeployed
from salus.index._rows import misfit
from salus.index._status import read_status
from tests.support.log_emitter import LOTS, REGISTRY, count, differences, word

GRANTED = decoding.event_topic("ConsentRegistry", "ConsentGranted")
PROFILE = decoding.event_topic("Lots", "ProfileRegistered")
BIG = (1 << 256) - 1

# Topics, data, the contract, and what is said of it.
POISON = {
    "an unknown topic": ([word(1)], b"", REGISTRY, "no event that the ABI knows"),
    "no topic": ([], b"\xff" * 40, REGISTRY, "no topic"),
    "four topics": ([GRANTED, word(1), word(2), word(3)], bytes(64), REGISTRY, "3 indexed values instead of 2"),
    "fewer topics": ([GRANTED, word(1)], bytes(64), REGISTRY, "1 indexed values instead of 2"),
    "an address of 256 bits": ([GRANTED, word(BIG), word(2)], bytes(64), REGISTRY, "not as the ABI says"),
    "too little data": ([GRANTED, word(1), word(2)], bytes(63), REGISTRY, "not as the ABI says"),
    "no data": ([GRANTED, word(1), word(2)], b"", REGISTRY, "not as the ABI says"),
    "an offset beyond everything": ([PROFILE, word(1)], word(BIG), LOTS, "not as the ABI says"),
    "a length beyond everything": ([PROFILE, word(1)], word(32) + word(BIG) * 8, LOTS, "not as the ABI says"),
    "text that is none": ([PROFILE, word(1)], word(32) + b"\xed\xa0\x80\0\xff" * 200, LOTS, "not as the ABI says"),
    "100 kB": ([word(5)], b"\xc3\x28" * 50_000, REGISTRY, "no event that the ABI knows"),
}


@pytest.mark.parametrize("kind", POISON)
def test_f12_poison_is_put_aside_and_what_follows_is_indexed(log_emitter, kind):
    topics, data, where, said = POISON[kind]
    log_emitter.grant()
    log_emitter.emit(topics, data, to=where)
    log_emitter.grant()
    with log_emitter.indexer() as indexer:
        report = indexer.sync()
        assert (report.events, report.quarantined, report.block) == (2, 1, log_emitter.head)
        with indexer.store.reading() as connection:
            row = connection.exec_driver_sql("SELECT data, contract, reason FROM quarantine").one()
        assert (row.data, row.contract) == (data, "ConsentRegistry" if where == REGISTRY else "Lots")
        assert said in row.reason
        assert read_status(indexer.store, log_emitter.book).quarantined == {row.contract: {row.reason: 1}}
        assert differences(indexer, log_emitter.fresh()) == []


def test_f12_values_at_the_edge_are_events_and_come_back_whole(log_emitter):
    log_emitter.emit([GRANTED, word((1 << 160) - 1), word(0)], word(BIG) + word(BIG))
    with log_emitter.indexer() as indexer:
        assert indexer.sync().events == 1
        with indexer.store.reading() as connection:
            (row,) = indexer.store.find(connection, "ConsentRegistry", [GRANTED], 0)
    name, args = decoding.decode_event("ConsentRegistry", [row.topic0, row.topic1, row.topic2], row.data)
    assert (name, args["patient"].lower(), args["issuedAt"], args["document"]) == (
        "ConsentGranted",
        "0x" + "ff" * 20,
        (1 << 40) - 1,
        b"\xff" * 32,
    )


def test_f12_a_block_where_good_and_bad_are_mixed(log_emitter):
    log_emitter.node.request("evm_setAutomine", False)
    first = log_emitter.nonce()
    logs = [(log_emitter.grant_topics(), bytes(64)) if n % 3 else ([word(n)], b"x") for n in range(12)]
    for n, (topics, data) in enumerate(logs):
        log_emitter.node.request("eth_sendRawTransaction", log_emitter.raw(topics, data, nonce=first + n))
    log_emitter.node.request("evm_mine")
    log_emitter.node.request("evm_setAutomine", True)
    with log_emitter.indexer() as indexer:
        report = indexer.sync()
        assert (report.events, report.quarantined) == (8, 4)
        with indexer.store.reading() as connection:
            rows = connection.exec_driver_sql("SELECT log_index FROM events ORDER BY 1").scalars().all()
        assert rows == [n for n in range(12) if n % 3]


def test_f12_the_quick_look_never_passes_what_decoding_refuses():
    """Every event of every ABI, its right encoding damaged in each of its bits' neighbourhoods."""
    looked = 0
    for contract in decoding.abi_names():
        for topic, entry in decoding.events_of(contract).items():
            indexed = [part for part in entry["inputs"] if part["indexed"]]
            types = [decoding.type_name(part) for part in entry["inputs"] if not part["indexed"]]
            topics = [topic, *(word(1) if part["type"] in ("address", "bool") else bytes(32) for part in indexed)]
            for data in _variants(types):
                for some in (topics, [topic, *[word(BIG)] * len(indexed)]):
                    try:
                        decoding.decode_event(contract, some, data)
                        fine = True
                    except ValueError:
                        fine = False
                    assert (misfit(contract, some, data) == "") == fine, (contract, entry["name"], data.hex())
                    looked += 1
    assert looked > 1000


def _variants(types):
    data = encode(types, [_least(kind) for kind in types])
    yield data
    yield data + bytes(32)
    yield data[:-1]
    for place in range(0, len(data), 32):
        for value in (1, BIG, 1 << 255, 1 << 160, 1 << 40):
            yield data[:place] + word(value) + data[place + 32 :]


def _least(kind):
    if kind.endswith("[]"):
        return [_least(kind[:-2])] * 2
    if kind.startswith("("):
        parts, depth, start = [], 0, 1
        for at, letter in enumerate(kind[1:-1], 1):
            depth += (letter == "(") - (letter == ")")
            if letter == "," and not depth:
                parts.append(kind[start:at])
                start = at + 1
        return tuple(_least(part) for part in [*parts, kind[start:-1]])
    if kind.startswith(("uint", "int")):
        return 0
    return {"address": "0x" + "00" * 20, "bool": False, "string": "", "bytes": b""}.get(kind, b"")


# ------------------------------------------------------------------------------------------------------------------ F19


def test_f19_another_code_at_an_address_stops_it(log_emitter):
    log_emitter.grants(2)
    with log_emitter.indexer() as indexer:
        indexer.sync()
        log_emitter.grant()
        log_emitter.node.request("anvil_setCode", REGISTRY, "0x6000")
        with pytest.raises(NotDeployed, match="is not that of ConsentRegistry.*nothing more is indexed"):
            indexer.sync()
        log_emitter.node.request("anvil_setCode", REGISTRY, "0x")
        with pytest.raises(NotDeployed, match="there is no code"):
            indexer.sync()
        assert count(indexer) == 2


def test_f19_an_index_of_another_book_is_refused(log_emitter, tmp_path):
    log_emitter.grant()
    with log_emitter.indexer() as indexer:
        indexer.sync()
    contracts = dict(log_emitter.book.contracts)
    del contracts["Lots"]
    log_emitter.book = type(log_emitter.book)(log_emitter.book.chain_id, contracts, log_emitter.book.path)
    with log_emitter.indexer() as indexer:
        with pytest.raises(IndexTrouble, match="Lots is in it and not in the book; build it anew"):
            indexer.sync()
        indexer.rebuild()
        assert json.loads(json.dumps(read_status(indexer.store, log_emitter.book, log_emitter.node.url).events)) == {
            "ConsentRegistry": {"ConsentGranted": 1}
        }
