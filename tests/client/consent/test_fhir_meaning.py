"""What the elements of a FHIR Consent mean that say more than one grantee, purpose and class.

given a Consent of R4 that rests on a policy
    when the policy is a document       it is read, and the policy is told as unused
    when the policy says otherwise      it is refused
given labels, actions, periods, break-glass access and a nested provision of either effect
    when a directive can hold them      it does
    when it cannot                      the element is refused
"""

import pytest

from salus.abi.bits import ROLES
from salus.consent.codes import ALL, LABELS, PURPOSES
from salus.consent.files.fhir_codes import ACT_CODE, ACT_REASON, CONFIDENTIALITY, POLICIES, REGULATIONS
from salus.consent.files.fhir_read import FOREVER
from salus.consent.model import Effect
from tests.support.published_consents import (
    BREAK_GLASS,
    CUSTODIAN,
    NORMAL,
    RESTRICTED,
    USUAL,
    YEAR,
    actions,
    actor,
    below,
    codes,
    concept,
    pcf,
    r4,
    r5,
)

EVERYONE = tuple(f"role:{role}" for role in ROLES)
CARE = frozenset({"TREAT", "HPAYMT", "HOPERAT"})
EVERY = frozenset(PURPOSES)
RECORDS = frozenset({ALL})
HOSPITAL, CLINIC = actor("Organization/f001"), actor("Organization/f203")
BASIC, ANY, ONLY_GLASS, NOTHING = POLICIES


def rules(consent):
    """(effect, grantees, purposes, categories) of what is said, in its order."""
    found = {}
    for d in consent.directives:
        found.setdefault((d.effect.name, d.purposes, d.categories), []).append(d.grantee)
    return [(effect, tuple(who), purposes, what) for (effect, purposes, what), who in found.items()]


# ---- what it rests on ------------------------------------------------------------------------------------------------


def test_fhir_a_policy_is_named_and_the_provision_says_what_is_meant(read):
    consent = read(pcf("permit"))
    assert rules(consent) == [("PERMIT", EVERYONE, CARE, RECORDS)]
    assert consent.unused == ("dateTime", "organization", "policy", "sourceReference")


@pytest.mark.parametrize(
    ("effect", "policy", "says", "field"),
    [
        ("permit", NOTHING, {}, "policy[0].uri"),
        ("permit", ONLY_GLASS, {}, "policy[0].uri"),
        ("permit", BASIC, {"purpose": None}, "policy[0].uri"),
        ("deny", ONLY_GLASS, {}, "policy[0].uri"),
        ("permit", BASIC, {}, None),
        ("permit", ANY, {"purpose": None}, None),
        ("deny", NOTHING, {}, None),
        ("deny", ANY, {}, None),
    ],
)
def test_fhir_a_base_against_its_policy_is_refused(effect, policy, says, field, read, refused):
    document = pcf(effect, policy=policy, **says)
    if field:
        assert refused(document)[0] == field
    else:
        assert {d.effect.name for d in read(document).directives} == {effect.upper()}


def test_fhir_a_policy_of_r5_is_held_to_the_same(read, refused):
    assert refused(r5("permit", policyBasis={"url": ONLY_GLASS}))[0] == "policyBasis.url"
    consent = read(r5("permit", policyBasis={"url": ANY}, policyText=[{"reference": "DocumentReference/1"}]))
    assert {"policyBasis", "policyText", "regulatoryBasis[0]"} <= set(consent.unused)


@pytest.mark.parametrize(
    "code", [concept(REGULATIONS, "hipaa-auth"), concept(ACT_CODE, "IDSCL"), concept(ACT_CODE, "OPTIN")]
)
def test_fhir_a_law_or_a_form_is_no_rule(code, read):
    assert rules(read(r5("permit", regulatoryBasis=[code]))) == [("PERMIT", EVERYONE, EVERY, RECORDS)]
    assert rules(read(pcf("permit") | {"policyRule": code})) == [("PERMIT", EVERYONE, CARE, RECORDS)]


