"""Words to say lots with: temperature profiles, GTINs, lots."""

from typing import NamedTuple

from brownie import web3
from eth_abi import encode

HOUR, DAY = 3_600, 86_400

# As ITemperatureRules numbers them.
ABOVE, BELOW = range(2)
SINGLE, CUMULATIVE = range(2)
UNSPECIFIED, ULTRA_COLD, FREEZER, REFRIGERATOR, COOL, ROOM = range(6)

GTIN = 9_506_000_134_352  # as 14 digits 09506000134352: indicator 0, prefix 9506000
PREFIX, DIGITS = 9_506_000, 7
NO_MATERIALS = b"\0" * 32

PROFILE_TYPE = "(uint8,uint8,int16,int16,uint32,uint32,uint32,int16,uint16,(uint8,uint8,int16,uint16)[])"


class Profile(NamedTuple):
    """Hot from 8.01 °C in 30 minutes at a stretch or 60 in all, cold from 1.99 °C in 20 or 40; two hours may be
    unknown.
    """

    storage_class: int = REFRIGERATOR
    vvm: int = 0
    low: int = 200
    high: int = 800
    silence: int = HOUR
    unknown: int = 2 * HOUR
    budget: int = 0
    mkt_limit: int = 0
    mkt_hours: int = 0
    rules: tuple = (
        (ABOVE, SINGLE, 801, 30),
        (ABOVE, CUMULATIVE, 801, 60),
        (BELOW, SINGLE, 199, 20),
        (BELOW, CUMULATIVE, 199, 40),
    )


class Lot(NamedTuple):
    manufacturer: str
    gtin: int
    number: bytes
    made_at: int
    expires_at: int
    units: int
    profile: str
    materials: bytes = NO_MATERIALS


def lot_number(text: str) -> bytes:
    return text.encode("ascii").ljust(32, b"\0")


def plain(profile) -> Profile:
    """A profile as a view or an event has it."""
    return Profile(*profile[:9], tuple(tuple(rule) for rule in profile[9]))


def profile_id(profile: Profile) -> str:
    inner = web3.keccak(encode([PROFILE_TYPE], [(*profile[:9], list(profile.rules))]))
    return web3.keccak(encode(["bytes32", "bytes32"], [web3.keccak(text="salus.profile"), inner])).to_0x_hex()


def lot_id(gtin: int, number: bytes) -> str:
    kind = web3.keccak(text="salus.lot")
    return web3.keccak(encode(["bytes32", "uint64", "bytes32"], [kind, gtin, number])).to_0x_hex()


# ---- what ILots.Packed says of a profile
# ------------------------------------------------------------------------------

# Place and width of each field of `limits`, from the lowest bit; temperatures are signed.
LIMITS = {
    "low": (0, 16),
    "high": (16, 16),
    "floor": (32, 16),
    "ceiling": (48, 16),
    "mkt_limit": (64, 16),
    "mkt_hours": (80, 10),
    "count": (90, 4),
    "silence": (94, 32),
    "unknown": (126, 32),
    "budget": (158, 32),
    "storage_class": (190, 3),
    "vvm": (193, 5),
}
SIGNED = {"low", "high", "floor", "ceiling", "mkt_limit"}


def limits_of(word: int) -> dict[str, int]:
    """The fields of `limits` by name; nothing else may be in the word."""
    found = {}
    for name, (place, width) in LIMITS.items():
        value = word >> place & (1 << width) - 1
        found[name] = value - (1 << width) if name in SIGNED and value >> width - 1 else value
    assert word >> 198 == 0
    return found


def band(profile: Profile) -> tuple[int, int]:
    """The temperatures at which nothing happens, one by one: within the label, possible, hit by no rule, no MKT
    window.
    """

    def quiet(t):
        inside = profile.low <= t <= profile.high and -27_315 <= t <= 15_000
        calm = not profile.mkt_hours or t <= profile.mkt_limit
        return inside and calm and not any(t >= r[2] if r[0] == ABOVE else t <= r[2] for r in profile.rules)

    found = [t for t in range(-32_768, 32_768) if quiet(t)]
    assert found == list(range(found[0], found[-1] + 1)) if found else True
    return (found[0], found[-1]) if found else (0, -1)
