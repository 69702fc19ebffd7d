"""A desk that does what it is told, and the ways in which tokens misbehave."""

from tests.support.claim_builders import pool, word

REFERENCE = word("reference")

# As contracts/mocks/MisbehavingToken.sol numbers them.
MODES = ["good", "fee", "false", "no return", "junk", "two", "long", "paused", "burn", "hook", "picky", "meter"]


class FakeDesk:
    """A desk that does what it is told."""

    def __init__(self, contract, treasury, sender):
        self.contract, self.treasury, self.sender = contract, treasury, sender
        self.address = contract.address

    def __str__(self):
        return self.address

    def _encoded(self, function, args):
        return getattr(self.treasury, function).encode_input(*[str(a) if hasattr(a, "address") else a for a in args])

    def tell(self, function, *args, **options):
        return self.contract.call(self.treasury, self._encoded(function, args), {"from": self.sender, **options})

    def ask(self, function, *args):
        answer = self.contract.call.call(self.treasury, self._encoded(function, args), {"from": self.sender})
        return int.from_bytes(bytes.fromhex(str(answer).removeprefix("0x")), "big")


def books(treasury, fake_desk, insurer, token):
    """What the desk's pool can pay, and what is here."""
    return pool(treasury, fake_desk, insurer, token).balance, token.balanceOf(treasury)


def behave(token, mode):
    token.behave(MODES.index(mode), {"from": token.tx.sender})


def hook(token, target, function, *args):
    """Let the token call a contract before it moves anything."""
    token.setHook(target, getattr(target, function).encode_input(*args), {"from": token.tx.sender})


def heard(token) -> bytes:
    """The first word of what the hook's last call answered."""
    return bytes.fromhex(str(token.answer()).removeprefix("0x").rjust(64, "0"))
