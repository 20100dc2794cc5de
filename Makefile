# Two commands do all set-up themselves: `make quickstart` and `make test`. `make check` runs what CI runs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
JOBS ?= 2
INPUTS ?= 100000
SEED ?= 0

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-slow bench fuzz audit docs check lint types imports clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing emovae into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@echo "installing the development tools into $(VENV) ..."
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/bench.stamp: $(VENV)/run.stamp
	@echo "installing the peers into $(VENV) ..."
	@$(PIP) -e '.[bench]'
	@touch $@

quickstart: $(VENV)/run.stamp  ## the paper's pipeline on synthetic speech: a table in minutes
	@$(BIN)/emovae quickstart

test: $(VENV)/dev.stamp  ## the everyday tests and the docstring examples
	@$(BIN)/python -m pytest -q -n $(JOBS) -m 'not slow'

test-slow: $(VENV)/dev.stamp  ## the slow tests
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m slow

bench: $(VENV)/bench.stamp  ## the comparisons with peers, an hour and a half; ROWS="log-mel start-up" runs some
	@$(BIN)/python -W ignore -m benchmarks $(ROWS)

fuzz: $(VENV)/dev.stamp  ## 100,000 broken and hostile inputs, some ten minutes; INPUTS=3000 SEED=1 TARGETS="audio onnx"
	@$(BIN)/python -W ignore -m fuzz --inputs $(INPUTS) --seed $(SEED) --jobs $(JOBS) $(TARGETS)

audit: $(VENV)/run.stamp  ## known vulnerabilities of the pinned packages, where the registry tells of them
	@test -x $(VENV)/audit/bin/pip-audit || { \
		$(PYTHON) -m venv $(VENV)/audit && \
		$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7'; } || true
	@$(BIN)/python -m fuzz.advisories $(VENV)/audit/bin/pip-audit

docs: $(VENV)/dev.stamp  ## the site of docs/, into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

imports: $(VENV)/dev.stamp
	@$(BIN)/lint-imports

check: lint types imports test  ## what CI runs, the slow tests aside

clean:  ## removes the environment and every cache; runs/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
