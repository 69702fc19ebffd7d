"""GS1 identifiers, Digital Links, and labels: written, pictured, read."""

import datetime as dt
import random
import struct
import zlib

import pytest
import zxingcpp
from PIL import Image

from salus.coldchain.label import Label, label_of, parse_label, qr_terminal, scan, write_qr
from salus.errors import BadInput
from salus.formats import gs1
from salus.formats.digital_link import canonical, from_epc, link, parse_link

GTIN = "09506000134352"
LABEL = Label(gtin=GTIN, lot="A/42+b", expires=dt.date(2027, 1, 31), serial="S_1")
LINK = "https://id.gs1.org/01/09506000134352/10/A%2F42%2Bb/21/S_1?17=270131"
ELEMENTS = "010950600013435217270131" + "10A/42+b\x1d21S_1"


def refused(function, *arguments, **options):
    with pytest.raises(BadInput) as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500 and str(error.value).isprintable()
    return error.value.field, error.value.fix


# ---------------------------------------------------------------------------------------------------------- identifiers


@pytest.mark.parametrize(
    "digits, due",
    [("0950600013435", 2), ("950600013435", 2), ("629104150021", 3), ("09506000134352123", 6), ("0", 0), ("7", 9)],
)
def test_check_digit(digits, due):
    assert gs1.check_digit(digits) == due


def test_keys():
    assert gs1.gtin_14("9506000134352") == GTIN and gs1.gtin_number(GTIN) == 9506000134352
    assert gs1.gln_number("9506000140445") == "9506000140445"
    assert gs1.sscc_number("095060001343521236") == "095060001343521236"


@pytest.mark.parametrize(
    "function, text, fix",
    [
        (
            gs1.gln_number,
            "9506000140446",
            "9506000140446 has a wrong check digit, it should be 5; look at the pack again",
        ),
        (gs1.gln_number, "950600014044", "is '950600014044'; give 13 digits"),
        (gs1.gln_number, "٩٥٠٦٠٠٠١٤٠٤٤٥", "is '٩٥٠٦٠٠٠١٤٠٤٤٥'; give 13 digits"),
        (
            gs1.sscc_number,
            "095060001343521230",
            "095060001343521230 has a wrong check digit, it should be 6; look at the pack again",
        ),
        (gs1.gtin_14, "0" * 14, f"is {'0' * 14!r}; give 8, 12, 13 or 14 digits"),
    ],
)
def test_req_29_wrong_keys(function, text, fix):
    assert refused(function, text)[1] == fix


@pytest.mark.parametrize(
    "text, today, day",
    [
        ("270131", 2026, dt.date(2027, 1, 31)),
        ("270200", 2026, dt.date(2027, 2, 28)),
        ("281200", 2026, dt.date(2028, 12, 31)),
        ("280229", 2026, dt.date(2028, 2, 29)),
        ("750101", 2026, dt.date(2075, 1, 1)),
        ("770101", 2026, dt.date(1977, 1, 1)),
        ("760101", 2026, dt.date(2076, 1, 1)),
        ("000101", 2055, dt.date(2100, 1, 1)),
    ],
)
def test_expiry(text, today, day):
    assert gs1.expiry(text, today=dt.date(today, 6, 1)) == day


@pytest.mark.parametrize("text", ["270229", "271301", "270001", "27013", "2701311", "٢٧٠١٣١", ""])
def test_no_expiry(text):
    assert refused(gs1.expiry, text)[0] == "date"


# -------------------------------------------------------------------------------------------------------- digital link


def test_link():
    assert LABEL.link() == LINK
    assert LABEL.link("https://vaccine.example/l/") == LINK.replace("https://id.gs1.org", "https://vaccine.example/l")
    assert link({"37": "5", "17": "270131", "21": "7", "10": "A", "22": "V", "01": GTIN}) == (
        f"https://id.gs1.org/01/{GTIN}/22/V/10/A/21/7?17=270131&37=5"
    )
    assert (
        link({"414": "9506000140445", "254": "dock 1".replace(" ", "_")})
        == "https://id.gs1.org/414/9506000140445/254/dock_1"
    )
    assert link({"00": "095060001343521236", "410": "9506000140445"}) == (
        "https://id.gs1.org/00/095060001343521236?410=9506000140445"
    )