def test_fhir_words_for_people_are_told_as_unused(read):
    consent = read(r5("permit", category=[{"text": "a form"}], regulatoryBasis=[{"text": "a law"}]))
    assert {"category[0]", "regulatoryBasis[0]"} <= set(consent.unused)
    assert "policyRule" not in read(pcf("permit") | {"policyRule": concept(ACT_CODE, "OPTIN")}).unused
    assert "policyRule" in read(pcf("permit") | {"policyRule": concept(REGULATIONS, "hipaa-auth")}).unused


# ---- the root of R4 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "says", [{"period": YEAR}, {"actor": [HOSPITAL]}, {"purpose": USUAL}, {"securityLabel": NORMAL}]
)
def test_fhir_a_root_without_a_type_that_names_something_is_refused(says, refused):
    for rule in ("OPTIN", "OPTOUT"):
        field, fix = refused(r4(rule, **says))
        assert (field, fix.partition(";")[0]) == ("provision.type", "is missing")


def test_fhir_a_root_that_names_nothing_needs_no_type(read):
    nested = [below("permit", actor=[HOSPITAL], purpose=codes(ACT_REASON, "TREAT"))]
    assert rules(read(r4("OPTOUT", provision=nested))) == [
        ("DENY", EVERYONE, EVERY, RECORDS),
        ("PERMIT", ("city-hospital",), frozenset({"TREAT"}), RECORDS),
    ]


@pytest.mark.parametrize("provision", [{"period": YEAR}, {"period": YEAR, "action": actions("access")}, {"id": "a"}])
def test_fhir_a_period_alone_below_a_permit_is_never_turned_round(provision, refused):
    """It was read as a permit for ever, denied in the period in which it should have held."""
    field, fix = refused(r5("permit", provision))
    assert (field, fix.split(",")[0]) == ("provision[0]", "names nothing but a period")


def test_fhir_a_period_with_a_type_is_read(read):
    consent = read(pcf("permit", period=YEAR))
    assert {(d.start, d.end) for d in consent.directives} == {(1640995200, 1672531200)}
    consent = read(pcf("permit", below("deny", period=YEAR)))
    assert {(d.effect.name, d.start, d.end) for d in consent.directives} == {
        ("PERMIT", 0, FOREVER),
        ("DENY", 1640995200, 1672531200),
    }


# ---- labels and nested provisions ------------------------------------------------------------------------------------


def test_fhir_restricted_is_every_label(read):
    assert rules(read(pcf("permit", securityLabel=NORMAL + RESTRICTED))) == [
        ("PERMIT", EVERYONE, CARE, RECORDS | frozenset(LABELS))
    ]
    assert rules(read(pcf("permit", below("deny", securityLabel=RESTRICTED)))) == [
        ("PERMIT", EVERYONE, CARE, RECORDS),
        ("DENY", EVERYONE, CARE, frozenset(LABELS)),
    ]


def test_fhir_a_permit_of_labels_in_a_permit_is_one_directive_of_both(read):
    more = below("permit", securityLabel=codes(ACT_CODE, "PSY"), actor=[HOSPITAL])
    assert rules(read(pcf("permit", more, securityLabel=NORMAL)))[1] == (
        "PERMIT",
        ("city-hospital",),
        CARE,
        RECORDS | {"PSY"},
    )
    narrower = below("permit", securityLabel=codes(ACT_CODE, "PSY"), purpose=codes(ACT_REASON, "TREAT"))
    assert rules(read(pcf("permit", narrower)))[1] == ("PERMIT", EVERYONE, frozenset({"TREAT"}), RECORDS | {"PSY"})


