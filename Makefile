# `make demo` and `make test` set up all they need on a fresh machine; so do the other targets.

SHELL := bash
VENV := .venv
BIN := $(VENV)/bin

# The first of these that runs, is new enough and can make a virtual environment; `make PYTHON=...` insists on one.
# The pinned versions are tested with 3.11, so it comes first.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)

# One worker a core, of one thread each (tests/conftest.py): two of them halve the time on two cores and stay below
# 0.6 GB each. A file's tests stay together, so that what they share is made once.
PYTEST_ARGS ?= -n logical --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test lint ruff types format docs figures constraints clean

help:
	@echo "make demo    solve two equations, with an MLP and with a KAN each, and draw them"
	@echo "make test    run the tests"
	@echo "make lint    ruff and pyright"
	@echo "make docs    the documentation, into build/docs"
	@echo "make figures draw the pictures of README.md and of the first pages anew"
	@echo "make clean   remove what was built, and the virtual environment"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml setup.py constraints.txt
	@test -n "$(PYTHON)" || \
		{ echo "sciml needs Python 3.11, 3.12 or 3.13 with its venv module; name one: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,notebook,export]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

demo: install
	$(BIN)/python -m benchmarks.demo

test: install
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: ruff types

ruff: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types: install
	PYTHON=$(BIN)/python .ci/types

format: install
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

docs: $(VENV)/.installed-docs
	.ci/docs

# The pictures of README.md and of the first pages.
figures: install
	$(BIN)/python docs/figures.py

# Every extra is resolved in one call, so that no pin contradicts another.
constraints:
	rm -rf build/pins && $(PYTHON) -m venv build/pins
	build/pins/bin/python -m pip install --quiet --dry-run --ignore-installed --report build/pins.json \
		torch==2.13.0 ".[dev,notebook,export,docs,families,bench,completion]"
	build/pins/bin/python .ci/pins.py build/pins.json > constraints.txt

clean:
	rm -rf $(VENV) build dist site *.egg-info out .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
