"""JSON files as they are read: exact numbers, each key once, and what would hurt refused by its place.

reading
├── decimals are exact
├── a number that is absurdly long or large, NaN, a key twice, another encoding, what is nested too deeply: refused
writing
├── a file that is there is not overwritten, one that cannot be written is told
└── decimals are written digit by digit, and read again as they were
a token's smallest units
├── exact, up to 96 bits
└── below 0, not finite, of too many decimals, out of every range: refused
"""

from decimal import Decimal

import pytest

from salus.errors import BadInput
from salus.formats import json_file
from salus.formats.json_file import dump_json, parse_json, read_text, smallest_units, write_new

DIGITS = "9" * 200


def test_decimals_are_exact():
    found = parse_json('{"a": 0.1, "b": 12345678901234567890.000000000000000001, "c": 3}', "f.json")
    assert found == {"a": Decimal("0.1"), "b": Decimal("12345678901234567890.000000000000000001"), "c": 3}


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "line 1, column 2: is not JSON (Expecting property name enclosed in double quotes); give a complete"),
        ('{"a": 1, "a": 2}', "JSON: holds the key 'a' twice in one object; keep one"),
        ('{"a": NaN}', "JSON: holds NaN, which is no JSON number; write a plain decimal"),
        ('{"a": -Infinity}', "JSON: holds -Infinity, which is no JSON number"),
        (f'{{"a": {DIGITS}}}', f"JSON: holds the number {'9' * 37}... of 200 characters; write at most"),
        (f'{{"a": {DIGITS}.5}}', f"JSON: holds the number {'9' * 37}... of 202 characters; write at most"),
        ('{"a": 1e999999}', "JSON: holds the number 1e999999; write a plain decimal"),
        ('{"a": 1e99999999999999999999}', "JSON: holds the number 1e99999999999999999999; write a plain decimal"),
        ("[" * 100_000, "JSON: is nested too deeply; give a plain document"),
    ],
)
def test_what_is_no_plain_document_is_refused(text, message):
    with pytest.raises(BadInput) as refused:
        parse_json(text, "f.json")
    assert str(refused.value).startswith(f"f.json: {message}")


def test_a_line_of_many_is_named():
    with pytest.raises(BadInput, match=r"^f\.ndjson: line 7: holds the key 'a' twice"):
        parse_json('{"a": 1, "a": 2}', "f.ndjson", line=7)


def test_a_file_is_utf_8_and_readable(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"name": "caf\xe9"}')
    with pytest.raises(BadInput, match=r": byte 13: is not UTF-8; save the file as UTF-8$"):
        read_text(path)
    with pytest.raises(BadInput, match=r": file: cannot be read \(Is a directory\); name a readable file$"):
        read_text(tmp_path)


def test_a_file_is_read_up_to_the_most(tmp_path, monkeypatch):
    path = tmp_path / "large.json"
    path.write_text("0123456789")
    monkeypatch.setattr(json_file, "MAX_BYTES", 10)
    assert read_text(path) == "0123456789"
    monkeypatch.setattr(json_file, "MAX_BYTES", 9)
    with pytest.raises(BadInput, match=r"large\.json: file: is larger than 0 MiB; split it$"):
        read_text(path)


def test_a_file_is_written_once(tmp_path):
    write_new(tmp_path / "new.json", "{}\n")
    with pytest.raises(BadInput, match=r"new\.json: is there already; name another file$"):
        write_new(tmp_path / "new.json", "[]\n")
    assert (tmp_path / "new.json").read_text() == "{}\n"
    with pytest.raises(BadInput, match=r"missing/new\.json: cannot be written: No such file or directory$"):
        write_new(tmp_path / "missing" / "new.json", "{}\n")


def test_what_is_written_is_read_again():
    value = {"a": Decimal("0.10"), "b": [1, [], {}], "c": {"d": None, "e": "é"}}
    text = dump_json(value)
    assert text.isascii() and text.endswith("}\n") and '"a": 0.10' in text
    assert parse_json(text, "f.json") == value


@pytest.mark.parametrize(
    "value, decimals, units",
    [
        ("12.50", 6, 12_500_000),
        ("0", 0, 0),
        ("-0", 2, 0),
        ("1e3", 2, 100_000),
        ("0.01", 2, 1),
        (str(2**96 - 1), 0, 2**96 - 1),
    ],
)
def test_an_amount_in_smallest_units(value, decimals, units):
    assert smallest_units(Decimal(value), decimals, source="f", field="x") == units


@pytest.mark.parametrize(
    "value, message",
    [
        ("-1", "is -1; give an amount of 0 or more"),
        ("NaN", "is NaN; give an amount of 0 or more"),
        ("Infinity", "is Infinity; give an amount of 0 or more"),
        ("0.001", "is 0.001; the token has 2 decimals, give no more"),
        ("1e1000000000", "is out of every range; give an amount as a plain decimal"),
        (str(2**96), "is "),
    ],
)
def test_what_is_no_amount_is_refused(value, message):
    with pytest.raises(BadInput) as refused:
        smallest_units(Decimal(value), 2, source="f", field="x")
    assert str(refused.value).startswith(f"f: x: {message}")
