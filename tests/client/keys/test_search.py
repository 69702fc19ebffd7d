"""A wallet that was made again from its words looks for its accounts: by names, and by the numbers of old wallets."""

import pytest

from salus.keys.search import GAP, Found, search
from salus.keys.wallet import Wallet
from tests.support.old_wallets import ACCOUNTS, WORDS

PASSWORD = "correct horse"
HANDLES = ["city-hospital", "hill-clinic", "alpha-health"]


@pytest.fixture
def wallet(tmp_path, cheap):
    return Wallet.restore(tmp_path / "wallet", PASSWORD, WORDS)


class Chain:
    """What a chain knows: some accounts, and whom each deals with."""

    def __init__(self, *accounts, **others):
        self.known = dict.fromkeys(accounts, frozenset()) | others
        self.asked = []

    def __call__(self, accounts):
        self.asked += accounts
        return {account: self.known[account] for account in accounts if account in self.known}


def by_number(wallet, number):
    return wallet.address_at(f"m/44'/60'/0'/0/{number}")


def test_c5_what_was_used_under_a_name_is_found_by_the_name(wallet):
    account = wallet.address_at(wallet.path_of("hill-clinic"))
    chain = Chain(**{account: frozenset({"0xhill"})})
    assert search(wallet, HANDLES, chain) == [
        Found(account, wallet.path_of("hill-clinic"), "hill-clinic", frozenset({"0xhill"}))
    ]
    assert list(wallet.accounts()) == ["default"]  # nothing is changed


def test_c5_what_an_old_wallet_numbered_is_found_by_its_number(wallet):
    found = search(wallet, HANDLES, Chain(*ACCOUNTS.values()))
    assert [(each.address, each.relation) for each in found] == [
        (ACCOUNTS["city-hospital"], ""),
        (ACCOUNTS["hill-clinic"], ""),
    ]


def test_c5_the_search_goes_on_behind_a_gap_and_ends(wallet):
    last = GAP + 5
    found = search(wallet, [], Chain(by_number(wallet, 3), by_number(wallet, last)))
    assert [each.path for each in found] == ["m/44'/60'/0'/0/3", f"m/44'/60'/0'/0/{last}"]
    chain = Chain(by_number(wallet, 2 * GAP))
    assert search(wallet, [], chain) == [] and len(chain.asked) == GAP


def test_c5_what_the_wallet_knows_is_not_found_again(wallet):
    wallet.add("city-hospital")
    wallet.add("old:1", "m/44'/60'/0'/0/1")
    chain = Chain(*wallet.accounts().values(), by_number(wallet, 2))
    assert [each.path for each in search(wallet, HANDLES, chain)] == ["m/44'/60'/0'/0/2"]


def test_c5_a_handle_that_can_be_no_relations_name_is_passed_over(wallet):
    account = wallet.address_at(wallet.path_of("a-b"))
    assert [each.relation for each in search(wallet, ["-x", "", "0x" + "ff" * 32, "a-b"], Chain(account))] == ["a-b"]
