# The two commands: `make night` measures this machine, `make test` runs all tests. Both set everything up.
PYTHON ?= python3
GRID ?= configs/grids/quickstart.yaml
BIN := .venv/bin
LOCK = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra nvidia --group build \
	--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet

.PHONY: night test check format lock docs browser clean

night: .venv/.ready ## measure what is due of GRID on this machine, store it, build the dashboard
	$(BIN)/enginebench night $(GRID)

# Two calls, that both report: side by side what no other test disturbs, then alone what holds times against a clock.
test: .venv/.ready-dev browser ## all tests, fast ones first
	@$(BIN)/python -m pytest -m "not alone" --numprocesses logical --maxprocesses 8 --dist loadgroup; beside=$$?; \
		$(BIN)/python -m pytest -m alone && exit $$beside

check: .venv/.ready-dev ## lint, format, types, and whether generated files are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/enginebench metrics | diff - docs/metrics.md
	$(BIN)/enginebench schema | diff - results/SCHEMA.md
	$(BIN)/enginebench schema --json | diff - results/schema.json

format: .venv/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.ready ## pages that are generated
	$(BIN)/enginebench metrics > docs/metrics.md
	$(BIN)/enginebench schema > results/SCHEMA.md
	$(BIN)/enginebench schema --json > results/schema.json

lock: .venv/.ready ## resolve the pins anew
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --upgrade --group dev --constraints requirements.lock --output-file requirements-dev.lock

browser: ## a headless Chromium for the tests of the dashboard, where this user may install one
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
		|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium \
		fonts-dejavu-core >/dev/null; } \
		|| echo "no Chromium could be installed: the tests in tests/browser will be skipped"

clean: ## the environment; results and the cache of engines stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache

# pip, since it is what comes with Python and is set up for the index of the place; hashes make it exact.
.venv/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "enginebench needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# By uv as engines' environments are, which is there by now and takes half of pip's CPU time, on all cores.
INSTALL_DEV = from pathlib import Path; from enginebench.provision import uv; \
	uv.install(["--python", "$(BIN)/python", "--require-hashes", "--compile-bytecode", "-r", "requirements-dev.lock"], \
	Path(".venv/dev.log"), None)

.venv/.ready-dev: .venv/.ready requirements-dev.lock
	$(BIN)/python -c '$(INSTALL_DEV)' \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@
