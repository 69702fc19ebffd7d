"""A node as web3 sees it, over the connection that the rest of this package uses."""

from __future__ import annotations

from typing import Any

from web3 import Web3
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers import JSONBaseProvider

from salus.chain.node import PATIENCE, Node
from salus.chain.rpc import Trouble

__all__ = ["NodeProvider", "open_node", "web3_of"]


def open_node(url: str, *, timeout: float = 30, patience: float = PATIENCE) -> Web3:
    """A node as web3 sees it; nothing is asked yet.

    Args:
        url: ``http://`` or ``https://``.
        timeout: Seconds for one answer.
        patience: Seconds for which what only reads is asked again where it fails in a way that may pass.

    Raises:
        BadInput: Not such an address.
    """
    return web3_of(Node(url, timeout=timeout, patience=patience))


def web3_of(node: Node) -> Web3:
    """web3 over a node's connection.

    Args:
        node: The node.
    """
    w3 = Web3(NodeProvider(node))
    # Chains with proof of authority have longer blocks' extra data than web3 accepts by itself.
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    # This one asks for the chain's id before every call; the client asks before it signs, which is when it matters.
    w3.middleware_onion.remove("validation")
    return w3


class NodeProvider(JSONBaseProvider):
    """Takes web3's questions to a :class:`~salus.chain.node.Node`.

    Attributes:
        node: The node.
        endpoint_uri: Its address without secrets; web3 prints it.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node, self.endpoint_uri = node, str(node.address)

    def make_request(self, method: Any, params: Any) -> Any:
        """One question; asked again where it only reads."""
        (answer,) = self.node.many([(method, params)])
        return _response(0, answer)

    def make_batch_request(self, requests: Any) -> Any:
        """Many questions in one message; asked again where all of them only read."""
        return [_response(n, answer) for n, answer in enumerate(self.node.many(requests))]


def _response(n: int, answer: Any) -> dict[str, Any]:
    head: dict[str, Any] = {"jsonrpc": "2.0", "id": n}
    if not isinstance(answer, Trouble):
        return {**head, "result": answer}
    whole = answer.whole if isinstance(answer.whole, dict) else {"message": answer.message}
    return {**head, "error": {"code": answer.code, **whole}}
