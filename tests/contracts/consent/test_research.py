"""Research uses before the contract: a grant for a broader use covers a narrower request, never the reverse.

The client makes the bits, the registry decides; what the client says is narrower, from salus/consent/duo.json, is the
model.

given a permit for a use
    when it or a narrower use is asked for       permit
    when a broader or another use is asked for   nobody decides, for the purpose
given a permit for all research and a denial of one use
    when it, or one that contains it, is asked for     deny
    when a narrower one than the denied is asked for   deny
    when any other use is asked for                    permit
"""

import pytest

from salus.consent import research_uses as duo
from salus.consent.codes import purpose_bits, request_bits
from tests.support.consent_builders import (
    ALL_RECORDS,
    DENY,
    NAMED,
    NOTHING,
    PERMIT,
    TREAT,
    WRONG_PURPOSE,
    Decision,
    decide,
    deny,
    granting,
    permit,
)

USES = ("HRESCH", *duo.purposes())


@pytest.fixture
def asked(consents, hospital, patient):
    """The answer to a request for one use, or for treatment."""
    return lambda bits: decide(consents, patient, hospital, bits, ALL_RECORDS)


@pytest.mark.parametrize("granted", USES)
def test_a_permit_covers_itself_and_what_is_narrower(granted, asked, consents, hospital, patient):
    consents.grant(
        *granting(permit(hospital, purposes=purpose_bits([granted]), categories=ALL_RECORDS)), {"from": patient}
    )
    for use in USES:
        covered = use == granted or use in duo.narrower(granted)
        expected = (PERMIT, NAMED) if covered else (NOTHING, WRONG_PURPOSE)
        assert asked(request_bits([use])) == Decision(*expected, str(hospital), 0), (granted, use)
    assert asked(TREAT) == Decision(NOTHING, WRONG_PURPOSE, str(hospital), 0)


@pytest.mark.parametrize("denied", USES)
def test_a_denial_is_not_lost_behind_a_broader_permit(denied, asked, consents, hospital, patient):
    everything = permit(hospital, purposes=purpose_bits(["HRESCH", "TREAT"]), categories=ALL_RECORDS)
    narrow = deny(hospital, index=1, purposes=purpose_bits([denied], deny=True), categories=ALL_RECORDS)
    consents.grant(*granting(everything), {"from": patient})
    consents.grant(*granting(narrow), {"from": patient})
    for use in USES:
        touched = use == denied or use in duo.narrower(denied) or use in duo.above(denied)
        expected = (DENY, NAMED, str(hospital), 1) if touched else (PERMIT, NAMED, str(hospital), 0)
        assert asked(request_bits([use])) == Decision(*expected), (denied, use)
    assert asked(TREAT) == Decision(PERMIT, NAMED, str(hospital), 0)


def test_several_uses_must_all_be_granted(asked, consents, hospital, patient):
    consents.grant(
        *granting(permit(hospital, purposes=purpose_bits(["GRU"]), categories=ALL_RECORDS)), {"from": patient}
    )
    assert asked(request_bits(["HMB", "GSO"])) == Decision(PERMIT, NAMED, str(hospital), 0)
    assert asked(request_bits(["HMB", "POA"])) == Decision(NOTHING, WRONG_PURPOSE, str(hospital), 0)
