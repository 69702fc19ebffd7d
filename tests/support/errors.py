"""How Brownie spells a contract's custom error, so that a test names the exact one: `reverts(error("NotOwed", id,
0))`.
"""

from eth_abi import encode
from eth_utils import keccak


def error(name: str, *args) -> str:
    """The text that Brownie makes of `revert Name(args)`.

    args  as the contract has them: numbers (an enumeration is its number), booleans, strings, addresses or accounts
          or contracts, and bytes32 as bytes or as 66 characters of hex.
    """
    return f"{name}: {', '.join(_spell(arg) for arg in args)}"


def _spell(arg) -> str:
    if hasattr(arg, "address"):
        arg = arg.address
    if isinstance(arg, str) and arg.startswith("0x"):
        if len(arg) == 42:
            return arg.lower()
        if len(arg) == 66:
            arg = bytes.fromhex(arg[2:])
    if isinstance(arg, bytes):
        return repr(bytes(arg))
    return str(arg)


def encoded(contract, name: str, *args) -> bytes:
    """The bytes with which a contract reverts with a custom error, or tells it in an event."""
    (entry,) = (each for each in contract.abi if (each["type"], each.get("name")) == ("error", name))
    types = [field["type"] for field in entry["inputs"]]
    return keccak(text=f"{name}({','.join(types)})")[:4] + encode(
        types, [str(a) if hasattr(a, "address") else a for a in args]
    )
