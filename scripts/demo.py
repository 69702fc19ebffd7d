"""The whole story on one chain: a patient's consent, claims judged and paid, vaccine shipments judged.

    make demo                        on a chain of its own (CHAIN=anvil or ganache)
    make demo RPC=<url>              on a node that is already up; KEYSTORE and PASSWORD_FILE name who pays

Everybody acts as outside the demo: the patient with the command `salus`, institutions with the Python client and the
scripts. Writes build/demo/: address book, keystores, signed orders, FHIR files, charts, report.json. The people are
invented.
"""

import argparse
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from eth_account import Account  # noqa: E402

from salus import Salus  # noqa: E402
from salus.chain.provider import open_node  # noqa: E402
from salus.chain.transactions import Sender  # noqa: E402
from salus.claims.code_map import apply, load_mapping  # noqa: E402
from salus.claims.desk import ClaimAnswer, State  # noqa: E402
from salus.claims.files.any_format import read_claim_files  # noqa: E402
from salus.claims.files.fhir_eob import explanation_of_benefit  # noqa: E402
from salus.claims.files.fhir_response import claim_response
from salus.claims.input import ClaimInput
from salus.claims.plans.file import day_text, load_plan  # noqa: E402
from salus.claims.plans.plans import Membership  # noqa: E402
from salus.cli.common import few  # noqa: E402
from salus.coldchain.loggers import files, write_qtag
from salus.coldchain.lots import NewLot  # noqa: E402
from salus.coldchain.temperature import ready_profiles  # noqa: E402
from salus.doses.schedules import ready_schedules  # noqa: E402
from salus.errors import Refused, SalusError, gate  # noqa: E402
from salus.errors.explanations import moment  # noqa: E402
from salus.formats.commitments import commit  # noqa: E402
from salus.formats.json_file import dump_json  # noqa: E402
from salus.keys.keystores import load_keystore, read_password_file, write_keystore, write_private  # noqa: E402
from salus.keys.signers import KeySigner, NodeSigner  # noqa: E402
from salus.keys.wallet import Wallet  # noqa: E402

EXAMPLES = ROOT / "examples"
# The pack's number, of an invented product: an indicator, the maker's prefix of seven digits, the item, the check
# digit.
GTIN = "04006381333931"
DAY = 24 * 3600
YEAR = 365 * DAY

# Who takes part: public name and roles. Each has an account, which the regulator accredits, and an operator's key,
# which acts.
INSTITUTIONS = {
    "city-hospital": ("PROVIDER",),
    "north-mutual": ("INSURER",),
    "river-vaccines": ("MANUFACTURER",),
    "cold-line": ("CARRIER",),
    "harbour-pharmacy": ("PROVIDER", "PHARMACY"),
    "logger-a": ("LOGGER",),
    "logger-b": ("LOGGER",),
    "quality-lab": ("LABORATORY",),
}
# Gas that each account may need for its part; what it is given is this at twice today's price.
GAS = 5_000_000


@dataclass(frozen=True)
class Stage:
    """Where the story plays: the node, the folder, the people.

    folder     build/demo
    patient    the environment in which the patient's commands run
    people     clients by name: `city-hospital` (its operator), `city-hospital/account`, `regulator`, `payer`
    """

    url: str
    folder: Path
    patient: dict[str, str]
    people: dict[str, Salus]
    keys: Wallet

    def __getitem__(self, name: str) -> Salus:
        return self.people[name]


# ---------------------------------------------------------------------------------------------------------- saying


def title(number: int, text: str) -> None:
    print(f"\n{number} · {text}\n{'─' * (len(text) + 4)}", flush=True)


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def command(stage: Stage, *words: str, shown: bool = True) -> str:
    """Run `salus` as the patient would, and show it; returns its standard output."""
    if shown:
        print(f"  $ salus {shlex.join(words)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "salus.cli", *words, "--yes"],
        env=stage.patient,
        cwd=stage.folder,
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise SystemExit(f"error: salus {shlex.join(words)}: {done.stderr.strip().splitlines()[-1]}")
    if shown:
        for line in done.stdout.strip().splitlines():
            say(f"  {line}")
    return done.stdout


def table(title_: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]):
    """A table for the terminal; a column whose name begins with > is aligned right."""
    from rich.table import Table

    drawn = Table(title=title_ or None, title_justify="left", show_edge=False)
    for column in columns:
        drawn.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn


# ------------------------------------------------------------------------------------------------------ 1 · the stage


