"""Words to speak with Guardians.sol: authorizations, delegates, sets of guardians, and what their wallets sign."""

from typing import NamedTuple

from brownie import chain

from tests.support.consent_builders import ALL_RECORDS, FOR_EVER, NOBODY, TREAT, key

DAY = 86_400
MIN_DELAY, MAX_DELAY, FINISH_WITHIN = 2 * DAY, 60 * DAY, 30 * DAY

DELEGATE = {
    "Delegate": [
        {"name": "patient", "type": "address"},
        {"name": "delegate", "type": "address"},
        {"name": "purposes", "type": "uint32"},
        {"name": "categories", "type": "uint56"},
        {"name": "until", "type": "uint40"},
        {"name": "issuedAt", "type": "uint40"},
        {"name": "deadline", "type": "uint40"},
    ]
}
SET_GUARDIANS = {
    "SetGuardians": [
        {"name": "patient", "type": "address"},
        {"name": "guardians", "type": "address[]"},
        {"name": "threshold", "type": "uint8"},
        {"name": "delay", "type": "uint40"},
        {"name": "issuedAt", "type": "uint40"},
        {"name": "deadline", "type": "uint40"},
    ]
}
RECOVER = {
    "Recover": [
        {"name": "patient", "type": "address"},
        {"name": "successor", "type": "address"},
        {"name": "version", "type": "uint32"},
        {"name": "deadline", "type": "uint40"},
    ]
}
VETO = {"Veto": RECOVER["Recover"]}
WITHDRAW = {"Withdraw": RECOVER["Recover"]}
CONTACT = {
    "EmergencyContact": [
        {"name": "patient", "type": "address"},
        {"name": "contact", "type": "address"},
        {"name": "issuedAt", "type": "uint40"},
        {"name": "deadline", "type": "uint40"},
    ]
}


class Authorization(NamedTuple):
    issued_at: int = 0
    deadline: int = 0
    signature: bytes = b""


DIRECT = Authorization()


class Delegation(NamedTuple):
    purposes: int
    categories: int
    until: int
    issued_at: int


class GuardianSet(NamedTuple):
    guardians: tuple
    threshold: int
    delay: int
    version: int
    issued_at: int


def signature(guardians, signer, kind, *values, **domain_changes) -> bytes:
    """What a wallet signs: the values of a struct of `kind`, in order."""
    ((_, fields),) = kind.items()
    domain = {
        "name": "Salus Guardians",
        "version": "1",
        "chainId": chain.id,
        "verifyingContract": guardians.address,
        **domain_changes,
    }
    message = {field["name"]: value for field, value in zip(fields, values, strict=True)}
    return bytes(signer.sign_typed_data(domain, kind, message).signature)


def signed_delegate(guardians, signer, delegate, issued_at, deadline=FOR_EVER, patient=None, **terms):
    """The arguments of `setDelegate`, signed by the patient's own key unless another patient is named."""
    patient = str(patient or signer.address)
    scope = {"purposes": TREAT, "categories": ALL_RECORDS, "until": FOR_EVER, **terms}
    values = (patient, str(delegate), *scope.values())
    signed = signature(guardians, signer, DELEGATE, *values, issued_at, deadline)
    return *values, Authorization(issued_at, deadline, signed)


def signed_set(guardians, signer, members, threshold, issued_at, deadline=FOR_EVER, delay=MIN_DELAY, patient=None):
    """The arguments of `setGuardians`, signed."""
    values = (str(patient or signer.address), [str(member) for member in members], threshold, delay)
    signed = signature(guardians, signer, SET_GUARDIANS, *values, issued_at, deadline)
    return *values, Authorization(issued_at, deadline, signed)


def signed_contact(guardians, signer, contact, issued_at, deadline=FOR_EVER, patient=None):
    """The arguments of `setEmergencyContact`, signed."""
    values = (str(patient or signer.address), str(contact))
    signed = signature(guardians, signer, CONTACT, *values, issued_at, deadline)
    return *values, Authorization(issued_at, deadline, signed)


def recovery_of(guardians, patient, successor, signers, version=None, deadline=FOR_EVER):
    """The arguments of `startRecovery`, with the signatures of these keys in this order."""
    version = guardian_set(guardians, patient).version if version is None else version
    values = (str(patient), str(successor), version, deadline)
    signatures = [signature(guardians, signer, RECOVER, *values) for signer in signers]
    return str(patient), str(successor), deadline, [signer.address for signer in signers], signatures


class PendingSet(NamedTuple):
    guardians: tuple
    threshold: int
    delay: int
    issued_at: int
    ready_at: int


NO_PENDING = PendingSet((), 0, 0, 0, 0)


def pending_set(guardians, patient) -> PendingSet:
    return PendingSet(*guardians.pendingGuardians(patient))


def guardian_set(guardians, patient) -> GuardianSet:
    return GuardianSet(*guardians.guardianSet(patient))


def delegation(guardians, patient, delegate) -> Delegation:
    return Delegation(*guardians.delegation(patient, delegate))


def family(number: int = 3):
    """So many keys, ascending by their addresses, as the contract wants guardians."""
    return sorted((key(f"guardian {i}") for i in range(number)), key=lambda signer: int(signer.address, 16))


NO_RECOVERY = (NOBODY, 0, 0)
