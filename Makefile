# Picket: `make` prints what there is. Needs Python >= 3.11 with venv, make and git; all else comes with it.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
PROJECTS := shared base simulator $(sort $(patsubst %/,%,$(dir $(wildcard services/*/pyproject.toml))))
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_NO_PROGRESS := 1

.DEFAULT_GOAL := help
.PHONY: help setup run test check format bench soak lock clean

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## the project's own environment, from requirements.lock

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "picket: Python >= 3.11 is needed; '$(PYTHON)' is older or missing (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "picket: Python's venv module is needed (Debian: python3-venv)" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Pins are installed with their hashes, then the workspace itself, editable and without resolving anything.
$(READY): $(UV) requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(PROJECTS))
	@$(UV) pip install --quiet --require-hashes --requirement requirements.lock
	@$(UV) pip install --quiet --no-deps $(addprefix --editable ./,$(PROJECTS))
	@touch $@

run: $(READY)  ## the whole release on this machine: simulator, broker, every service (Ctrl-C stops it)
	@exec $(BIN)/picket run

test: $(READY)  ## all tests; FAST=1 leaves out those that start real servers
	@$(if $(FAST),:,tests/prepare.sh)
	@$(BIN)/pytest $(if $(FAST),-m "not slow",) $(ARGS)

check: $(READY)  ## format, lint, types, and that the lock fits what the projects declare
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(UV) pip check --quiet

format: $(READY)  ## format the code and mend what the linter can
	@$(BIN)/ruff check --quiet --fix-only . ; $(BIN)/ruff format --quiet .

bench: $(READY)  ## measurements as JSON lines; BENCH=<name> for one
	@$(BIN)/python -m tests.bench $(BENCH)

soak: $(READY)  ## long runs: 10,000 random steps at the output guard, 500 random kills of services and servers
	@tests/prepare.sh
	@PICKET_SOAK_STEPS=10000 PICKET_SOAK_KILLS=500 $(BIN)/pytest -o timeout=3600 \
		services/relay/tests/test_invariants.py tests/test_nothing_lost.py $(ARGS)

lock: $(UV)  ## resolve anew and write requirements.lock
	@$(UV) lock --quiet
	@$(UV) export --quiet --all-packages --no-emit-workspace --no-header --no-annotate --output-file requirements.lock
	@rm -f $(READY)

clean:  ## remove the environment and everything the release wrote
	@rm -rf $(VENV) var
