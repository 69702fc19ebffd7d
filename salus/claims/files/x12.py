"""Claims as X12 837P and 837I (005010X222 and X223), read with pyx12.

pyx12 reads the envelope and the segments and counts both; a file whose counts or hierarchy are wrong is refused whole,
for something is missing from it or was added. Of each claim (CLM) is taken:

- **Provider**: the billing provider (NM1*85): its NPI as ``http://hl7.org/fhir/sid/us-npi|…``, else its tax number.
- **Patient**: the subscriber's member number (NM1*IL) as ``MI|…``; a dependent (NM1*QC) has none of its own, and is
  ``MI|…#FAMILY/GIVEN/birth date``.
- **Number**: CLM01, with the system :data:`NUMBER`. Only original claims (frequency 1): what replaces or voids another
  is a reversal here.
- **Service day**: of each line (DTP*472), else the statement's (DTP*434); one day for the whole claim.
- **Lines**: SV1 or SV2, counted in units (UN). HC codes have the system :data:`HCPCS`; a revenue code alone
  :data:`REVENUE`.
- **Charges**: the lines must sum to CLM02. The currency is CUR's, else USD, as the guides say.
- **Payers that go first**: those whose position (SBR01) is before that of the payer who is asked; what each paid is its
  SVD of each line, and it is named by its claim number (REF*F8) or its id.

Modifiers, diagnoses, places and all other loops change nothing, as no plan can price them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from salus.claims.input import MAX_UNITS, ClaimInput, LineInput, noting, refuse_duplicates
from salus.claims.plans.file import day_number
from salus.errors import BadInput, one_line
from salus.formats.json_file import add, read_text

__all__ = ["HCPCS", "NUMBER", "REVENUE", "is_x12", "read_x12"]

#: System of the provider's claim number.
NUMBER = "urn:salus:x12:clm01"

#: System of procedure codes that are qualified as HC.
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"

#: System of revenue codes.
REVENUE = "https://www.nubc.org/CodeSystem/RevenueCodes"

_NPI = "http://hl7.org/fhir/sid/us-npi"
_TAX = "urn:oid:2.16.840.1.113883.4.4"
_CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
_GUIDES = {"005010X222": "professional", "005010X223": "institutional"}
# Payer positions of SBR01, who goes first first.
_POSITIONS = "PSTABCDEFGH"
_AMOUNT = re.compile(r"\d{0,16}(\.\d{1,8})?")


@dataclass
class _Segment:
    """A segment, its place in the file counted from 1, and its values."""

    place: int
    id: str
    raw: Any

    def __getitem__(self, reference: str) -> str:
        """An element or a component, e.g. ``01`` or ``05-3``; "" when it is not there."""
        try:
            return str(self.raw.get_value(f"{self.id}{reference}") or "").strip()
        except (IndexError, AttributeError):
            return ""


@dataclass
class _Context:
    """What holds for the claims that follow: hierarchical levels above them."""

    kind: str = ""
    provider: str = ""
    currency: str = "USD"
    position: str = ""
    member: str = ""
    dependent: str = ""
    level: str = ""


@dataclass
class _Raw:
    """The segments of one claim: before its first line, and of each line."""

    context: _Context
    head: list[_Segment] = field(default_factory=list)
    lines: list[list[_Segment]] = field(default_factory=list)


def is_x12(text: str) -> bool:
    """Whether a text begins as an X12 interchange does."""
    return re.match(r"\s*ISA[^A-Za-z0-9\s]", text) is not None


def read_x12(path: str | Path, *, problems: list[BadInput] | None = None) -> list[ClaimInput]:
    """Read the claims of an X12 837 file.

    Args:
        path: The file.
        problems: Takes what is wrong with a claim, which is then left out; without it the first problem is raised.

    Returns:
        The claims in the order of the file.

    Raises:
        BadInput: Not such a file, or (without `problems`) a claim that cannot be read exactly; names the segment.
    """
    source = str(path)
    claims = []
    for raw in _claims(source, list(_segments(source, read_text(path)))):
        with noting(problems):
            claims.append(_Reader(source, raw).claim())
    return refuse_duplicates(claims, problems)


def _segments(source: str, text: str) -> Iterator[_Segment]:
    """All segments; the envelope's counts and the hierarchy hold."""
    from pyx12.errors import X12Error
    from pyx12.x12file import X12Reader

    if not is_x12(text):
        raise BadInput(source, "segment 1", "is not ISA; give an X12 interchange")
    wrong: list[tuple[_Segment, str]] = []
    found: list[_Segment] = []
    try:
        reader = X12Reader(io.StringIO(text.strip()))
        for place, raw in enumerate(reader, 1):
            segment = _Segment(place, str(raw.get_seg_id()), raw)
            found.append(segment)
            wrong += [(segment, _words(error)) for error in reader.pop_errors()]
        reader.cleanup()
        wrong += [(found[-1], _words(error)) for error in reader.pop_errors()]
    except (X12Error, IndexError, AttributeError, ValueError) as trouble:
        # Some damages of the first segment surface in pyx12 as Python's own errors.
        place = len(found) + 1
        raise BadInput(source, f"segment {place}", f"is not X12 ({one_line(trouble, 120)}); send it again") from None
    if wrong:
        at, message = wrong[0]
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise BadInput(source, f"segment {at.place} ({at.id})", f"{message}{more}; send the whole file again")
    yield from found


