# The commands of this project. `make help` lists them.
# quickstart and test need nothing but Python 3.11 or newer: they set up .venv first.
# Another Python: make PYTHON=python3.12 quickstart

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PINS := .ci/requirements.txt .ci/setup pyproject.toml
KERNEL_SOURCES := build_kernels.py $(shell find zig -name '*.zig' -not -path '*/.zig-cache/*')
PYTEST := $(RUN) -m pytest -q

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help quickstart test check fix kernels prove bench bench-micro bench-baseline bench-gate bench-scale peers neon wheels embedder-table

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

quickstart: $(VENV)/.engram-runtime $(VENV)/.engram-kernels ## remember and recall a real corpus
	@$(VENV)/bin/engram quickstart

test: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## run the tests
	@echo "test: running the tests"
	@$(PYTEST) -m "not prove" --numprocesses auto --maxprocesses 4 --dist worksteal

check: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## verify style, types, layers, bindings, stubs, fragments
	@echo "check: ruff"
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m ruff format --check --quiet .
	@echo "check: mypy"
	@$(RUN) -m mypy --no-error-summary
	@echo "check: import-linter"
	@$(VENV)/bin/lint-imports --no-cache > $(VENV)/lint-imports.txt || { cat $(VENV)/lint-imports.txt; exit 1; }
	@echo "check: bindings of the kernels"
	@$(RUN) build_kernels.py --check
	@echo "check: stubs of the gRPC interface"
	@$(RUN) -m tests.grpc_stubs --check
	@echo "check: changelog fragments"
	@$(RUN) -m towncrier build --draft --version check > $(VENV)/changelog.txt 2>&1 || { cat $(VENV)/changelog.txt; exit 1; }
	@echo "check: all passed"

fix: $(VENV)/.engram-dev ## repair what check finds, where a machine can
	@$(RUN) -m ruff check --fix --quiet . || true
	@$(RUN) -m ruff format --quiet .

kernels: $(VENV)/.engram-runtime ## build the Zig kernels for this machine
	@$(RUN) build_kernels.py
	@touch $(VENV)/.engram-kernels

prove: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## run the long proofs; HISTORIES="store 4000 20000" runs these alone
	@$(if $(HISTORIES),$(RUN) -m tests.simulation.prove_histories $(HISTORIES),$(RUN) -m pytest -v -s -m prove)

bench: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## measure the workloads on this machine
	@$(RUN) -m benches.regression run

bench-micro: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## time small pieces of the hot paths
	@$(PYTEST) benches/regression --benchmark-only

bench-baseline: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## make today's figures the ones to hold
	@$(RUN) -m benches.regression baseline

bench-gate: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## fail when a workload got worse than its baseline
	@$(RUN) -m benches.regression compare

bench-scale: $(VENV)/.engram-dev $(VENV)/.engram-kernels ## load 1,000,000 memories: RAM, disk and time beside the goals
	@$(RUN) -m benches.scale $(if $(MEMORIES),--memories $(MEMORIES))

neon: $(VENV)/.engram-dev ## run the kernel tests on ARM64, emulated
	@.ci/neon

wheels: $(VENV)/.engram-dev ## build a wheel for each platform into dist/, and check it
	@$(RUN) build_wheels.py

peers: $(VENV)/.engram-runtime $(VENV)/.engram-kernels ## the same work beside numpy, faiss, usearch, numba and others
	@.ci/peers

embedder-table: ## distil the offline embedder's table anew (downloads torch)
	@PYTHON=$(PYTHON) .ci/embedder-table

$(VENV)/.engram-runtime: $(PINS)
	@PYTHON=$(PYTHON) .ci/setup runtime

$(VENV)/.engram-dev: $(PINS) .ci/requirements-dev.txt
	@PYTHON=$(PYTHON) .ci/setup dev

# Editing a .zig file does not rebuild an editable install; this does.
$(VENV)/.engram-kernels: $(KERNEL_SOURCES) | $(VENV)/.engram-runtime
	@echo "kernels: building"
	@$(RUN) build_kernels.py
	@touch $@
