"""The noun doctor of the command line: each part fine and broken, what to do, and that no broken part hides another."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from salus.chain import checks as chain_checks
from salus.chain.local_node import LocalNode
from salus.errors.checks import Check, Level, checked
from salus.keys.wallet import Wallet
from tests.cli.test_outbox import scattered
from tests.support.commands import PASSWORD
from tests.support.fault_proxy import FaultProxy
from tests.support.old_wallets import ACCOUNTS, write_old_wallet

__all__ = ["scattered"]  # a fixture

PARTS = {"node", "clock", "book", "contracts", "wallet", "index", "outbox"}
# Other tests move the clock of the chain that all share.
MOVED = {"clock"}


@pytest.fixture
def doctor(run, tmp_path, monkeypatch):
    """Run it outside of a checkout; its exit code and what it found, by part."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SALUS_PASSWORD")  # none is needed

    def doctor(*words):
        result = run("doctor", *words, "--json")
        found = {}
        for row in result.json():
            assert list(row) == ["part", "state", "found", "todo"]
            assert (row["todo"] is None) == (row["state"] == "ok"), row
            found.setdefault(row["part"], []).append(row)
        return result.code, found

    return doctor


def states(found):
    return {part: [row["state"] for row in rows] for part, rows in found.items()}


def test_everything_is_fine(doctor, deployed_chain, wallet):
    code, found = doctor()
    assert code == 0 and set(found) >= PARTS
    assert {state for part, some in states(found).items() if part not in MOVED for state in some} == {"ok"}
    assert f"chain {deployed_chain.node.chain_id}, block " in found["node"][0]["found"]
    assert f"{deployed_chain.book_path}: " in found["book"][0]["found"]
    assert found["wallet"][0]["found"] == str(wallet.path)


def test_it_is_a_table_for_people(run, deployed_chain, wallet):
    rows = [line.split("\t") for line in run("doctor").out.splitlines()]
    assert rows[0] == ["part", "state", "found", "what to do"] and {row[0] for row in rows[1:]} >= PARTS


def test_no_password_is_asked_and_no_key_is_derived(doctor, deployed_chain, wallet, monkeypatch):
    monkeypatch.setattr("hashlib.scrypt", None)
    assert doctor()[0] == 0


# ---------------------------------------------------------------------------------------------------------- the node


def test_without_a_node_the_other_parts_are_told(doctor, wallet, scattered):
    code, found = doctor("--rpc", "http://127.0.0.1:9")
    assert code == 1
    assert found["node"][0] | {"found": ""} == {
        "part": "node",
        "state": "fail",
        "found": "",
        "todo": "start one with `salus chain up` or name another with --rpc",
    }
    assert states(found) == {
        "node": ["fail"],
        "book": ["warn"],
        "wallet": ["ok"],
        "index": ["ok"],
        "outbox": ["warn"],
    }
    assert "not compared, for no node answers" in found["book"][0]["found"]


def test_without_a_node_and_a_book_it_says_what_it_cannot_know(doctor, wallet, monkeypatch):
    monkeypatch.delenv("SALUS_BOOK")
    _, found = doctor("--rpc", "http://127.0.0.1:9")
    assert found["book"][0]["found"] == "which one is meant depends on the node's chain"
    assert found["index"][0]["found"] == "which one is meant depends on the address book"


@pytest.mark.parametrize("mode", ["html", "truncate", "5xx"])
def test_a_node_that_speaks_nonsense_is_told(doctor, deployed_chain, wallet, mode):
    with FaultProxy(deployed_chain.url) as proxy:
        for method in ("eth_getBlockByNumber", "web3_clientVersion", "eth_chainId"):
            proxy.spoil(method, mode)
        code, found = doctor("--rpc", proxy.url)
    assert (code, states(found)["node"]) == (1, ["fail"])
    assert "Traceback" not in str(found)


def test_an_address_that_is_none_is_told(doctor, wallet):
    code, found = doctor("--rpc", "ftp://nowhere")
    assert code == 1 and "is not the address of a node" in found["node"][0]["found"]


def test_a_chain_whose_clock_is_ahead_is_told(doctor, deployed_chain, wallet):
    with LocalNode(timestamp=int(time.time()) + 90 * 86_400) as node:
        code, found = doctor("--rpc", node.url)
    assert states(found)["clock"] == ["warn"] and "ahead of this machine" in found["clock"][0]["found"]
    assert code == 1  # the book's contracts are not there
    assert set(states(found)) >= {"AccessManager", "Institutions", "ClaimDesk", "ColdChain"}


def test_a_chain_that_stands_still_is_told_unless_it_makes_blocks_on_demand(deployed_chain):
    node = chain_checks.read_node(deployed_chain.url)
    assert node.local
    old = replace(node, at=int(time.time()) - 3600)
    assert [check.level for check in chain_checks._of_node(old)] == [Level.OK, Level.OK]
    still, clock = chain_checks._of_node(replace(old, client="Geth/v1.13.15", syncing=True))
    assert (still.level, clock.level) == (Level.WARN, Level.WARN)
    assert "still catching up" in still.found and "s ago" in clock.found