@pytest.mark.parametrize(
    "text, values",
    [
        (LINK, {"01": GTIN, "10": "A/42+b", "21": "S_1", "17": "270131"}),
        (f"http://example.com:8080/a/b/01/{GTIN}?17=270131&utm=1&linkType=all", {"01": GTIN, "17": "270131"}),
        ("https://id.gs1.org/gtin/9506000134352/lot/A", {"01": GTIN, "10": "A"}),
        ("https://id.gs1.org/01/9506000134352", {"01": GTIN}),
        (f"https://id.gs1.org/01/{GTIN}?01={GTIN}", {"01": GTIN}),
    ],
)
def test_parse_link(text, values):
    assert parse_link(text) == values


@pytest.mark.parametrize(
    "text, field",
    [
        ("https://example.com/", "link"),
        ("https://example.com/01/", "link"),
        (f"ftp://id.gs1.org/01/{GTIN}", "link"),
        ("https://id.gs1.org/01/09506000134353", "(01) gtin"),
        (f"https://id.gs1.org/01/{GTIN}/21/7/10/A", "link"),  # wrong order
        (f"https://id.gs1.org/01/{GTIN}/10/A/10/B", "(10)"),
        (f"https://id.gs1.org/01/{GTIN}/414/9506000140445", "link"),
        (f"https://id.gs1.org/01/{GTIN}/10/A?10=B", "(10)"),
        (f"https://id.gs1.org/01/{GTIN}/10/A%0aB", "link"),
        (f"https://id.gs1.org/01/{GTIN}/10/A%C3%A9", "link"),
        (f"https://id.gs1.org/01/{GTIN}/10/A%2", "link"),
        (f"https://id.gs1.org/01/{GTIN}/10/{'A' * 21}", "(10)"),
        (f"https://id.gs1.org/01/{GTIN}/10/A?17=271301", "(17) date"),
        (f"https://id.gs1.org/01/{GTIN}/10/A B", "link"),
        ("https://[::1/01/" + GTIN, "link"),
    ],
)
def test_parse_link_refused(text, field):
    assert refused(parse_link, text)[0] == field


def test_link_refused():
    assert refused(link, {"10": "A"})[0] == "label"
    assert refused(link, {"01": GTIN, "10": "#"})[0] == "(10)"
    assert refused(link, {"01": GTIN}, resolver="javascript:alert(1)")[0] == "resolver"
    assert refused(link, {"01": GTIN, "0999": "1"})[0] == "(0999)"


@pytest.mark.parametrize(
    "text, due",
    [
        ("urn:epc:id:sgtin:4012345.011111.9876", "https://id.gs1.org/01/04012345111118/21/9876"),
        ("urn:epc:class:lgtin:4012345.012345.Lot%2F7", "https://id.gs1.org/01/04012345123456/10/Lot%2F7"),
        ("urn:epc:idpat:sgtin:4012345.012345.*", "https://id.gs1.org/01/04012345123456"),
        ("urn:epc:id:sscc:4012345.3111111111", "https://id.gs1.org/00/340123451111111111"),
        ("urn:epc:id:sgln:4012345.00005.122", "https://id.gs1.org/414/4012345000054/254/122"),
        ("urn:epc:id:pgln:999999999999.", "https://id.gs1.org/417/9999999999994"),
        ("urn:epc:id:giai:4012345.ABC345", "https://id.gs1.org/8004/4012345ABC345"),
        ("urn:epc:id:sgtin:4012345.01111.9876", None),
        ("urn:epc:id:sgtin:4012345", None),
        ("urn:epc:id:unknown:4012345.1", None),
        ("urn:epc:id:gdti:0614141.06012.%zz%C3%A9", None),
        ("https://example.com/", None),
    ],
)
def test_epc_uris(text, due):
    assert from_epc(text) == due
    assert canonical(text) == (due or text)


