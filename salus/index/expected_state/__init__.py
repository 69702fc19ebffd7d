"""What the events of a contract say that its storage must hold: one small class a contract, a state model.

Each takes every event of the book in the order of the chain and then gives what the contract's views must answer. A new
contract gets a class here; the audit names every contract that has none as not compared.

Modules: ``base`` has what all models share; ``institutions``, ``consent``, ``claims``, ``coldchain`` and ``doses`` have
the models of each noun's contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from salus.index.expected_state.base import EventRecord, Expected, StateModel
from salus.index.expected_state.claims import ClaimDeskState, PlansState, TreasuryState
from salus.index.expected_state.coldchain import ColdChainState, LoggersState, LotsState
from salus.index.expected_state.consent import AccessLogState, ConsentRegistryState, GuardiansState
from salus.index.expected_state.doses import DosesState
from salus.index.expected_state.institutions import InstitutionsState

__all__ = ["STATE_MODELS", "EventRecord", "Expected", "StateModel"]

#: What makes the model of a contract, by the contract's name in the book.
STATE_MODELS: Mapping[str, Callable[[], StateModel]] = {
    "Institutions": InstitutionsState,
    "ConsentRegistry": ConsentRegistryState,
    "Guardians": GuardiansState,
    "AccessLog": AccessLogState,
    "Plans": PlansState,
    "ClaimDesk": ClaimDeskState,
    "Treasury": TreasuryState,
    "Lots": LotsState,
    "Loggers": LoggersState,
    "ColdChain": ColdChainState,
    "Doses": DosesState,
}