# ---------------------------------------------------------------------------------------------------------- the book


def test_a_book_that_is_not_there_is_told(doctor, wallet, tmp_path):
    code, found = doctor("--book", tmp_path / "none.json")
    assert (code, states(found)["book"], states(found)["index"]) == (1, ["fail"], ["warn"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"chainId": "x"}', '{"chainId": 1, "contracts": {}}', "\0"])
def test_a_book_that_is_damaged_is_told(doctor, wallet, tmp_path, text):
    (tmp_path / "book.json").write_text(text)
    code, found = doctor("--book", tmp_path / "book.json")
    assert (code, states(found)["book"]) == (1, ["fail"])
    assert states(found)["wallet"] == ["ok"] and states(found)["outbox"] == ["ok"]


def test_a_book_of_another_chain_is_told(doctor, deployed_chain, wallet, tmp_path):
    document = json.loads(deployed_chain.book_path.read_text()) | {"chainId": 5}
    (tmp_path / "book.json").write_text(json.dumps(document))
    code, found = doctor("--book", tmp_path / "book.json")
    assert (code, states(found)["book"]) == (1, ["fail"]) and "contracts" not in found
    assert f"and the node is on chain {deployed_chain.node.chain_id}" in found["book"][0]["found"]


def test_each_contract_that_is_not_as_deployed_is_named(doctor, deployed_chain, wallet, tmp_path):
    document = json.loads(deployed_chain.book_path.read_text())
    document["contracts"]["Plans"]["address"] = "0x5F" + "1" * 38
    document["contracts"]["Lots"]["codeHash"] = "0x" + "1" * 64
    document["contracts"]["Doses"]["abiHash"] = "0x" + "1" * 64
    (tmp_path / "book.json").write_text(json.dumps(document).replace("0x5F1", "0x5f1"))
    code, found = doctor("--book", tmp_path / "book.json")
    assert code == 1 and "contracts" not in found
    wrong = {part for part, some in states(found).items() if "fail" in some}
    assert wrong == {"Plans", "Lots", "Doses"}
    assert all("deploy again" in found[part][0]["todo"] for part in wrong)


def test_a_book_of_an_earlier_version_is_told(doctor, deployed_chain, wallet, tmp_path):
    document = json.loads(deployed_chain.book_path.read_text())
    del document["contracts"]["Doses"]
    (tmp_path / "book.json").write_text(json.dumps(document))
    code, found = doctor("--book", tmp_path / "book.json")
    assert (code, states(found)["book"]) == (0, ["ok", "warn"]) and "has no Doses" in found["book"][1]["found"]


# ---------------------------------------------------------------------------------------------------------- the keys


def test_without_any_key_it_says_how_to_make_one(doctor):
    code, found = doctor()
    assert (code, states(found)["wallet"]) == (0, ["warn"])
    assert "salus wallet new" in found["wallet"][0]["todo"]


@pytest.fixture
def old_wallet():
    """A wallet of version 1, which has a keystore file for each account as well: its folder, and one of the files."""
    folder = write_old_wallet(Path(os.environ["SALUS_HOME"]) / "wallet")
    (folder / "keystores").mkdir(mode=0o700)
    keystore = folder / "keystores" / f"{ACCOUNTS['default']}.json"
    Wallet.open(folder, PASSWORD).export_to("default", keystore)
    return folder, keystore


def test_files_that_others_can_read_are_named(doctor, old_wallet):
    folder, keystore = old_wallet
    keystore.chmod(0o644)
    code, found = doctor()
    assert code == 1 and states(found)["wallet"] == ["ok", "fail", "warn"]
    assert found["wallet"][1] == {
        "part": "wallet",
        "state": "fail",
        "found": f"{keystore} can be read by others",
        "todo": f"run: chmod 600 {keystore}",
    }
    keystore.chmod(0o600)
    (folder / "vault.json").chmod(0o640)
    assert doctor()[1]["wallet"][0]["todo"] == f"run: chmod 600 {folder / 'vault.json'}"


def test_files_whose_names_tell_accounts_are_named(doctor, old_wallet):
    folder, keystore = old_wallet
    code, found = doctor()
    assert (code, states(found)["wallet"]) == (0, ["ok", "warn"])
    told = found["wallet"][1]
    assert f"1 files in {folder / 'keystores'} tell your accounts" in told["found"]
    assert f"remove {folder / 'keystores'}" in told["todo"]
    keystore.unlink()
    assert states(doctor()[1])["wallet"] == ["ok"]


def test_a_folder_that_others_can_write_to_is_named(doctor, wallet):
    wallet.path.chmod(0o770)
    code, found = doctor()
    assert code == 1 and found["wallet"][0]["todo"] == f"run: chmod 700 {wallet.path}"


@pytest.mark.parametrize("text", ["", "{", "[]", "\0", '{"crypto": 5}'])
def test_a_wallet_that_is_damaged_is_told(doctor, wallet, text):
    (wallet.path / "vault.json").write_text(text)
    code, found = doctor()
    assert (code, states(found)["wallet"], states(found)["node"]) == (1, ["fail"], ["ok"])


def test_a_keystore_of_an_old_wallet_that_is_damaged_is_told(doctor, old_wallet):
    old_wallet[1].write_text('{"crypto": 5}')
    code, found = doctor()
    assert code == 1 and states(found)["wallet"] == ["ok", "fail", "warn"]


@pytest.mark.parametrize("keystore", ["node:1", "node:999", "/nowhere.json"])
def test_the_signer_that_is_named_is_looked_at(doctor, deployed_chain, keystore):
    code, found = doctor("--keystore", keystore)
    assert (code, states(found)["keystore"]) == ((0, ["ok"]) if keystore == "node:1" else (1, ["fail"]))
    assert "wallet" not in found


# --------------------------------------------------------------------------------------------------------- the index


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "events.sqlite"
    monkeypatch.setenv("SALUS_INDEX", str(path))
    return path


def test_an_index_in_step_behind_and_parted(doctor, run, deployed_chain, wallet, path):
    assert run("index", "sync").code == 0
    assert doctor()[1]["index"][0]["found"] == f"{path}: in step"
    snapshot = deployed_chain.node.request("evm_snapshot")
    for _ in range(101):
        deployed_chain.node.request("evm_mine")
    code, found = doctor()
    assert (code, states(found)["index"]) == (0, ["warn"]) and "101 blocks behind" in found["index"][0]["found"]
    assert run("index", "sync").code == 0
    deployed_chain.node.request("evm_revert", snapshot)
    code, found = doctor()
    assert (code, states(found)["index"]) == (0, ["warn"]) and "salus index sync" in found["index"][0]["todo"]


@pytest.mark.parametrize("content", [b"", b"nonsense" * 1000, b"SQLite format 3\0" + bytes(4080)])
def test_an_index_that_is_none_is_told(doctor, wallet, path, content):
    path.write_bytes(content)
    code, found = doctor()
    assert states(found)["index"] in (["fail"], ["warn"]) and states(found)["wallet"] == ["ok"]
    assert code == (1 if states(found)["index"] == ["fail"] else 0)


def test_no_index_is_none_that_is_missing(doctor, wallet):
    code, found = doctor("--events", "none")
    assert (code, states(found)["index"]) == (0, ["ok"])


# ------------------------------------------------------------------------------------------------------- the outboxes


def test_what_is_open_in_an_outbox_is_told(doctor, run, hospital, scattered):
    code, found = doctor()
    assert (code, states(found)["outbox"]) == (0, ["warn"])
    assert found["outbox"][0]["found"].endswith(": 3 open") and "salus outbox resume" in found["outbox"][0]["todo"]


def test_an_outbox_of_a_chain_that_is_gone_is_told(doctor, deployed_chain, scattered):
    with LocalNode(timestamp=1_700_000_000, chain_id=deployed_chain.node.chain_id) as other:
        _, found = doctor("--rpc", other.url)
    assert "of a chain that was started again since" in found["outbox"][0]["found"]
    assert found["outbox"][0]["todo"].startswith("they can never be sent: remove ")


def test_an_outbox_that_is_damaged_is_told(doctor, wallet):
    folder = Path(os.environ["SALUS_HOME"]) / "outbox"
    folder.mkdir(mode=0o700)
    for name, content, mode in (("a", b"nonsense" * 600, 0o600), ("b", b"", 0o644)):
        (folder / f"{name}.sqlite").write_bytes(content)
        (folder / f"{name}.sqlite").chmod(mode)
    code, found = doctor()
    assert (code, states(found)["outbox"]) == (1, ["fail"] * 2)


# ---------------------------------------------------------------------------------------------- a check never fails


def test_a_mistake_in_one_check_is_a_finding_and_the_others_go_on(doctor, wallet, monkeypatch):
    import salus.outbox.checks

    def broken(*_):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(salus.outbox.checks, "outbox_folder", broken)
    code, found = doctor()
    assert code == 1
    assert found["outbox"][0]["found"] == "cannot be looked at: ZeroDivisionError: a mistake of ours"
    assert {state for part, some in states(found).items() if part not in {"outbox", *MOVED} for state in some} == {"ok"}


def test_ctrl_c_is_no_finding():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checked("part", interrupted, "")


def test_a_finding_keeps_what_to_do_apart():
    from salus.errors import BadInput

    error = BadInput("a.json", "", "is missing; name another")
    assert Check.of("part", error, "x") == Check("part", Level.FAIL, "a.json: is missing", "name another")
    plain = BadInput("a.json", "", "is missing")
    assert Check.of("part", plain, "x") == Check("part", Level.FAIL, "a.json: is missing", "x")


def test_a_wallet_of_a_new_user_is_fine(doctor, cheap, deployed_chain):
    Wallet.create(os.environ["SALUS_HOME"] + "/wallet", PASSWORD)
    assert doctor()[0] == 0
