# Python 3.11 or newer; override with `make test PYTHON=python3.12`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format clean
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/vmatte fit --config configs/bwa.yaml
	$(BIN)/vmatte test

test: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# A stamp file per set of packages: installed once, and again only after pyproject.toml changed.
.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vmatte needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; run make with PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@
