"""EPC URIs of every scheme as Digital Links, by the examples of GS1's Tag Data Standard; what is none of them stays.

The schemes of goods, places and parties are also in tests/client/coldchain/test_label.py, beside the labels.
"""

import pytest

from salus.errors import BadInput
from salus.formats.digital_link import LONGEST, canonical, from_epc, parse_link

LINK = "https://id.gs1.org"
GTIN = "09506000134352"


@pytest.mark.parametrize(
    "text, due",
    [
        (
            "urn:epc:id:upui:1234567.089456.51qIgY)%3C%26Jp3*j7'SDB",
            "/01/01234567894560/235/51qIgY%29%3C%26Jp3%2Aj7'SDB",
        ),
        ("urn:epc:id:grai:0614141.12345.400", "/8003/00614141123452400"),
        ("urn:epc:idpat:grai:0614141.12345.*", "/8003/00614141123452"),
        ("urn:epc:id:gdti:0614141.12345.006847", "/253/0614141123452006847"),
        ("urn:epc:id:sgcn:4012345.67890.04711", "/255/401234567890104711"),
        ("urn:epc:id:gsrn:0614141.1234567890", "/8018/061414112345678902"),
        ("urn:epc:id:gsrnp:0614141.1234567890", "/8017/061414112345678902"),
        ("urn:epc:id:gsin:0614141.123456789", "/402/06141411234567890"),
        ("urn:epc:id:ginc:0614141.xyz47%2F11", "/401/0614141xyz47%2F11"),
        ("urn:epc:id:cpi:0614141.123ABC.123456789", "/8010/0614141123ABC/8011/123456789"),
        ("urn:epc:idpat:cpi:0614141.123ABC.*", "/8010/0614141123ABC"),
        ("urn:epc:id:itip:4012345.012345.04.04.6789", "/8006/040123451234560404/21/6789"),
        ("urn:epc:idpat:itip:4012345.012345.04.04.*", "/8006/040123451234560404"),
        ("urn:epc:id:sgln:4012345.00005.0", "/414/4012345000054"),
    ],
)
def test_an_epc_of_every_scheme(text, due):
    assert from_epc(text) == LINK + due


@pytest.mark.parametrize(
    "text",
    [
        "urn:epc:id:sgtin:40123.011111.9876",  # a prefix of five digits
        "urn:epc:id:sgtin:4012345X.01111.9876",
        "urn:epc:id:itip:4012345.012345.4.04.6789",  # pieces of two digits each
        "urn:epc:id:itip:4012345.012345.04.XX.6789",
        "urn:epc:id:gsrn:0614141.123456789",  # a digit too few
        "urn:epc:id:gsrn:0614141.12345678AB",
        "urn:epc:id:ginc:0614141.",
        "urn:epc:id:cpi:0614141..1",
        "urn:epc:idpat:sgtin:*.*.*",
    ],
)
def test_what_is_not_of_its_schemes_form_stays_what_it_is(text):
    assert from_epc(text) is None
    assert canonical(text) == text


@pytest.mark.parametrize(
    "text, due",
    [
        ("https://example.com/01/9506000134352", f"{LINK}/01/{GTIN}"),  # twelve or thirteen digits are filled up
        ("https://example.com/some/path/01/09506000134352/10/A/21/7?17=270131", f"{LINK}/01/{GTIN}/21/7"),
        ("https://example.com/01/09506000134352/10/A%2F1", f"{LINK}/01/{GTIN}/10/A%2F1"),
        ("https://example.com/8006/095060001343520102/10/A", f"{LINK}/8006/095060001343520102/10/A"),
        ("https://example.com/414/9506000134352/254/1", f"{LINK}/414/9506000134352/254/1"),
    ],
)
def test_a_link_is_reduced_to_the_thing_it_names(text, due):
    assert canonical(text) == due


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/01/%zz",  # broken escapes
        "https://example.com/01/caf%C3%A9",
        "https://[::1/01/" + GTIN,
        f"https://example.com/01/{GTIN}/" + "x" * LONGEST,
    ],
)
def test_a_link_that_names_nothing_stays_what_it_is(text):
    assert canonical(text) == text


def test_a_link_beyond_every_length_is_not_read():
    text = f"https://example.com/01/{GTIN}/10/" + "A" * LONGEST
    with pytest.raises(BadInput, match=rf"^link: has {len(text):,} characters; {LONGEST:,} are the most$"):
        parse_link(text)
