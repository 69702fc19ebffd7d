"""Words counted by hand: what assembly and shifts say of a struct is what the struct is

given the syntax trees of the build
    when a struct lies in its slots as the compiler puts it     each field is read where it lies, with all its bits
    when a library packs a word by hand                         its fields lie where its documentation says
    when assembly writes or reads a struct in memory            each word is the field of that name, and none is missing
    when assembly calls, or answers                             question and answer have the words of the function's ABI
    when a claim or a line is hashed as typed data              the type names each field of the struct
    when a function uses assembly                               it is tested here, or it counts no words of a struct
"""

import re

import pytest

from tests.support.build_files import (
    artefact,
    constant,
    definition,
    field_names,
    function,
    functions,
    members,
    own_names,
    walk,
)

WORD = 32

pytestmark = pytest.mark.chain  # it needs none, but contracts that were built

# ---- what a syntax tree says -----------------------------------------------------------------------------------------


def bits(kind):
    """How many bits a field of a type has in a slot."""
    kind = kind.split(" payable")[0]
    if kind == "address" or kind.startswith("contract "):
        return 160
    if kind == "bool" or kind.startswith("enum "):
        return 8
    if match := re.fullmatch(r"u?int(\d+)", kind):
        return int(match[1])
    if match := re.fullmatch(r"bytes(\d+)", kind):
        return 8 * int(match[1])
    raise ValueError(f"a field of type {kind} has no fixed place in a slot")


def layout(name, struct):
    """By field: its slot, its lowest bit there, its bits; as the compiler lays out a struct's storage."""
    found, slot, at = {}, 0, 0
    for field, kind in members(name, struct):
        size = bits(kind)
        if at + size > 256:
            slot, at = slot + 1, 0
        found[field] = (slot, at, size)
        at += size
    return found


def place(accessor):
    """The lowest bit and the number of bits (None: all above) that a function takes out of a word; None where it does
    anything else.
    """
    returned = accessor["body"]["statements"][-1]
    if len(accessor["body"]["statements"]) != 1 or returned["nodeType"] not in ("Return", "Block", "UncheckedBlock"):
        return None
    low, size, seen = 0, None, False
    if len([node for node in walk(returned) if node.get("operator") == ">>"]) > 1:
        return None
    for node in walk(returned):
        if node.get("nodeType") == "BinaryOperation":
            operator, right = node["operator"], node["rightExpression"]
            if operator == ">>" and right["nodeType"] == "Literal":
                low, seen = int(right["value"], 0), True
            elif operator == "&" and right["nodeType"] == "Literal":
                size, seen = int(right["value"], 0).bit_length(), True
            elif operator == "<<" or (operator in "|^+-" and node["leftExpression"]["nodeType"] != "Literal"):
                return None
        elif node.get("nodeType") == "ElementaryTypeNameExpression":
            kind = node["typeName"]["name"]
            if kind not in ("uint256", "bytes32", "int256") and size is None:
                size, seen = bits(kind), True
    return (low, size) if seen else None


def documented(name):
    """By the documentation of a library: (lowest bit, bits) of each field of its word."""
    text = " ".join(definition(name)["documentation"]["text"].split())
    match = re.search(r"From the (lowest bit|top): (.*?)(?:\. |\.$|; the rest 0|; and )", text)
    sizes = [int(number) for number in re.findall(r" (\d+)(?: bits)?(?:,|$)", match[2] + ",")]
    if match[1] == "top":
        sizes = sizes[::-1]
        start = 256 - sum(sizes)
    else:
        start = 0
    found, at = [], start
    for size in sizes:
        found.append((at, size))
        at += size
    return found


def number(node):
    """The value of a Yul literal."""
    return int(node["value"], 0) if node["nodeType"] == "YulLiteral" else None


