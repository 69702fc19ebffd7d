"""JSON files of strangers: what costs far more than its bytes is refused fast (P11)."""

import os
import stat
import time
from decimal import Decimal

import pytest

from salus.chain.book import Book
from salus.errors import BadInput
from salus.formats.fhir import read_resources
from salus.formats.json_file import MAX_PARTS, MAX_VALUES, parse_json, parse_several, write_several


@pytest.mark.parametrize("small", ['{"a":1}', "{}", "[]", '{"a":{"b":[]}}'])
def test_P11_many_small_objects_are_refused_before_they_are_read(small):
    text = "[" + ",".join([small] * (60_000_000 // (len(small) + 1))) + "]"
    began = time.process_time()
    with pytest.raises(BadInput, match="more than are read at once; split it"):
        parse_json(text, "bomb.json")
    assert time.process_time() - began < 2


@pytest.mark.parametrize("value", ["1", '"a"', "null"])
def test_P11_many_small_values_are_refused_before_they_are_read(value):
    with pytest.raises(BadInput, match="values, more than are read at once"):
        parse_json("[" + ",".join([value] * (MAX_VALUES + 2)) + "]", "bomb.json")


def test_P11_many_small_lines_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "bomb.ndjson"
    path.write_text("{}\n" * (MAX_PARTS + 1))
    with pytest.raises(BadInput, match="objects and lists, more than are read at once"):
        read_resources(path, "Claim")


def test_a_large_file_of_ordinary_parts_is_read():
    assert len(parse_json("[" + ",".join(['{"value": 4.25}'] * 50_000) + "]", "file")) == 50_000


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_P11_a_book_that_is_no_regular_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = "/dev/zero"
    with pytest.raises(BadInput, match="is no regular file; name the address book itself"):
        Book.load(path)


# ------------------------------------------------------------------------------------------------------ one or several


@pytest.mark.parametrize("documents", [[{"a": 1}], [{"a": 1}, {"a": Decimal("2.50")}], ["text", []]])
def test_what_is_written_as_one_or_several_is_read_again(tmp_path, documents):
    path = tmp_path / "several.json"
    write_several(path, documents)
    assert [document for _, document in parse_several(path.read_text(), "file", "thing")] == documents
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadInput, match="is there already; name another file"):
        write_several(path, documents)


def test_one_is_written_as_itself(tmp_path):
    write_several(tmp_path / "one.json", [{"a": "b"}])
    assert (tmp_path / "one.json").read_text() == '{\n  "a": "b"\n}\n'


def test_a_document_of_a_list_has_its_place_for_messages():
    assert parse_several('{"a": 1}', "file", "thing") == [("", {"a": 1})]
    assert parse_several("[7, [8]]", "file", "thing") == [("[0].", 7), ("[1].", [8])]


def test_a_list_of_none_says_what_it_should_hold():
    with pytest.raises(BadInput) as raised:
        parse_several("[]", "claims.json", "attested claim")
    assert (raised.value.file, raised.value.field, raised.value.fix) == ("claims.json", "", "holds no attested claim")