def _words(error: Sequence[Any]) -> str:
    """What pyx12 found, by its code; the kinds are those of the segments that count."""
    known = {
        ("seg", "HL1"): "does not number the levels 1, 2, 3 … (HL01)",
        ("seg", "HL2"): "names a level above it that is not open (HL02)",
        ("st", "4"): "does not count the segments that are there (SE01)",
        ("gs", "5"): "does not count the transactions that are there (GE01)",
    }
    return known.get((error[0], error[1])) or f"does not hold: {one_line(error[2], 120)}"


def _claims(source: str, segments: Sequence[_Segment]) -> Iterator[_Raw]:
    """The claims with the levels above each."""
    context, claim = _Context(), None
    for segment in segments:
        if claim is not None and segment.id in ("CLM", "HL", "SE"):
            yield claim
            claim = None
        if segment.id == "CLM":
            claim = _Raw(context, [segment])
        elif claim is None:
            context = _above(source, context, segment)
        elif segment.id == "LX":
            claim.lines.append([segment])
        else:
            (claim.lines[-1] if claim.lines else claim.head).append(segment)


def _above(source: str, now: _Context, segment: _Segment) -> _Context:
    """The context after a segment that is of no claim; a new one, for earlier claims keep theirs."""
    if segment.id == "ST":
        return _transaction_set(source, segment)
    change = _LEVELS.get(segment.id) or _LEVELS.get(f"{segment.id} {segment['01']}")
    return now if change is None else change(now, segment)


def _transaction_set(source: str, segment: _Segment) -> _Context:
    guide = segment["03"][:10]
    if segment["01"] != "837" or guide not in _GUIDES:
        raise BadInput(
            source, f"segment {segment.place} (ST)", "is no 837P or 837I of version 005010; give one of these"
        )
    return _Context(kind=_GUIDES[guide])


def _level(now: _Context, segment: _Segment) -> _Context:
    """A new billing provider (20), subscriber (22) or patient (23)."""
    level = segment["03"]
    if level == "20":
        return _Context(kind=now.kind, level=level)
    if level == "22":
        return replace(now, level=level, position="", member="", dependent="")
    return replace(now, level=level, dependent="")


def _billing_provider(now: _Context, segment: _Segment) -> _Context:
    return replace(now, provider=f"{_NPI}|{segment['09']}" if segment["08"] == "XX" and segment["09"] else "")


def _tax_number(now: _Context, segment: _Segment) -> _Context:
    if now.level != "20" or now.provider:
        return now
    return replace(now, provider=f"{_TAX}|{segment['02']}")


