"""The journal of what was signed and is not on the chain yet; times that keep accounts apart; places of directives.

given a journal
    when something is signed            it is on the disk, readable by its owner alone, before it leaves the machine
    when two processes write            none loses the other's
    when the file is damaged            it is refused, and left as it is
"""

import itertools
import json
import os
import random
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.consent.apart import BLOCKS, FOREVER, due_times, end_apart
from salus.consent.codes import ALL_RECORDS, EVERYTHING, LABELS, category_bits, category_names
from salus.consent.guardian_requests import Request
from salus.consent.journal import Journal
from salus.consent.model import ALL_PLACES, Directive, DirectiveDraft, Effect, Order, Record, Status
from salus.consent.places import choose_place, issued_before
from salus.errors import BadInput, WalletError

A, B = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
NOW, DAY = 1_800_000_000, 24 * 3600


def ledger(chain=31337):
    return SimpleNamespace(chain_id=chain, book={"ConsentRegistry": SimpleNamespace(address=B)})


def order(patient=A, grantee=B, index=0, effect=Effect.PERMIT, purposes=1, categories=1, issued=NOW):
    scope = (purposes, categories, 0, NOW + DAY) if effect else ()
    return Order(patient, Directive(grantee, index, effect, *scope), issued, issued + DAY, 31337, B, b"\1" * 65)


def event(name, transaction="0x01", **args):
    return SimpleNamespace(name=name, transaction=transaction, args=args)


# --------------------------------------------------------------------------------------------------------- the file


def test_c4_what_was_signed_is_kept_and_read_again(tmp_path):
    request = Request("veto", A, {"successor": B, "version": 1}, NOW, NOW + DAY, 31337, B, {A: b"\2" * 65})
    signed = [order(), order(effect=Effect.NONE, index=ALL_PLACES), request]
    numbers = Journal(tmp_path / "journal.json", ledger()).add(signed, relation="home", due=NOW, handed_out=True)
    again = Journal(tmp_path / "journal.json", ledger())
    assert [entry.signed for entry in again.entries()] == signed
    assert [entry.number for entry in again.entries()] == list(numbers) == [1, 2, 3]
    assert {(entry.relation, entry.due, entry.handed_out) for entry in again.entries()} == {("home", NOW, True)}
    assert again.orders(A) == tuple(signed[:2]) and again.orders(B) == ()


