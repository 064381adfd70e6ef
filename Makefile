.DEFAULT_GOAL := help
.PHONY: help setup lab app study test test-all test-matrix check binder memory format docs screenshots js pins clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LAB_ARGS ?=
APP_ARGS ?=
STUDY_ARGS ?=
TEST_ARGS ?=
SCREENSHOT_ARGS ?=
MATRIX_ARGS ?=

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/dev .ci/chromium  ## all that the other targets need: the venv in .venv, Chromium
	@.ci/chromium

lab: $(VENV)/lab  ## open JupyterLab on the first notebook (LAB_ARGS="--no-browser --port 9999")
	@$(BIN)/nablaviz lab -- $(LAB_ARGS)

app: $(VENV)/app  ## serve the panels as an app, with Voilà (APP_ARGS="--language zh -- --port 9999")
	@$(BIN)/nablaviz app $(APP_ARGS)

study: $(VENV)/lab  ## a small study from end to end, in runs/study (STUDY_ARGS="--device cuda")
	@$(BIN)/nablaviz study create runs/study reduced $(STUDY_ARGS)
	@$(BIN)/nablaviz study run runs/study
	@$(BIN)/nablaviz study report runs/study

# The browser tests share a JupyterLab, so --dist loadgroup keeps them in one process.
test: setup  ## run the tests but the slowest (TEST_ARGS="-k store")
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" $(TEST_ARGS)

test-all: setup  ## run all tests
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup $(TEST_ARGS)

test-matrix:  ## core tests with the oldest and newest allowed packages, each in a venv of its own (MATRIX_ARGS=oldest)
	@$(PYTHON) .ci/matrix $(MATRIX_ARGS)

check: $(VENV)/dev  ## ruff, mypy, notebooks without outputs, licences, known vulnerabilities
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@git ls-files -z '*.ipynb' | xargs -0 -r $(BIN)/nbstripout --verify
	@$(BIN)/python .ci/licences
	@$(BIN)/python .ci/audit

binder: setup  ## a venv as Binder builds it, every notebook in it behind a proxy (minutes, 3 GB)
	@$(BIN)/python benchmarks/binder.py

memory: $(VENV)/dev  ## memory and time of every notebook
	@$(BIN)/python benchmarks/notebook_memory.py

format: $(VENV)/dev  ## put code and notebooks in the form that check wants
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@git ls-files -z '*.ipynb' | xargs -0 -r $(BIN)/nbstripout

docs: $(VENV)/docs  ## the docs site, in docs/_build/html
	@$(BIN)/python -m sphinx -q -W --keep-going -c docs . docs/_build/html -d docs/_build/doctrees

screenshots: setup  ## pictures of all panels, in docs/images (SCREENSHOT_ARGS="browse --missing")
	@OMP_NUM_THREADS=1 $(BIN)/python docs/screenshots.py $(SCREENSHOT_ARGS)

js:  ## rebuild the viewer's JavaScript (needs Node.js)
	@cd js && npm ci --no-audit --no-fund && npm run build

pins: $(VENV)/dev  ## rewrite constraints.txt from .venv
	@{ grep '^#' constraints.txt; \
	   $(BIN)/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+.*//' | LC_ALL=C sort -f; } > constraints.new
	@mv constraints.new constraints.txt

clean:  ## remove the venv and all caches
	rm -rf $(VENV) .venv-oldest .venv-newest .pytest_cache .mypy_cache .ruff_cache .hypothesis js/node_modules

# Stamps: nothing is installed twice unless the project's needs have changed.
$(VENV)/lab: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -e ".[lab]" -c constraints.txt
	@touch $@

$(VENV)/app: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -e ".[lab,app]" -c constraints.txt
	@touch $@ $(VENV)/lab

$(VENV)/docs: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -e ".[lab,docs]" -c constraints.txt
	@touch $@ $(VENV)/lab

$(VENV)/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -e ".[lab,app,dev]" -c constraints.txt
	@touch $@ $(VENV)/lab $(VENV)/app

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	   echo "nablaviz needs Python 3.11 or newer, and $(PYTHON) is not: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Making the virtual environment $(VENV): some minutes and 3 GB, this once"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	   echo "no virtual environment: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