def payer_of(url: str):
    """Who pays for the demo: the keystore that the environment names, or the first account of a local chain."""
    if path := os.environ.get("KEYSTORE"):
        file = os.environ.get("PASSWORD_FILE")
        return load_keystore(path, read_password_file(file) if file else os.environ.get("SALUS_PASSWORD", ""))
    w3 = open_node(url)
    if not w3.eth.accounts:
        raise SystemExit(
            "error: KEYSTORE is not set, and the node holds no account; name the keystore file of who pays"
        )
    return NodeSigner(w3, w3.eth.accounts[0])


def deploy(url: str, regulator: str) -> None:
    """Run scripts/deploy.py, as an engineer would."""
    environment = {**os.environ, "REGULATOR": regulator, "YES": "1"}
    words = [sys.executable, str(ROOT / "scripts" / "deploy.py"), "--rpc", url]
    with subprocess.Popen(
        words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        last = ""
        for line in process.stdout:
            last = line.strip() or last
            if line.startswith(("deploying", "handing", "written")):
                say(line.strip())
    if process.returncode:
        raise SystemExit(f"error: scripts/deploy.py: {last}")


def set_stage(url: str, folder: Path) -> Stage:
    """Deploy, accredit everybody, give them gas."""
    # The node and who pays first: a mistake there must cost nothing, not even the files of the last run.
    with gate("asking for the chain", node=url):
        chain_id = open_node(url).eth.chain_id
        pays = payer_of(url)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    password = secrets.token_urlsafe(16)
    write_private(folder / "password", password)
    # One wallet holds the keys of all institutions, so that nothing sent to them on a real network is lost.
    keys, _words = Wallet.create(folder / "institutions", password)
    Account.enable_unaudited_hdwallet_features()
    numbers = iter(range(1000))

    def key():
        return Account.from_mnemonic(keys.words(), account_path=f"m/44'/60'/0'/0/{next(numbers)}")

    regulator = key()
    deploy(url, regulator.address)

    book = ROOT / "deployments" / f"{chain_id}.json"
    payer = Salus.connect(url, book=book, signer=pays)
    accounts = {"regulator": regulator}
    for name in INSTITUTIONS:
        accounts |= {f"{name}/account": key(), name: key()}
    people = {name: payer.with_signer(KeySigner(account)) for name, account in accounts.items()} | {"payer": payer}
    # The hospital's operator as a keystore file, for the patient's `--relay-as`.
    write_keystore(folder / "city-hospital.json", bytes(accounts["city-hospital"].key), password)
    patient = {
        **os.environ,
        "SALUS_RPC": url,
        "SALUS_BOOK": str(book),
        "SALUS_HOME": str(folder / "patient"),
        "SALUS_PASSWORD": password,
    }
    stage = Stage(url, folder, patient, people, keys)
    give_gas(stage)
    accredit(stage)
    return stage


def give_gas(stage: Stage) -> None:
    price = stage["payer"].w3.eth.gas_price
    for name, client in stage.people.items():
        if name != "payer":
            transact(stage["payer"], "giving gas", to=client.need_signer().address, value=2 * GAS * price)
    say(f"{len(stage.people) - 1} accounts have gas; the patient has none and needs none")


def accredit(stage: Stage) -> None:
    until = stage["regulator"].now() + 3 * YEAR
    for name, roles in INSTITUTIONS.items():
        account = stage[f"{name}/account"]
        stage["regulator"].institutions.accredit(account.need_signer().address, name, roles, until)
        account.institutions.set_operator(stage[name].need_signer().address, roles, until - YEAR)
        say(f"accredited {name:17} {', '.join(roles).lower()}")


# ----------------------------------------------------------------------------------------------------- 2 · consent


def consent(stage: Stage) -> None:
    """The patient makes a wallet and grants; the hospital relays."""
    say("the patient's wallet: twelve words, shown once, and keystore files of their own")
    command(stage, "wallet", "new", shown=False)
    print("  $ salus wallet new")
    command(stage, "consent", "grant", "--to", "city-hospital", "--purpose", "TREAT", "--out", "grant.json")
    command(stage, "consent", "relay", "grant.json", "--keystore", "city-hospital.json")
    fhir = os.path.relpath(EXAMPLES / "consent-insurer.json", stage.folder)
    command(stage, "consent", "grant", "--from-fhir", fhir, "--relay-as", "city-hospital.json")
    command(stage, "consent", "show", "--fhir", "--out", "consent.fhir.json")
    explain(stage)


def explain(stage: Stage) -> list[dict]:
    """Print who may see what, as the contract answers right now."""
    from rich.console import Console

    explained = json.loads(command(stage, "consent", "explain", "--json", shown=False))
    words = {"PERMIT": "may", "DENY": "may not", "NONE": "no answer"}
    rows = [(e["name"], words[e["answer"]], few(e["purposes"]), few(e["categories"]), e["why"]) for e in explained]
    print("  $ salus consent explain")
    Console(width=110).print(table("", ("institution", "answer", "purposes", "data", "why"), rows))
    return explained


def patient_account(stage: Stage, relation: str) -> str:
    """The account that the patient uses for one institution; another one for each."""
    return json.loads(command(stage, "wallet", "address", relation, "--json", shown=False))["address"]


# ------------------------------------------------------------------------------------------------------ 3 · claims


def claims(stage: Stage) -> list[ClaimAnswer]:
    """Plan, pool, member; claims from files of three formats; one is reviewed and appealed; then the patient
    revokes.
    """
    insurer, hospital = stage["north-mutual"], stage["city-hospital"]
    # As in the examples, with a review of what would be paid more than 500.
    written = json.loads((EXAMPLES / "plan.json").read_text())
    file = stage.folder / "plan.json"
    file.write_text(json.dumps({**written, "reviewThreshold": "500.00", "reviewDays": 14, "appealDays": 90}, indent=2))
    plan = load_plan(file)
    token = demo_token(insurer)
    plan_id = insurer.plans.install(plan, token=token)
    say(f"plan {file.name}: {len(plan.prices)} prices, codes salted, published")
    account = insurer.institutions.resolve("north-mutual")
    insurer.treasury.fund(account, token, 50_000 * 10**6)
    say("pool funded with 50,000.00 in the demo's ERC-20; only the claim desk can pay from it")
    member = patient_account(stage, "north-mutual")
    insurer.plans.enroll(plan_id, [Membership(member, plan.valid_from, plan.valid_until)])
    say(f"enrolled {member} from {day_text(plan.valid_from)}: the account this patient uses for this insurer alone")
    in_force(stage, plan_id)

    def submit(inputs: list[ClaimInput], client: Salus = hospital) -> list[ClaimAnswer]:
        # Whatever a file calls its one patient, it is this member.
        patients = {claim.patient_ref: member for claim in inputs}
        refs = {claim.provider_ref for claim in inputs}
        return client.claims.submit(inputs, plan, patients, provider_refs=refs)

    predetermined = read_claim_files([EXAMPLES / "claim-predetermination.json"], use="any")
    (estimate,) = hospital.claims.estimate(hospital.claims.prepare(predetermined, plan, {"Patient/patient-1": member}))
    share, paid = (estimate.money(units) for units in (estimate.patient_share, estimate.paid))
    say(f"before the visit: the patient would bear {share}, the plan pay {paid}; nothing is sent for that")

    answers = []
    codes = load_mapping(EXAMPLES / "codes.csv")
    for name in (
        "claim.json",
        "claims.ndjson",
        "claims-bundle.json",
        "claim-secondary.json",
        "claims.csv",
        "claims-837p.txt",
    ):
        inputs = apply(read_claim_files([EXAMPLES / name]), codes)
        answers += submit(inputs)
        say(
            f"{name}: {len(inputs)} {'claim' if len(inputs) == 1 else 'claims'} submitted, judged and paid in one transaction"
        )
    answers = [reviewed(stage, answer) if answer.state is State.PENDED else answer for answer in answers]

    say("the patient takes HPAYMT back; the same file with a new claim number is then refused")
    command(stage, "consent", "revoke", "--from", "north-mutual", "--relay-as", "city-hospital.json")
    answers += submit([replace(read_claim_files([EXAMPLES / "claim.json"])[0], id="claim-late", number="CH-2025-0099")])

    out = stage.folder / "fhir"
    out.mkdir()
    for answer in answers:
        name = answer.input.number
        (out / f"ClaimResponse-{name}.json").write_text(dump_json(claim_response(answer, insurer="north-mutual")))
        benefit = dump_json(explanation_of_benefit(answer, insurer="north-mutual"))
        (out / f"ExplanationOfBenefit-{name}.json").write_text(benefit)
    say(f"{len(answers)} ClaimResponses and ExplanationsOfBenefit in build/demo/fhir/")
    return answers


def in_force(stage: Stage, plan_id: bytes) -> None:
    """Wait until the plan judges; a local chain's clock is set, elsewhere the delay is the deployment's."""
    salus = stage["payer"]
    at = int(salus.call(salus.contract("Plans").functions.inForceAt(plan_id)))
    if at > salus.now():
        raise SystemExit(
            f"error: the plan judges from {moment(at)} on; run the demo on a deployment with RULES_DELAY=0"
        )


def reviewed(stage: Stage, answer: ClaimAnswer) -> ClaimAnswer:
    """The insurer reviews a pended claim; what then stands is told from the chain."""
    insurer, claim = stage["north-mutual"], bytes.fromhex(answer.id[2:])
    say(f"{answer.input.number} would be paid {answer.money(answer.due)}: it waits for review, the money reserved")
    insurer.claims.review(claim)
    say("the insurer lets the rules decide; the history, from events alone:")
    for entry in insurer.claims.history(claim):
        say(f"  {entry.words}")
    plan = load_plan(stage.folder / "plan.json")
    return stage["city-hospital"].claims.told(claim, plan=plan, inputs=[answer.input])


def demo_token(client: Salus) -> str:
    """Deploy the demo's ERC-20, as Brownie built it, and mint some to the client's signer."""
    build = json.loads((ROOT / "build" / "contracts" / "TestToken.json").read_text())
    factory = client.w3.eth.contract(abi=build["abi"], bytecode=build["bytecode"])
    receipt = transact(
        client, "deploying the token", data=factory.constructor("Demo dollar", "USD", 6).data_in_transaction
    )
    token = client.w3.eth.contract(address=receipt["contractAddress"], abi=build["abi"])
    client.send(token.functions.mint(client.need_signer().address, 50_000 * 10**6))
    return token.address


def transact(client: Salus, name: str, *, to: str | None = None, data: str = "0x", value: int = 0):
    """Send one plain transaction: gas money, or a contract that the client does not know."""
    signer = client.need_signer()
    call = {"from": signer.address, "data": data, "value": value, "chainId": client.chain_id}
    if to:
        call["to"] = to
    sender = Sender(client.w3, signer, ceiling=client.fee_ceiling, patience=client.patience)
    return sender.send(call, name, preflight=False)


# -------------------------------------------------------------------------------------------------- 4 · cold chain


def shipments(stage: Stage) -> dict[str, str]:
    """Two shipments of one lot: one stays cold, is handed on and given; one gets warm and cannot be."""
    regulator, maker, pharmacy = stage["regulator"], stage["river-vaccines"], stage["harbour-pharmacy"]
    profile = regulator.lots.register_profile(ready_profiles()["refrigerated"])
    regulator.lots.assign_prefix(GTIN[1:8], maker.institutions.resolve("river-vaccines"))
    now = maker.now()
    lot = maker.lots.register_lot(
        NewLot(
            gtin=GTIN,
            number="RV-2025-017",
            made_at=now - 30 * DAY,
            expires_at=now + 2 * YEAR,
            units=1000,
            profile=profile,
        )
    )
    say("lot RV-2025-017 of 1,000 units, to be kept at 2 to 8 °C, registered by its manufacturer under its GS1 prefix")
    found = {}
    for name, example, logger in (("cold", "readings.csv", "logger-a"), ("warm", "qtag-excursion.txt", "logger-b")):
        found[name] = travel(stage, lot, name, example, logger)
        try:
            hand(stage, found[name], "river-vaccines", "cold-line", hours=48)
            hand(stage, found[name], "cold-line", "harbour-pharmacy")
        except Refused as refusal:
            say(f"handover refused by the contract: {refusal}")
    schedule = regulator.doses.register_schedule(ready_schedules()["mmr"])
    patient = patient_account(stage, "harbour-pharmacy")
    pharmacy.doses.give(found["cold"], patient, schedule)
    say("the pharmacy gave the patient a dose of it: the contract looked at the verdict in the same transaction")
    return {name: "0x" + shipment.hex() for name, shipment in found.items()}


def hand(stage: Stage, shipment: bytes, giver: str, receiver: str, *, hours: int = 0) -> None:
    """The giver signs an offer, the receiver looks and accepts it in one transaction."""
    to = stage[receiver].need_signer().address
    offer = stage[giver].coldchain.sign_offer(stage[giver].coldchain.handover(shipment, to, hours_allowed=hours))
    stage[receiver].coldchain.hand(offer, vvm=1)
    say(f"handed on: {giver} signed the offer, {receiver} accepted")


def travel(stage: Stage, lot: bytes, name: str, example: str, logger: str) -> bytes:
    """Open a shipment, pair its logger, and log the logger's export: the example, moved in time so that it ends now."""
    maker, device = stage["river-vaccines"], stage[logger]
    export = files.read(EXAMPLES / example)
    moved = maker.now() // 60 * 60 - export.readings[-1].time - export.interval_s
    readings = [replace(reading, time=reading.time + moved) for reading in export.readings]
    file = stage.folder / f"export-{name}.{'csv' if example.endswith('csv') else 'txt'}"
    if example.endswith("csv"):
        rows = (f"{iso(r.time)},{'' if r.centi is None else f'{r.centi / 100:.2f}'}" for r in readings)
        file.write_text("\n".join(["time,celsius", *rows]) + "\n")
    else:
        file.write_bytes(write_qtag(readings, export.serial))
    export = files.read(file)
    key = device.need_signer()
    device.devices.register(key.address, accuracy=50)
    certificate, _salt = commit(b"certificate of this device's calibration")
    stage["quality-lab"].devices.calibrate(key.address, maker.now() + YEAR, certificate)
    shipment = maker.coldchain.open_shipment(lot, units=400)
    maker.coldchain.pair(shipment, key.address, start=export.readings[0].time)
    maker.coldchain.log(maker.coldchain.sign_batches(export, shipment, key))
    verdict = maker.coldchain.verdict(shipment)
    say(
        f"{file.name}: {len(export.readings)} readings signed by the device and judged one by one: {verdict.name.lower()}"
    )
    return shipment


def iso(seconds: int) -> str:
    import datetime as dt

    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ------------------------------------------------------------------------------------------------------ 5 · report


def report(stage: Stage, answers: list[ClaimAnswer], shipped: dict[str, str]) -> None:
    """The report on the terminal and in build/demo/."""
    from rich.console import Console

    console = Console(width=max(120, min(140, shutil.get_terminal_size().columns)))
    explained = explain(stage)

    rows = []
    for a in answers:
        outcome = f"refused, CARC {a.carc}" if a.refusal else a.outcome
        sums = (
            a.charge,
            a.allowed,
            a.total("deductible"),
            a.total("coinsurance"),
            a.total("prior"),
            a.paid,
            a.patient_share,
        )
        rows.append((a.input.number, *(f"{a.money(value):,.2f}" if not a.refusal else "" for value in sums), outcome))
    columns = (
        "claim",
        ">charge",
        ">allowed",
        ">deductible",
        ">coinsurance",
        ">other payer",
        ">paid",
        ">patient",
        "outcome",
    )
    print()
    console.print(table("Claims, each judged and paid in the transaction that submitted it", columns, rows))
    print()
    command(stage, "claim", "report")

    charts = {}
    for name, shipment in shipped.items():
        picture = stage.folder / f"shipment-{name}.png"
        print()
        print(command(stage, "shipment", "chart", shipment, "--png", str(picture), shown=False).rstrip())
        shown = charts[name] = json.loads(command(stage, "shipment", "show", shipment, "--json", shown=False))
        j = shown["judgement"]
        say(
            f"{j['readings']} readings, {j['lowest'] / 100:.2f} to {j['highest'] / 100:.2f} °C; above {j['above'] // 60} min,"
            f" below {j['below'] // 60} min, unknown {j['unknown'] // 60} min"
        )
        breached = f" ({'; '.join(shown['breachedRules'])})" if shown["breachedRules"] else ""
        say(f"verdict: {shown['verdict']}{breached}; {shown['disposition']}")
    print()
    document = {
        "chain": stage["payer"].chain_id,
        "consent": explained,
        "claims": [claim_response(a, insurer="north-mutual") for a in answers],
        "shipments": charts,
    }
    (stage.folder / "report.json").write_text(dump_json(document))
    say(
        f"the same as files in {stage.folder.relative_to(ROOT) if stage.folder.is_relative_to(ROOT) else stage.folder}/:"
    )
    say("report.json, consent.fhir.json, plan.json, fhir/*.json, shipment-*.png")


def tell(url: str, folder: Path) -> None:
    """Play the whole story on a node; everything it writes goes into a folder."""
    title(1, "The regulator's house: contracts, institutions, keys")
    stage = set_stage(url, folder)
    title(2, "The patient decides, without ether")
    consent(stage)
    title(3, "Claims judged and paid in one transaction, while the consent stands")
    answers = claims(stage)
    title(4, "Vaccines: every reading judged on chain")
    shipped = shipments(stage)
    title(5, "Report")
    report(stage, answers, shipped)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the whole story on one chain.")
    parser.add_argument("--rpc", default=os.environ.get("SALUS_CHAIN_URL"), help="the node's URL [SALUS_CHAIN_URL]")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo", help="folder for what it writes")
    options = parser.parse_args()
    if not options.rpc:
        parser.error("no node: run it as `make demo`, or name one with --rpc")
    try:
        tell(options.rpc, options.out)
    except SalusError as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        sys.exit(trouble.exit_code)
    except KeyboardInterrupt:
        sys.exit("interrupted")


if __name__ == "__main__":
    main()