# --------------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "text",
    [
        LINK,
        ELEMENTS,
        "]d2" + ELEMENTS,
        "]C1" + ELEMENTS,
        "\x1d" + ELEMENTS,
        f"  {LINK}\r\n",
        f"(01){GTIN}(17)270131(10)A/42+b(21)S_1",
        f"(01) {GTIN} (17) 270131 (10) A/42+b (21) S_1",
        # GS after a fixed value too, as some printers do; another order
        f"01{GTIN}\x1d10A/42+b\x1d17270131\x1d21S_1",
    ],
)
def test_parse_label(text):
    assert parse_label(text) == LABEL


def test_what_a_label_says():
    assert LABEL.element_string == ELEMENTS
    assert LABEL.words == f"(01){GTIN}(17)270131(10)A/42+b(21)S_1"
    full = parse_label(f"(01){GTIN}(17)270131(10)A(21)7(710)123(240)X")
    assert full.others == {"710": "123", "240": "X"} and parse_label(full.element_string) == full
    pallet = parse_label("(00)095060001343521236")
    assert (pallet.sscc, pallet.gtin) == ("095060001343521236", None)


def test_round_trips_of_random_labels():
    """Every value that a label can hold comes back from each of its forms."""
    chance = random.Random(7)
    characters = "!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz"
    for _ in range(300):
        body = f"{chance.randrange(10**13):013}"
        label = Label(
            gtin=body + str(gs1.check_digit(body)),
            lot="".join(chance.choices(characters, k=chance.randint(1, 20))),
            expires=chance.choice([None, dt.date(2027, 2, chance.randint(1, 28))]),
            serial=chance.choice([None, "".join(chance.choices(characters, k=chance.randint(1, 20)))]),
        )
        if not int(body):
            continue
        assert parse_label(label.link()) == label
        assert parse_label(label.element_string) == label


