# Everything that a newcomer types. `make help` lists it.

# The Python that makes the virtual environment; all else runs on the environment's own.
PYTHON ?= python3
# The local chain: anvil or ganache. `make demo RPC=<url>` uses a node that is already up instead.
CHAIN ?= anvil
RPC ?=
# How long `make soak` goes on, and what it repeats.
MINUTES ?= 10
SEED ?=
# Further words for `brownie test`, the demo or `benchmarks/run.py`, as in `make test ARGS="tests/contracts/consent -x"`.
ARGS ?=

VENV := .venv/bin
STAMP := build/compiled
SOURCES := $(shell find contracts interfaces -name '*.sol' 2>/dev/null)

WITH_CHAIN := $(VENV)/python scripts/dev/with_chain.py --kind $(CHAIN) --

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup compile build lint test-unit test test-long coverage house demo bench slither soak clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

setup:  ## make .venv, node_modules and the compiler, in this folder only
	@command -v $(PYTHON) >/dev/null || { \
	  echo "set-up: missing: Python 3.11 or newer ($(PYTHON) is not on the PATH; your system's packages)" >&2; exit 2; }
	@$(PYTHON) scripts/dev/setup.py --quiet

compile: setup $(STAMP)

# --all, because Brownie does not notice a change in an interface or in a file that only holds types.
$(STAMP): $(SOURCES) brownie-config.yaml package-lock.json requirements.lock
	@echo "compiling the contracts (half a minute with npm's compiler) …"
	@$(VENV)/brownie compile --all
	@mkdir -p $(@D) && touch $@

build: compile  ## compile the contracts, and export their ABIs to the client
	@if [ -f scripts/export.py ]; then $(VENV)/python scripts/export.py; fi

lint: setup  ## look at form and types of Python and Solidity; a minute
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check --quiet .
	@$(VENV)/mypy
	@npm run --silent lint:sol

slither: setup  ## look for known faults in the contracts; each finding is explained in docs/slither.md; two minutes
	@$(VENV)/python scripts/dev/slither.py $(ARGS)

# Brownie's plugin would load the project and start its chain.
UNIT := -p no:pytest-brownie --unit

test-unit: setup  ## run the tests that need no chain; a minute or two
	@$(VENV)/python scripts/dev/broker.py --quiet
	@$(VENV)/python -m pytest $(UNIT) -q $(if $(ARGS),$(ARGS),tests)

test: compile  ## run all tests on chains of their own (CHAIN=anvil or ganache; ARGS="tests/contracts/consent -x" for some)
	@$(VENV)/python scripts/dev/broker.py --quiet
	@$(VENV)/python scripts/dev/run_tests.py --kind $(CHAIN) -- $(ARGS)

test-long: compile  ## run what takes longer: ten thousand random cases and lies, long state machines, a soak of MINUTES (10)
	@SALUS_CASES=10000 $(WITH_CHAIN) $(VENV)/brownie test tests/property tests/stateful tests/faults/test_lies.py --durations=25 $(ARGS)
	@$(MAKE) soak

coverage: compile  ## measure which lines of salus the tests run; fails below the floor in pyproject.toml
	@$(VENV)/python scripts/dev/broker.py --quiet
	@$(VENV)/python scripts/dev/measure_coverage.py --kind $(CHAIN)

house: compile  ## print the figures that the house is kept by: folders, imports, functions, types, sizes
	@$(VENV)/python scripts/dev/house.py

demo: compile  ## run the whole story (CHAIN=anvil or ganache, or RPC=<url of a node>)
ifeq ($(strip $(RPC)),)
	@$(WITH_CHAIN) $(VENV)/python -m scripts.demo $(ARGS)
else
	@SALUS_CHAIN_URL='$(RPC)' $(VENV)/python -m scripts.demo $(ARGS)
endif

bench: compile  ## measure gas beside a naive baseline; writes benchmarks/results.json
	@$(WITH_CHAIN) $(VENV)/python benchmarks/run.py $(ARGS)

soak: compile  ## kill, cheat and reorganise for MINUTES (10), then check that nothing was lost (SEED=… repeats one)
	@$(VENV)/python -m tests.faults --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

clean:  ## remove what was built; the environment stays
	rm -rf build reports .pytest_cache .hypothesis *.egg-info