@pytest.mark.parametrize(
    ("says", "nested", "field"),
    [
        # Labels for a purpose, or of a time, for which the base permits no records.
        ({}, {"purpose": codes(ACT_REASON, "HRESCH")}, "provision.provision[0].securityLabel"),
        ({"period": {"end": "2030"}}, {"period": {"end": "2031"}}, "provision.provision[0].securityLabel"),
        ({"actor": [CLINIC]}, {"actor": [HOSPITAL]}, "provision.provision[0].securityLabel"),
        (
            {"class": codes("http://hl7.org/fhir/resource-types", "Claim")},
            {"class": codes("http://hl7.org/fhir/resource-types", "Condition")},
            "provision.provision[0].securityLabel",
        ),
    ],
)
def test_fhir_labels_without_their_records_are_refused(says, nested, field, refused):
    more = below("permit", securityLabel=codes(ACT_CODE, "PSY"), **nested)
    assert refused(pcf("permit", more, **says))[0] == field


@pytest.mark.parametrize("effect", ["permit", "deny"])
def test_fhir_a_nested_provision_that_repeats_its_base_is_refused(effect, refused):
    """Who writes a narrower one below a wide one of the same effect may have meant the narrow one alone."""
    narrow = below(effect, **{"class": codes("http://hl7.org/fhir/resource-types", "MedicationRequest")})
    assert refused(pcf(effect, narrow)) == (
        "provision.provision[0]",
        "says what its base says already; say less in the base, or more here, or leave it out",
    )


def test_fhir_more_of_the_same_effect_is_a_directive(read):
    research = codes(ACT_REASON, "HRESCH")
    assert rules(read(pcf("permit", below("permit", purpose=research, actor=[HOSPITAL]))))[1] == (
        "PERMIT",
        ("city-hospital",),
        frozenset({"HRESCH"}),
        RECORDS,
    )
    assert rules(read(pcf("deny", below("deny", purpose=research, securityLabel=codes(ACT_CODE, "HIV")))))[1] == (
        "DENY",
        EVERYONE,
        frozenset({"HRESCH"}),
        frozenset({"HIV"}),
    )


def test_fhir_a_denial_of_one_label_does_not_repeat_that_of_another(read, refused):
    base = codes(ACT_CODE, "HIV")
    consent = read(pcf("deny", below("deny", securityLabel=codes(ACT_CODE, "PSY")), securityLabel=base))
    assert [what for _, _, _, what in rules(consent)] == [{"HIV"}, {"PSY"}]
    assert refused(pcf("deny", below("deny", securityLabel=base), securityLabel=base))[0] == "provision.provision[0]"


def test_fhir_a_deny_with_a_permit_and_the_reverse(read, refused):
    named = below("permit", actor=[HOSPITAL])
    assert rules(read(pcf("deny", named))) == [
        ("DENY", EVERYONE, CARE, RECORDS),
        ("PERMIT", ("city-hospital",), CARE, RECORDS),
    ]
    assert rules(read(pcf("permit", below("deny", actor=[HOSPITAL])))) == [
        ("PERMIT", EVERYONE, CARE, RECORDS),
        ("DENY", ("city-hospital",), CARE, RECORDS),
    ]
    # Of one rank the denial would win, and nobody would have what the text permits.
    for inside in (below("permit", purpose=codes(ACT_REASON, "TREAT")), below("permit", actor=[HOSPITAL])):
        base = {} if "purpose" in inside else {"actor": [HOSPITAL]}
        assert refused(pcf("deny", inside, **base)) == (
            "provision.provision[0]",
            "permits within a denial of the same rank, which would win; deny less instead",
        )


def test_fhir_a_permit_by_name_beside_a_denial_by_role_is_refused_where_they_meet(read, refused):
    labels = codes(ACT_CODE, "PSY")
    named = below("permit", securityLabel=labels, actor=[HOSPITAL])
    field, fix = refused(pcf("permit", named, below("deny", securityLabel=labels)))
    assert (field, fix.partition(",")[0]) == (
        "provision.provision[0]",
        "permits by name what another provision denies to a role",
    )
    apart = read(pcf("permit", named, below("deny", securityLabel=codes(ACT_CODE, "HIV"))))
    assert [effect for effect, *_ in rules(apart)] == ["PERMIT", "PERMIT", "DENY"]
    later = {"period": {"start": "2040"}}
    assert (
        len(
            rules(
                read(pcf("permit", named | {"period": {"end": "2030"}}, below("deny", securityLabel=labels, **later)))
            )
        )
        == 3
    )


