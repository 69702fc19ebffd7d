"""Each custom error of the contracts in a sentence that a person can act on."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from salus.abi.bits import PURPOSES, RESEARCH_USES, category_names, names_of, role_names
from salus.errors.states import CLAIM_STATES, CONDITIONS, OUTCOMES, REASONS, REFUSALS, STANDINGS, VERDICTS

__all__ = [
    "CLAIM_STATES",
    "CONDITIONS",
    "OUTCOMES",
    "REASONS",
    "REFUSALS",
    "STANDINGS",
    "VERDICTS",
    "explain",
    "moment",
]

_ALL_PURPOSES = {**PURPOSES, **RESEARCH_USES}


def moment(seconds: int) -> str:
    """Unix seconds as ``2026-01-31 12:00:00 UTC``; the last second that there is as ``without end``.

    Args:
        seconds: Unix seconds, 0 or more.
    """
    if seconds >= (1 << 40) - 1:
        return "without end"
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {seconds}"


def _day(number: int) -> str:
    return moment(number * 86_400).removesuffix(" 00:00:00 UTC")


def _of(words: tuple[str, ...], number: int) -> str:
    return words[number] if 0 <= number < len(words) else f"has the state {number}, which this version does not know"


def _roles(bits: int) -> str:
    return ", ".join(sorted(role_names(bits))) or "no role"


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()


def _handle(value: bytes) -> str:
    text = bytes(value).rstrip(b"\0").decode("ascii", "replace")
    return text if text.isprintable() and text else _hex(value)


def _place(a: Mapping[str, Any]) -> str:
    """What the later action is about: a directive of a pair, all of them, or a delegate or the guardians."""
    if "grantee" not in a:
        return f"for {a['patient']}"
    if a["index"] < 4:
        return f"at place {a['index']} of {a['patient']} for {a['grantee']}"
    return f"for what {a['patient']} grants to {a['grantee']}"


#: What is wrong with a field that a contract names, and what to do; by error and field.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "InvalidPairing": {
        "device": "the logger is not in service: it is retired or lost; name another one",
        "calibration": "the logger's calibration ends before the pairing begins; calibrate it, or name another one",
        "from": "the pairing begins at a time that is judged already, before the lot was made, or later than now;"
        " name a later time, not after now",
        "to": "the pairing must end after it begins, and not after its present end; name another end",
        "busy": "the logger is paired until later than that, with this or another shipment; end that pairing first"
        " (`salus shipment unpair`), or begin after it",
        "model": "the logger's model is not trusted; name a trusted one (`salus logger model`), or none",
    },
    "InvalidShipment": {
        "units": "the units must be at least 1, and not more than the shipment holds (to split some off: fewer)",
        "hoursAllowed": "the shipment may be under way for so many hours at most as handovers allow; name fewer",
        "into": "only two shipments of one lot can be merged, and none with itself; name another one",
    },
    "InvalidHandover": {
        "terms": "the handover's terms have bits that mean nothing; prepare it with this version of the client",
        "hoursAllowed": "the handover names more hours under way than are allowed; name fewer",
        "vvm": "the vaccine vial monitor is past its discard point: spoilt goods are not accepted; reject them"
        " (`salus shipment reject`)",
        "shake": "the shake test failed: spoilt goods are not accepted; reject them (`salus shipment reject`)",
        "to": "the receiver holds the shipment already; name another one",
        "since": "the time of the handover is out of range; prepare it again",
    },
    "InvalidLot": {
        "gtin": "the GTIN has a wrong check digit or length; read it from the label again",
        "number": "the lot number must be 1 to 20 of the characters that GS1 allows; read it from the label again",
        "madeAt": "the lot was made later than now; correct the time",
        "expiresAt": "the lot must expire after it was made, and later than now; correct the day",
        "units": "the lot has no units; name how many there are",
    },
    "InvalidEmergency": {
        "cause": "the cause of the emergency is missing; name one",
        "categories": "the categories that are needed are missing; name at least one",
        "duration": "the emergency access lasts no time, or longer than it may; name another duration",
        "outcome": "the outcome is missing; name how the emergency ended",
    },
    "InvalidSchedule": {
        "vaccine": "the schedule's vaccine is missing; name its CVX code",
        "steps": "the schedule has no doses, or more than it may have; name fewer",
        "minInterval": "the first dose has none before it, so its least interval must be 0",
        "due": "a dose cannot be due before its least interval is over; name a later day",
        "overdue": "a dose is overdue only after it is due; name a later day, or 0 for never",
    },
    "InvalidProfile": {
        "low": "the lower limit must be below the upper one; correct one of them",
        "silence": "the longest time without readings must be more than 0; name it",
        "vvm": "there is no vaccine vial monitor of that category; name one of WHO's, or none",
        "mkt": "the limit of the mean kinetic temperature does not fit the range or the heat of activation; correct it",
        "rules": "the profile judges nothing, or has more rules than it may have; name a budget, or other rules",
        "afterMinutes": "a rule counts after 0 minutes, or later than it may; name other minutes",
        "threshold": "a rule's temperature is out of range; name another one",
    },
}


def _of_field(error: str, what: str, field: object) -> str:
    """What is wrong with a field; a name that is unknown here, from a newer contract, is shown as it is."""
    return _FIELDS[error].get(str(field), f"{what}'s {_text(str(field))} is not allowed")


def _text(value: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in value)[:80]


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    # ---- institutions
    "NotLicensed": lambda a: f"{a['account']} may not act as {_roles(a['role'])}: it {_of(STANDINGS, a['standing'])}",
    "AlreadyAccredited": lambda a: f"{a['institution']} is accredited already; renew it instead",
    "HandleTaken": lambda a: f"the name {_handle(a['handle'])} belongs to {a['institution']} for ever; choose another",
    "InvalidHandle": lambda a: f"{_handle(a['handle'])} is no name for an institution: 1 to 31 of a-z, 0-9 and -",
    "InvalidAccount": lambda a: f"{a['account']} can act for nobody: it is 0, or stands for a role",
    "LicenceEnded": lambda a: f"{a['institution']} is suspended, or its licence has ended, so it names no operators",
    "InvalidRoles": lambda a: f"{a['roles']:#x} is no set of roles: name at least one, and only known ones",
    "InvalidTerm": lambda a: f"a term until {moment(a['until'])} is not in the future",
    "UnknownInstitution": lambda a: f"{a['institution']} is no accredited institution",
    "NotSuspended": lambda a: f"{a['institution']} is not suspended",
    "AlreadySuspended": lambda a: f"{a['institution']} is suspended already",
    "OperatorTaken": lambda a: f"{a['operator']} acts for {a['institution']} already; it must resign there first",
    "NotOperator": lambda a: f"{a['operator']} is no operator of {a['institution']}",
    # ---- consent
    "InvalidGrantee": lambda a: f"{a['grantee']} can be given no consent",
    "InvalidIndex": lambda a: (
        f"there is no place {a['index']}: a patient has four for each grantee, 0 to 3, and each delegate the next four"
    ),
    "InvalidEffect": lambda a: "a directive must permit or deny",
    "EmptyScope": lambda a: (
        "a directive needs at least one purpose and one category, and has"
        f" {', '.join(sorted(names_of(a['purposes'], _ALL_PURPOSES))) or 'no purpose'} on"
        f" {', '.join(sorted(category_names(a['categories']))) or 'no category'}"
    ),
    "InvalidPeriod": lambda a: (
        f"a period from {_day(a['from'])} until {_day(a['until'])} is empty: give an end after the beginning"
        if "until" in a
        else f"a period from {moment(a['start']) if a['start'] else 'now'} to {moment(a['end'])} has ended or is empty"
    ),
    "Superseded": lambda a: (
        _place(a) + f" the action of {moment(a['issuedAt'])} stands, and this one is not later; sign again"
    ),
    "UnexpectedTimes": lambda a: "a direct grant counts from its block: it has no time of issue and no deadline",
    "IssuedInFuture": lambda a: (
        f"it was issued at {moment(a['issuedAt'])}, and the chain's clock says {moment(a['nowAt'])}; submit it later"
    ),
    "DeadlinePassed": lambda a: f"it could be submitted until {moment(a['deadline'])}; sign anew",
    "InvalidSignature": lambda a: (
        f"the signature is not that of {a.get('signer') or a['account']} over exactly these values, for this chain and"
        " contract. Something was changed after it was signed, or another key signed: after a recovery only the new key"
        " counts; sign it again with that one"
    ),
    "OutOfScope": lambda a: (
        f"{a['signer']} may not do this for {a['patient']}, or no longer: as a delegate it has a scope and an end, and"
        " what it signed before it was named does not count"
    ),
    "TooManyDelegates": lambda a: (
        f"{a['most']} delegates have acted for {a['patient']} already; the patient, or one of them, can do it"
    ),
    "UnknownCodes": lambda a: (
        "a permit names purposes or sensitive labels that have no meaning yet"
        f" (bits {a['purposes']:#x} and {a['categories']:#x}): name only those that are known"
    ),
    # ---- guardians
    "InvalidDelegate": lambda a: f"{a['delegate']} can be no delegate: it is nobody, or the patient",
    "InvalidGuardians": lambda a: {
        "guardians": "the guardians must be at most ten, in ascending order, and not the patient",
        "threshold": "the threshold must be from 1 to the number of guardians",
        "delay": "the delay of a recovery is shorter or longer than it may be; without guardians there is none",
    }.get(a["field"], f"the guardians' {_text(a['field'])} is not possible"),
    "InvalidSuccessor": lambda a: f"{a['successor']} cannot take over: it is nobody, or controls the account already",
    "TooFewGuardians": lambda a: (
        f"{a['given']} guardians of {a['patient']} have signed, and {a['threshold']} must"
        if a["threshold"]
        else f"{a['patient']} has named no guardians"
    ),
    "NotGuardian": lambda a: f"{a['account']} is no guardian of {a['patient']}, or is there twice",
    "RecoveryPending": lambda a: (
        f"a move of {a['patient']} to {a['successor']} is under way; it is finished or vetoed first"
    ),
    "KeyCountedTwice": lambda a: (
        f"{a['key']} signed for two guardians of {a['patient']}, itself or wallets that it owns; it counts once"
    ),
    "SignedBeforeMove": lambda a: (
        f"it was signed before {a['patient']} last changed hands, at {moment(a['movedAt'])}; sign it again"
    ),
    "NothingPending": lambda a: f"no change of the guardians of {a['patient']} waits",
    "InvalidContact": lambda a: f"{a['contact']} cannot be the emergency contact: it is the patient",
    "NoRecovery": lambda a: f"no recovery of {a['patient']} is under way",
    "NotReady": lambda a: f"it can be done for {a['patient']} from {moment(a['readyAt'])} on",
    # ---- accesses
    "AccessRefused": lambda a: (
        f"{a['patient']} does not permit this use to {a['institution']}: {_of(REASONS, a['reason'])}"
        if a["refusal"] == 1
        else f"{a['institution']} cannot record this use of {a['patient']}: {_of(REFUSALS, a['refusal'])}"
    ),
    "InvalidAccess": lambda a: (
        f"the use at position {a['position']} names no {'purpose' if a['field'] == 'purpose' else 'record class'};"
        " name at least one"
    ),
    "EmergencyRefused": lambda a: (
        f"the glass cannot be broken: {a['patient']} denies emergencies to {a['institution']}, or the deployment has"
        " none"
    ),
    "InvalidEmergency": lambda a: _of_field("InvalidEmergency", "the emergency", a["field"]),
    "SecondClinicianNeeded": lambda a: (
        f"{a['clinician']} has too many emergencies that nobody reviewed, or one was found unjustified lately: a second"
        " clinician signs with it (`salus consent second`)"
    ),
    "InvalidSecond": lambda a: (
        f"{a['clinician']} cannot be the second clinician: it is the first one, or one of its own emergencies was found"
        " unjustified lately"
    ),
    "SecondUsed": lambda a: f"the signature of {a['clinician']} was submitted before; it counts once: sign again",
    "ReviewerOfHouse": lambda a: (
        f"{a['reviewer']} has a part in this emergency of {a['institution']}; a reviewer of another house closes it"
    ),
    "UnknownEmergency": lambda a: f"there is no emergency {_hex(a['emergency'])}",
    "AlreadyReviewed": lambda a: f"the emergency {_hex(a['emergency'])} was reviewed: it {_of(OUTCOMES, a['outcome'])}",
    # ---- plans, treasury, claims
    "PlanExists": lambda a: f"the plan {_hex(a['plan'])} is registered already",
    "UnknownPlan": lambda a: f"there is no plan {_hex(a['plan'])}",
    "AlreadyPublished": lambda a: f"the plan {_hex(a['plan'])} is published: its terms and prices never change again",
    "NotInsurer": lambda a: f"{a['account']} does not act for the insurer of the plan {_hex(a['plan'])}",
    "InvalidCap": lambda a: f"a cap of {a['most']} in {a['period']} days has no period; give at least one day",
    "InvalidTerms": lambda a: f"the plan's {_text(a['field'])} is not possible",
    "InvalidCategory": lambda a: (
        f"the category at position {a['position']} has a rate above 100 %, or the plan would have more than 255"
    ),
    "InvalidPrice": lambda a: (
        f"the price {a['price']:#x} of the code {_hex(a['code'])} is not listed, has unknown bits, or a category that"
        " the plan does not have"
    ),
    "InvalidMember": lambda a: f"{a['member']} cannot be a member: accounts of so small a number stand for families",
    "ReferralExists": lambda a: (
        f"{a['by']} referred {a['member']} to {a['to'] if int(a['to'], 16) else 'whomever it chooses'}, which counts"
        " today"
    ),
    "OwnReferral": lambda a: f"{a['provider']} cannot refer a member to itself",
    "PriceExists": lambda a: f"the plan {_hex(a['plan'])} has a price for the code {_hex(a['code'])} already",
    "LengthMismatch": lambda a: (
        f"{a['codes']} codes came with {a['prices']} prices"
        if "codes" in a
        else f"{a['claims']} claims came with {a['signatures']} signatures"
    ),
    "NotParty": lambda a: f"{a['account']} is not licensed for who may do this with the claim {_hex(a['id'])}",
    "WrongState": lambda a: f"the claim {_hex(a['id'])} {_of(CLAIM_STATES, a['state'])}, or was heard on appeal before",
    "OtherContent": lambda a: (
        f"what was said of the claim {_hex(a['id'])} is not what the chain holds; take it from the events"
    ),
    "ReviewOpen": lambda a: (
        f"the insurer may review the claim {_hex(a['id'])} until {moment(a['until'])}; the rules decide after it"
    ),
    "ReviewOver": lambda a: (
        f"the review of the claim {_hex(a['id'])} ended at {moment(a['until'])}; now the rules decide"
    ),
    "WindowClosed": lambda a: f"the appeal days of the claim {_hex(a['id'])} ended at {moment(a['until'])}",
    "NotAppealed": lambda a: f"nobody appealed the claim {_hex(a['id'])}, or the appeal is decided",
    "InvalidCarc": lambda a: f"{a['carc']} is no claim adjustment reason code: give 1 to 999",
    "AwardTooHigh": lambda a: f"{a['award']} is more than the {a['most']} that was billed and not paid",
    "Halted": lambda a: (
        f"the pool of {a['insurer']} is halted until {moment(a['until'])}; what it owes is paid from then on, or when"
        " the insurer says so"
    ),
    "HaltTooLong": lambda a: (
        f"a halt until {moment(a['until'])} is too long; it may last until {moment(a['most'])}, and be said again"
    ),
    "NotAllowed": lambda a: (
        f"the treasury may take {a['allowed']} of {a['token']}, not {a['amount']}, and the permit does not serve;"
        " approve it or sign anew"
    ),
    "PoolShort": lambda a: f"the oldest debt is {a['due']}, and the pool holds {a['balance']}",
    "PoolBusy": lambda a: (
        f"the pool of {a['insurer']} in {a['token']} is paying in this very transaction; a token may not call back"
    ),
    "NothingOwed": lambda a: f"the pool of {a['insurer']} in {a['token']} owes nothing",
    "ExceedsReserve": lambda a: f"{a['asked']} was asked of {a['reserved']} that are reserved",
    "ExceedsSetOff": lambda a: f"{a['asked']} was offered where {a['due']} is to be given back",
    "ZeroAmount": lambda a: "the amount is 0",
    "NotAnInsurer": lambda a: f"{a['account']} was never accredited as an insurer, so it has no pool",
    "InvalidDesk": lambda a: f"at {a['desk']} is no contract that could pay from the pool",
    "InvalidToken": lambda a: f"at {a['token']} is no token",
    "ReceivedOther": lambda a: (
        f"the token {a['token']} moved {a['received']} instead of {a['expected']}; tokens that take a fee are refused"
    ),
    "ExceedsBalance": lambda a: f"{a['asked']} was asked of a pool that holds {a['balance']}",
    "NoExit": lambda a: "no withdrawal was announced for this pool",
    "ExitNotOpen": lambda a: f"the announced withdrawal is open from {moment(a['opensAt'])} to {moment(a['closesAt'])}",
    "NothingHeld": lambda a: f"nothing is held for {a['payee']} in {a['token']}",
    "GasTooLow": lambda a: f"{a['left']} gas is left where {a['needed']} is needed; send it with a higher limit",
    # ---- lots, loggers and doses
    "InvalidPrefix": lambda a: (
        f"{a['prefix']:0{min(a['digits'], 20)}} is no GS1 company prefix of {a['digits']} digits: it has 4 to 12"
    ),
    "ForeignGtin": lambda a: (
        f"no GS1 company prefix of {a['manufacturer']} begins the GTIN {a['gtin']:014}; the regulator assigns prefixes"
    ),
    "DeviceExists": lambda a: f"the device {a['device']} is registered already",
    "UnknownDevice": lambda a: f"{a['device']} was never registered as a device",
    "NotOwner": lambda a: f"{a['account']} does not act for the owner of the device {a['device']}",
    "NotADevice": lambda a: (
        f"{a['device']} is not licensed as a logger of this institution; make it an operator in the role LOGGER"
    ),
    "InvalidCalibration": lambda a: (
        f"a calibration cannot end at {moment(a['until'])}: it ends in the future, before the year 2106"
    ),
    "InvalidCondition": lambda a: (
        f"the device {a['device']} cannot become {_of(CONDITIONS, a['condition'])}: it is so already, is retired or"
        " replaced for"
        " good, or its successor does not fit"
    ),
    "UnknownModel": lambda a: f"there is no model {a['model']} of loggers",
    "InvalidKey": lambda a: f"x {_hex(a['x'])} and y {_hex(a['y'])} are no point of the curve P-256, so no maker's key",
    "ModelNotTrusted": lambda a: f"the regulator does not trust the key of model {a['model']} any more",
    "InvalidFileSignature": lambda a: f"the key of model {a['model']} did not sign the file {_hex(a['file'])}",
    "InvalidSchedule": lambda a: _of_field("InvalidSchedule", "the schedule", a["field"]),
    "ScheduleExists": lambda a: f"the schedule {_hex(a['schedule'])} is registered already",
    "UnknownSchedule": lambda a: f"there is no schedule {_hex(a['schedule'])}",
    "InvalidDay": lambda a: (
        f"{_day(a['day'])} is not a day on which a dose can have been given: from seven days ago to today (UTC)"
    ),
    "SeriesComplete": lambda a: f"{a['patient']} has had every dose of the schedule {_hex(a['schedule'])}",
    "TooEarly": lambda a: (
        f"the next dose of {a['patient']} in the schedule {_hex(a['schedule'])} counts from {_day(a['earliest'])} on,"
        " the grace included"
    ),
    "UnknownDose": lambda a: f"there is no dose {_hex(a['dose'])}",
    "NotTheClinic": lambda a: f"{a['account']} does not act for the clinic that recorded the dose {_hex(a['dose'])}",
    "NotTheLastDose": lambda a: (
        f"the dose {_hex(a['dose'])} is voided already, or another one of its series followed it"
    ),
    # ---- cold chain
    "InvalidProfile": lambda a: _of_field("InvalidProfile", "the temperature profile", a["field"]),
    "ProfileExists": lambda a: f"the temperature profile {_hex(a['profile'])} is registered already",
    "UnknownProfile": lambda a: f"there is no temperature profile {_hex(a['profile'])}",
    "InvalidLot": lambda a: _of_field("InvalidLot", "the lot", a["field"]),
    "LotExists": lambda a: f"the lot {_hex(a['lot'])} is registered already",
    "UnknownLot": lambda a: f"there is no lot {_hex(a['lot'])}",
    "NotManufacturer": lambda a: f"{a['account']} does not act for the manufacturer of the lot {_hex(a['lot'])}",
    "UnitsExceeded": lambda a: f"{a['asked']} units were asked of the lot {_hex(a['lot'])}, which has {a['left']} left",
    "InvalidShipment": lambda a: _of_field("InvalidShipment", "the shipment", a["field"]),
    "ShipmentExists": lambda a: f"the shipment {_hex(a['shipment'])} is open already",
    "UnknownShipment": lambda a: f"there is no shipment {_hex(a['shipment'])}",
    "NotHolder": lambda a: f"{a['account']} does not hold the shipment {_hex(a['shipment'])}",
    "NotIntact": lambda a: f"the shipment {_hex(a['shipment'])} may not move: it {_of(VERDICTS, a['verdict'])}",
    "NotPaired": lambda a: (
        f"{a['logger']} was never paired with the shipment {_hex(a['shipment'])}; or what it signed was changed, or"
        " follows another batch"
    ),
    "OutsidePairing": lambda a: (
        f"readings must lie within the logger's time with the shipment, {moment(a['from'])} to {moment(a['to'])}"
    ),
    "InvalidPairing": lambda a: _of_field("InvalidPairing", "the pairing", a["field"]),
    "FileNotProven": lambda a: (
        f"the shipment takes only files that model {a['model']} signed, and nobody has proven {_hex(a['file'])}; do"
        " so with `salus logger prove`"
    ),
    "NoFork": lambda a: (
        f"these are no two batches of one number that one logger of the shipment {_hex(a['shipment'])} signed"
    ),
    "InvalidHandover": lambda a: _of_field("InvalidHandover", "the handover", a["field"]),
    "SignatureExpired": lambda a: f"the signature counted until {moment(a['deadline'])}; sign anew",
    "InvalidReason": lambda a: "a code for the reason is missing; give one that is not 0",
    "AlreadyRecalled": lambda a: f"the lot {_hex(a['lot'])} is recalled already",
    "TooMany": lambda a: f"{a['count']} at once are too many; give at most {a['most']}",
    "OutOfSequence": lambda a: (
        f"batch {a['given']} came where the shipment {_hex(a['shipment'])} expects batch {a['expected']}"
    ),
    "OutOfOrder": lambda a: (
        f"readings from {moment(a['start'])} overlap what is judged until {moment(a['until'])} already"
    ),
    "FromTheFuture": lambda a: (
        f"readings until {moment(a['last'])} are later than the chain's clock, {moment(a['nowAt'])}"
    ),
    "MalformedReadings": lambda a: f"the batch of readings is malformed: {_text(a['field'])}",
    "NothingToRelease": lambda a: f"the shipment {_hex(a['shipment'])} has nothing that a laboratory could excuse",
    # ---- OpenZeppelin
    "AccessManagedUnauthorized": lambda a: f"{a['caller']} is not who the regulator lets do this",
    "AccessManagerUnauthorizedAccount": lambda a: f"{a['msgsender']} does not have the regulator's role {a['roleId']}",
    "AccessManagerUnauthorizedCall": lambda a: f"{a['caller']} is not who the regulator lets do this",
    "AccessManagerNotScheduled": lambda a: "the regulator must announce this first and then wait for its delay",
    "AccessManagerNotReady": lambda a: "the regulator announced this, and its delay is not over yet",
    "AccessManagedRequiredDelay": lambda a: f"the regulator must announce this {a['delay']} seconds ahead",
    "ERC20InsufficientBalance": lambda a: f"{a['sender']} has {a['balance']} of the token, and {a['needed']} is needed",
    "ERC20InsufficientAllowance": lambda a: (
        f"{a['spender']} may spend {a['allowance']} of the token, and {a['needed']} is needed; approve it first"
    ),
    "SafeERC20FailedOperation": lambda a: f"the token {a['token']} refused the transfer",
}


def explain(name: str, arguments: Mapping[str, Any]) -> str:
    """The sentence for a custom error; one that has none is shown with its arguments.

    Args:
        name: The error's name.
        arguments: Its arguments by name, as decoded.

    Returns:
        One sentence without a full stop; text from the chain is shortened and has no control characters.
    """
    known = _WORDS.get(name)
    if known is not None:
        try:
            return known(arguments)
        except (KeyError, TypeError, ValueError):
            pass  # an error of the same name with other arguments, from a contract that is not ours
    shown = ", ".join(f"{key} {_hex(v) if isinstance(v, bytes) else v}" for key, v in arguments.items())
    return f"{name}: {shown}" if shown else name
