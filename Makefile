# Two commands do everything on a fresh machine: `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
GENERATORS := scripts/generate_proto.py $(sort $(wildcard scripts/make_*.py))

.PHONY: demo test check install install-mpc docs vectors bench bench-full fuzz audit-dependencies clean help

help:
	@echo "make demo     run the main job: three parties, one (simulated) enclave; leaves demo-run/"
	@echo "make test     everything CI runs: check, then all tests"
	@echo "make check    formatting, lint, types, import contracts, generated files"
	@echo "make bench    every measurement, small: one table, and bench/out/bench.json (less than 5 minutes on 2 cores;"
	@echo "              the first time it also installs the peers, DeepCTR-Torch and torch, into bench/out)"
	@echo "make bench-full  the same at the seed's scale: hours of peers, 12 GiB of memory, 15 GB of disk"
	@echo "make install  the environment in $(VENV), with pinned versions"
	@echo "make install-mpc  an environment with the library for private set intersection, in $(MPC) (420 MB)"
	@echo "make fuzz     try mutated inputs on every parser: SECONDS=…, or EXECUTIONS=…; TARGETS=…, SEED=…"
	@echo "make docs     write the generated pages and tables anew"
	@echo "make audit-dependencies   known weaknesses of the pins, and the enclave's bill of materials; needs a network"
	@echo "make clean    remove what these commands made"

install: $(INSTALLED)

# Debian splits venv's pip off: without python3-venv the environment is made without it, and pip of outside fills it.
NATIVE := $(wildcard src/confide/*/*/native/*) $(wildcard src/confide/*/native/*)

$(INSTALLED): pyproject.toml setup.py packaging/sim/pyproject.toml constraints.txt $(NATIVE)
	@echo "== Installing into $(VENV) (pinned by constraints.txt)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Confide needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || \
		{ rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && \
		  $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@$(BIN)/python -m pip install --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]' --editable packaging/sim
	@touch $(INSTALLED)

demo: $(INSTALLED)
	@echo "== The main job: CA, simulated TEE machine, PCCS, host, enclave, party A, party B"
	@$(BIN)/confide-sim demo --out demo-run

check: $(INSTALLED)
	@echo "== Format and lint"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@echo "== Types"
	@$(BIN)/mypy
	@echo "== Import contracts"
	@$(BIN)/lint-imports --no-logo
	@echo "== Generated files"
	@for script in $(GENERATORS); do $(BIN)/python $$script --check || exit 1; done

# Private set intersection runs in an interpreter of its own (docs/adr/0029-…): CPython 3.10 or 3.11.
MPC := .venv-mpc
MPC_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))
MPC_INSTALLED := $(MPC)/.installed
# Where neither is to be had, the tests that need the library are skipped, and `make test` says so.
MPC_FITS := $(shell $(MPC_PYTHON) -c 'import sys; print(int(sys.version_info[:2] in ((3, 10), (3, 11))))')
ifeq ($(MPC_FITS),1)
MPC_NEEDED := $(MPC_INSTALLED)
else
export CONFIDE_WITHOUT_MPC := 1
endif

install-mpc: $(MPC_INSTALLED)

$(MPC_INSTALLED): packaging/mpc/requirements.txt $(INSTALLED)
	@echo "== Installing SecretFlow's library into $(MPC)"
	@$(MPC_PYTHON) -m venv --without-pip $(MPC)
	@$(BIN)/python -m pip --python $(MPC)/bin/python install --quiet --no-deps \
		--disable-pip-version-check --requirement packaging/mpc/requirements.txt
	@touch $(MPC_INSTALLED)

# One more than two cores: real processes wait for each other, and for time limits, half of their time.
WORKERS ?= 3

test: check $(MPC_NEEDED)
	@echo "== Tests$(if $(CONFIDE_WITHOUT_MPC), (without those of private set intersection: no CPython 3.10 or 3.11 here))"
	@$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder
	@echo "ALL CHECKS AND TESTS PASSED"

fuzz: $(INSTALLED)
	@$(BIN)/python scripts/fuzz.py $(TARGETS) --seconds $(or $(SECONDS),120) \
		$(if $(EXECUTIONS),--executions $(EXECUTIONS)) $(if $(SEED),--seed $(SEED))

bench: $(INSTALLED)
	@$(BIN)/python bench/run.py

bench-full: $(INSTALLED)
	@$(BIN)/python bench/run.py --scale full

docs: $(INSTALLED)
	@for script in $(GENERATORS); do $(BIN)/python $$script || exit 1; done

# pip-audit has dependencies of its own: it gets an environment of its own, and no part in `make test`.
AUDIT := .venv-audit
AUDIT_TOOLS := pip-audit==2.10.1 'cyclonedx-python-lib[json-validation]==11.12.0'

audit-dependencies: $(INSTALLED)
	@echo "== Installing the tools into $(AUDIT)"
	@$(PYTHON) -m venv --without-pip $(AUDIT)
	@$(BIN)/python -m pip --python $(AUDIT)/bin/python install --quiet --disable-pip-version-check $(AUDIT_TOOLS)
	@echo "== The enclave's bill of materials: sbom.json"
	@rm -f sbom.json && $(BIN)/confide-sim sbom --out sbom.json
	@echo "== Known weaknesses of requirements-hashed.txt"
	@$(AUDIT)/bin/python scripts/audit_dependencies.py requirements-hashed.txt sbom.json

clean:
	rm -rf $(VENV) $(AUDIT) $(MPC) sbom.json demo-run build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