def test_fhir_a_denial_by_role_of_what_the_base_permits_by_name_is_refused(read, refused):
    role = {"reference": {"identifier": {"system": "urn:salus:role", "value": "PROVIDER"}}}
    providers = actor("x") | role
    assert refused(pcf("permit", below("deny", actor=[providers]), actor=[HOSPITAL, providers])) == (
        "provision.provision[0]",
        "denies to a role what the base permits by name, which would win; deny it by name too",
    )
    both = read(pcf("permit", below("deny", purpose=codes(ACT_REASON, "TREAT")), actor=[HOSPITAL, providers]))
    assert rules(both)[1] == ("DENY", ("city-hospital", "role:PROVIDER"), frozenset({"TREAT"}), RECORDS)


def test_fhir_labels_of_the_base_are_not_joined_with_those_of_one_institution(read):
    """A record with both labels is permitted by neither provision."""
    labels = [codes(ACT_CODE, name) for name in ("HIV", "PSY")]
    consent = read(
        pcf("permit", below("permit", securityLabel=labels[1], actor=[HOSPITAL]), securityLabel=NORMAL + labels[0])
    )
    assert [what for *_, what in rules(consent)] == [RECORDS | {"HIV"}, RECORDS | {"PSY"}]


def test_fhir_a_nested_permit_for_one_of_whom_the_base_says_nothing(refused):
    nested = below("permit", purpose=codes(ACT_REASON, "HRESCH"), actor=[HOSPITAL])
    assert refused(pcf("permit", nested, actor=[CLINIC])) == (
        "provision.provision[0].actor",
        "is one of whom the base says nothing; state it in a Consent of its own",
    )


# ---- break-glass access ----------------------------------------------------------------------------------------------

GLASS = below("permit", purpose=BREAK_GLASS)


def test_fhir_a_denial_with_break_glass_access_leaves_out_emergencies(read):
    consent = read(pcf("deny", GLASS, purpose=None, policy=ONLY_GLASS))
    assert rules(consent) == [("DENY", EVERYONE, EVERY - {"ETREAT"}, RECORDS)]
    assert "provision.provision[0]" not in consent.unused
    assert rules(read(r5("deny", {"purpose": BREAK_GLASS}))) == [("DENY", EVERYONE, EVERY - {"ETREAT"}, RECORDS)]


def test_fhir_break_glass_access_in_a_permit_needs_no_directive_and_is_told(read):
    provider = {"reference": {"identifier": {"system": "urn:salus:role", "value": "PROVIDER"}}}
    glass = GLASS | {"actor": [actor("x") | provider], "securityLabel": RESTRICTED}
    consent = read(pcf("permit", glass, securityLabel=NORMAL))
    assert rules(consent) == [("PERMIT", EVERYONE, CARE, RECORDS)]
    assert consent.unused[-1] == "provision.provision[0]"


@pytest.mark.parametrize(
    ("nested", "field"),
    [
        (below("deny", purpose=BREAK_GLASS), "provision.provision[0]"),
        (GLASS | {"period": YEAR}, "provision.provision[0].period"),
        (GLASS | {"class": codes("http://hl7.org/fhir/resource-types", "Claim")}, "provision.provision[0].class"),
        (GLASS | {"securityLabel": NORMAL}, "provision.provision[0].securityLabel"),
        (GLASS | {"actor": [HOSPITAL]}, "provision.provision[0].actor"),
        (GLASS | {"actor": CUSTODIAN}, "provision.provision[0].actor[0].role"),
        (below("permit", purpose=BREAK_GLASS + USUAL), "provision.provision[0].purpose[0]"),
    ],
)
def test_fhir_break_glass_access_is_whole_or_refused(nested, field, refused):
    assert refused(pcf("deny", nested))[0] == field


