# Every target sets up what it needs in .venv; only Python 3.11 or newer, make and PyPI have to be there.
#   make PYTHON=python3.13 ...     use this Python to build .venv (default: the first of the list below that works)
#   make test TESTS=tests/unit     run a part of the tests; ARGS=... is handed to pytest
#   make test JOBS=1               run them one after another (default: two at a time)

.DEFAULT_GOAL := help
.PHONY: help demo test check soak bench bench-quick docs clean format lint types arrows

ifeq ($(origin PYTHON),undefined)
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11 python
else
PYTHONS := $(PYTHON)
endif

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := $(wildcard src tests benchmarks examples)
JOBS ?= 2
TESTS ?=
ARGS ?=

help: ## Show these targets
	@echo "conveyor: background jobs for Python. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## /  \1 - /p' $(MAKEFILE_LIST) | awk -F ' - ' '{ printf "%-12s %s\n", $$1, $$2 }'

# Set-up: three stamps, one after the other, so that targets may run side by side ---------------------------------

# The environment. pip 25.1 is the first that reads dependency groups.
$(VENV)/.made:
	@for python in $(PYTHONS); do \
	    if $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        echo "Building $(VENV) with $$($$python --version)"; \
	        $$python -m venv $(VENV) && $(PIP) install --upgrade 'pip>=25.1' && touch $@; exit $$?; \
	    fi; \
	done; \
	echo "conveyor needs Python 3.11 or newer with its venv module, and none of these is one: $(PYTHONS). Name one: make PYTHON=/path/to/python3" >&2; exit 1

# conveyor and its core dependencies. Editable, so that a change under src needs no new build.
$(VENV)/.core: $(VENV)/.made pyproject.toml
	@echo "Installing conveyor"
	@$(PIP) install --editable . && touch $@

# What tests, checks and documentation need on top.
$(VENV)/.dev: $(VENV)/.core
	@echo "Installing the development tools"
	@$(PIP) install --group dev && touch $@

# Targets ----------------------------------------------------------------------------------------------------------

demo: $(VENV)/.core ## Run one job for each file of Python's own library and watch it
	@$(BIN)/conveyor demo

test: $(VENV)/.dev ## Run every test except the long ones
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS) $(TESTS)

check: format lint types arrows docs ## Check format, lint, types, arrows and documentation

soak: $(VENV)/.dev ## Run the long tests
	$(BIN)/python -m pytest -m soak $(ARGS) $(TESTS)

bench: $(VENV)/.dev ## Measure conveyor on every store, and compare it with other libraries
	for store in sqlite valkey postgres; do $(BIN)/python -m benchmarks --write --store $$store || exit; done
	$(BIN)/python -m benchmarks.scaling --store sqlite --store valkey --store postgres --most 5000000
	$(BIN)/python -m benchmarks.compare --write

bench-quick: $(VENV)/.dev ## Name what has become slower, in two minutes
	$(BIN)/python -m benchmarks.guard

docs: $(VENV)/.dev ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs --quiet build --strict --site-dir site

format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy $(CODE)
	$(BIN)/pyright $(CODE)

arrows: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

clean: ## Remove what the other targets built, .venv too
	rm -rf $(VENV) site build dist htmlcov .coverage .coverage.* .hypothesis .cache
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
