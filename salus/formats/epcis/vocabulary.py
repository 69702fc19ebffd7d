"""Words of EPCIS 2.0 and of the Core Business Vocabulary 2.0: fields of events, and the values that have a short
form."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "ACTIONS",
    "BIZ_STEPS",
    "BIZ_TRANSACTIONS",
    "CONTEXT",
    "DISPOSITIONS",
    "ERROR_REASONS",
    "EVENT_TYPES",
    "PREFIXES",
    "SENSOR_ALERTS",
    "SOURCES",
    "expand",
]

#: The JSON-LD context of EPCIS 2.0.
CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"

#: Prefixes that the context defines.
PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "epcis": "https://ref.gs1.org/epcis/",
        "cbv": "https://ref.gs1.org/cbv/",
        "cbvmda": "urn:epcglobal:cbv:mda:",
        "gs1": "https://gs1.org/voc/",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "owl": "http://www.w3.org/2002/07/owl#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }
)

EVENT_TYPES = frozenset(
    {"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}
)
ACTIONS = frozenset({"ADD", "OBSERVE", "DELETE"})

BIZ_STEPS = frozenset(
    "accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting"
    " decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting"
    " installing killing loading other packing picking receiving removing repackaging repairing replacing reserving"
    " retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting"
    " unloading unpacking void_shipping".split()
)
DISPOSITIONS = frozenset(
    "active available completeness_inferred completeness_verified conformant container_closed container_open damaged"
    " destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance"
    " mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed"
    " recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable"
    " unknown".split()
)
BIZ_TRANSACTIONS = frozenset("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt".split())
SOURCES = frozenset({"owning_party", "possessing_party", "location"})
ERROR_REASONS = frozenset({"did_not_occur", "incorrect_data"})
SENSOR_ALERTS = frozenset({"ALARM_CONDITION", "ERROR_CONDITION"})

# The field (or list) that a short value stands in, and what it is short for.
_SHORT_FOR: Mapping[str, str] = MappingProxyType(
    {
        "bizStep": "https://ref.gs1.org/cbv/BizStep-",
        "disposition": "https://ref.gs1.org/cbv/Disp-",
        "set": "https://ref.gs1.org/cbv/Disp-",
        "unset": "https://ref.gs1.org/cbv/Disp-",
        "bizTransactionList": "https://ref.gs1.org/cbv/BTT-",
        "sourceList": "https://ref.gs1.org/cbv/SDT-",
        "destinationList": "https://ref.gs1.org/cbv/SDT-",
        "sensorReport": "https://gs1.org/voc/",
        "exception": "https://gs1.org/voc/",
        "component": "https://ref.gs1.org/cbv/Comp-",
    }
)

# The older URNs of the same values.
_URNS: Mapping[str, str] = MappingProxyType(
    {
        "urn:epcglobal:cbv:bizstep:": "https://ref.gs1.org/cbv/BizStep-",
        "urn:epcglobal:cbv:disp:": "https://ref.gs1.org/cbv/Disp-",
        "urn:epcglobal:cbv:btt:": "https://ref.gs1.org/cbv/BTT-",
        "urn:epcglobal:cbv:sdt:": "https://ref.gs1.org/cbv/SDT-",
        "urn:epcglobal:cbv:er:": "https://ref.gs1.org/cbv/ER-",
    }
)


def expand(value: str, field: str, namespaces: Mapping[str, str]) -> str:
    """A vocabulary value as the URI that it stands for; what is none of them as it is.

    Args:
        value: A short form, a CURIE, an older URN, or a URI.
        field: Where it stands; for the ``type`` of a list's entry: the list.
        namespaces: Prefixes in force, beside those of the context.
    """
    prefix, colon, rest = value.partition(":")
    if not colon:
        return _SHORT_FOR.get(field, "") + value
    for urn, uri in _URNS.items():
        if value.startswith(urn):
            return uri + value[len(urn) :]
    if rest.startswith("//"):
        return value
    full = namespaces.get(prefix, PREFIXES.get(prefix))
    return value if full is None else full + rest