def _birth_date(now: _Context, segment: _Segment) -> _Context:
    return replace(now, dependent=f"{now.dependent}/{segment['02']}") if now.dependent else now


#: What a segment above a claim changes, by its id, or by its id and first element.
_LEVELS: Mapping[str, Callable[[_Context, _Segment], _Context]] = {
    "HL": _level,
    "CUR": lambda now, segment: replace(now, currency=segment["02"]),
    "NM1 85": _billing_provider,
    "REF EI": _tax_number,
    "SBR": lambda now, segment: replace(now, position=segment["01"]),
    "NM1 IL": lambda now, segment: replace(now, member=f"MI|{segment['09']}" if segment["09"] else ""),
    "NM1 QC": lambda now, segment: replace(now, dependent=f"{segment['03']}/{segment['04']}"),
    "DMG": _birth_date,
}


class _Reader:
    """Reads one claim."""

    def __init__(self, source: str, raw: _Raw) -> None:
        self.source, self.raw = source, raw
        self.clm = raw.head[0]

    def refuse(self, segment: _Segment, element: str, fix: str) -> BadInput:
        where = f"segment {segment.place} ({segment.id}{element})"
        return BadInput(self.source, where, fix)

    def claim(self) -> ClaimInput:
        context, clm = self.raw.context, self.clm
        for value, element, what in (
            (context.provider, "", "has no billing provider with an NPI or a tax number above it; give NM1*85"),
            (context.member, "", "has no subscriber with a member number above it; give NM1*IL"),
            (clm["01"], "01", "is empty; give the claim its number"),
        ):
            if not value:
                raise self.refuse(clm, element, what)
        if clm["05-3"] not in ("", "1"):
            raise self.refuse(
                clm,
                "05-3",
                f"is {one_line(clm['05-3'], 5)}: only original claims are submitted; reverse the earlier one",
            )
        if not self.raw.lines:
            raise self.refuse(clm, "", "has no lines (LX); give at least one")
        first = self._first_payers()
        lines = tuple(self._line(n, segments, first) for n, segments in enumerate(self.raw.lines, 1))
        total, known = self._amount(clm, "02"), add([line.charge for line in lines])
        if total != known:
            raise self.refuse(clm, "02", f"is {total}, but the lines sum to {known}; correct one of them")
        if not re.fullmatch("[A-Z]{3}", context.currency):
            raise self.refuse(
                clm, "", f"has the currency {one_line(context.currency, 10)!r} (CUR02) above it; correct it"
            )
        return ClaimInput(
            source=f"{self.source} (segment {clm.place})",
            id="",
            number=clm["01"],
            number_system=NUMBER,
            provider_ref=context.provider,
            patient_ref=f"{context.member}#{context.dependent}" if context.dependent else context.member,
            insurer_ref=None,
            service_day=self._day(),
            currency=context.currency,
            lines=lines,
            type=(_CLAIM_TYPE, context.kind),
            primary="\n".join(first.values()),
        )

    # ---- coordination of benefits --------------------------------------------------------------------------------

    def _first_payers(self) -> dict[str, str]:
        """The payers that go before the one who is asked: id, and what names its answer."""
        own = self.raw.context.position
        if own not in _POSITIONS or not own:
            raise self.refuse(
                self.clm, "", f"has the payer position {one_line(own, 5)!r} (SBR01) above it; give P, S, T …"
            )
        found: dict[str, str] = {}
        before, payer = False, ""
        for segment in self.raw.head:
            if segment.id == "SBR":
                before = segment["01"] in _POSITIONS and _POSITIONS.index(segment["01"]) < _POSITIONS.index(own)
                payer = ""
            elif segment.id == "NM1" and segment["01"] == "PR" and before:
                payer = segment["09"]
                if not payer:
                    raise self.refuse(segment, "09", "is empty; give the id of the payer that goes first")
                found[payer] = payer
            elif segment.id == "REF" and segment["01"] == "F8" and payer:
                found[payer] = segment["02"]
        if own != "P" and not found:
            raise self.refuse(
                self.clm, "", f"goes to a payer in position {own}, and names none that goes first; give its loop 2320"
            )
        return found

    # ---- lines ---------------------------------------------------------------------------------------------------

    def _line(self, sequence: int, segments: Sequence[_Segment], first: dict[str, str]) -> LineInput:
        services = [segment for segment in segments if segment.id in ("SV1", "SV2")]
        if len(services) != 1:
            raise self.refuse(segments[0], "", f"has {len(services)} services (SV1, SV2); give one")
        service = services[0]
        shift = 0 if service.id == "SV1" else 1
        procedure = f"{1 + shift:02}"
        if service[f"{procedure}-2"]:
            if service[f"{procedure}-1"] != "HC":
                raise self.refuse(
                    service, f"{procedure}-1", f"is {one_line(service[f'{procedure}-1'], 5)!r}; only HC is read"
                )
            system, code = HCPCS, service[f"{procedure}-2"]
        elif service.id == "SV2" and service["01"]:
            system, code = REVENUE, service["01"]
        else:
            raise self.refuse(service, procedure, "is empty; give the code of the service")
        charge = self._amount(service, f"{2 + shift:02}")
        if service[f"{3 + shift:02}"] != "UN":
            unit = one_line(service[f"{3 + shift:02}"], 5)
            raise self.refuse(service, f"{3 + shift:02}", f"is {unit!r}; only units (UN) are read")
        units = self._amount(service, f"{4 + shift:02}")
        if units != units.to_integral_value() or not 1 <= units <= MAX_UNITS:
            raise self.refuse(service, f"{4 + shift:02}", f"is {units}; give a whole number from 1")
        return LineInput(sequence, system, code, int(units), charge, "", self._prior(segments, first, charge))

    def _prior(self, segments: Sequence[_Segment], first: dict[str, str], charge: Decimal) -> Decimal:
        paid: dict[str, Decimal] = {}
        for segment in segments:
            if segment.id == "SVD":
                if segment["01"] not in first:
                    raise self.refuse(segment, "01", "is no payer that goes before the one who is asked; leave it out")
                paid[segment["01"]] = add([paid.get(segment["01"], Decimal(0)), self._amount(segment, "02")])
        missing = next((payer for payer in first if payer not in paid), None)
        if missing is not None:
            raise self.refuse(
                segments[0],
                "",
                f"does not say what {one_line(missing, 40)} paid, which goes first; give its SVD, perhaps of 0",
            )
        total = add(list(paid.values()))
        if total > charge:
            raise self.refuse(
                segments[0], "", f"says that others paid {total}, more than its charge; correct one of them"
            )
        return total

    # ---- values --------------------------------------------------------------------------------------------------

    def _amount(self, segment: _Segment, element: str) -> Decimal:
        text = segment[element]
        if not text or not _AMOUNT.fullmatch(text) or text == ".":
            raise self.refuse(segment, element, f"is {one_line(text, 40)!r}; give a number of 0 or more")
        return Decimal(text)

    def _day(self) -> int:
        days: dict[int, _Segment] = {}
        dated = [s for line in self.raw.lines for s in line if s.id == "DTP" and s["01"] == "472"]
        dated = dated or [s for s in self.raw.head if s.id == "DTP" and s["01"] == "434"]
        if not dated:
            raise self.refuse(self.clm, "", "has no service day (DTP*472, or DTP*434 for all lines); give it")
        for segment in dated:
            first, _, last = segment["03"].partition("-")
            if segment["02"] not in ("D8", "RD8") or not re.fullmatch(r"\d{8}", first) or (last or first) != first:
                raise self.refuse(
                    segment, "03", f"is {one_line(segment['03'], 40)!r}; give one day, and split the line by day"
                )
            where = f"segment {segment.place} (DTP03)"
            days[day_number(f"{first[:4]}-{first[4:6]}-{first[6:]}", source=self.source, field=where)] = segment
        if len(days) > 1:
            raise self.refuse(
                list(days.values())[1], "03", "is another day than of a line before; split the claim by day"
            )
        return next(iter(days))