def test_c4_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "home" / "journal.json"
    Journal(path, ledger()).add([order()], relation="", handed_out=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.chmod(path, 0o644)
    with pytest.raises(WalletError, match="can be read by others"):
        Journal(path, ledger())


def test_c4_numbers_are_not_given_again(tmp_path):
    journal = Journal(tmp_path / "journal.json", ledger())
    journal.add([order(), order(issued=NOW + 1)], relation="", handed_out=False)
    journal.remove({1, 2})
    assert journal.add([order()], relation="", handed_out=False) == (3,)


def test_c4_one_chain_does_not_see_what_is_signed_for_another(tmp_path):
    Journal(tmp_path / "journal.json", ledger(1)).add([order()], relation="", handed_out=False)
    other = Journal(tmp_path / "journal.json", ledger(2))
    assert other.entries() == ()
    other.add([order()], relation="", handed_out=False)
    assert len(Journal(tmp_path / "journal.json", ledger(1)).entries()) == 1


def test_c4_two_processes_lose_nothing_of_each_other(tmp_path):
    """Each opened the journal before the other one wrote."""
    code = """if True:
        import sys
        from tests.client.consent.test_journal import Journal, ledger, order
        journal = Journal(__import__("pathlib").Path(sys.argv[1]), ledger())
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(20):
            journal.add([order(issued=int(sys.argv[2]) + n)], relation="", handed_out=False)
    """
    words = [sys.executable, "-c", code, str(tmp_path / "journal.json")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    two = [subprocess.Popen([*words, str(start)], **pipes) for start in (NOW, NOW + 1000)]
    for one in two:
        assert one.stdout.readline() == "ready\n"
    for one in two:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [(one.communicate(timeout=60), one.returncode)[1] for one in two] == [0, 0]
    entries = Journal(tmp_path / "journal.json", ledger()).entries()
    assert len({entry.number for entry in entries}) == len({entry.signed.issued_at for entry in entries}) == 40


@pytest.mark.parametrize("text", ["", "{", "[]", '{"salus": "journal", "version": 2, "chains": {}}', '{"salus": "x"}'])
def test_c4_a_damaged_journal_is_refused_and_left(tmp_path, text):
    path = tmp_path / "journal.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(WalletError, match="is damaged; put it back from a copy"):
        Journal(path, ledger())
    assert path.read_text() == text


def test_c4_a_write_that_breaks_off_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.json", ledger())
    journal.add([order()], relation="", handed_out=False)
    before = (tmp_path / "journal.json").read_text()

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(WalletError, match="cannot be written"):
        journal.add([order(issued=NOW + 1)], relation="", handed_out=False)
    assert (tmp_path / "journal.json").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["journal.json"]


# ----------------------------------------------------------------------------------------------------------- one's own


def granted(o):
    d = o.directive
    scope = {"effect": d.effect, "purposes": d.purposes, "categories": d.categories, "start": d.start, "end": d.end}
    whose = {"patient": o.patient, "grantee": d.grantee, "index": d.index, "issuedAt": o.issued_at}
    return event("ConsentGranted", **whose, **scope)


@pytest.mark.parametrize(
    "field", ["patient", "grantee", "index", "effect", "purposes", "categories", "end", "issuedAt"]
)
def test_c11_an_event_that_differs_in_one_value_is_not_ones_own(tmp_path, field):
    journal = Journal(tmp_path / "journal.json", ledger())
    journal.add([order()], relation="", handed_out=False)
    mine = granted(order())
    assert journal.is_own(mine)
    other = {"patient": B, "grantee": A}.get(field, 2)
    assert not journal.is_own(event("ConsentGranted", **{**mine.args, field: other}))


def test_c11_what_was_sent_is_ones_own_by_its_transaction(tmp_path):
    journal = Journal(tmp_path / "journal.json", ledger())
    journal.sent("0xaa")
    assert journal.is_own(event("ConsentRevoked", "0xaa", patient=A, grantee=B, index=0, issuedAt=NOW))
    assert not journal.is_own(event("ConsentRevoked", "0xab", patient=A, grantee=B, index=0, issuedAt=NOW))


def test_c11_what_is_over_is_still_ones_own(tmp_path):
    journal = Journal(tmp_path / "journal.json", ledger())
    journal.remove(journal.add([order()], relation="", handed_out=False))
    assert Journal(tmp_path / "journal.json", ledger()).is_own(granted(order()))


# ------------------------------------------------------------------------------------------------------------ standing

DRAFT = DirectiveDraft("role:PROVIDER", Effect.DENY, frozenset({"TREAT"}), frozenset({"PSY", "HIV"}), 0, FOREVER)


def test_c2_a_wider_standing_directive_takes_the_place_of_a_narrower_one(tmp_path):
    from dataclasses import replace

    journal = Journal(tmp_path / "journal.json", ledger())
    narrow = replace(DRAFT, categories=frozenset({"PSY"}))
    journal.stand(narrow, [])
    journal.stand(DRAFT, [5])
    journal.stand(replace(DRAFT, effect=Effect.PERMIT), [])
    found = Journal(tmp_path / "journal.json", ledger()).standing()
    assert [(one.draft.effect, one.draft.categories, one.ends) for one in found] == [
        (Effect.DENY, DRAFT.categories, (5,)),
        (Effect.PERMIT, DRAFT.categories, ()),
    ]
    assert journal.no_longer_stand("role:INSURER") == 0 and journal.no_longer_stand(None) == 2


# ------------------------------------------------------------------------------------------------------- D7: the times


@given(st.integers(1, 40), st.integers())
def test_d7_the_turns_of_accounts_are_apart_and_the_first_is_now(count, seed):
    times = sorted(due_times(NOW, count, random.Random(seed)))
    assert times[0] == NOW and len(times) == count
    assert all(45 * 60 <= later - before <= 150 * 60 for before, later in itertools.pairwise(times))


def test_d7_the_order_of_accounts_is_not_the_wallets():
    firsts = {due_times(NOW, 5, random.Random(seed)).index(NOW) for seed in range(60)}
    assert firsts == {0, 1, 2, 3, 4}
    assert BLOCKS >= 25


@given(
    st.sampled_from([Effect.PERMIT, Effect.DENY]), st.integers(20 * 60, 4000 * DAY), st.integers(1, 12), st.integers()
)
def test_d7_ends_differ_and_never_permit_more(effect, term, count, seed):
    end, ends = NOW + term, []
    for _ in range(count):
        ends.append(end_apart(effect, end, NOW, ends, random.Random(seed)))
    assert effect is Effect.PERMIT or all(e >= end and e % DAY == 0 for e in ends)
    assert effect is Effect.DENY or all(NOW < e <= end for e in ends)
    assert len(set(ends)) == count or term < 60 * 60
    assert effect is Effect.DENY or term < 60 * DAY or all(e % DAY == 0 for e in ends)


def test_d7_an_end_that_another_account_has_is_not_given_again(tmp_path):
    journal = Journal(tmp_path / "journal.json", ledger())
    journal.keep_ends(A, [NOW + DAY, NOW + 2 * DAY])
    journal.keep_ends(A, [NOW + DAY])
    again = Journal(tmp_path / "journal.json", ledger())
    assert again.other_ends(B) == {NOW + DAY, NOW + 2 * DAY} and again.other_ends(A) == frozenset()


def test_d7_many_ends_that_are_taken_do_not_move_an_end_far():
    """However many accounts there are, only days near the wanted one that are taken count."""
    far = [NOW - n * DAY for n in range(1000)]
    assert NOW + 99 * DAY < end_apart(Effect.PERMIT, NOW + 107 * DAY, NOW, far) <= NOW + 107 * DAY


def test_d7_no_end_is_everybodys_end():
    assert end_apart(Effect.DENY, FOREVER, NOW, [FOREVER]) == FOREVER


# ----------------------------------------------------------------------------------------------------------- C4: places


def record(index, effect=Effect.NONE, purposes=0, categories=0, status=Status.NONE):
    return Record(B, index, effect, purposes, categories, 0, NOW + DAY, NOW, status)


EMPTY = [record(index) for index in range(4)]


def test_c4_a_signed_denial_keeps_its_place_from_a_grant():
    denial = order(effect=Effect.DENY, categories=1 << 45)
    assert choose_place(EMPTY, [denial], Directive(B, 0, Effect.PERMIT, 1, 3)) == 1


def test_c4_what_is_said_again_renews_the_signed_one():
    assert choose_place(EMPTY, [order(index=2)], Directive(B, 0, Effect.PERMIT, 1, 3)) == 2


@pytest.mark.parametrize(("again", "place"), [(0b01, 1), (0b10, 1), (0b11, 0), (0b111, 0)])
def test_c4_a_denial_is_replaced_only_by_one_that_covers_it(again, place):
    there = [record(0, Effect.DENY, 1, 0b11, Status.ACTIVE), *EMPTY[1:]]
    assert choose_place(there, [], Directive(B, 0, Effect.DENY, 1, again)) == place


def test_c4_four_signed_ones_leave_no_place():
    signed = [order(index=index, purposes=1 << index) for index in range(4)]
    with pytest.raises(BadInput, match="all four directives for this grantee are in force or signed"):
        choose_place(EMPTY, signed, Directive(B, 0, Effect.PERMIT, 1 << 5, 1))


@pytest.mark.parametrize(
    ("signed", "meets"),
    [
        (order(index=0), True),
        (order(index=1), False),
        (order(grantee=A, index=0), False),
        (order(effect=Effect.NONE, index=ALL_PLACES), True),
        (order(grantee="0x" + "0" * 40, effect=Effect.NONE, index=ALL_PLACES), True),
    ],
)
def test_c4_an_order_comes_after_what_it_meets(signed, meets):
    assert issued_before(Directive(B, 0, Effect.PERMIT, 1, 1), [signed]) == (NOW if meets else 0)


# -------------------------------------------------------------------------------------------------------------- C3: all


def test_c3_all_that_is_denied_is_everything():
    assert category_bits(["all"], deny=True) == EVERYTHING == 2**56 - 1
    assert category_bits(["all"]) == ALL_RECORDS
    assert category_names(EVERYTHING, deny=True) == {"all"}


def test_c3_record_classes_alone_have_a_name_of_their_own():
    bits = ALL_RECORDS | LABELS["PSY"]
    assert category_names(bits, deny=True) == {"only:all", "PSY"}
    assert category_bits(["only:all", "PSY"], deny=True) == bits
    with pytest.raises(BadInput, match="there is no 'only:all'"):
        category_bits(["only:all"])


@given(st.sets(st.sampled_from(["all", *LABELS, "Observation", "Claim"]), min_size=1))
def test_c3_what_an_order_says_is_what_was_signed(names):
    """The file of an order is read as the same bits, or its signature would not fit."""
    from salus.consent.files.orders import order_from_json, order_to_json

    for effect in (Effect.PERMIT, Effect.DENY):
        bits = category_bits(names, deny=effect is Effect.DENY)
        one = order(effect=effect, categories=bits)
        assert order_from_json(json.loads(json.dumps(order_to_json(one))), "it") == one
