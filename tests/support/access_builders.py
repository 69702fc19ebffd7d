"""Words to speak with AccessLog.sol: uses of data, declarations, and what a second clinician signs."""

from typing import NamedTuple

from brownie import chain

from tests.support.consent_builders import FOR_EVER, HIV, NOBODY, OBSERVATION, TREAT

DAY, HOUR = 86_400, 3_600
NO_EMERGENCY = "0x" + "00" * 32
RECORD = b"\x5a" * 32
LIFE, UNCONSCIOUS, DANGER, PUBLIC = range(1, 5)
OPEN, JUSTIFIED, UNJUSTIFIED, REFERRED = range(4)
PROVABLE, NOT_PROVABLE = range(2)
(
    RECORDED,
    NO_CONSENT,
    UNKNOWN_EMERGENCY,
    NOT_RUNNING,
    FOUND_UNJUSTIFIED,
    NOT_CARE,
    OUT_OF_SCOPE,
    EMERGENCIES_DENIED,
    USED_IN_FUTURE,
) = range(9)
COOL_DOWN, MOST_UNREVIEWED = 90 * DAY, 10

# Every class and every label that has a meaning.
KNOWN_CATEGORIES = 2**40 - 1 | (2 * HIV - 1) & ~(2**40 - 1)

SECOND = {
    "SecondClinician": [
        {"name": "patient", "type": "address"},
        {"name": "institution", "type": "address"},
        {"name": "clinician", "type": "address"},
        {"name": "cause", "type": "uint8"},
        {"name": "categories", "type": "uint56"},
        {"name": "duration", "type": "uint40"},
        {"name": "deadline", "type": "uint40"},
    ]
}
NO_SECOND = (NOBODY, 0, b"")


class Use(NamedTuple):
    """A use as the contract takes it."""

    patient: str
    purpose: int = TREAT
    categories: int = OBSERVATION
    record: bytes = RECORD
    emergency: int = 0
    used_at: int = 0


class Emergency(NamedTuple):
    """A declaration as the contract gives it."""

    patient: str
    institution: str
    clinician: str
    second: str
    number: int
    categories: int
    declared_at: int
    until: int
    reviewed_at: int
    cause: int
    outcome: int


def use(patient, purpose=TREAT, categories=OBSERVATION, record=RECORD, emergency=0, used_at=0) -> Use:
    return Use(str(patient), purpose, categories, record, emergency, used_at)


def emergency(access_log, id_) -> Emergency:
    return Emergency(*access_log.emergency(id_))


def second_opinion(
    access_log,
    signer,
    patient,
    institution,
    clinician,
    cause=LIFE,
    categories=OBSERVATION,
    duration=HOUR,
    deadline=FOR_EVER,
    by=None,
    **domain_changes,
):
    """What a second clinician's key signs; `by` is whose signature it is said to be."""
    domain = {
        "name": "Salus AccessLog",
        "version": "1",
        "chainId": chain.id,
        "verifyingContract": access_log.address,
        **domain_changes,
    }
    values = (str(patient), str(institution), str(clinician), cause, categories, duration, deadline)
    message = {field["name"]: value for field, value in zip(SECOND["SecondClinician"], values, strict=True)}
    signature = bytes(signer.sign_typed_data(domain, SECOND, message).signature)
    return str(by or signer.address), deadline, signature
