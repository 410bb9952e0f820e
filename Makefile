# The commands of this project. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
LOCAL := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .

# Set on many machines that build containers; each process would compile all modules anew, a second of its start.
unexport PYTHONDONTWRITEBYTECODE

# Three test processes, each with whole files, since a file's tests share an installation. Half of the time is waiting.
THREE_AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
# All have to find the same tests in the same order, sets included.
PARALLEL := PYTHONHASHSEED=$$RANDOM

.PHONY: run test test-postgresql check unit bench faults hostile looks lock audit sbom docs help clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run: $(VENV)/run.stamp ## set up what is missing, start everything, print where to go
	@$(BIN)/autotag up --quick-start $(if $(PORT),--port $(PORT))

test: $(VENV)/test.stamp ## run the whole test suite (installs Chromium, PostgreSQL and exiftool where apt can)
	@bash .ci/system-packages
	@$(PARALLEL) $(BIN)/python -m pytest --postgresql-too $(THREE_AT_ONCE)

test-postgresql: $(VENV)/test.stamp ## run everything that has a database with PostgreSQL instead of SQLite
	@bash .ci/system-packages
	@$(PARALLEL) $(BIN)/python -m pytest --postgresql $(THREE_AT_ONCE)

check: $(VENV)/test.stamp ## format, lint, types, import rules, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PARALLEL) $(BIN)/python -m pytest tests/unit -q $(THREE_AT_ONCE)

unit: $(VENV)/test.stamp ## run the unit tests alone
	$(PARALLEL) $(BIN)/python -m pytest tests/unit -q $(THREE_AT_ONCE)

faults: $(VENV)/test.stamp ## kill at every point, break and starve what it runs on, and look what is left (minutes)
	FAULTS=every $(BIN)/python -m pytest tests/faults -q

hostile: $(VENV)/test.stamp ## try many hostile image files, other ones each time (EXAMPLES=20000), and every odd value in every parameter
	HOSTILE_EXAMPLES=$(or $(EXAMPLES),20000) $(BIN)/python -m pytest tests/unit/inference/test_hostile_files.py \
	  --timeout 0 -q -k random --hypothesis-show-statistics
	HOSTILE_EXAMPLES=1 $(BIN)/python -m pytest tests/unit/web/test_odd_requests.py --timeout 0 -q

looks: $(VENV)/test.stamp ## take a picture of each state of each page into test-screenshots/, examined in every width and theme
	EVERY_LOOK=1 $(BIN)/python -m pytest tests/browser -q

bench: $(VENV)/test.stamp $(VENV)/product/run.stamp ## measure speed and memory against the bare machine: one table, forty to fifty minutes, ADD=--write
	$(BIN)/python bench/report.py $(ADD)

lock: $(VENV)/test.stamp ## resolve the dependencies again into requirements/*.lock
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  -c requirements/constraints.txt pyproject.toml requirements/build.in -o requirements/run.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra postgresql --extra s3 \
	  -c requirements/constraints.txt -c requirements/run.lock pyproject.toml requirements/build.in -o requirements/postgresql.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-package autotag --extra test -c requirements/constraints.txt -c requirements/run.lock pyproject.toml requirements/build.in \
	  -o requirements/test.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  -c requirements/constraints.txt requirements/audit.in -o requirements/audit.lock

audit: $(VENV)/audit/stamp ## ask a service which of the pinned packages have known vulnerabilities (AUDIT_SERVICE=osv or pypi)
	$(VENV)/audit/bin/pip-audit --requirement requirements/run.lock --require-hashes --disable-pip --strict --progress-spinner off \
	  --vulnerability-service $(or $(AUDIT_SERVICE),osv)

sbom: $(VENV)/audit/stamp ## write what Autotag is made of to sbom.json (CycloneDX, checked against its schema)
	$(VENV)/audit/bin/cyclonedx-py requirements requirements/run.lock --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file sbom.json

docs: $(VENV)/test.stamp ## write what the code knows into the documentation, and build it into site/
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean: ## remove the virtual environment and caches; instance/ stays
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@echo "Making the virtual environment ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Autotag runs on (about a minute the first time) ..."
	@$(PIP) -r requirements/run.lock
	@$(LOCAL)
	@touch $@

$(VENV)/test.stamp: requirements/test.lock pyproject.toml | $(BIN)/python
	@echo "Installing what the tests need ..."
	@$(PIP) -r requirements/test.lock
	@$(LOCAL)
	@touch $(VENV)/run.stamp $@

# What a user has: a package of the tests that another one uses when it is there would be measured too.
$(VENV)/product/run.stamp: requirements/run.lock pyproject.toml
	@$(MAKE) --no-print-directory VENV=$(VENV)/product $@

# Apart from everything else, so that what looks at the packages decides nothing about them.
$(VENV)/audit/stamp: requirements/audit.lock | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/audit.lock
	@touch $@
