"""FHIR R4 Claims in: single resources, newline-delimited JSON, or Bundles, as Synthea writes them.

What is taken, and by which rule (whatever is ambiguous is refused, with the element and the fix):

- **Which claims**: ``status`` active and ``use`` claim (predetermination for an estimate); paid to the provider.
- **Insurance**: one, or several of which one is ``focal``: that one is asked here. Those with a lower ``sequence`` go
  first, and each must name its answer in ``claimResponse``, contained in the claim or beside it in the Bundle: what it
  paid is the ``benefit`` of each of its items, by ``itemSequence``. Those with a higher one come later and change
  nothing.
- **Number**: ``identifier`` (without those of use `old`; of several the one of use `official`), else the resource's
  ``id``, which is all that Synthea gives; the two never collide, since an id gets the system :data:`RESOURCE_ID`.
- **Service day**: what all lines agree on (``servicedDate``, or a ``servicedPeriod`` within one day; a line without one
  inherits), else ``billablePeriod.start``, else ``created``. Lines of several days are refused: split the claim by day.
  Days are taken as written, no time zone moves them.
- **Code**: the one ``productOrService.coding``, of several the one with ``userSelected``.
- **Quantity**: a whole number from 1, by default 1.
- **Charge**: ``net``; else ``unitPrice`` × ``quantity`` × ``factor``; else the sum of the ``detail`` lines, each by the
  same rule. Where more than one of these is given they must agree, to one unit of the last decimal of ``net`` for the
  product. Details are otherwise explanations of their line: the line is judged, not they.
- **Lines without an amount**: a single one gets what ``total`` leaves, not less than 0. Of several, and this is how
  Synthea writes a visit that found a condition: the one that names an ``encounter`` and no diagnosis gets it, if all
  others name a diagnosis and no procedure; those state findings and are charged 0. ``total``, where given, must be the
  sum.
- **Currency**: the same in every amount.

Modifiers, places, diagnoses and supporting information change nothing, as no plan can price them.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from salus.claims.input import MAX_UNITS, ClaimInput, LineInput, noting, refuse_duplicates
from salus.errors import BadInput
from salus.formats.fhir import Resource, read_resources
from salus.formats.json_file import add, multiply

__all__ = ["RESOURCE_ID", "read_claims"]

#: The system of a claim number that is only the resource's ``id``.
RESOURCE_ID = "urn:salus:fhir:claim-id"

_LONGEST = 1000  # characters of a code, system or claim number


def read_claims(path: str | Path, *, use: str = "claim", problems: list[BadInput] | None = None) -> list[ClaimInput]:
    """Read the FHIR R4 Claims of a file.

    Args:
        path: JSON of a Claim or a Bundle, or newline-delimited Claims.
        use: The ``Claim.use`` that is meant: ``claim``, ``predetermination``, or ``any`` of these two for an estimate.
        problems: Takes what is wrong with a claim, which is then left out; without it the first problem is raised.

    Returns:
        The claims in the order of the file; without `problems` all or none, at least one.

    Raises:
        BadInput: Not such a file, or a claim that cannot be read exactly; names file, field and fix.
    """
    claims = []
    for resource in read_resources(path, "Claim"):
        with noting(problems):
            resource.validate()
            claims.append(_Reader(resource).claim(use))
    return refuse_duplicates(claims, problems)


class _Reader:
    """Reads one validated Claim."""

    def __init__(self, resource: Resource) -> None:
        self.at = resource
        self.json = resource.json
        self.currency: str | None = None

    def claim(self, use: str) -> ClaimInput:
        self._expect_payable(use)
        number_system, number = self._number()
        items = self.json.get("item") or []
        if not items:
            raise self.at.refuse("item", "is missing; give at least one line")
        lines, primary = self._coordinated(self._lines(items))
        coding = (self.json["type"].get("coding") or [{}])[0]
        provider, patient = self.at.reference("provider"), self.at.reference("patient")
        assert provider is not None and patient is not None  # both are required by FHIR
        if self.currency is None:
            raise self.at.refuse("item[0].net.currency", "is missing; give the ISO 4217 code of every amount")
        return ClaimInput(
            source=f"{self.at.source} ({self.at.place})" if self.at.place else self.at.source,
            id=self.json.get("id", ""),
            number=number,
            number_system=number_system,
            provider_ref=provider,
            patient_ref=patient,
            insurer_ref=self.at.reference("insurer"),
            service_day=self._service_day(items),
            currency=self.currency,
            lines=lines,
            type=(coding.get("system", ""), coding.get("code", "")),
            primary=primary,
        )

    def _expect_payable(self, use: str) -> None:
        uses = ("claim", "predetermination") if use == "any" else (use,)
        for field, wanted in (("status", ("active",)), ("use", uses)):
            if self.json.get(field) not in wanted:
                raise self.at.refuse(
                    field, f"is {self.json.get(field)!r}; only {' or '.join(map(repr, wanted))} is taken here"
                )
        payee = self.json.get("payee") or {}
        codes = [c.get("code") for c in payee.get("type", {}).get("coding", ())]
        if codes and "provider" not in codes:
            raise self.at.refuse("payee.type", f"is {codes[0]!r}; the provider is paid, name it or leave the payee out")
        party = payee.get("party")
        if party and party != self.json["provider"]:
            raise self.at.refuse("payee.party", "is not the provider, who is paid; name the provider or leave it out")

    # ---- coordination of benefits --------------------------------------------------------------------------------

    def _coordinated(self, lines: tuple[LineInput, ...]) -> tuple[tuple[LineInput, ...], str]:
        """The lines with what the payers that go first paid, and what names those payers' answers."""
        first = self._first_payers()
        named, paid = [], dict.fromkeys((line.sequence for line in lines), Decimal(0))
        for n, insurance in first:
            field = f"insurance[{n}].claimResponse"
            literal = insurance.get("claimResponse", {}).get("reference")
            if not literal:
                raise self.at.refuse(field, "is missing; this payer goes first, name what it answered")
            answer = self.at.follow(literal)
            if answer is None or answer.get("resourceType") != "ClaimResponse":
                raise self.at.refuse(
                    field, f"is {literal}, no ClaimResponse in this file; put the payer's answer there"
                )
            Resource(self.at.source, f"{self.at.place}.{field}".lstrip("."), answer).validate()
            for sequence, amount in self._benefits(answer, field).items():
                if sequence not in paid:
                    raise self.at.refuse(field, f"answers item {sequence}, which the claim does not have")
                paid[sequence] = add([paid[sequence], amount])
            number = next((i["value"] for i in answer.get("identifier", ()) if i.get("value")), None)
            named.append(number or literal)
        for line in lines:
            if paid[line.sequence] > line.charge:
                raise self.at.refuse(
                    "insurance",
                    f"says that {paid[line.sequence]} was paid for item {line.sequence}, more than its charge",
                )
        return tuple(replace(line, prior=paid[line.sequence]) for line in lines), "\n".join(named)

    def _first_payers(self) -> list[tuple[int, dict[str, Any]]]:
        insurances = list(enumerate(self.json.get("insurance", ())))
        if len(insurances) < 2:
            return []
        focal = [insurance for _, insurance in insurances if insurance.get("focal") is True]
        if len(focal) != 1:
            raise self.at.refuse("insurance", f"names {len(focal)} as focal; mark the one that is asked here")
        if len({insurance["sequence"] for _, insurance in insurances}) < len(insurances):
            raise self.at.refuse("insurance", "has a sequence twice; number the payers in their order")
        return sorted(
            ((n, i) for n, i in insurances if i["sequence"] < focal[0]["sequence"]), key=lambda x: x[1]["sequence"]
        )

    def _benefits(self, answer: dict[str, Any], field: str) -> dict[int, Decimal]:
        found: dict[int, Decimal] = {}
        for n, item in enumerate(answer.get("item", ())):
            for m, part in enumerate(item.get("adjudication", ())):
                codes = [coding.get("code") for coding in part.get("category", {}).get("coding", ())]
                if "benefit" in codes:
                    amount = self._money(part, "amount", f"{field}: item[{n}].adjudication[{m}]")
                    if amount is None:
                        raise self.at.refuse(f"{field}: item[{n}]", "has a benefit without an amount; give it")
                    found[item["itemSequence"]] = add([found.get(item["itemSequence"], Decimal(0)), amount])
        if not found:
            raise self.at.refuse(field, "has no benefit of any item; give what this payer paid, item by item")
        return found

    # ---- number and day ------------------------------------------------------------------------------------------

    def _number(self) -> tuple[str, str]:
        found = [(n, i) for n, i in enumerate(self.json.get("identifier", ())) if i.get("use") != "old"]
        if not found:
            number = self.json.get("id")
            if not number:
                raise self.at.refuse("identifier", "is missing, and id as well; give the claim its number")
            return RESOURCE_ID, number
        official = [(n, i) for n, i in found if i.get("use") == "official"]
        if len(found) > 1 and len(official) != 1:
            raise self.at.refuse("identifier", f"holds {len(found)}; mark one as official or leave one")
        n, chosen = found[0] if len(found) == 1 else official[0]
        value = chosen.get("value", "")
        if not value.strip():
            raise self.at.refuse(f"identifier[{n}].value", "is missing; give the claim its number")
        return self._bounded(chosen.get("system", ""), f"identifier[{n}].system"), self._bounded(
            value, f"identifier[{n}].value"
        )

    def _bounded(self, text: str, field: str) -> str:
        if len(text) > _LONGEST:
            raise self.at.refuse(field, f"has {len(text)} characters; give at most {_LONGEST}")
        return text

    def _service_day(self, items: list[dict[str, Any]]) -> int:
        days: dict[int, int] = {}
        for n, item in enumerate(items):
            if "servicedDate" in item:
                days[n] = self.at.day(item["servicedDate"], f"item[{n}].servicedDate")
            elif "servicedPeriod" in item:
                field = f"item[{n}].servicedPeriod"
                period = item["servicedPeriod"]
                start, end = (self.at.day(period.get(key), f"{field}.{key}") for key in ("start", "end"))
                if start != end:
                    raise self.at.refuse(field, "spans several days; split the line by day")
                days[n] = start
        if len(set(days.values())) > 1:
            odd = next(n for n, day in days.items() if day != next(iter(days.values())))
            raise self.at.refuse(f"item[{odd}].serviced", "is another day than the line before; split the claim by day")
        if days:
            return next(iter(days.values()))
        if "start" in self.json.get("billablePeriod", {}):
            return self.at.day(self.json["billablePeriod"]["start"], "billablePeriod.start")
        return self.at.day(self.json.get("created"), "created")

    # ---- lines ---------------------------------------------------------------------------------------------------

    def _lines(self, items: list[dict[str, Any]]) -> tuple[LineInput, ...]:
        charges = [self._charge(item, f"item[{n}]") for n, item in enumerate(items)]
        total = self._money(self.json, "total", "")
        known = add([c for c in charges if c is not None])
        missing = [n for n, charge in enumerate(charges) if charge is None]
        if missing:
            self._complete(items, charges, missing, total, known)
        elif total is not None and total != known:
            raise self.at.refuse("total.value", f"is {total}, but the lines sum to {known}; correct one of them")
        lines, seen = [], set()
        for n, (item, charge) in enumerate(zip(items, charges, strict=True)):
            assert charge is not None
            sequence = int(item["sequence"])
            if sequence in seen:
                raise self.at.refuse(f"item[{n}].sequence", f"is {sequence} a second time; number the lines")
            seen.add(sequence)
            system, code, text = self._code(item, f"item[{n}].productOrService")
            quantity = self._quantity(item, f"item[{n}]")
            if quantity != quantity.to_integral_value() or not 1 <= quantity <= MAX_UNITS:
                raise self.at.refuse(f"item[{n}].quantity.value", f"is {quantity}; give a whole number from 1")
            lines.append(LineInput(sequence, system, code, int(quantity), charge, text))
        return tuple(lines)

    def _complete(
        self,
        items: list[dict[str, Any]],
        charges: list[Decimal | None],
        missing: list[int],
        total: Decimal | None,
        known: Decimal,
    ) -> None:
        first = f"item[{missing[0]}].net"
        if total is None:
            raise self.at.refuse(first, "is missing, and total as well; give the line's amount")
        rest = add([total, -known])
        if rest < 0:
            raise self.at.refuse("total.value", f"is {total}, less than the {known} of the lines; correct one of them")
        visits = [n for n in missing if "encounter" in items[n] and "diagnosisSequence" not in items[n]]
        findings = [n for n in missing if "diagnosisSequence" in items[n] and "procedureSequence" not in items[n]]
        if len(missing) > 1 and not (len(visits) == 1 and len(visits) + len(findings) == len(missing)):
            raise self.at.refuse(first, f"is missing, as in {len(missing) - 1} more; give each line its amount")
        for n in missing:
            charges[n] = Decimal(0)
        charges[missing[0] if len(missing) == 1 else visits[0]] = rest

    def _charge(self, item: dict[str, Any], field: str) -> Decimal | None:
        net = self._money(item, "net", field)
        price = self._money(item, "unitPrice", field)
        factor = self._number_of(item, "factor", field, Decimal(1))
        assert factor is not None
        product = None if price is None else multiply(price, self._quantity(item, field), factor)
        details = self._details(item, field)
        for value, name in ((product, "unitPrice × quantity × factor"), (details, "the sum of its details")):
            if net is None or value is None:
                continue
            places = net.as_tuple().exponent
            assert isinstance(places, int)
            # A provider rounds the product to the currency's minor unit; sums are exact.
            tolerated = value == net or (value is product and abs(add([value, -net])) < Decimal(1).scaleb(places))
            if not tolerated:
                raise self.at.refuse(f"{field}.net.value", f"is {net}, but {name} is {value}; correct one of them")
        if net is None and product is not None and details is not None and product != details:
            raise self.at.refuse(f"{field}.net", f"is missing, and {product} or {details} is meant; give it")
        return next((value for value in (net, product, details) if value is not None), None)

    def _details(self, item: dict[str, Any], field: str) -> Decimal | None:
        name = "detail" if "detail" in item else "subDetail"
        charges = [self._charge(part, f"{field}.{name}[{n}]") for n, part in enumerate(item.get(name, ()))]
        # A partial list of amounts explains something, but says nothing about the line.
        given = [charge for charge in charges if charge is not None]
        return add(given) if given and len(given) == len(charges) else None

    def _money(self, owner: dict[str, Any], name: str, field: str) -> Decimal | None:
        money = owner.get(name)
        if money is None:
            return None
        path = f"{field}.{name}" if field else name
        value = self._number_of(money, "value", path, None)
        if value is None:
            raise self.at.refuse(f"{path}.value", "is missing; give the amount")
        currency = money.get("currency")
        if not currency:
            raise self.at.refuse(f"{path}.currency", "is missing; give the ISO 4217 code of every amount")
        if self.currency is None:
            self.currency = currency
        elif currency != self.currency:
            raise self.at.refuse(f"{path}.currency", f"is {currency!r} beside {self.currency!r}; give one currency")
        return value

    def _quantity(self, item: dict[str, Any], field: str) -> Decimal:
        value = self._number_of(item.get("quantity", {}), "value", f"{field}.quantity", Decimal(1))
        assert value is not None
        return value

    def _number_of(self, owner: dict[str, Any], name: str, field: str, absent: Decimal | None) -> Decimal | None:
        value = owner.get(name)
        if value is None:
            return absent
        # FHIR's own validation lets a number in a string pass; a writer that does so may do other things too.
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.at.refuse(f"{field}.{name}", f"is {value!r}; give a JSON number")
        if value < 0:
            raise self.at.refuse(f"{field}.{name}", f"is {value}; give a number of 0 or more")
        return Decimal(value)

    def _code(self, item: dict[str, Any], field: str) -> tuple[str, str, str]:
        concept = item["productOrService"]
        codings = concept.get("coding", [])
        chosen = codings if len(codings) == 1 else [c for c in codings if c.get("userSelected") is True]
        if len(chosen) != 1:
            fix = (
                "is missing; give the code that the plan prices"
                if not codings
                else (f"holds {len(codings)}; keep the one that the plan prices, or mark it userSelected")
            )
            raise self.at.refuse(f"{field}.coding", fix)
        code = chosen[0].get("code", "")
        if not code.strip():
            raise self.at.refuse(f"{field}.coding.code", "is missing; give the code that the plan prices")
        text = concept.get("text") or chosen[0].get("display") or ""
        return (
            self._bounded(chosen[0].get("system", ""), f"{field}.coding.system"),
            self._bounded(code, f"{field}.coding.code"),
            text,
        )