def test_fhir_break_glass_access_is_not_granted_by_a_base(refused):
    assert refused(pcf("permit", purpose=USUAL + BREAK_GLASS))[0] == "provision.purpose[3]"
    assert refused(r5("permit", {"purpose": BREAK_GLASS})) == (
        "provision[0]",
        "denies break-glass access; deny the purpose ETREAT, which does so",
    )


def test_fhir_emergencies_permitted_and_denied_beside_break_glass_access(refused):
    labels = below("deny", securityLabel=codes(ACT_CODE, "HIV"))
    assert refused(pcf("permit", labels, GLASS, purpose=None))[0] == "provision.provision[1]"
    assert refused(pcf("deny", GLASS, purpose=codes(ACT_REASON, "ETREAT")))[0] == "provision.provision[0]"


# ---- actions, actors, periods ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("access",), ("use", "collect"), ("correct", "disclose", "access", "use")])
def test_fhir_actions_beside_use_are_told(names, read):
    consent = read(pcf("deny", action=actions(*names)))
    assert rules(consent) == [("DENY", EVERYONE, CARE, RECORDS)]
    undecided = [f"provision.action[{n}]" for n, name in enumerate(names) if name not in ("access", "use")]
    assert list(consent.unused[4:]) == undecided


@pytest.mark.parametrize("names", [("disclose",), ("collect", "correct")])
def test_fhir_actions_without_use_are_refused(names, refused):
    for effect in ("permit", "deny"):
        assert refused(pcf(effect, action=actions(*names))) == (
            "provision.action",
            "is neither access nor use, and the registry decides only those; name one",
        )


def test_fhir_an_unknown_action_is_refused(refused):
    assert refused(pcf("permit", action=[{"text": "read"}]))[0] == "provision.action[0]"
    assert refused(pcf("permit", action=actions("access", "delete")))[0] == "provision.action[1]"


@pytest.mark.parametrize(
    ("start", "end", "bounds"),
    [
        ("2024-02-23T10:00:00.123Z", "2024-02-23T11:00:00.999Z", (1708682401, 1708686001)),
        ("2024-02-23T10:00:00.000Z", "2024-02-23T11:00:00.000Z", (1708682400, 1708686001)),
        ("2024-02-23T10:00:00Z", "2024-02-23T11:00:00Z", (1708682400, 1708686001)),
        ("2024-02-23T11:00:00.5+01:00", "2024-02-23T11:00:01.000000000001Z", (1708682401, 1708686002)),
    ],
)
def test_fhir_fractions_of_a_second(start, end, bounds, read):
    """A block's time is a whole second: it is inside when that second's first moment is."""
    (only,) = {(d.start, d.end) for d in read(pcf("permit", period={"start": start, "end": end})).directives}
    assert only == bounds


@pytest.mark.parametrize(
    "text", ["2024-02-23T10:00Z", "2024-02-23T10:00:00", "2024-02-30T10:00:00.5Z", "2024-02-23T24:00:00Z"]
)
def test_fhir_a_time_that_is_none_is_refused(text, refused):
    assert refused(pcf("permit", period={"end": text}))[0].startswith("provision.period")


# ---- denials of everything -------------------------------------------------------------------------------------------


def test_c3_a_denial_without_labels_is_of_everything(read):
    """``all`` in a denial is every category there can be: no list of labels stands for them."""
    for document in (pcf("deny"), r5("deny"), r5("permit", {"purpose": codes(ACT_REASON, "TREAT")})):
        denials = [d for d in read(document).directives if d.effect is Effect.DENY]
        assert denials and {d.categories for d in denials} == {frozenset({ALL})}


def test_c3_a_denial_of_normal_records_alone_is_refused(refused):
    assert refused(pcf("deny", securityLabel=NORMAL))[0] == "provision.securityLabel"
    assert refused(pcf("deny", securityLabel=codes(CONFIDENTIALITY, "V")))[0] == "provision.securityLabel[0]"
