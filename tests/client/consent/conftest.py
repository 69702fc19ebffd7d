"""What several tests of consents ask for."""

import json

import pytest

from salus.consent.files.fhir_read import read_consent
from salus.errors import BadInput
from tests.support.published_consents import KNOWN


@pytest.fixture
def read(tmp_path):
    """Reads the one FHIR Consent of a document."""

    def reader(document, **options):
        path = tmp_path / "consent.json"
        path.write_text(json.dumps(document))
        (consent,) = read_consent(path, grantee=KNOWN.get, **options)
        return consent

    return reader


@pytest.fixture
def refused(read):
    """Where a document is refused, and why."""

    def refuser(document, **options):
        with pytest.raises(BadInput) as trouble:
            read(document, **options)
        return trouble.value.field, trouble.value.fix

    return refuser