@pytest.mark.parametrize(
    "text, field",
    [
        ("", "label"),
        ("hello", "label"),
        ("(01)", "(01)"),
        (f"x(01){GTIN}", "label"),
        ("(01)09506000134353", "(01) gtin"),
        ("0109506000134353", "(01) gtin"),
        (f"01{GTIN}10A\x1d10B", "(10)"),
        (f"(01){GTIN}(01)04012345111118", "(01)"),
        (f"01{GTIN}9", "(9)"),
        (f"01{GTIN}05123", "(0512)"),
        (f"(01){GTIN}(0512)1", "(0512)"),
        (f"(01){GTIN}(17)279901", "(17) date"),
        (f"01{GTIN}17270", "(17)"),
        ("(10)A(17)270131", "label"),
        (f"01{GTIN}10A\x00B", "label"),
        (f"01{GTIN}10A\x1b[31m", "label"),
        (f"01{GTIN}10A\u202e", "label"),
        ("(01)" + "9" * 100_000, "label"),
        ("https://id.gs1.org/01/" + "9" * 100_000, "label"),
        ("(" * 2_000, "label"),
        ("00" * 1_000, "(00) sscc"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_tt8_hostile_labels(text, field):
    assert refused(parse_label, text)[0] == field


# ------------------------------------------------------------------------------------------------------------- pictures


def test_written_as_png_and_read_from_it(tmp_path):
    for n, label in enumerate([LABEL, Label(gtin=GTIN, lot="A42"), Label(sscc="095060001343521236")]):
        path = tmp_path / f"{n}.png"
        write_qr(label, path)
        assert scan(path) == label
        assert label_of(str(path)) == label


def test_a_photograph(tmp_path):
    """Turned, scaled, darkened and as JPEG, as a phone would give it."""
    write_qr(LABEL, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        turned = (
            picture.convert("L").rotate(17, expand=True, fillcolor=255).resize((500, 520)).point(lambda v: 40 + v * 0.6)
        )
        turned.save(tmp_path / "a.jpg", quality=60)
    assert scan(tmp_path / "a.jpg") == LABEL


@pytest.mark.parametrize("kind", ["DataMatrix", "Code128", "QRCode"])
def test_gs1_symbols_of_others(kind, tmp_path):
    label = Label(gtin=GTIN, lot="A42", expires=dt.date(2027, 1, 31))
    code = zxingcpp.create_barcode(label.words, getattr(zxingcpp.BarcodeFormat, kind), options="gs1")
    Image.fromarray(code.to_image(scale=4)).save(tmp_path / "b.png")
    assert scan(tmp_path / "b.png") == label


def test_svg_holds_the_same_code(tmp_path):
    write_qr(LABEL, tmp_path / "a.svg")
    content = (tmp_path / "a.svg").read_text()
    assert content.startswith("<?xml") and "<svg" in content


def test_terminal_shows_the_same_code(tmp_path):
    """The characters, drawn as the pixels that they stand for, are read like the picture."""
    lines = qr_terminal(LABEL).splitlines()
    halves = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    picture = Image.new("L", (len(lines[0]), 2 * len(lines)))
    for y, line in enumerate(lines):
        for x, sign in enumerate(line):
            for half, light in enumerate(halves[sign]):
                picture.putpixel((x, 2 * y + half), 255 * light)
    picture = picture.resize((picture.width * 6, picture.height * 6), Image.Resampling.NEAREST)
    picture.save(tmp_path / "t.png")
    assert scan(tmp_path / "t.png") == LABEL


def test_pictures_that_are_refused(tmp_path):
    path = tmp_path / "p.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    assert refused(scan, path)[1].startswith("cannot be opened")
    Image.new("L", (200, 200), 255).save(path)
    assert refused(scan, path) == ("picture", "shows no code that can be read; take it closer, sharp and without glare")
    zxingcpp_text = zxingcpp.create_barcode("hello", zxingcpp.BarcodeFormat.QRCode)
    Image.fromarray(zxingcpp_text.to_image(scale=4)).save(path)
    assert refused(scan, path)[0] == "label"
    two = Image.new("L", (900, 400), 255)
    for n, label in enumerate((LABEL, Label(gtin=GTIN, lot="B"))):
        write_qr(label, path, scale=6)
        with Image.open(path) as part:
            two.paste(part.convert("L"), (450 * n, 0))
    two.save(path)
    assert refused(scan, path) == ("picture", "shows 2 labels that differ; take a picture of one")
    assert refused(scan, tmp_path / "absent.png")[0] == "file"


def png_of(width, height):
    """The beginning of a picture in one colour: some bytes that say how large it is."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_950, 12_000, 100_000])
def test_tr7_a_bomb_of_a_picture_is_not_unpacked(side, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(side, side))
    field, fix = refused(scan, path)
    assert field == "picture" and ("million pixels" in fix or "exceeds limit" in fix)


@pytest.mark.parametrize("form", ["EPS", "PDF", "ICNS", "PPM", "TGA"])
def test_P10_a_picture_of_another_kind_is_never_opened(form, tmp_path, monkeypatch):
    """Pillow would hand an EPS to Ghostscript, whatever the file is called."""
    from PIL import EpsImagePlugin

    def ran(*_, **__):
        raise AssertionError("Ghostscript was run")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", ran)
    path = tmp_path / "label.png"
    Image.new("L", (64, 64), 255).convert("RGB").save(path, form)
    field, fix = refused(scan, path)
    assert field == "picture" and "cannot be opened" in fix and fix.endswith("give PNG or JPEG")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_P10_pictures_of_cameras_and_scanners_are_read(form, tmp_path):
    write_qr(LABEL, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        picture.convert("L").save(tmp_path / "label", form)
    assert scan(tmp_path / "label") == scan(tmp_path / "a.png")


def test_P10_an_eps_that_ghostscript_would_run_is_refused_by_its_content(tmp_path):
    path = tmp_path / "label.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) (w) file pop\n%%EOF\n")
    assert refused(scan, path)[0] == "picture"


def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch):
    import sys

    write_qr(LABEL, tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    assert refused(scan, tmp_path / "a.png") == (
        "picture",
        "needs zxing-cpp and pillow to be read; install it from the folder of Salus, where pyproject.toml"
        " is: pip install '.[scan]'",
    )


def test_files_that_cannot_be_written(tmp_path):
    assert refused(write_qr, LABEL, tmp_path / "a.gif")[1].startswith("ends in neither")
    assert refused(write_qr, LABEL, tmp_path / "none" / "a.png")[1].startswith("cannot be written")
    assert refused(write_qr, LABEL, tmp_path / "a.png", scale=0)[0] == "scale"
