"""The edge of a rule, to the second: what a contract would answer in a block whose time the test has chosen.

A transaction's block has the time that the node gives it; a call sees the time of the latest block, which a test can
mine at any second that lies ahead. So a rule about time is asked one second before, at and after its limit.
"""

from contextlib import contextmanager
from functools import cache

import pytest
from brownie import chain, project, web3
from eth_abi import decode
from eth_utils import keccak

from tests.support.errors import error

PASSED = None


def now() -> int:
    """The latest block's time, which is what a call sees."""
    return web3.eth.get_block("latest")["timestamp"]


def at(second: int) -> None:
    """Mine a block at this second."""
    chain.mine(timestamp=second)
    assert now() == second


def refusal(method, *args, sender) -> str | None:
    """How a message would be refused at the latest block, spelled as ``tests.errors.error`` does; ``PASSED`` when
    not.
    """
    message = {"from": str(sender), "to": method._address, "data": method.encode_input(*args)}
    answer = web3.provider.make_request("eth_call", [message, "latest"])
    if "error" not in answer:
        return PASSED
    raw = _revert_data(answer["error"])
    if raw[:4] in _errors():
        name, types = _errors()[raw[:4]]
        return error(name, *decode(types, raw[4:]))
    return f"no error that any contract declares: 0x{raw.hex()} {answer['error']}"


def _revert_data(trouble: dict) -> bytes:
    """What the contract reverted with; anvil gives it as it is, ganache by the transaction's hash."""
    data = trouble.get("data")
    if isinstance(data, dict):
        data = next((part["reason"] for part in data.values() if isinstance(part, dict) and "reason" in part), None)
    return bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""


@cache
def _errors() -> dict[bytes, tuple[str, list[str]]]:
    """Name and types of every custom error of the project, by its selector."""
    found = {}
    for container in project.get_loaded_projects()[0]:
        for entry in container.abi:
            if entry["type"] == "error":
                types = [field["type"] for field in entry["inputs"]]
                found[keccak(text=f"{entry['name']}({','.join(types)})")[:4]] = (entry["name"], types)
    return found


@contextmanager
def forked(chain_id: int):
    """The chain as it would be after a fork with another id; only anvil can show it."""
    if "anvil" not in web3.client_version.lower():
        pytest.skip("this node cannot change its chain's id")
    before = web3.eth.chain_id
    web3.provider.make_request("anvil_setChainId", [chain_id])
    try:
        yield
    finally:
        web3.provider.make_request("anvil_setChainId", [before])


def set_code(account, code: str) -> None:
    """Put code at an account that has a key, as an EIP-7702 delegation does."""
    for method in ("anvil_setCode", "evm_setAccountCode"):
        if "error" not in web3.provider.make_request(method, [str(account), code]):
            return
    raise RuntimeError("this node cannot put code at an account")
