"""What the numbers of the contracts' enumerations mean, in words."""

from __future__ import annotations

__all__ = ["CLAIM_STATES", "CONDITIONS", "OUTCOMES", "REASONS", "REFUSALS", "STANDINGS", "VERDICTS"]

# What an enumeration's numbers mean, as the end of a sentence about the thing that is in that state.

STANDINGS = (
    "is unknown to the registry of institutions",
    "is licensed",
    "is licensed, but not in this role",
    "has a licence that has expired",
    "is suspended by the regulator",
    "has a term as operator that has expired",
)

VERDICTS = (
    "does not exist",
    "is intact",
    "has had an excursion that no laboratory has released",
    "has been without readings for too long",
    "was not handed on in the time allowed",
    "is of a lot that has expired",
    "is of a lot that is recalled",
    "was merged into another one",
    "was destroyed",
)

CONDITIONS = ("unregistered", "in service", "lost", "replaced", "retired")

CLAIM_STATES = (
    "was never submitted, or was refused",
    "is settled",
    "is owed",
    "waits for review",
    "was denied by review",
    "was withdrawn, or refused when it was to be decided",
    "was reversed",
    "was decided on appeal",
)

# What `decide` gives as a reason; :class:`salus.consent.model.Reason` says the same words.
REASONS = (
    "nothing was ever granted to it or its roles",
    "a directive that names it decides",
    "a directive for its role decides",
    "it is not licensed now",
    "what was granted is revoked",
    "what was granted has ended",
    "what was granted has not begun",
    "what is in force is for another purpose",
    "what is in force does not cover these categories",
    "nothing was ever said to it, and the deployment's policy permits",
)

# Why the access log does not record a use; :class:`salus.consent.access_log.Refusal` says the same words.
REFUSALS = (
    "it is recorded",
    "the patient does not permit it",
    "there is no such emergency",
    "the emergency had not begun, or had ended",
    "the emergency was found unjustified",
    "an emergency opens data for treatment only, to clinicians and pharmacists",
    "the emergency does not cover these categories",
    "the patient denies access in emergencies",
    "the time of the use lies in the future",
)

OUTCOMES = ("is open", "was justified", "was not justified", "was referred to another authority")
