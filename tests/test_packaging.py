"""The package as others install it: what it imports is declared, what is declared is locked, building leaves no trace.

imports
├── of salus, anywhere in a file: of a dependency, or of an extra
├── of salus, when a module is loaded: of a dependency
└── of tests, scripts and benchmarks: of those, or of the extra dev
the lock
└── has every declared package
pip
└── builds a wheel with every file of the package, and leaves the checkout as it was
pre-commit
└── runs programs of the set-up, and fetches nothing
"""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.shared_data import ROOT

# Ours, wherever they are imported from: packages of the checkout, and scripts that import what lies beside them.
OURS = {"salus", "scripts", "tests", "benchmarks", "brownie_hooks", "export", "with_chain", "complexity"}
TOOLS = ("scripts", "tests", "benchmarks")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normal(name):
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements):
    found = {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}
    return found - {"salus"}


def declared(*extras):
    table = project()
    return names(table["dependencies"]).union(*(names(table["optional-dependencies"][extra]) for extra in extras))


def modules_imported(tree):
    """The first name of every module that is imported in a part of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def loaded_at_once(path):
    """What a file imports when it is imported itself: outside of functions, and not for types alone."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from modules_imported(node)


def undeclared(imports, allowed):
    """Modules that come from no allowed package, with the files that import them."""
    packages = packages_distributions()
    found = defaultdict(set)
    for path, module in imports:
        if module in sys.stdlib_module_names or module in OURS:
            continue
        if not {normal(name) for name in packages.get(module, ())} & allowed:
            found[module].add(str(path.relative_to(ROOT)))
    return dict(found)


def imports_of(paths):
    return ((path, module) for path in paths for module in modules_imported(ast.parse(path.read_text())))


# ---- imports


def test_what_the_client_imports_is_declared():
    extras = set(project()["optional-dependencies"]) - {"dev"}
    assert undeclared(imports_of(ROOT.glob("salus/**/*.py")), declared(*extras)) == {}


def test_what_the_client_loads_at_once_is_no_extra():
    imports = ((path, module) for path in ROOT.glob("salus/**/*.py") for module in loaded_at_once(path))
    assert undeclared(imports, declared()) == {}


def test_what_tests_and_scripts_import_is_declared():
    paths = [path for folder in TOOLS for path in ROOT.glob(f"{folder}/**/*.py")]
    paths += [ROOT / "brownie_hooks.py", ROOT / "setup.py"]
    assert undeclared(imports_of(paths), declared(*project()["optional-dependencies"])) == {}


def test_an_import_that_is_not_declared_is_found(tmp_path, monkeypatch):
    """The check must be able to fail."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "module.py"
    module.write_text("import json, numpy\nfrom eth_abi import decode\n")
    assert undeclared(imports_of([module]), {"eth-abi"}) == {"numpy": {"module.py"}}


# ---- the lock


def test_every_declared_package_is_locked():
    locked = {
        normal(line.split("==")[0]) for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line
    }
    assert declared(*project()["optional-dependencies"]) - locked == set()


# ---- pip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a wheel is built from, in a folder that may be written to."""
    folder = tmp_path_factory.mktemp("checkout") / "salus"
    shutil.copytree(ROOT / "salus", folder / "salus", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def files_of(folder):
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


def test_a_wheel_has_every_file_and_building_leaves_no_trace_U13(checkout, tmp_path):
    before = files_of(checkout)
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(checkout)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True, text=True, timeout=120)
    assert files_of(checkout) == before
    (wheel,) = tmp_path.glob("salus-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("salus/")}
    assert packed == {name for name in before if name.startswith("salus/")}


# ---- pre-commit


def test_pre_commit_runs_the_set_ups_programs_and_fetches_nothing():
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}
    programs = {entry.split()[0] for entry in re.findall(r"entry: (.+)", text)}
    assert programs == {".venv/bin/ruff", ".venv/bin/mypy", "npm"}
