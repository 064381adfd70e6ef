.DEFAULT_GOAL := help
.PHONY: help setup lab study test check format js pins clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LAB_ARGS ?=
STUDY_ARGS ?=
TEST_ARGS ?=

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/dev .ci/chromium  ## all that the other targets need: the venv in .venv, Chromium
	@.ci/chromium

lab: $(VENV)/lab  ## open JupyterLab on the first notebook (LAB_ARGS="--no-browser --port 9999")
	@$(BIN)/nablaviz lab -- $(LAB_ARGS)

study: $(VENV)/lab  ## a small study from end to end, in runs/study (STUDY_ARGS="--device cuda")
	@$(BIN)/nablaviz study create runs/study reduced $(STUDY_ARGS)
	@$(BIN)/nablaviz study run runs/study
	@$(BIN)/nablaviz study report runs/study

# The browser tests share a JupyterLab, so --dist loadgroup keeps them in one process.
test: setup  ## run the tests (TEST_ARGS="-k store")
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup $(TEST_ARGS)

check: $(VENV)/dev  ## ruff, mypy, notebooks without outputs
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@git ls-files -z '*.ipynb' | xargs -0 -r $(BIN)/nbstripout --verify

format: $(VENV)/dev  ## put code and notebooks in the form that check wants
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@git ls-files -z '*.ipynb' | xargs -0 -r $(BIN)/nbstripout

js:  ## rebuild the viewer's JavaScript (needs Node.js)
	@cd js && npm ci --no-audit --no-fund && npm run build

pins: $(VENV)/dev  ## rewrite constraints.txt from .venv
	@{ grep '^#' constraints.txt; \
	   $(BIN)/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+.*//' | LC_ALL=C sort -f; } > constraints.new
	@mv constraints.new constraints.txt

clean:  ## remove the venv and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis js/node_modules

# Stamps: nothing is installed twice unless the project's needs have changed.
$(VENV)/lab: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -e ".[lab]" -c constraints.txt
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -e ".[lab,dev]" -c constraints.txt
	@touch $@ $(VENV)/lab

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	   echo "nablaviz needs Python 3.11 or newer, and $(PYTHON) is not: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Making the virtual environment $(VENV): some minutes and 3 GB, this once"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	   echo "no virtual environment: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
