# Bare `make` prints the targets. Everything is installed into the checkout: .venv/ (tools) and .samlet/ (services, data).
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv/bin
SAMLET := $(VENV)/samlet
EVENT ?= {}
PYTEST_ARGS ?=

.PHONY: help run test lint format bench chaos migrate revision reset clean deploy-local deploy invoke logs contracts lock

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up -----------------------------------------------------------------------------------------------------------
# `run` needs Samlet alone; everything else the test tools as well. Stamps are rebuilt when a lock file changes.

.venv/.python:
	@python=$$(sh local/find-python.sh) && echo "Making .venv with $$python" && rm -rf .venv && "$$python" -m venv .venv && touch $@

.venv/.run: .venv/.python local/requirements.txt local/pyproject.toml
	@echo "Installing Samlet into .venv (once)"
	@$(VENV)/python -m pip install --disable-pip-version-check --no-input -q --progress-bar on --require-hashes -r local/requirements.txt
	@$(VENV)/python -m pip install --disable-pip-version-check --no-input -q --no-deps --no-index --no-build-isolation -e local
	@touch $@

.venv/.tools: .venv/.run tests/requirements.txt
	@echo "Installing the test tools into .venv (once)"
	@$(VENV)/python -m pip install --disable-pip-version-check --no-input -q --progress-bar on --require-hashes -r tests/requirements.txt
	@touch $@

# --- every day --------------------------------------------------------------------------------------------------------

run: .venv/.run ## start everything: services, functions, gateway, schedules, web page, console
	@exec $(SAMLET) up

test: .venv/.tools ## run every test that can be run on this machine
	@$(VENV)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term --cov-fail-under=95 $(PYTEST_ARGS)

lint: .venv/.tools ## check style, types and import rules
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	PYTHONPATH=functions:layers/common/python $(VENV)/lint-imports

format: .venv/.tools ## format the code
	$(VENV)/ruff check --fix-only -q .
	$(VENV)/ruff format .

bench: .venv/.tools ## measure: start, latency, memory, throughput
	@PYTHONPATH=local:tests $(VENV)/python -m benchmarks $(BENCH_ARGS)

chaos: .venv/.tools ## kill processes in the middle of the flow, longer than `make test` does
	@$(VENV)/python -m pytest tests/chaos -p no:randomly -s $(PYTEST_ARGS)

# --- the running system -----------------------------------------------------------------------------------------------

migrate: .venv/.run ## bring the running system's roles, schema and topics up to date
	@$(SAMLET) invoke MigrateFunction

revision: .venv/.tools ## write an empty migration: make revision NAME="add a column"
	@test -n "$(NAME)" || { echo 'say what it does: make revision NAME="add a column"' >&2; exit 2; }
	@next=$$(printf '%04d' $$(($$(ls functions/migrate/versions/*.py | wc -l) + 1))) && \
	  $(VENV)/alembic -c pyproject.toml revision --rev-id "$$next" -m "$(NAME)"

invoke: .venv/.run ## invoke a function of the running system: make invoke FUNCTION=MigrateFunction EVENT='{}'
	@test -n "$(FUNCTION)" || { echo "say which: make invoke FUNCTION=MigrateFunction EVENT='{}'" >&2; exit 2; }
	@printf '%s' '$(EVENT)' | $(SAMLET) invoke $(FUNCTION) --event -

logs: ## follow the log of the running system
	@test -f .samlet/samlet.log || { echo "nothing has run here yet: make run" >&2; exit 1; }
	@tail -n 200 -F .samlet/samlet.log

reset: .venv/.run ## delete the local data: database, topics, mails, secrets (downloads stay)
	@$(SAMLET) reset

clean: ## delete everything that was installed or generated (make reset first empties the data outside the checkout)
	@if [ -x $(SAMLET) ]; then $(SAMLET) reset; fi
	rm -rf .venv .samlet .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

deploy-local: ## (not yet) the whole system in Docker Compose
	@echo "make deploy-local is not there yet; ROADMAP.md says what comes. docker compose --profile infra up works." >&2; exit 1

deploy: ## (not yet) deploy to AWS
	@echo "make deploy is not there yet; ROADMAP.md says what comes." >&2; exit 1

# --- upkeep -----------------------------------------------------------------------------------------------------------

contracts: .venv/.tools ## write docs/contracts anew from the code
	PYTHONPATH=functions:layers/common/python $(VENV)/python docs/contracts/generate.py

# No index and no URL is written down, so that a lock file says what to install and never from where.
LOCK := uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-emit-index-url
lock: ## pin the requirements anew with hashes (needs uv)
	$(LOCK) layers/common/requirements.in -o layers/common/requirements.txt
	$(LOCK) tests/requirements.in local/pyproject.toml -c layers/common/requirements.txt -o tests/requirements.txt
	$(LOCK) tests/kafka-python.in -o tests/kafka-python.txt
	$(LOCK) local/pyproject.toml local/build-requirements.in -c tests/requirements.txt -o local/requirements.txt
