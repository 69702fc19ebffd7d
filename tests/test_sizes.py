"""How large the contracts are once deployed: a chain takes 24,576 bytes at most (EIP-170)

given what the compiler built
    when a contract or a library has an address     it keeps 1,000 bytes free, for what the next change needs
    when deployment makes a contract of ours        it is among those that are measured
"""

import re

import pytest

from tests.support.build_files import ROOT, artefact, is_deployable, own_names

MOST = 23_500

pytestmark = pytest.mark.chain  # it needs none, but contracts that were built


def sizes():
    """Deployed bytes by name, the largest first."""
    found = {name: len(artefact(name)["deployedBytecode"]) // 2 for name in own_names() if is_deployable(name)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def test_every_contract_keeps_room(capsys):
    found = sizes()
    with capsys.disabled():
        print(f"\n{'deployed bytes':20} {'size':>7} {'left of ' + format(MOST, ','):>16}")
        for name, size in found.items():
            print(f"{name:20} {size:>7,} {MOST - size:>16,}")
    assert {name: size for name, size in found.items() if size > MOST} == {}


def test_everything_that_is_deployed_is_measured():
    made = re.findall(r"\bmake\(\s*\"(\w+)\"", (ROOT / "scripts" / "deploy.py").read_text())
    assert len(made) > 10
    assert set(made) - set(sizes()) == {"AccessManager"}, "OpenZeppelin's is not ours"