def offset(node, base):
    """How many bytes a Yul expression lies above a variable; None where it is something else."""
    if node["nodeType"] == "YulIdentifier":
        return 0 if node["name"] == base else None
    if node["nodeType"] == "YulFunctionCall" and node["functionName"]["name"] in ("add", "sub"):
        left, right = node["arguments"]
        if left["nodeType"] == "YulIdentifier" and left["name"] == base and number(right) is not None:
            return number(right) if node["functionName"]["name"] == "add" else -number(right)
    return None


def calls(name, which, called):
    """The arguments of each call of a Yul function in a Solidity function."""
    tree = function(name, which)
    return [
        node["arguments"]
        for node in walk(tree)
        if node.get("nodeType") == "YulFunctionCall" and node["functionName"]["name"] == called
    ]


def written(name, which, base):
    """By offset from a variable: the variable or number that is written there (`mstore`)."""
    found = {}
    for target, value in calls(name, which, "mstore"):
        if (at := offset(target, base)) is not None:
            found[at] = value["name"].strip("_") if value["nodeType"] == "YulIdentifier" else number(value)
    return found


def read(name, which, base):
    """By offset from a variable: the variable that is read from there (`mload`)."""
    found = {}
    for node in walk(function(name, which)):
        if node.get("nodeType") == "YulAssignment" and node["value"]["nodeType"] == "YulFunctionCall":
            value = node["value"]
            if value["functionName"]["name"] == "mload" and (at := offset(value["arguments"][0], base)) is not None:
                found[at] = node["variableNames"][0]["name"].strip("_")
    return found


def parameters(name, which):
    """Names of a function's parameters, and of what it returns."""
    node = function(name, which)
    return (
        [each["name"] for each in node["parameters"]["parameters"]],
        [each["name"] for each in node["returnParameters"]["parameters"]],
    )


def text_constant(name, which):
    """The string that a constant is the hash of."""
    nodes = definition(name)["nodes"]
    found = next(node for node in nodes if node["nodeType"] == "VariableDeclaration" and node["name"] == which)
    return next(node["value"] for node in walk(found["value"]) if node.get("kind") == "string")


# ---- structs in their slots ------------------------------------------------------------------------------------------

PLAN = ("PlanBook", "Plan")
MEMBERSHIP = ("IPlanTypes", "Membership")
ENTRY = ("EntryWords", "Entry")
POOL = ("PoolWords", "Pool")

# (library, function, struct, field, slot); a function has the name of its field but where that is not one field.
READ_IN_PLACE = (
    [("PlanWords", field, PLAN, field, slot) for field, (slot, _, _) in layout(*PLAN).items() if slot < 2]
    + [("PlanWords", field, PLAN, field, 2) for field in ("outOfPocketMaximum", "inForceAt", "reviewThreshold")]
    + [("PlanWords", field, MEMBERSHIP, field, 0) for field in field_names(*MEMBERSHIP)]
    + [("EntryWords", field, ENTRY, field, 0) for field in field_names(*ENTRY)]
    + [("PoolWords", "balance", POOL, "balance", 0)]
)


@pytest.mark.parametrize("library, accessor, struct, field, slot", READ_IN_PLACE, ids=str)
def test_a_field_is_read_where_it_lies(library, accessor, struct, field, slot):
    where, low, size = layout(*struct)[field]
    taken, width = place(function(library, accessor))
    above = [each for each in layout(*struct).values() if each[0] == where and each[1] > low]
    assert (where, low) == (slot, taken)
    # Without a mask it takes all that is above: then nothing else may be there.
    assert width == size or (width is None and not above)


def test_a_plan_has_three_slots_and_no_more_are_read():
    assert {slot for slot, _, _ in layout(*PLAN).values()} == {0, 1, 2}
    assert [name for name, _ in members("Contexts", "ClaimContext") if name.startswith("slot")] == [
        "slot0",
        "slot1",
        "slot2",
    ]
    slots = [offset(arguments[0], "p.slot") for arguments in calls("PlanWords", "load", "sload")]
    assert slots == [0, 1, 2]


