"""A stolen patient's key, hour by hour: what the thief can do, what the patient sees, and how it ends.

given a patient with three guardians and consents at two hospitals, whose wallet is copied with its password
    hour 0    the thief lets a clinic of its own see everything, and names itself a delegate
    hour 1    the patient's inbox tells both, account by account; explain says that the clinic may see the data
    hour 2    the patient revokes everything and removes the delegate; the clinic sees nothing
    hour 3    the thief grants again: the key still signs, so the guardians begin to move the accounts
    hour 4    the thief stops one move with a veto; the inbox tells it, and the guardians begin again
    later     the new wallet signs for the old accounts by itself, and ends what the thief granted; the thief's key is
              refused, and so are the orders that it signed before
"""

import pytest

from salus.chain.local_node import LocalNode
from salus.consent.model import DirectiveDraft, Effect
from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.deployed_chain import DeployedChain, kind

HOUR, DAY, YEAR = 3600, 24 * 3600, 365 * 24 * 3600


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    """A house of its own: hours pass on it."""
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("stolen"))


class Story:
    """The people, and what they do. Guardians agree by their files; a hospital pays for the patient."""

    def __init__(self, deployed_chain, run, wallet, keystore, folder):
        self.deployed_chain, self.run, self.keystore, self.folder = deployed_chain, run, keystore, folder
        self.guardians = [deployed_chain.patient() for _ in range(3)]
        self.files = [keystore(guardian) for guardian in self.guardians]
        self.hospitals, self.moves = {}, 0
        for _ in range(2):
            signer, name = deployed_chain.institution("PROVIDER")
            self.hospitals[name] = keystore(signer)
        self.payer = next(iter(self.hospitals.values()))
        for name in self.hospitals:
            self.patient("consent", "grant", "--to", name, "--purpose", "TREAT")
        opened = Wallet.open(wallet.path, PASSWORD)
        self.accounts = {name: opened.address(name) for name in self.hospitals}
        words = [word for guardian in self.guardians for word in ("--guardian", guardian.address)]
        self.patient("consent", "guardians", "set", *words, "--threshold", "2", "--delay", "2", "--now")
        # The copy: the same keys in other hands.
        self.thief = {name: deployed_chain.client(opened.signer(name)) for name in self.hospitals}
        self.accomplice = deployed_chain.client(deployed_chain.institution("PROVIDER")[0])
        self.clinic = self.accomplice.institutions.name(self.accomplice.need_signer().address)
        assert self.seen() == {"changes": [], "recoveries": []}

    def patient(self, *words, keystore=None, code=0):
        place = ("--keystore", keystore) if keystore else ()
        done = self.run(*words, *place, "--yes", "--relay-as", self.payer)
        assert done.code == code, done.err
        return done

    def seen(self):
        """What is new in the inbox: actions and steps with their accounts."""
        told = self.run("consent", "inbox", "--json").json()
        return {
            "changes": [(line["action"], line["patient"]) for line in told["changes"]],
            "recoveries": [line["step"] for line in told["recoveries"]],
        }

    def sees(self, account):
        return (
            self.deployed_chain.client().consent.decide(account, self.clinic, ["HRESCH"], ["all"]).answer.name
            == "PERMIT"
        )

    def grants(self, name, purpose="HRESCH"):
        """The thief's order, signed with the patient's key."""
        thief = self.thief[name]
        scope = frozenset({purpose}), frozenset({"all"}), 0, thief.now() + YEAR
        return thief.consent.sign(thief.consent.prepare_grant(DirectiveDraft(self.clinic, Effect.PERMIT, *scope)))

    def move(self, account, successor):
        """Two guardians agree, and the hospital submits."""
        self.moves += 1
        one, two = (self.folder / f"{self.moves}-{n}.json" for n in "ab")
        start = ("consent", "recover", "start", account, "--to", successor, "--out", one, "--yes")
        assert self.run(*start, "--keystore", self.files[0]).code == 0
        approve = ("consent", "recover", "approve", one, "--out", two, "--yes")
        assert self.run(*approve, "--keystore", self.files[1]).code == 0
        assert self.run("consent", "guardians", "submit", two, "--keystore", self.payer, "--yes").code == 0


