"""Gas of Salus beside a naive baseline, in one scenario on a chain of its own: `make bench`.

Whole transactions (receipt.gasUsed) where not said otherwise. The cold-chain keys `coldchain.log.*` are gas per
reading, all others gas per operation. The naive baseline is contracts/mocks/naive: structs with strings, one
transaction an item or step.

Writes benchmarks/results.json: {"gas": {key: n}, "naive": {key: n}, "gas_prague": {key: n}, "client": {key: n}};
`gas_prague` is what the same transaction costs where EIP-7623 sets a least price for calldata, `client` is throughput,
see client.py. With names of parts (`make bench ARGS=consents`) only theirs.
"""

import contextlib
import io
import json
import math
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from brownie import accounts, chain, network, project, web3  # noqa: E402
from eth_account import Account  # noqa: E402

from salus.abi.terms import pack  # noqa: E402
from salus.keys.typed_data import compact  # noqa: E402
from scripts.deploy import deploy  # noqa: E402

DAY = 24 * 3600
YEAR = 365 * DAY
NONE = 0x7FFF
TREAT, HPAYMT, CLAIM = 1, 4, 1 << 12
PROVIDER, PHARMACY, INSURER, MANUFACTURER, CARRIER, LABORATORY, LOGGER = (1 << bit for bit in range(7))

# What each key means, for the table.
MEANING = {
    "consent.grant": "grant of one purpose, new pair",
    "consent.grant.again": "the same pair again",
    "consent.grant.relayed": "signed by the patient, relayed, new pair",
    "consent.grant.relayed.batch100": "the same, 100 patients in one transaction, each",
    "consent.revoke": "revocation",
    "consent.decide": "decision, called by another contract, licence included (execution, everything cold)",
    "consent.scope": "which data for one purpose, directives at the institution and one role (execution)",
    "consent.decide.warm": "the same for who has checked that licence before (as ClaimDesk and AccessLog do)",
    "plan.price.load": "one code of the price list, 100 in a batch",
    "plan.enroll.batch100": "one member, 100 in a batch",
    "claim.settle.1line": "claim of one line, submit to paid, the member's next",
    "claim.settle.line": "each further line",
    "claim.settle.batch100": "one-line claims, 100 in a batch, one transfer, each",
    "claim.estimate": "what a claim of one line would be paid, a view (execution)",
    "coldchain.register": "open a shipment, the next of its lot",
    "coldchain.pair": "pair its first logger",
    "coldchain.handover": "handed on, both parties proven: the giver signs, the receiver sends",
    "coldchain.log.day": "a day, 144 readings, the whole batch",
    "coldchain.log.day.dense": "the same, 8 bits a reading",
    "coldchain.log.int16.1008": "a reading, 7 days at 10 minutes in a batch",
    "coldchain.log.int16.4320": "a reading, 30 days at 10 minutes in a batch",
    "coldchain.log.int16.4320.excursion": "the same with 640 minutes too warm inside",
    "coldchain.log.int16.4320.excursion.mkt": "the same, mean kinetic temperature judged as well",
    "coldchain.log.dense.5000": "a reading, 5,000 of 8 bits in a batch",
}


def used(transaction):
    """Gas of a confirmed transaction; a reverted one is no figure."""
    assert transaction.status == 1, transaction.revert_msg
    return transaction.gas_used


def temperatures(count, warm=range(0)):
    """A day's swing in a good fridge as a logger with 0.1 °C sees it, 0.01 °C; `warm`: positions at 12 °C."""
    swing = [480 + 110 * math.sin(2 * math.pi * i / 144) + 35 * math.sin(i * 1.7) for i in range(count)]
    return [1200 if i in warm else 10 * round(value / 10) for i, value in enumerate(swing)]