def test_the_rules_of_a_plan_are_where_they_are_looked_for():
    _, low, size = layout(*PLAN)["rules"]
    shifts = [n for n in walk(function("PlanWords", "has")) if n.get("operator") == ">>"]
    assert [int(node["rightExpression"]["value"]) for node in shifts] == [low]
    # The bits are not masked: no rule may reach the next field.
    rules = [constant("PlanBook", name) for name in ("FAMILY", "ANNUAL", "LIFETIME_LIMIT", "TERMS")]
    assert max(rules) < 2**size


@pytest.mark.parametrize("name, struct", [MEMBERSHIP, ENTRY, ("ClaimWords", "Stored")], ids=str)
def test_a_struct_that_is_one_word_has_one_slot(name, struct):
    assert {slot for slot, _, _ in layout(name, struct).values()} == {0}


def test_a_stored_claim_is_packed_as_the_compiler_lays_it_out():
    shifts = {}
    for node in walk(function("ClaimWords", "pack")):
        if node.get("operator") == "<<":
            shifts[node["leftExpression"]["name"]] = int(node["rightExpression"]["value"])
    assert shifts == {field: low for field, (_, low, _) in layout("ClaimWords", "Stored").items() if low}


def test_what_makes_a_payment_less_than_simple_lies_above_a_pools_amounts():
    first = {field: (low, size) for field, (slot, low, size) in layout(*POOL).items() if slot == 0}
    assert list(first) == ["balance", "exiting", "flags", "setOffs", "waiting"]
    assert constant("PoolWords", "FLAGS") == first["flags"][0] == first["exiting"][0] + first["exiting"][1]


# ---- words packed by hand --------------------------------------------------------------------------------------------

PACKED = {
    "Circumstances": 2,
    "CustodyWords": 4,
    "HandoverWords": 5,
    "HeaderWords": 7,
    "LimitsWords": 11,
    "ManufacturerWords": 4,
    "MonitoringWords": 7,
    "PairingWords": 8,
    "Prices": 4,
    "SumsWords": 6,
    "TermsWords": 7,
    "Totals": 3,
}


@pytest.mark.parametrize("library", PACKED)
def test_a_word_is_packed_as_its_documentation_says(library):
    """A field that is moved, or that grows, is moved in the functions and in the text, or nowhere."""
    fields = documented(library)
    ends = {at + size for at, size in fields}
    assert max(ends) <= 256
    found = 0
    for each in functions(library):
        if each["returnParameters"]["parameters"] == [] or (taken := place(each)) is None:
            continue
        low, width = taken
        # A field, or some that follow one another, or all from here on; or what is beyond the last one.
        assert low in dict(fields) or low == max(ends), each["name"]
        assert width is None or low + width in ends, each["name"]
        found += 1
    assert found >= PACKED[library]


def test_the_words_of_a_line_are_packed_as_their_documentation_says():
    text = " ".join(definition("LineWords")["documentation"]["text"].split())
    words = re.findall(r"`(\w+)`: ([^;.]*)", text)
    assert [word for word, _ in words] == field_names("IAdjudication", "PackedLine")[1:]
    for _, fields in words:
        at = 256
        for name, size in re.findall(r"(\w+) (\d+)", fields):
            at -= int(size)
            assert place(function("LineWords", name)) == (at, int(size)), name
        assert at == 0


def test_every_library_of_a_word_is_among_those():
    """Whatever packs a word by hand says how: in its documentation."""
    said = {
        name
        for name in own_names()
        if "From the " in (definition(name).get("documentation") or {"text": ""})["text"]
        and definition(name)["contractKind"] == "library"
    }
    assert said == {*PACKED, "LineWords"}


# ---- structs in memory -----------------------------------------------------------------------------------------------