def test_a_stolen_key_hour_by_hour(deployed_chain, run, wallet, keystore, tmp_path):
    story = Story(deployed_chain, run, wallet, keystore, tmp_path)
    (first, account), (second, other) = story.accounts.items()

    # Hour 0: the thief acts for both accounts, and keeps one order back.
    story.accomplice.consent.relay([story.grants(first), story.grants(second)])
    thief = story.thief[first]
    request = thief.guardians.prepare_delegate(deployed_chain.patient().address, ["TREAT"], ["all"], thief.now() + YEAR)
    story.accomplice.guardians.submit(thief.guardians.sign(request))
    delegate = request.fields["delegate"]
    withheld = story.grants(second, "HMARKT")
    assert story.sees(account) and story.sees(other)

    # Hour 1: the patient looks.
    deployed_chain.node.advance(HOUR)
    told = story.seen()
    assert sorted(told["changes"]) == sorted(
        [("ConsentGranted", account), ("ConsentGranted", other), ("DelegateSet", account)]
    )
    explained = run("consent", "explain", "--json").json()
    assert {line["patient"] for line in explained if line["name"] == story.clinic and line["answer"] == "PERMIT"} == {
        account,
        other,
    }

    # Hour 2: everything is taken back at both accounts at once; it is an emergency.
    deployed_chain.node.advance(HOUR)
    ended = story.patient("consent", "revoke", "--everything", "--now")
    assert ended.out.count("nobody may use your data any longer") == 2
    story.patient("consent", "delegate", "remove", delegate)
    assert not story.sees(account) and not story.sees(other)
    assert story.seen() == {"changes": [], "recoveries": []}, "the patient's own acts are no news"
    # What the thief had signed and kept back is dead.
    assert run_relay(story, withheld, tmp_path / "withheld.json").code == 1

    # Hour 3: the key still signs; the guardians begin to move both accounts to a new wallet.
    deployed_chain.node.advance(HOUR)
    story.accomplice.consent.relay([story.grants(first)])
    assert story.seen()["changes"] == [("ConsentGranted", account)]
    new, _ = Wallet.create(tmp_path / "new", PASSWORD)
    for one in (account, other):
        story.move(one, new.address())
    assert story.seen()["recoveries"] == ["RecoveryStarted"] * 2

    # Hour 4: the thief stops one of the moves. The inbox tells it, and the guardians begin again.
    deployed_chain.node.advance(HOUR)
    stop = thief.guardians.prepare_veto()
    story.accomplice.guardians.submit(thief.guardians.sign(stop))
    assert story.seen()["recoveries"] == ["RecoveryVetoed"]
    story.move(account, new.address())

    # Two days later both accounts are the new wallet's, which acts for them by itself.
    deployed_chain.node.advance(2 * DAY + HOUR)
    for one in (account, other):
        assert run("consent", "recover", "finish", one, "--keystore", story.payer, "--yes").code == 0
    assert story.sees(account)
    ended = story.patient("consent", "revoke", "--everything", "--now", keystore=new.path)
    assert ended.out.count("nobody may use your data any longer") == 2
    assert not story.sees(account) and not story.sees(other)
    again = story.patient("consent", "grant", "--to", first, "--purpose", "TREAT", keystore=new.path)
    assert f"{first} knows the recovered account {account}; this wallet signs for it" in again.err
    assert deployed_chain.client().consent.decide(account, first, ["TREAT"], ["all"]).answer.name == "PERMIT"

    # The stolen key is refused, whatever it signs or signed.
    for name in story.hospitals:
        with pytest.raises(Exception, match="the signer is|the signature is not"):
            story.accomplice.consent.relay([story.grants(name)])
    lost = run("consent", "revoke", "--everything", "--yes", "--relay-as", story.payer)
    assert (lost.code, "signs for it now" in lost.err) == (2, True)


def run_relay(story, order, path):
    from salus.consent.files import orders as files

    files.save([order], path)
    return story.run("consent", "relay", path, "--keystore", story.payer, "--yes")