def packed(values, width=16, resolution=1):
    """(base, data) as interfaces/coldchain/ITemperatureRules.sol has it."""
    base, lanes = min(values), 256 // width
    codes = [(value - base) // resolution for value in values] + [(1 << width - 1) - 1] * (-len(values) % lanes)
    return base, b"".join(code.to_bytes(width // 8, "big") for code in codes)


def prague(transaction):
    """Gas of the same transaction under EIP-7623: its calldata costs at least 10 a token, a zero byte being one and
    another four.
    """
    data = bytes.fromhex(transaction.input.removeprefix("0x"))
    zeros = data.count(0)
    return max(used(transaction), 21_000 + 10 * (zeros + 4 * (len(data) - zeros)))


class Scenario:
    """The people, the contracts and the two columns of figures."""

    def __init__(self, contracts):
        self.contracts = contracts
        self.gas, self.naive, self.prague = {}, {}, {}
        self.people = iter(accounts[2:])
        self.deployer, self.regulator = accounts[0], accounts[1]
        self.deployed = deploy(self.deployer, self.regulator, contracts=contracts, say=say)
        self.now = chain.time()

    def accredited(self, handle, roles):
        account = next(self.people)
        name = handle.encode().ljust(32, b"\0")
        self.deployed["Institutions"].accredit(account, name, roles, self.now + YEAR, {"from": self.regulator})
        return account

    def mock(self, name, *args):
        return self.contracts[name].deploy(*args, {"from": self.deployer})


TOLERANT = 0  # of IConsentRegistry.Mode


def say(text):
    """Progress, on a line of its own."""
    print(f"  … {text}", file=sys.stderr, flush=True)


def consents(s):
    registry, hospital, patient = s.deployed["ConsentRegistry"], s.accredited("hospital", PROVIDER), next(s.people)
    document = web3.keccak(text="the signed document")

    def directive(scope=TREAT, **times):
        terms = pack(effect=1, purposes=scope, categories=0x1FFF, end=s.now + YEAR, **times)
        return (hospital.address, terms, document)

    def order():
        key = Account.create()
        issued = chain[-1].timestamp
        unsigned = (key.address, *directive(issuedAt=issued, deadline=issued + DAY))
        digest = registry.digest((*unsigned, bytes(32), bytes(32)))
        return (*unsigned, *compact(bytes(key.unsafe_sign_hash(digest).signature)))

    def relayed(number):
        return used(registry.relay([order() for _ in range(number)], [], TOLERANT, {"from": hospital}))

    s.gas["consent.grant"] = used(registry.grant(*directive(), {"from": patient}))
    s.gas["consent.grant.again"] = used(registry.grant(*directive(3), {"from": patient}))
    call = registry.decide.encode_input(patient, hospital, TREAT, 1)
    institutions, meter = s.deployed["Institutions"], s.mock("GasMeter")
    s.gas["consent.decide"] = meter.measure(registry, call)[0]
    standing = institutions.standing.encode_input(hospital)
    warm = s.mock("WarmGasMeter").measure(meter, institutions, standing, registry, call)
    s.gas["consent.decide.warm"] = warm[0]
    # Of the institution and one of its roles: a permit beside a later, narrower deny.
    narrow = (f"0x{PROVIDER:040x}", pack(effect=2, purposes=TREAT, categories=0x10, end=s.now + YEAR), document)
    other = next(s.people)
    registry.grant(*directive(), {"from": other})
    registry.grant(*narrow, {"from": other})
    s.gas["consent.scope"] = meter.measure(registry, registry.scope.encode_input(other, hospital, TREAT))[0]
    s.gas["consent.revoke"] = used(registry.revoke(hospital, 0, {"from": patient}))
    s.gas["consent.grant.relayed"] = relayed(1)
    s.gas["consent.grant.relayed.batch100"] = relayed(100) // 100

    naive, key = s.mock("NaiveConsents"), Account.create()
    text = (hospital, "treatment", "all medical records", s.now, s.now + YEAR)
    s.naive["consent.grant"] = used(naive.grant(*text, {"from": patient}))
    s.naive["consent.grant.again"] = used(naive.grant(*text, {"from": patient}))
    s.naive["consent.decide"] = s.mock("GasMeter").measure(
        naive, naive.permits.encode_input(patient, hospital, "treatment")
    )[0]
    s.naive["consent.revoke"] = used(naive.revoke(hospital, {"from": patient}))
    types = ["address", "address", "string", "string", "uint256", "uint256", "uint256"]
    hash_ = web3.keccak(web3.codec.encode(types, [key.address, hospital.address, *text[1:], 0]))
    digest = web3.keccak(b"\x19Ethereum Signed Message:\n32" + hash_)
    signed = key.unsafe_sign_hash(digest)
    word = lambda number: number.to_bytes(32, "big")  # noqa: E731
    relayed = used(naive.grantFor(key.address, *text, 0, signed.v, word(signed.r), word(signed.s), {"from": hospital}))
    s.naive["consent.grant.relayed"] = s.naive["consent.grant.relayed.batch100"] = relayed


def claims(s):
    plans, treasury, desk = s.deployed["Plans"], s.deployed["Treasury"], s.deployed["ClaimDesk"]
    insurer, clinic = s.accredited("insurer", INSURER), s.accredited("clinic", PROVIDER)
    member = next(s.people)
    token = s.mock("TestToken", "Test dollar", "USDT", 6)
    token.mint(insurer, 10**12, {"from": insurer})
    token.mint(clinic, 1, {"from": insurer})  # a provider that has been paid before
    token.approve(treasury, 10**12, {"from": insurer})
    treasury.fund(desk, insurer, token, 10**12, {"from": insurer})

    today = chain[-1].timestamp // DAY
    most = 10**12
    terms = (
        insurer,
        today - 400,
        today + 400,
        token,
        2000,
        4000,
        50 * 10**6,
        most,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        web3.keccak(text="plan"),
    )
    plan = plans.register(bytes(32), terms, {"from": insurer}).return_value
    codes = [web3.keccak(text=f"code {i}") for i in range(101)]
    prices = [(100 + i) * 10**6 << 176 | 1 << 160 for i in range(101)]
    plans.addPrices(plan, 0, codes[100:], prices[100:], {"from": insurer})
    s.gas["plan.price.load"] = used(plans.addPrices(plan, 0, codes[:100], prices[:100], {"from": insurer})) // 100
    plans.publish(plan, {"from": insurer})

    def members(accounts):
        return [(account, (today - 400, today + 400, 0, 0, 0, 0, False)) for account in accounts]

    crowd = [Account.create().address for _ in range(100)]
    plans.enroll(plan, members([member]), {"from": insurer})
    s.gas["plan.enroll.batch100"] = used(plans.enroll(plan, members(crowd), {"from": insurer})) // 100
    said = pack(effect=1, purposes=HPAYMT, categories=CLAIM, end=s.now + YEAR)
    s.deployed["ConsentRegistry"].grant(insurer, said, bytes(32), {"from": member})

    numbers = iter(range(10**6))

    def claim(lines):
        number = web3.keccak(text=f"claim {next(numbers)}")
        return (
            plan,
            member,
            clinic,
            number,
            today - 1,
            bytes(32),
            [(code, 1, 90 * 10**6, 0) for code in codes[:lines]],
        )

    desk.submit([claim(1)], [], {"from": clinic})  # uses up the deductible: from here on every claim is really paid
    one = used(desk.submit([claim(1)], [], {"from": clinic}))
    s.gas["claim.settle.1line"] = one
    s.gas["claim.settle.line"] = (used(desk.submit([claim(11)], [], {"from": clinic})) - one) // 10
    s.gas["claim.settle.batch100"] = used(desk.submit([claim(1) for _ in range(100)], [], {"from": clinic})) // 100
    call = desk.estimate.encode_input(claim(1))
    s.gas["claim.estimate"] = s.mock("GasMeter").measure(desk, call)[0]

    naive = s.mock("NaiveClaims", token)
    token.mint(naive, 10**12, {"from": insurer})
    submitted = naive.submit("claim-number-0001", member, "99213", 90 * 10**6, {"from": clinic})
    steps = [submitted, naive.approve(0, 72 * 10**6, {"from": insurer}), naive.pay(0, {"from": insurer})]
    s.naive["claim.settle.1line"] = s.naive["claim.settle.line"] = s.naive["claim.settle.batch100"] = sum(
        map(used, steps)
    )


def cold_chain(s):
    contract, lots, loggers = s.deployed["ColdChain"], s.deployed["Lots"], s.deployed["Loggers"]
    signer, carrier = Account.create(), s.accredited("carrier", CARRIER)
    maker = accounts.add(signer.key.hex())  # of the node's accounts nobody here has the keys
    next(s.people).transfer(maker, "100 ether")
    name = b"manufacturer".ljust(32, b"\0")
    s.deployed["Institutions"].accredit(maker, name, MANUFACTURER, s.now + YEAR, {"from": s.regulator})
    owner, laboratory = s.accredited("logger", LOGGER), s.accredited("laboratory", LABORATORY)
    above, below, single, cumulative = 0, 1, 0, 1
    rules = [
        (above, single, 801, 30),
        (above, cumulative, 801, 60),
        (below, single, 199, 20),
        (below, cumulative, 199, 40),
        (below, single, -50, 60),
    ]
    lots.assignPrefix(9506000, 7, maker, {"from": s.regulator})
    began = chain[-1].timestamp - 90 * DAY
    numbers, none = iter(range(10**6)), bytes(32)

    def new_lot(mkt_limit=0, mkt_hours=0):
        terms = (3, 0, 200, 800, DAY, DAY, 0, mkt_limit, mkt_hours, rules)
        profile = lots.registerProfile(terms, {"from": s.regulator}).return_value
        number = f"LOT-{next(numbers)}".encode().ljust(32, b"\0")
        lot = (maker, 9506000134352, number, began, s.now + YEAR, 10**6, profile, none)
        return lots.registerLot(lot, 7, {"from": maker}).return_value

    lot, with_mkt = new_lot(), new_lot(800, 24)

    def opened(lot=lot):
        ref, origin, destination = (web3.keccak(text=f"{name} {next(numbers)}") for name in ("ref", "from", "to"))
        return contract.open(lot, ref, 100, 48, origin, destination, {"from": maker})

    def paired(lot=lot, start=began):
        """A shipment with a device of its own, and the transaction that paired them."""
        shipment, device = opened(lot).return_value, Account.create()
        s.deployed["Institutions"].setOperator(device.address, LOGGER, s.now + YEAR, {"from": owner})
        loggers.register(device.address, 0, 50, none, {"from": owner})
        loggers.calibrate(device.address, s.now + YEAR, none, {"from": laboratory})
        return shipment, device, contract.pair(shipment, device.address, start, s.now + YEAR, 0, {"from": maker})

    def log(key, values, parts=2, lot=lot, width=16, resolution=1):
        """The last of as many batches of one shipment: what went before is in storage."""
        shipment, device, _ = paired(lot)
        share = len(values) // parts
        for part in range(parts):
            base, data = packed(values[part * share : (part + 1) * share], width, resolution)
            fields = (
                (part, 24),
                (began + part * share * 600, 40),
                (600, 16),
                (share, 16),
                (base & 0xFFFF, 16),
                (width, 8),
                (resolution, 8),
            )
            header, at = 0, 0
            for value, bits in fields:
                header |= value << at
                at += bits
            batch = (shipment, header, none, data)
            signature = device.unsafe_sign_hash(contract.digest(batch)).signature
            transaction = contract.log(batch, signature, {"from": carrier})
        each = 1 if "day" in key else share
        s.gas[key] = round(used(transaction) / each, 1) if each > 1 else used(transaction)
        s.prague[key] = round(prague(transaction) / each, 1) if each > 1 else prague(transaction)

    opened()  # the first of its lot copies the lot's terms
    registered, (fresh, _, pairing) = opened(), paired(start=chain[-1].timestamp)
    month, excursion = temperatures(8640), temperatures(8640, range(6320, 6384))
    log("coldchain.log.day", temperatures(432), 3)
    log("coldchain.log.day.dense", temperatures(432), 3, width=8, resolution=10)
    log("coldchain.log.int16.1008", temperatures(3024), 3)
    log("coldchain.log.int16.4320", month)
    log("coldchain.log.int16.4320.excursion", excursion)
    log("coldchain.log.int16.4320.excursion.mkt", excursion, lot=with_mkt)
    log("coldchain.log.dense.5000", temperatures(10_000), width=8, resolution=10)

    since, deadline, seal = contract.shipment(fresh)["since"], chain[-1].timestamp + DAY, web3.keccak(text="seal")
    types = (
        "bytes32 shipment",
        "address from",
        "address to",
        "uint32 since",
        "uint40 deadline",
        "uint16 hoursAllowed",
        "bytes32 seal",
    )
    offer = dict(zip([t.split()[1] for t in types], (fresh, str(maker), str(carrier), since, deadline, 48, seal)))
    domain = {"name": "Salus Cold Chain", "version": "1", "chainId": chain.id, "verifyingContract": contract.address}
    fields = {"Offer": [dict(zip(("type", "name"), t.split())) for t in types]}
    signature = signer.sign_typed_data(domain, fields, offer).signature
    terms = int(str(carrier), 16) | deadline << 160 | 48 << 200 | 1 << 216 | 1 << 224
    handed = contract.hand((fresh, terms, seal), signature, b"", {"from": carrier})
    for key, transaction in (("register", registered), ("pair", pairing), ("handover", handed)):
        s.gas[f"coldchain.{key}"], s.prague[f"coldchain.{key}"] = used(transaction), prague(transaction)

    naive = s.mock("NaiveColdChain")
    s.naive["coldchain.register"] = used(naive.register(1, "Vaccine, 10 doses", "LOT-1", 100, {"from": maker}))
    handover = [naive.offer(1, carrier, {"from": maker}), naive.accept(1, {"from": carrier})]
    s.naive["coldchain.handover"] = sum(map(used, handover))
    naive.log(1, 480, "truck 1", {"from": carrier})
    reading = used(naive.log(1, 480, "truck 1", {"from": carrier}))
    for key in MEANING:
        if key.startswith("coldchain.log"):
            s.naive[key] = 144 * reading if "day" in key else reading


def table(gas, naive, gas_prague):
    """The figures as lines of text."""
    lines = [f"{'key':38} {'Salus':>10} {'Prague':>10} {'naive':>12} {'ratio':>8}  what"]
    for key, meaning in MEANING.items():
        if key not in gas:
            continue
        beside = f"{naive[key]:>12,} {naive[key] / gas[key]:>6.1f} ×" if key in naive else 21 * " "
        floor = f"{gas_prague[key]:>10,}" if key in gas_prague else 10 * " "
        lines.append(f"{key:38} {gas[key]:>10,} {floor} {beside}  {meaning}")
    return "\n".join(lines)


def measure(parts):
    """Gas: run parts of the scenario, print them, and write the results file."""
    contracts = project.load(ROOT, name="SalusProject")
    network.connect("development")
    network.gas_price("2 gwei")  # ganache waits for ever on a transaction that offers nothing
    # Brownie writes four lines for each transaction.
    with contextlib.redirect_stdout(io.StringIO()):
        scenario = Scenario(contracts)
        for part in parts:
            say(part.__name__.replace("_", " "))
            part(scenario)
    results = {"gas": scenario.gas, "naive": scenario.naive, "gas_prague": scenario.prague}
    path = ROOT / "benchmarks" / "results.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    if parts != PARTS:
        results = {column: {**kept.get(column, {}), **figures} for column, figures in results.items()}
    path.write_text(json.dumps({**kept, **results}, indent=2) + "\n")
    print(table(**results))
    print(f"written: {path.relative_to(ROOT)}")


PARTS = [consents, claims, cold_chain]


def main():
    names = [part.__name__ for part in PARTS]
    chosen = sys.argv[1:] or [*names, "client"]
    if unknown := set(chosen) - {*names, "client"}:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(names)}, client")
    if parts := [part for part in PARTS if part.__name__ in chosen]:
        measure(parts)
    if "client" in chosen:
        # A process of its own: what Brownie has loaded would count as the client's memory and time.
        sys.stdout.flush()
        sys.exit(subprocess.run([sys.executable, ROOT / "benchmarks" / "client.py"]).returncode)


if __name__ == "__main__":
    main()