def test_a_claims_context_is_allocated_with_all_its_words():
    words = {"CONTEXT_WORDS": "ClaimContext"}
    assert {name: constant("Contexts", name) for name in words} == {
        name: len(members("Contexts", struct)) for name, struct in words.items()
    }
    assert constant("Contexts", "TALLY_WORDS") == len(members("Adjudication", "Tally"))
    assert constant("Contexts", "RULE_WORDS") == len(members("Adjudication", "Rule"))
    # Their pointers are written to the last two words.
    assert field_names("Contexts", "ClaimContext")[-2:] == ["tally", "rule"]
    assert sorted(at for at in written("Contexts", "allocate", "tally")) == [-2 * WORD, -WORD]


VERDICT = field_names("IPlanTypes", "Verdict")
SIZE = WORD * len(VERDICT)


@pytest.mark.parametrize(
    "which, fields", [("encodeRefusalAndReturn", VERDICT[:2]), ("encodeVerdictAndReturn", VERDICT[2:-1])]
)
def test_a_verdict_is_written_in_the_order_of_its_fields(which, fields):
    found = {at: name for at, name in written("Lines", which, "lines").items() if at}
    assert found == {WORD * VERDICT.index(field) - SIZE: field for field in fields}


def test_a_verdict_is_answered_whole():
    assert written("Lines", "_encodeAndReturn", "lines") == {-SIZE - WORD: WORD, -WORD: SIZE}
    assert VERDICT[-1] == "lines"
    assert SIZE in [
        number(node) for node in walk(function("Lines", "allocate")) if node.get("nodeType") == "YulLiteral"
    ]
    ((start, length),) = calls("Lines", "_encodeAndReturn", "return")
    assert offset(start, "lines") == -SIZE - WORD
    assert number(length["arguments"][0]) == SIZE + 2 * WORD


def test_a_line_has_four_words_in_the_order_of_its_fields():
    line = field_names("IAdjudication", "PackedLine")
    assert written("Lines", "write", "at") == {WORD * i: field for i, field in enumerate(line)}
    for which in ("code", "payment"):
        ((address,),) = calls("Lines", which, "mload")
        assert offset(address["arguments"][0], "lines") == WORD * (1 + line.index(which))


@pytest.mark.parametrize("library", ["Lines", "Results"])
def test_lines_are_as_far_apart_as_they_have_words(library):
    """`shl(7, …)` is 128 bytes a line, of a claim and of its result."""
    assert len(members("IAdjudication", "PackedLine")) == len(members("IAdjudication", "Line")) == 2**7 // WORD
    shifts = {
        number(node["arguments"][0])
        for node in walk(definition(library))
        if node.get("nodeType") == "YulFunctionCall" and node["functionName"]["name"] == "shl"
    }
    assert shifts <= {5, 7, 8}  # a word; a line; and in `start` none else


RESULT = field_names("IClaimDesk", "Result")
FLAT = field_names("Results", "Flat")


def test_a_flat_result_is_a_result_with_its_lines_behind_it():
    assert [*RESULT[:-1], "offset", "count"] == FLAT and RESULT[-1] == "lines"
    assert constant("Results", "OFFSET") == WORD * len(RESULT) == WORD * FLAT.index("count")
    assert constant("Results", "HEAD") == WORD * len(FLAT)
    assert written("Results", "start", "r") == {0: "id", WORD * FLAT.index("offset"): "OFFSET"}


def test_the_event_of_a_decided_claim_has_all_its_fields():
    nodes = definition("IClaimDesk")["nodes"]
    event = next(node for node in nodes if node["nodeType"] == "EventDefinition" and node["name"] == "ClaimDecided")
    indexed = [each["name"] for each in event["parameters"]["parameters"] if each["indexed"]]
    data = [each["name"] for each in event["parameters"]["parameters"] if not each["indexed"]]
    ((start, _, _, *topics),) = calls("Results", "emitClaimDecided", "log4")
    assert [topic["name"] for topic in topics] == indexed
    first = offset(start, "r")
    found = written("Results", "emitClaimDecided", "r")
    assert [found[first + WORD * i] for i in range(len(data) - 1)] == data[:-1]
    # The lines' place, and the lines where the result has them.
    assert constant("Results", "OFFSET") == first + WORD * len(data)
    assert data[-1] == "lines"


