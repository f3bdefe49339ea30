# Two commands: `make run` and `make test`. Each makes .venv and installs what it needs, once.
# make run PORT=9000 HOST=0.0.0.0 DATA=dir; without them huiyin.toml, then 127.0.0.1:8080 and ./data
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check install-dev clean

run: .venv/.installed
	@$(if $(filter command,$(firstword $(origin HOST))),HUIYIN_HTTP__HOST=$(HOST)) $(if $(PORT),HUIYIN_HTTP__PORT=$(PORT)) \
	$(if $(DATA),HUIYIN_DATA=$(DATA)) exec $(BIN)/python -m bot run

test: .venv/.installed-dev
	@$(BIN)/python -m pytest

check: .venv/.installed-dev  ## lint, format, types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

install-dev: .venv/.installed-dev

.venv/.installed: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --config-settings editable_mode=compat -e .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv build *.egg-info
