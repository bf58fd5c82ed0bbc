# Picket: `make` prints what there is. Needs Python >= 3.11 with venv, make and git; all else comes with it.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
PAGE := fleet/src/picket_fleet/page/static/index.html
PROJECTS := shared base simulator fleet $(sort $(patsubst %/,%,$(dir $(wildcard services/*/pyproject.toml))))
# What runs on a device: the images hold what these need, and nothing else.
SHIPPED := $(shell sed -n 's/^name = "\(.*\)"/\1/p' $(addsuffix /pyproject.toml,$(filter-out simulator fleet,$(PROJECTS))))
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_NO_PROGRESS := 1

.DEFAULT_GOAL := help
.PHONY: help setup page run image up down base-image test check format bench soak docs lock clean

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## the project's own environment, from requirements.lock

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "picket: Python >= 3.11 is needed; '$(PYTHON)' is older or missing (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "picket: Python's venv module is needed (Debian: python3-venv)" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Pins are installed with their hashes, then the workspace itself, editable and without resolving anything. As in images,
# bytecode comes along: where Python may write none, each of two dozen processes would compile all of it, and keep 3 MB more.
$(READY): $(UV) requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(PROJECTS))
	@$(UV) pip install --quiet --compile-bytecode --require-hashes --requirement requirements.lock
	@$(UV) pip install --quiet --no-deps $(addprefix --editable ./,$(PROJECTS))
	@touch $@

page: $(PAGE)  ## the web page of `fleet serve`, with npm: into the package, before it is installed elsewhere

$(PAGE): fleet/page/package-lock.json fleet/page/build.js fleet/page/tsconfig.json $(wildcard fleet/page/src/*)
	@command -v npm >/dev/null || { echo "picket: npm is needed (Debian: npm, with nodejs >= 18)" >&2; exit 1; }
	@cd fleet/page && npm ci --ignore-scripts --no-fund --no-audit --silent && npm run --silent check && npm run --silent build
	@touch $@

run: $(READY)  ## the whole release on this machine: simulator, broker, every service (Ctrl-C stops it)
	@exec $(BIN)/picket run

image: $(READY)  ## the images of all services, with this machine's Docker engine (BASE, ABELECTRONICS, KASA, DEBIAN_MIRROR: see base/)
	@$(BIN)/python -m base.images.build $(foreach one,BASE ABELECTRONICS KASA DEBIAN_MIRROR,\
		$(if $(filter undefined,$(origin $(one))),,--build-arg $(one)=$($(one))))
	@$(BIN)/python -m base.images.build --simulator

up: $(READY)  ## the release in containers on this machine, a simulator beside it (after `make image`); MQTT_PORT as for `run`
	@$(BIN)/python -m base.images.development up

down: $(READY)  ## end what `up` began; volumes are kept
	@$(BIN)/python -m base.images.development down

base-image: $(READY)  ## Debian's base by debootstrap, where Docker Hub can't be reached; then `make image` uses it (root)
	@$(BIN)/python -m base.images.debian

test: $(READY)  ## all tests; FAST=1 leaves out those that start real servers
	@$(if $(FAST),:,tests/prepare.sh)
	@$(if $(ARGS),$(BIN)/pytest,tests/all.sh $(BIN)) $(if $(FAST),-m "not slow") $(ARGS)

check: $(READY)  ## format, lint, types, and that the lock fits what the projects declare
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(UV) pip check --quiet
	@$(BIN)/picket compose

format: $(READY)  ## format the code and mend what the linter can
	@$(BIN)/ruff check --quiet --fix-only . ; $(BIN)/ruff format --quiet .

bench: $(READY)  ## measurements as JSON lines; BENCH=<name> for one
	@$(BIN)/python -m tests.bench $(BENCH)

soak: $(READY)  ## long runs: 10,000 steps at the output guard, 500 kills, a day of collectors, a real Zigbee2MQTT, arm64
	@tests/prepare.sh
	@PICKET_SOAK=1 PICKET_SOAK_STEPS=10000 PICKET_SOAK_KILLS=500 $(BIN)/pytest -o timeout=3600 \
		services/relay/tests/test_invariants.py services/collectors/tests/test_house_day.py \
		services/collectors/tests/test_real_zigbee2mqtt.py tests/test_nothing_lost.py tests/test_arm64.py \
		tests/fleet/test_faults.py $(ARGS)

docs: $(READY)  ## the page of variables, made from the schema
	@$(BIN)/picket config --variables > docs/variables.md

lock: $(UV)  ## resolve anew and write requirements.lock
	@$(UV) lock --quiet
	@$(UV) export --quiet --all-packages --no-emit-workspace --no-header --no-annotate --output-file requirements.lock
	@$(UV) export --quiet $(addprefix --package ,$(SHIPPED)) --no-dev --no-emit-workspace --no-header --no-annotate \
		--output-file base/requirements.lock
	@$(UV) export --quiet $(addprefix --package ,$(SHIPPED)) --extra kasa --no-dev --no-emit-workspace --no-header --no-annotate \
		--output-file base/kasa.lock
	@rm -f $(READY)

clean:  ## remove the environment and everything the release wrote
	@rm -rf $(VENV) var fleet/page/node_modules $(dir $(PAGE))
