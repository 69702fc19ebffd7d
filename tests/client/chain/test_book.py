"""The address book: read strictly, and checked against the node."""

import json

import pytest

from salus import Salus
from salus.abi import decoding
from salus.chain.book import CONTRACTS, LIBRARIES, Book, abi_hash
from salus.errors import BadInput, NotDeployed, Unreachable, WrongChain

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def book(**changes):
    entry = {"address": ADDRESS, "block": 4, "args": [], "abiHash": "0x" + "1" * 64, "codeHash": "0x" + "2" * 64}
    return {"chainId": 31337, "contracts": {"Plans": {**entry, **changes}}}


def test_a_book_is_read(tmp_path):
    file = tmp_path / "31337.json"
    file.write_text(json.dumps(book()))
    read = Book.load(file)
    assert (read.chain_id, read["Plans"].address, read["Plans"].block, read.path) == (31337, ADDRESS, 4, str(file))
    assert Book.from_json(read.to_json()).to_json() == book()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "b.json: is no address book"),
        ({"contracts": {}}, "b.json: chainId: is None"),
        ({"chainId": True, "contracts": {}}, "b.json: chainId: is True"),
        ({"chainId": 0, "contracts": {}}, "b.json: chainId: is 0"),
        ({"chainId": 1, "contracts": {}}, "b.json: contracts: is missing or empty"),
        ({"chainId": 1, "contracts": {"Plans": 1}}, "b.json: contracts.Plans: must be an object"),
        (book(address="0x12"), "b.json: contracts.Plans.address: is '0x12'"),
        (book(address=ADDRESS.replace("F", "f")), "b.json: contracts.Plans.address: .* has a wrong checksum"),
        (book(block=-1), "b.json: contracts.Plans.block: is -1"),
        (book(block="4"), "b.json: contracts.Plans.block: is '4'"),
        (book(args={}), "b.json: contracts.Plans.args: must be a list"),
        (book(codeHash="0x12"), "b.json: contracts.Plans.codeHash: is '0x12'"),
        (book(abiHash=5), "b.json: contracts.Plans.abiHash: is 5"),
    ],
)
def test_what_is_no_book_is_refused_by_field(data, said):
    with pytest.raises(BadInput, match=said):
        Book.from_json(data, "b.json")


@pytest.mark.parametrize("text", ["", "{", '{"chainId": NaN}', '{"chainId": 1, "chainId": 2}', "\udcff", "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path, text):
    file = tmp_path / "31337.json"
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(BadInput, match="31337.json"):
        Book.load(file)


def test_a_book_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"nothing\.json"):
        Book.load(tmp_path / "nothing.json")


def test_a_contract_that_the_book_lacks_is_named():
    with pytest.raises(BadInput, match="b.json: contracts: has no Treasury"):
        Book.from_json(book(), "b.json")["Treasury"]


def test_the_abi_hash_is_that_of_the_deployment(deployed_chain):
    for name in ("Institutions", "ConsentRegistry", "ColdChain"):
        assert deployed_chain.book[name].abi_hash == abi_hash(decoding.load_abi(name))


# ------------------------------------------------------------------------------------------------- against the node


def changed(deployed_chain, name="Plans", chain_id=None, **changes):
    document = deployed_chain.book.to_json()
    document["contracts"][name].update(changes)
    document["chainId"] = chain_id or document["chainId"]
    return Book.from_json(document)


def test_a_client_connects_where_everything_fits(deployed_chain):
    client = Salus.connect(deployed_chain.url, book=deployed_chain.book_path)
    assert (client.chain_id, client.signer) == (31337, None)


def genesis_of(deployed_chain):
    return deployed_chain.w3.eth.get_block(0)["hash"].hex().removeprefix("0x")[:8]


def test_U2_the_default_book_is_that_of_the_chain_with_this_first_block(deployed_chain, tmp_path, monkeypatch):
    folder = tmp_path / "deployments"
    folder.mkdir()
    right, other = (folder / f"31337-{first}.json" for first in (genesis_of(deployed_chain), "00000000"))
    right.write_text(deployed_chain.book_path.read_text())
    for wrong in (other, folder / "31337.json"):
        wrong.write_text(json.dumps(changed(deployed_chain, address="0x5f" + "1" * 38).to_json()))
    monkeypatch.chdir(tmp_path)
    assert Salus.connect(deployed_chain.url).book.path == f"deployments/{right.name}"


def test_U2_a_book_of_the_earlier_name_is_still_read(deployed_chain, tmp_path, monkeypatch):
    (tmp_path / "deployments").mkdir()
    (tmp_path / "deployments" / "31337.json").write_text(deployed_chain.book_path.read_text())
    monkeypatch.chdir(tmp_path)
    assert Salus.connect(deployed_chain.url).book.path == "deployments/31337.json"


def test_without_any_book_it_says_so(deployed_chain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"deployments/31337-{genesis_of(deployed_chain)}.json"
    with pytest.raises(BadInput, match=f"{name}: there is no address book for chain 31337"):
        Salus.connect(deployed_chain.url)


def test_another_chain_is_refused(deployed_chain):
    with pytest.raises(WrongChain, match="the node is on chain 31337, address book is for chain 1;"):
        Salus.connect(deployed_chain.url, book=changed(deployed_chain, chain_id=1))


def test_an_address_without_code_is_refused(deployed_chain):
    with pytest.raises(NotDeployed, match="Plans is not at 0x5[fF]1+ on chain 31337: there is no code"):
        Salus.connect(deployed_chain.url, book=changed(deployed_chain, address="0x5f" + "1" * 38))


def test_other_code_is_refused(deployed_chain):
    other = deployed_chain.book["Treasury"].address
    with pytest.raises(NotDeployed, match=f"the code at {other} is not that of Plans"):
        Salus.connect(deployed_chain.url, book=changed(deployed_chain, address=other))


def test_the_code_of_a_library_is_looked_at_too(deployed_chain):
    """What a shipment's readings are judged by is no contract that anybody calls."""
    assert set(LIBRARIES) <= set(deployed_chain.book.contracts) <= {*CONTRACTS, *LIBRARIES}
    other = deployed_chain.book["Treasury"].address
    with pytest.raises(NotDeployed, match=f"the code at {other} is not that of TemperatureRules"):
        Salus.connect(deployed_chain.url, book=changed(deployed_chain, "TemperatureRules", address=other))


def test_a_book_from_before_libraries_were_listed_is_taken(deployed_chain):
    document = deployed_chain.book.to_json()
    for name in LIBRARIES:
        del document["contracts"][name]
    client = Salus.connect(deployed_chain.url, book=Book.from_json(document))
    assert client.coldchain.shipments(bytes(32)) == []


def test_another_version_is_refused(deployed_chain):
    with pytest.raises(NotDeployed, match="is another version than this client knows"):
        Salus.connect(deployed_chain.url, book=changed(deployed_chain, abiHash="0x" + "0" * 64))


@pytest.mark.parametrize(
    "url", ["", "localhost", "ftp://x", "http://", "ws://127.0.0.1:1", "http://[::1", "http://x:99999"]
)
def test_what_is_no_address_of_a_node_is_refused(deployed_chain, url):
    with pytest.raises(BadInput, match="--rpc: .* is not the address of a node"):
        Salus.connect(url, book=deployed_chain.book)


def test_where_nothing_listens_it_says_so(deployed_chain):
    with pytest.raises(
        Unreachable,
        match="no node answers at http://127.0.0.1:9 while asking for the chain: the connection is refused; start",
    ):
        Salus.connect("http://127.0.0.1:9", book=deployed_chain.book)
