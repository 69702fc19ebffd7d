"""JSON files of strangers: what costs far more than its bytes is refused fast (P11)."""

import os
import time

import pytest

from salus.chain.book import Book
from salus.errors import BadInput
from salus.formats.fhir import read_resources
from salus.formats.json_file import MAX_PARTS, MAX_VALUES, parse_json


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
