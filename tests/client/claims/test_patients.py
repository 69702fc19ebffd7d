"""Which account each patient of a file of claims uses, from words and from a CSV file.

words
├── REFERENCE=ACCOUNT; what follows the last "=" is the account
├── an account alone is that of the one patient whom all claims name
│   └── and of nobody where they name several, or none at all is given
└── a patient twice is refused, be it once in the file
a CSV file
├── with and without a header; empty lines are passed over
└── a line that is no patient and account, or names one again, is refused by its number
"""

from types import SimpleNamespace

import pytest

from salus.claims.patients import patient_accounts, read_patients
from salus.errors import BadInput

ANN, BEN = "0x" + "a1" * 20, "0x" + "b2" * 20


def claims(*references):
    return [SimpleNamespace(patient_ref=reference) for reference in references]


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "patients.csv"
        path.write_text(text)
        return path

    return write


def test_words_name_the_patient_and_the_account():
    given = [f"Patient/1={ANN}", f"urn:x?id=2={BEN}"]
    assert patient_accounts(given, claims("Patient/1")) == {"Patient/1": ANN, "urn:x?id=2": BEN}


def test_an_account_alone_is_the_one_patients():
    assert patient_accounts([ANN], claims("Patient/1", "Patient/1")) == {"Patient/1": ANN}


def test_an_account_alone_is_nobodys_where_claims_name_several():
    with pytest.raises(BadInput, match="^--patient: names no patient, and the claims name 2; write REFERENCE=0x…$"):
        patient_accounts([ANN], claims("Patient/1", "Patient/2"))


def test_no_patient_at_all_is_refused():
    with pytest.raises(BadInput, match="^--patient: is missing; give each patient's account for this insurer$"):
        patient_accounts([], claims("Patient/1"))


def test_a_patient_twice_is_refused(csv):
    with pytest.raises(BadInput, match="^--patient: Patient/1: is given twice"):
        patient_accounts([f"Patient/1={ANN}", f"Patient/1={BEN}"], claims("Patient/1"))
    with pytest.raises(BadInput, match="^--patient: Patient/1: is given twice"):
        patient_accounts([f"Patient/1={BEN}"], claims("Patient/1"), csv(f"Patient/1,{ANN}\n"))


def test_a_file_and_words_are_taken_together(csv):
    named = patient_accounts([f"Patient/2={BEN}"], claims("Patient/1", "Patient/2"), csv(f"Patient/1,{ANN}\n"))
    assert named == {"Patient/1": ANN, "Patient/2": BEN}


@pytest.mark.parametrize("head", ["", "patient,account\n", "\n"])
def test_a_file_has_a_line_a_patient(csv, head):
    assert read_patients(csv(f'{head}Patient/1, {ANN}\n\n"Doe, Jane",{BEN}\n')) == {"Patient/1": ANN, "Doe, Jane": BEN}


@pytest.mark.parametrize(
    "text, line",
    [
        (f"Patient/1,{ANN},more\n", 1),
        ("Patient/1\n", 1),
        (f"Patient/1,{ANN}\npatient,account\nPatient/1,{BEN}\n", 3),
        (f"patient,account\nPatient/1,{ANN}\n\nPatient/1,{ANN}\n", 4),
    ],
)
def test_a_line_that_is_no_patient_is_named(csv, text, line):
    path = csv(text)
    with pytest.raises(BadInput) as refused:
        read_patients(path)
    assert str(refused.value) == (
        f"{path}: line {line}: must be a patient, not yet named, and an account: Patient/1,0x…"
    )
