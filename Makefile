# Every target sets up .venv first, if anything has changed since the last time. It needs Python 3.11 or newer and pip.
.DEFAULT_GOAL := help
.PHONY: help run simulate test crash fuzz soak lint types imports format format-check coverage audit licences lock wheel clean bootstrap

PYTHON ?=
PYTEST ?=
UPGRADE ?=
BIN := .venv/bin
# A worker that has nothing left to do takes over from another. WORKERS=0 runs the tests one after another.
WORKERS ?= auto
SPREAD := -n $(WORKERS) --dist worksteal
# How long `make fuzz` (each door) and `make soak` take, and how often `make crash` kills.
MINUTES ?= 5
KILLS ?= 500
VERB_KILLS ?= 40
# Tests that measure time; being measured slows them, so they run apart.
TIMED := little_longer_than
# Tests that start many programs or draw many examples: being measured slows them, and they cover nothing that others do not.
# Many of them wait for deadlines, leases and programs: more workers than processors are quicker, and less certain.
WAITERS ?= 2
UNMEASURED := tests/faults tests/test_truth.py tests/app/test_restoring.py tests/app/test_daemon_process.py \
  tests/app/test_first_run.py tests/reports/test_focus.py tests/reports/test_catalogue.py

# What belongs to another environment must not leak into this one. And the tests start this program a thousand times: without
# kept bytecode each start compiles all of it, and of its libraries, anew.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap:
	@PYTHON="$(PYTHON)" sh .ci/bootstrap

run: bootstrap ## Collect: the real APIs with NECTED_API_KEY or NELLIE_API_KEY, else the bundled simulator
	@$(BIN)/python -I -m collector.app.first_run

simulate: bootstrap ## Keep the simulated APIs of `make run` answering, until Ctrl-C
	@$(BIN)/python -I -m collector.app.demonstration

test: bootstrap ## Run the whole test suite; make test PYTEST='-k daily' runs a part
	@$(BIN)/python -m pytest $(SPREAD) $(PYTEST)

lint: bootstrap ## Look for mistakes and broken house rules (ruff)
	@$(BIN)/ruff check

types: bootstrap ## Check types (mypy, strict)
	@$(BIN)/mypy

imports: bootstrap ## Prove that imports go down only (import-linter)
	@$(BIN)/lint-imports

format: bootstrap ## Format the code and apply safe fixes (ruff)
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

format-check: bootstrap ## Say which files are not formatted
	@$(BIN)/ruff format --check

coverage: bootstrap ## Run the tests and hold the coverage: 95 % overall, 100 % of collector/domain
	@$(BIN)/coverage erase
	@$(BIN)/python -m pytest --quiet -k '$(TIMED)'
	@$(BIN)/coverage run -m pytest $(SPREAD) -k 'not $(TIMED)' $(UNMEASURED:%=--ignore=%) $(PYTEST)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=95
	@$(BIN)/coverage report --include='collector/domain/*' --fail-under=100
	@$(BIN)/python -m pytest -n $(WAITERS) --dist loadgroup -k 'not $(TIMED)' $(UNMEASURED) $(PYTEST)

audit: bootstrap ## Look for known vulnerabilities of the locked packages (pip-audit)
	@$(BIN)/python .ci/supply_chain.py audit

licences: bootstrap ## Hold the licences of the locked packages against the policy
	@$(BIN)/python .ci/supply_chain.py licences

crash: bootstrap ## Kill collectors at any instant; make crash KILLS=5000 kills that many on each engine
	@CRASH_KILLS=$(KILLS) CRASH_VERB_KILLS=$(VERB_KILLS) $(BIN)/python -m pytest --timeout=0 tests/faults/crash $(PYTEST)

fuzz: bootstrap ## Fuzz what reads the bytes of strangers; make fuzz MINUTES=5 takes that long for each door
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --group fuzz
	@for door in json answer header import invoice settings spool; do \
	  echo "== $$door"; $(BIN)/python -m benchmarks.fuzz $$door --seconds $$(( $(MINUTES) * 60 )) || exit 1; \
	done

soak: bootstrap ## Run the daemon against a misbehaving provider, killed and restored; make soak MINUTES=20
	@$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) $(SOAK)

lock: bootstrap ## Write requirements.lock anew from pyproject.toml; make lock UPGRADE=--upgrade takes newer versions
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --quiet $(UPGRADE) --output-file requirements.lock

wheel: bootstrap ## Build the wheel into dist/
	@$(BIN)/python -m hatchling build --target wheel

clean: ## Remove what was built and cached; .venv, settings and databases stay
	@rm -rf build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .focus-validator .focus-validator.lock
	@find collector reports migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +
