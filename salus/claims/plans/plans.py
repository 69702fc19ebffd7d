"""The insurers' plans on chain: the noun ``plans``. The plan file is read by :mod:`salus.claims.plans.file`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from salus.claims.adjudication import Category, Price, pack_price, unpack_price
from salus.claims.plans.file import PlanPrice, Schedule, day_number, load_plan, new_salt
from salus.claims.plans.model import Plan
from salus.claims.plans.records import Authorization, Cap, Contract, Membership, Referral, Terms
from salus.claims.plans.units import category_units, listed, lists_of, price_units, rules, term_units
from salus.claims.plans.versions import Version, published
from salus.errors import BadInput
from salus.keys.addresses import address as checked_address
from salus.outbox import resume_pending, send_each

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.claims.treasury.treasury import Treasury
    from salus.institutions.registry import Institutions
    from salus.outbox import Outbox

__all__ = [
    "Authorization",
    "Cap",
    "Contract",
    "Membership",
    "Plan",
    "PlanPrice",
    "Plans",
    "Referral",
    "Schedule",
    "Terms",
    "category_units",
    "day_number",
    "load_plan",
    "new_salt",
    "price_units",
    "term_units",
]

T = TypeVar("T")

_PRICES_A_TRANSACTION = 200
_CATEGORIES_A_TRANSACTION = 100
_MEMBERS_A_TRANSACTION = 100

_NOBODY = "0x" + "00" * 20

_SUMS = (
    *("deductible", "out_of_pocket_maximum", "family_deductible", "family_out_of_pocket_maximum"),
    *("annual_limit", "lifetime_limit"),
)
#: Told of progress: done so far, of how many.
Progress = Callable[[int, int], None]


class Plans:
    """The noun ``plans``: register, price, publish, enrol, contract, authorise, refer, look."""

    def __init__(self, ledger: Ledger, institutions: Institutions, treasury: Treasury) -> None:
        self._ledger = ledger
        self._institutions = institutions
        self._treasury = treasury

    @property
    def _f(self) -> Any:
        return self._ledger.contract("Plans").functions

    def published(self, plan: Plan) -> tuple[Version, ...]:
        """Every published version of a plan's series; see :func:`salus.claims.plans.versions.published`."""
        return published(self._ledger, self, plan)

    def id_of(self, plan: Plan) -> bytes:
        """The id of a plan file's version on this chain.

        Raises:
            BadInput: The insurer's handle is unknown here.
        """
        return plan.id(self._institutions.resolve(plan.insurer, file=plan.source))

    # ---- the insurer: a version ----------------------------------------------------------------------------------

    def install(
        self, plan: Plan, *, token: str, progress: Progress | None = None, outbox: Outbox | None = None
    ) -> bytes:
        """Register a plan, add its categories and prices, contract its schedules' providers, and publish it.

        What broke off is taken up where it was.

        Args:
            plan: From :func:`load_plan`.
            token: The ERC-20 in which the plan is counted.
            progress: Told how many prices are in.
            outbox: See :meth:`load`.

        Returns:
            The version's id.

        Raises:
            BadInput: An amount that the token cannot hold; or the chain has something else than the file.
            Refused: E.g. the signer does not act for the insurer.
        """
        plan_id = self.id_of(plan)
        terms = self.terms(plan_id)
        if terms.insurer == _NOBODY:
            self.register(plan, token=token)
        elif terms.token != checked_address(token, "token"):
            raise BadInput(
                plan.source, "token", f"is {token}, but the plan is registered with {terms.token}; use that one"
            )
        self.load(plan, progress=progress, outbox=outbox)
        self.contract_all(plan)
        if not terms.in_force_at:
            self.publish(plan)
        return plan_id

    def register(self, plan: Plan, *, token: str) -> Receipt:
        """Register a version's terms; the whole file is tried with the token's decimals first.

        Raises:
            BadInput: An amount that the token cannot hold, or a version that is not the next of its series.
            PlanExists, NotLicensed, NotInsurer, InvalidTerms: By the rules.
        """
        token = checked_address(token, "token")
        decimals = self._treasury.decimals(token)
        insurer = self._institutions.resolve(plan.insurer, file=plan.source)
        # Before the first transaction: nothing is installed by halves for want of a decimal.
        amounts = term_units(plan, decimals)
        category_units(plan, decimals)
        for number, _ in lists_of(plan):
            price_units(plan, decimals, number)
        series = plan.series_id(insurer)
        if plan.version > 1 and (there := self.versions(series)) != plan.version - 1:
            raise BadInput(
                plan.source, "version", f"is {plan.version}, but the series has {there} on this chain; give {there + 1}"
            )
        head = (insurer, plan.valid_from, plan.valid_until, token, plan.coinsurance, plan.coinsurance_out)
        days = (plan.waiting_days, plan.filing_days, amounts["review_threshold"], plan.review_days, plan.appeal_days)
        struct = (*head, *(amounts[name] for name in _SUMS), *days, rules(plan), plan.document)
        return self._ledger.send(self._f.register(bytes(32) if plan.version == 1 else series, struct))

    def load(
        self, plan: Plan, *, progress: Progress | None = None, outbox: Outbox | None = None
    ) -> tuple[Receipt, ...]:
        """Add what the chain does not have yet of a registered plan's categories, prices and schedules, in batches.

        Args:
            progress: Told how many prices are in, of all lists together.
            outbox: Sends them, several at a time and each once, and takes up what an earlier run left open; None to
                send one after the other.

        Raises:
            BadInput: The plan is not registered, or the chain has something else than the file.
        """
        resume_pending(outbox)
        plan_id, decimals = self._registered(plan)
        categories, lists = self._missing(plan, plan_id, decimals)
        some = [
            (self._f.addCategories(plan_id, part), len(part)) for part in _parts(categories, _CATEGORIES_A_TRANSACTION)
        ]
        receipts = dict(send_each(self._ledger, outbox, "categories", some))
        of = len(plan.prices) + sum(len(schedule.prices) for schedule in plan.schedules)
        done = of - sum(map(len, lists.values()))
        parts = [(number, part) for number, rest in lists.items() for part in _parts(rest, _PRICES_A_TRANSACTION)]
        add = self._f.addPrices
        calls = ((add(plan_id, number, *map(list, zip(*part, strict=True))), len(part)) for number, part in parts)
        for n, receipt in send_each(self._ledger, outbox, "prices", calls):
            receipts[len(some) + n] = receipt
            done += len(parts[n][1])
            if progress:
                progress(done, of)
        return tuple(receipts[n] for n in sorted(receipts))

    def publish(self, plan: Plan) -> Receipt:
        """Seal a version, once the chain has all of it: terms, categories and prices never change again.

        Raises:
            BadInput: The plan is not registered, or something of it is missing on chain.
            NotInsurer, AlreadyPublished: By the rules.
        """
        plan_id, decimals = self._registered(plan)
        categories, lists = self._missing(plan, plan_id, decimals)
        if missing := len(categories) + len(lists[0]):
            fix = f"{missing} categories and prices are not on chain yet; load them with `salus claim plan prices`"
            raise BadInput(plan.source, "", fix)
        return self._ledger.send(self._f.publish(plan_id))

    def missing(self, plan: Plan) -> tuple[int, int]:
        """How many categories and prices of a registered plan, schedules included, are not on chain.

        Raises:
            BadInput: The plan is not registered, or the chain has something else than the file.
        """
        categories, lists = self._missing(plan, *self._registered(plan))
        return len(categories), sum(map(len, lists.values()))

    def _missing(
        self, plan: Plan, plan_id: bytes, decimals: int
    ) -> tuple[list[tuple[Any, ...]], dict[int, list[tuple[bytes, int]]]]:
        wanted = [
            (c.coinsurance, c.coinsurance_out, c.deductible, c.copay, c.limit) for c in category_units(plan, decimals)
        ]
        there = self.categories(plan_id)
        for n, category in enumerate(there):
            if n >= len(wanted) or tuple(vars(category).values()) != wanted[n]:
                raise _other(plan, f"categories[{n}]", "a category")
        loaded = self.prices(plan_id)
        lists = {}
        for number, where in lists_of(plan):
            prices = price_units(plan, decimals, number)
            codes = [plan.code(price.system, price.code) for price in listed(plan, number)]
            known = loaded.get(number, {})
            for n, (code, price) in enumerate(zip(codes, prices, strict=True)):
                if code in known and known[code] != price:
                    raise _other(plan, f"{where}[{n}]", "a price")
            if number == 0 and (foreign := known.keys() - set(codes)):
                raise _other(plan, where, f"the price of 0x{min(foreign).hex()}")
            rows = zip(codes, map(pack_price, prices), strict=True)
            lists[number] = [row for row in rows if row[0] not in known]
        return wanted[len(there) :], lists

    def _registered(self, plan: Plan) -> tuple[bytes, int]:
        """The id of a version that is registered here, and its token's decimals."""
        plan_id = self.id_of(plan)
        found = self._ledger.call(self._f.terms(plan_id))
        if found.insurer == _NOBODY:
            fix = "is not registered on this chain (or was changed since); register it with `salus claim plan register`"
            raise BadInput(plan.source, "", fix)
        return plan_id, self._treasury.decimals(found.token)

    # ---- the insurer: the series ---------------------------------------------------------------------------------

    def enroll(
        self,
        plan_id: bytes,
        members: Sequence[Membership],
        *,
        progress: Progress | None = None,
        outbox: Outbox | None = None,
    ) -> tuple[Receipt, ...]:
        """Enrol members, or replace what was said of them, 100 a transaction; who is enrolled so already is left out.

        Args:
            plan_id: Any version, or the series.
            members: From :func:`salus.claims.plans.members.read_members`, or made.
            progress: Told how many are in.
            outbox: See :meth:`load`.
        """
        resume_pending(outbox)
        rest = self.not_enrolled(plan_id, members)
        done, receipts = len(members) - len(rest), {}
        parts = list(_parts(rest, _MEMBERS_A_TRANSACTION))
        rows = ([(checked_address(m.member, "member"), m.struct()) for m in part] for part in parts)
        calls = ((self._f.enroll(plan_id, structs), len(structs)) for structs in rows)
        for n, receipt in send_each(self._ledger, outbox, "members", calls):
            receipts[n] = receipt
            done += len(parts[n])
            if progress:
                progress(done, len(members))
        return tuple(receipts[n] for n in sorted(receipts))

    def not_enrolled(self, plan_id: bytes, members: Sequence[Membership]) -> list[Membership]:
        """Those that are not enrolled, or otherwise than this, asked for in few questions."""
        accounts = [checked_address(m.member, "member") for m in members]
        found = self._ledger.calls("Plans", "membership", [(plan_id, account) for account in accounts])
        return [m for m, there in zip(members, found, strict=True) if m.struct() != tuple(there)]

    def contract(self, plan_id: bytes, provider: str, terms: Contract) -> Receipt:
        """Contract a provider (account or name), or replace its contract; an end not after the beginning ends it."""
        account = self._institutions.resolve(provider)
        return self._ledger.send(self._f.contractProvider(plan_id, account, tuple(vars(terms).values())))

    def contract_all(self, plan: Plan) -> dict[str, Receipt]:
        """Contract the providers of a plan's schedules as the file says; who is so already is left out.

        Returns:
            The receipts by provider, as the file names them.
        """
        plan_id, receipts = self.id_of(plan), {}
        for schedule in plan.schedules:
            wanted = Contract(schedule.valid_from, schedule.valid_until, schedule.number)
            if self.contract_of(plan_id, schedule.provider) != wanted:
                receipts[schedule.provider] = self.contract(plan_id, schedule.provider, wanted)
        return receipts

    def cap(self, plan_id: bytes, cap: Cap, *, provider: str | None = None) -> Receipt:
        """Cap what a provider (account or name) is paid in a period, or all that have no cap of their own.

        Counts in plans with the rule (``providerCaps`` of the file); a ``most`` of 0 takes it back.

        Raises:
            NotInsurer, InvalidCap: By the rules.
        """
        return self._ledger.send(self._f.capProvider(plan_id, self._whom(provider), (cap.most, cap.period)))

    def authorize(
        self, plan_id: bytes, member: str, code: bytes, units: int, *, from_day: int, until_day: int
    ) -> Receipt:
        """Pre-authorise units of a code (from :meth:`Plan.code`) for a member; replaces what is left of an earlier
        one.
        """
        account = checked_address(member, "member")
        return self._ledger.send(self._f.authorize(plan_id, account, code, units, from_day, until_day))

    # ---- a provider ----------------------------------------------------------------------------------------------

    def refer(self, plan_id: bytes, member: str, *, to: str | None = None, from_day: int, until_day: int) -> Receipt:
        """Refer a member to a provider (account or name), or to whomever the member chooses."""
        account, whom = checked_address(member, "member"), self._whom(to)
        return self._ledger.send(self._f.refer(plan_id, account, whom, from_day, until_day))

    def _whom(self, to: str | None) -> str:
        return _NOBODY if to is None else self._institutions.resolve(to)

    # ---- views ---------------------------------------------------------------------------------------------------

    def terms(self, plan_id: bytes) -> Terms:
        """A version's terms; the insurer is account 0 when it is unknown."""
        found = self._ledger.call(self._f.terms(plan_id))
        insurer, valid_from, valid_until, token, *rest, _document = found  # the contract does not keep the document
        rest.append(int(self._ledger.call(self._f.inForceAt(plan_id))))
        return Terms("0x" + plan_id.hex(), insurer, token, valid_from, valid_until, *rest)

    def publish_delay(self) -> int:
        """Seconds from publication until a version judges."""
        return int(self._ledger.call(self._f.PUBLISH_DELAY()))

    def versions(self, plan_id: bytes) -> int:
        """How many versions the series of a plan has."""
        return int(self._ledger.call(self._f.versions(plan_id)))

    def categories(self, plan_id: bytes) -> tuple[Category, ...]:
        """The categories of a version in the order of their numbers, from 1."""
        events = self._ledger.logs("Plans", "CategoriesAdded", {"plan": plan_id})
        return tuple(Category(*category) for event in events for category in event.args["categories"])

    def prices(self, plan_id: bytes) -> dict[int, dict[bytes, Price]]:
        """Every price of a version by its salted code, by list: 0 is the plan's own, others are schedules."""
        lists: dict[int, dict[bytes, Price]] = {}
        for event in self._ledger.logs("Plans", "PricesAdded", {"plan": plan_id}):
            a = event.args
            some = zip(map(bytes, a["codes"]), map(unpack_price, a["prices"]), strict=True)
            lists.setdefault(a["schedule"], {}).update(some)
        return lists

    def price(self, plan_id: bytes, code: bytes, *, schedule: int = 0) -> Price | None:
        """The price of a salted code, None when it is not listed."""
        found = self._ledger.call(self._f.price(plan_id, schedule, code))
        allowed, category, flags, groups, limit, period = found
        word = allowed << 176 | category << 168 | flags << 160 | groups << 144 | limit << 128 | period << 112
        price = unpack_price(word)
        return price if price.listed else None

    def membership(self, plan_id: bytes, member: str) -> Membership:
        """A member's cover."""
        account = checked_address(member, "member")
        return Membership(account, *self._ledger.call(self._f.membership(plan_id, account)))

    def contract_of(self, plan_id: bytes, provider: str) -> Contract:
        """A provider's contract; all 0 when there never was one."""
        account = self._institutions.resolve(provider)
        return Contract(*self._ledger.call(self._f.contractOf(plan_id, account)))

    def cap_of(self, plan_id: bytes, *, provider: str | None = None) -> Cap:
        """The cap that holds for a provider: its own, or else everyone's."""
        return Cap(*self._ledger.call(self._f.capOf(plan_id, self._whom(provider))))

    def paid_to(self, plan_id: bytes, provider: str) -> int:
        """What the claim desk paid a provider in the running period of its cap."""
        desk, account = self._ledger.book["ClaimDesk"].address, self._institutions.resolve(provider)
        return int(self._ledger.call(self._f.paidTo(desk, plan_id, account)))

    def authorization(self, plan_id: bytes, member: str, code: bytes) -> Authorization:
        """A member's last pre-authorisation of a code."""
        return Authorization(
            *self._ledger.call(self._f.authorization(plan_id, checked_address(member, "member"), code))
        )

    def referral(self, plan_id: bytes, member: str, *, to: str | None = None) -> Referral:
        """A member's last referral to a provider, or to whomever the member chooses."""
        account = checked_address(member, "member")
        return Referral(*self._ledger.call(self._f.referral(plan_id, account, self._whom(to))))

    def used(self, plan_id: bytes, member: str, code: bytes, *, day: int, serial: int = 0) -> int:
        """Units used at the claim desk: of a quantity limit in the period of a day, or of the pre-authorisation of a
        serial.
        """
        desk, account = self._ledger.book["ClaimDesk"].address, checked_address(member, "member")
        return int(self._ledger.call(self._f.used(desk, plan_id, account, code, day, serial)))

    def category_paid(self, plan_id: bytes, member: str, *, year: int, number: int) -> int:
        """What the claim desk had paid for a member in a benefit year in a category that has a limit."""
        desk, account = self._ledger.book["ClaimDesk"].address, checked_address(member, "member")
        return int(self._ledger.call(self._f.categoryPaid(desk, plan_id, account, year, number)))


# -------------------------------------------------------------------------------------------------------------- shared


def _parts(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for first in range(0, len(items), size):
        yield list(items[first : first + size])


def _other(plan: Plan, place: str, what: str) -> BadInput:
    return BadInput(
        plan.source,
        place,
        f"the chain has {what} that the file does not have so; what is loaded never changes: restore the file",
    )