def test_what_a_decided_claim_is_hashed_from_are_its_fields():
    """The digest is made where the event lies, and again from what is said: see `Attestations.content`."""
    ((start, _),) = calls("Results", "emitClaimDecided", "keccak256")
    found = written("Results", "emitClaimDecided", "r")
    fields = [found[offset(start, "r") + WORD * i] for i in range(4)]
    assert [*fields, "lines"] == ["plan", "provider", "patient", "circumstances", "lines"]
    assert set(field_names("IClaimDesk", "Decided")) == {"id", *fields, "lines"}


# ---- questions and answers -------------------------------------------------------------------------------------------


def test_a_plan_is_asked_with_the_whole_claim():
    claim = field_names("IAdjudication", "Claim")
    assert claim[-1] == "lines" and parameters("IPlans", "award")[0] == ["claim", "reviewed"]
    copies = calls("Results", "award", "calldatacopy")
    head = WORD * (len(claim) - 1)
    assert [offset(target, "q") for target, _, _ in copies] == [3 * WORD, 3 * WORD + head + 2 * WORD]
    assert number(copies[0][2]) == head
    found = written("Results", "award", "q")
    assert found[WORD] == 2 * WORD and found[2 * WORD] == "reviewed"
    assert found[3 * WORD + head] == WORD * len(claim)
    ((_, _, _, start, length, _, _),) = calls("Results", "award", "call")
    assert offset(start, "q") == WORD - 4
    assert number(length["arguments"][1]) == 4 + 2 * WORD + head + 2 * WORD


def test_a_plans_verdict_is_read_in_the_order_of_its_fields():
    assert read("Results", "award", "q") == {WORD * i: field for i, field in enumerate(VERDICT[:-1])}
    copies = [arguments for arguments in calls("Results", "award", "returndatacopy") if number(arguments[1])]
    assert [(number(at), number(size)) for _, at, size in copies] == [
        (WORD, WORD * (len(VERDICT) - 1)),
        (WORD + SIZE, None),
    ]


def test_a_patients_consent_is_asked_with_all_parameters():
    asked, _ = parameters("IConsentRegistry", "decide")
    assert asked == ["patient", "actor", "purpose", "categories"]
    found = written("Gates", "_permits", "q")
    assert [found[WORD * i] for i in range(5)] == ["selector", "patient", "insurer", "purpose", "categories"]
    ((_, _, start, length, _, _),) = calls("Gates", "_permits", "staticcall")
    assert (offset(start, "q"), number(length)) == (WORD - 4, 4 + WORD * len(asked))


def test_a_licence_is_read_in_the_order_of_its_answer():
    asked, told = parameters("IInstitutions", "standing")
    assert (len(asked), told) == (1, ["institution", "roles", "status"])
    assert read("LicenceStatus", "licenceStatusOf", "q") == {WORD * i: name for i, name in enumerate(told)}
    ((_, _, start, length, _, answer),) = calls("LicenceStatus", "licenceStatusOf", "staticcall")
    assert (offset(start, "q"), number(length), number(answer)) == (WORD - 4, 4 + WORD, WORD * len(told))


# ---- typed data ------------------------------------------------------------------------------------------------------

TYPED = [
    ("Attestations", "LINE", "Line", ("IAdjudication", "Line")),
    ("Attestations", "CLAIM", "Claim", ("IAdjudication", "Claim")),
]


