# Two commands are all: `make demo`, then `make dev`. Everything else they need, they fetch into this folder.

UV_VERSION := 0.13.8
PYTHON ?= python3
# A uv on the PATH is used as it is; else one of our own is installed into .uv.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
OWN_UV := $(filter .uv/bin/uv,$(UV))
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 2
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal
RECON_SOAK_SECONDS ?= 600
export RECON_SOAK_SECONDS
# Images of containers set it, and every process that a test starts would compile our modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo dev check format test test-soak bench clean

help: ## Say what each command does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

demo: $(READY) ## Load a year of real flights through a real backfill, with faults planted to be found
	$(BIN)/recon demo

dev: $(READY) ## Open the Dagster UI on the same data; Ctrl-C ends it
	$(BIN)/recon dev --file demo

check: $(READY) ## Run the static gates: style, types, floors, dependencies, dead code, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .
	$(BIN)/vulture
	$(BIN)/codespell

format: $(READY) ## Mend what the style gates can mend by themselves
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test: $(READY) ## Run the tests; RECON_REQUIRE=all fails where something is missing, and measures coverage
ifneq ($(RECON_REQUIRE),all)
	$(PYTEST)
else
	$(PYTEST) --cov --cov-report=
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --include='recon_assets/model/*,recon_assets/writing/*,recon_assets/ledger/*' --fail-under=100
endif

test-soak: $(READY) ## Run the long tests; RECON_SOAK_SECONDS says how long each may go on
	$(PYTEST) -m soak

bench: $(READY) ## Measure ours beside its rivals, the quick way
	@for name in load backfill diff memory repair; do echo "$$name"; $(BIN)/python benchmarks/$$name.py --quick || exit 1; done

clean: ## Remove the environment and all caches; the demo's data in .recon stays
	rm -rf .venv .uv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* dist build

$(READY): pyproject.toml uv.lock $(OWN_UV)
	$(UV) sync --locked
	@touch $@

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .uv || { echo "venv is missing: apt-get install python3-venv"; rm -rf .uv; exit 1; }
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
