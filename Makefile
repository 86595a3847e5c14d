# Each target sets up what it needs in .venv; none needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 8
# A shell may forbid what Python keeps of a module that it has compiled: a thousand processes would each do it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast soak lint audit format bench docs site clean

help: ## list these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group test --group lint --editable '.[testing]'
	touch $@

demo: $(VENV)/.ready ## the whole story on this machine: a CA, nginx, sshd, Proxmox, pfSense; deploy, verify, break, kill, roll back
	@$(BIN)/certpush demo

test: $(VENV)/.ready ## all tests, with coverage gates
	@tests/run $(BIN)

test-fast: $(VENV)/.ready ## the tests without real servers
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not live"

soak: $(VENV)/.ready ## kill -9 at every single point, twenty years, and examples that were never tried, which takes hours; `make test` takes every third of some
	THOROUGH=1 $(BIN)/python -m pytest -q -n $(JOBS) tests/live/test_kill.py tests/plugins/ssh/test_kill.py tests/plugins/file/test_kill.py tests/plugins/proxmox/test_kill.py tests/plugins/pfsense/test_kill.py tests/cli/frame/test_syscalls.py tests/year $$(grep -rl '^from hypothesis' --include='test_*.py' tests)

lint: $(VENV)/.ready ## types, style, layers, generated documentation
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	cd certpush/cli/plugin/project-template && $(CURDIR)/$(BIN)/mypy --cache-dir $(CURDIR)/.mypy_cache
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

audit: $(VENV)/.ready ## known holes in the dependencies; advisory, asks the package index
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group audit
	-$(BIN)/pip-audit --skip-editable --progress-spinner off

format: $(VENV)/.ready ## let ruff rewrite
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.ready ## the claims, as ratios against what you would use instead
	$(BIN)/python benchmarks/run.py

docs: $(VENV)/.ready ## write the generated reference anew
	$(BIN)/python docs/generate.py

site: $(VENV)/.ready ## the documentation as a site, in build/site
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group site
	$(BIN)/python docs/site.py build/pages
	$(BIN)/zensical build --clean --strict

clean: ## remove what the targets above made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* build dist