@pytest.mark.parametrize("library, which, kind, struct", TYPED, ids=str)
def test_a_signed_type_names_each_field_of_its_struct(library, which, kind, struct):
    text = text_constant(library, which)
    fields = [tuple(part.split()) for part in re.match(rf"{kind}\((.*?)\)", text)[1].split(",")]
    said = [(name, type_.split("struct ")[-1].split(".")[-1]) for name, type_ in members(*struct)]
    assert [(name, type_) for type_, name in fields] == said


def test_a_line_is_hashed_as_it_lies():
    """`abi.encode` of a struct is its words, one a field, only where each field is a value."""
    assert all(bits(kind) for _, kind in members("IAdjudication", "Line"))


def test_the_readings_that_a_device_signs_have_all_their_words():
    fields = re.match(r"Readings\((.*)\)", text_constant("Handovers", "READINGS"))[1].split(",")
    names = [field.split()[1] for field in fields]
    batch = field_names("IColdChainTypes", "Batch")
    # The header's fields stand in the place of the header; what the shipment's chain was goes before the file.
    header = ["sequence", "start", "step", "count", "base", "width", "resolution"]
    assert names == ["shipment", *header, "previous", "file", "data"]
    assert batch == ["shipment", "header", "file", "data"]
    found = [WORD * i for i in range(1 + len(names))]
    assert sorted(written("Handovers", "readings", "m")) == found
    hashed = [arguments for arguments in calls("Handovers", "readings", "keccak256") if number(arguments[1])]
    assert [number(size) for _, size in hashed] == [WORD * (1 + len(names))]
    loads = {offset(arguments[0], "batch") for arguments in calls("Handovers", "readings", "calldataload")}
    assert loads == {WORD * batch.index(name) for name in ("shipment", "header", "file")}


def test_the_header_is_taken_apart_as_it_is_packed():
    lows = [low for low, _ in documented("HeaderWords")]
    shifts = [number(arguments[0]) for arguments in calls("Handovers", "readings", "shr")]
    assert [0, *shifts] == lows


# ---- nothing is left out ---------------------------------------------------------------------------------------------

TESTED = {
    "ClaimWords.store",
    "Contexts.allocate",
    "EntryWords.load",
    "Gates._permits",
    "Handovers.readings",
    "LicenceStatus.licenceStatusOf",
    "Lines._encodeAndReturn",
    "Lines.allocate",
    "Lines.code",
    "Lines.encodeRefusalAndReturn",
    "Lines.encodeVerdictAndReturn",
    "Lines.payment",
    "Lines.write",
    "PlanWords.load",
    "PoolWords.load",
    "PoolWords.store",
    "Results.award",
    "Results.emitClaimDecided",
    "Results.start",
}

COUNTS_NO_FIELDS = {
    "Bands.skip": "words of readings",
    "ConsentRegistry._orRevert": "the bytes of an error",
    "Handovers.signer": "r, s and v of a signature",
    "Ids.claim": "three words that are hashed, and no struct",
    "Ids.emergency": "four words that are hashed, and no struct",
    "Lines.count": "the word before the lines",
    "Lines.setCount": "the word before the lines",
    "PoolBook.keyOf": "three words that are hashed, and no struct",
    "Results.allocate": "pointers",
    "Results.encodeAllAndReturn": "pointers",
    "Results.encodeSingleAndReturn": "its constants are tested",
    "Results.linesOf": "its constant is tested",
    "Signatures._byWallet": "one word of an answer",
    "TemperatureRules._firstZero": "bits of one number",
    "TemperatureRules._words": "words of readings",
    "Transfers.send": "the two parameters of ERC-20's transfer",
}


def test_every_function_with_assembly_is_tested_or_counts_no_fields():
    found = set()
    for name in own_names():
        assert artefact(name)["ast"]
        for each in functions(name):
            if any(node.get("nodeType") == "InlineAssembly" for node in walk(each)):
                found.add(f"{name}.{each['name']}")
    assert found == TESTED | set(COUNTS_NO_FIELDS)
    assert not TESTED & set(COUNTS_NO_FIELDS)
