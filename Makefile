# Bare `make` prints the targets. Everything is installed into the checkout: .venv/ (tools) and .samlet/ (services, data).
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv/bin
SAMLET := $(VENV)/samlet
EVENT ?= {}
URL ?= http://127.0.0.1:3000
# On this machine the console fires the digest and shows the mail.
CONSOLE ?= $(if $(findstring //127.0.0.1,$(URL)),http://127.0.0.1:9000)
PYTEST_ARGS ?=
comma := ,
# Images of Python forbid it; then each of the many processes that the tests start compiles its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help backup restore redrive sql run test lint workflows validate build audit format bench chaos migrate revision reset clean docker deploy-local undeploy-local infra smoke test-compose deploy destroy invoke logs contracts dashboards parity compatibility lock

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
	$(if $(GO),,@echo "NO GO ON THIS MACHINE: no function was built with aws-lambda-go" >&2)
	@$(if $(GO),,SAMLET_TESTS_WITHOUT_GO=1) $(VENV)/python -m pytest -n 3 --dist loadgroup --cov --cov-report=term --cov-fail-under=95 $(PYTEST_ARGS)

lint: .venv/.tools workflows validate ## check style, types, import rules, the workflows and what AWS is told
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	PYTHONPATH=functions:layers/common/python $(VENV)/lint-imports

# Their requirements clash with nobody's in here.
.tools/audit/.done: .venv/.python .github/tools/requirements.txt
	@echo "Installing pip-audit and zizmor into .tools/audit (once)"
	@rm -rf .tools/audit && mkdir -p .tools && $(VENV)/python -m venv .tools/audit
	@.tools/audit/bin/python -m pip install --disable-pip-version-check --no-input -q --no-compile --require-hashes -r .github/tools/requirements.txt
	@touch $@

# Only Go's own tool can install it, and nothing else here asks for Go.
ACTIONLINT := v1.7.12
GO := $(shell command -v go)
ACTIONLINT_HERE := $(if $(GO),.tools/actionlint-$(ACTIONLINT)/actionlint)
.tools/actionlint-$(ACTIONLINT)/actionlint:
	@echo "Building actionlint $(ACTIONLINT) into .tools (once)"
	@GOBIN=$(CURDIR)/$(@D) go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT)

workflows: .tools/audit/.done $(ACTIONLINT_HERE) ## check the GitHub workflows: zizmor, and actionlint where Go is installed
	.tools/audit/bin/zizmor --offline --no-progress --quiet .github
	$(or $(ACTIONLINT_HERE),@echo "NO GO ON THIS MACHINE: actionlint did not look at .github/workflows" >&2)

.tools/sam/.done: .venv/.python iac/sam/requirements.txt
	@echo "Installing the SAM CLI and cfn-lint into .tools/sam (once)"
	@rm -rf .tools/sam && mkdir -p .tools && $(VENV)/python -m venv .tools/sam
	@.tools/sam/bin/python -m pip install --disable-pip-version-check --no-input -q --require-hashes -r iac/sam/requirements.txt
	@touch $@

# It tells nobody of its use, and what it notes for itself stays in the checkout.
SAM := SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$(CURDIR)/.tools/sam-notes .tools/sam/bin/sam
REGION := $(or $(AWS_REGION),us-east-1)

validate: .venv/.tools .tools/sam/.done ## check the template and iac/ as AWS would, without an account
	@$(SAM) validate --lint --template template.yaml --region $(REGION)
	.tools/sam/bin/cfn-lint --regions $(REGION) --template template.yaml iac/*.yaml
	@$(VENV)/python -m pytest -q -p no:cacheprovider tests/samlet/template/test_repository_template.py

RDS_CA_BUNDLE ?=
build: .tools/sam/.done ## build functions and layer for AWS into .aws-sam/build [RDS_CA_BUNDLE=global-bundle.pem]
	@test -z "$(RDS_CA_BUNDLE)" || test -s "$(RDS_CA_BUNDLE)" || { echo "no such file: RDS_CA_BUNDLE=$(RDS_CA_BUNDLE)" >&2; exit 2; }
	@MAKEFLAGS= PYTHON=$(CURDIR)/$(VENV)/python RDS_CA_BUNDLE=$(abspath $(RDS_CA_BUNDLE)) $(SAM) build --template template.yaml --region $(REGION)

audit: .tools/audit/.done ## look up known vulnerabilities of everything that a lock file names
	@for file in $$(git ls-files --cached --others --exclude-standard '*.txt' | xargs grep -l -e '--hash=sha256'); do \
	  echo "$$file" && .tools/audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r "$$file" \
	  || failed="$$failed $$file"; done; \
	test -z "$$failed" || { echo "not clean, or not looked up:$$failed" >&2; exit 1; }

format: .venv/.tools ## format the code
	$(VENV)/ruff check --fix-only -q .
	$(VENV)/ruff format .

bench: .venv/.tools ## measure the system [BENCH_ARGS="--peers|--soak|--compose --write"]
	@PYTHONPATH=local:tests $(VENV)/python -m benchmarks $(BENCH_ARGS)

chaos: .venv/.tools ## kill processes in the middle of the flow, longer than `make test` does
	@$(VENV)/python -m pytest tests/chaos -p no:randomly -s $(PYTEST_ARGS)

# --- the running system -----------------------------------------------------------------------------------------------

# What runs: `make run`, or else the containers.
IN_CONTAINERS = $(if $(wildcard $(or $(SAMLET_STATE_DIR),.samlet)/running.json),,$(shell docker compose ps --quiet local 2>/dev/null))
RUNNING = $(if $(IN_CONTAINERS),docker compose exec -T local samlet,$(SAMLET))

# In containers `migrate` runs only as long as it has something to do.
migrate_with = $(if $(IN_CONTAINERS),docker compose run --rm --no-deps -T migrate MigrateFunction \
  --runtime local:3002 --token-file /run/agent/agent_token --invoke '$(1)',printf '%s' '$(1)' | $(SAMLET) invoke MigrateFunction --event -)

migrate: .venv/.run ## bring the running system's roles, schema and topics up to date
	@$(call migrate_with,{})

revision: .venv/.tools ## write an empty migration: make revision NAME="add a column"
	@test -n "$(NAME)" || { echo 'say what it does: make revision NAME="add a column"' >&2; exit 2; }
	@next=$$(printf '%04d' $$(($$(ls functions/migrate/versions/*.py | wc -l) + 1))) && \
	  $(VENV)/alembic -c pyproject.toml revision --rev-id "$$next" -m "$(NAME)"

invoke: .venv/.run ## invoke a function of the running system: make invoke FUNCTION=MigrateFunction EVENT='{}'
	@test -n "$(FUNCTION)" || { echo "say which: make invoke FUNCTION=MigrateFunction EVENT='{}'" >&2; exit 2; }
	@printf '%s' '$(EVENT)' | $(RUNNING) invoke $(FUNCTION) --event -

# Any PostgreSQL can be named by DATABASE_ADMIN_URL (and DATABASE_TLS). Without it, it is that of `make run`, or else that of the containers.
FILE ?= taskflow-$(shell date -u +%Y%m%dT%H%M%SZ).zip
ON_THE_HOST = $(SAMLET) exec -- env PYTHONPATH=functions:layers/common/python DATABASE_TLS=$(or $(DATABASE_TLS),off) $(VENV)/python -m migrate
MIGRATE = $(if $(and $(IN_CONTAINERS),$(if $(DATABASE_ADMIN_URL),,1)),docker compose run --rm --no-deps -T admin,$(ON_THE_HOST))

backup: .venv/.tools ## save the database to a file while the system runs: make backup FILE=taskflow.zip
	@(umask 077 && $(MIGRATE) backup - >"$(FILE).part") && mv "$(FILE).part" "$(FILE)" && echo "saved to $(FILE)" \
	  || { rm -f "$(FILE).part"; exit 1; }

restore: .venv/.tools ## put a backup back: make restore FILE=taskflow.zip REPLACE=1 [HOLD_MAILS=1]
	@test -f "$(FILE)" || { echo "say which: make restore FILE=taskflow.zip" >&2; exit 2; }
	@$(MIGRATE) restore $(if $(REPLACE),--replace) $(if $(HOLD_MAILS),--hold-mails) - <"$(FILE)" && echo "restored from $(FILE)"

sql: .venv/.tools ## ask the database as its administrator: make sql Q="SELECT count(*) FROM outbox"
	@$(MIGRATE) sql "$$Q"

redrive: .venv/.run ## give dead events another chance: all of the outbox's, or EVENTS="id id"
	@$(call migrate_with,{"redrive": $(if $(EVENTS),[$(foreach id,$(EVENTS),"$(id)"$(if $(filter-out $(lastword $(EVENTS)),$(id)),$(comma)))],"dead")})

logs: ## follow the log of the running system, on the host or in containers
	@$(if $(IN_CONTAINERS),exec docker compose logs --follow --tail 200;) \
	test -f .samlet/samlet.log || { echo "nothing has run here yet: make run, or make deploy-local" >&2; exit 1; }; \
	exec tail -n 200 -F .samlet/samlet.log

reset: .venv/.run ## delete the local data: database, topics, mails, secrets (downloads stay)
	@$(SAMLET) reset

clean: ## delete everything that was installed or generated (make reset first empties the data outside the checkout)
	@if [ -x $(SAMLET) ]; then $(SAMLET) reset; fi
	rm -rf .venv .samlet .tools .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- containers -------------------------------------------------------------------------------------------------------

docker:
	@docker compose version >/dev/null 2>&1 || { echo "This needs Docker with Compose 2; \`make run\` does without." >&2; exit 1; }
	@docker info >/dev/null 2>&1 || { echo "Docker does not answer: is its daemon running, and may this user speak to it?" >&2; exit 1; }

deploy-local: docker ## the whole system in Docker Compose: builds, starts, tries it, prints the addresses
	@docker compose build -q
	@docker compose up --detach --wait --wait-timeout 300
	@$(MAKE) -s --no-print-directory smoke \
	  URL=http://$$(docker compose port local 3000) CONSOLE=http://$$(docker compose port local 9000)
	@echo "  web page   http://$$(docker compose port frontend 8080)"
	@echo "  HTTP API   http://$$(docker compose port local 3000)"
	@echo "  console    http://$$(docker compose port local 9000)"
	@echo "  mails      http://$$(docker compose port mailpit 8025)"
	@echo "make logs follows the log, make undeploy-local ends it all"

undeploy-local: docker ## stop and remove the containers; VOLUMES=1 deletes their data, too
	@docker compose --profile '*' down --remove-orphans $(if $(VOLUMES),--volumes)

infra: docker ## PostgreSQL, Kafka, Mailpit and moto in containers, for functions on the host
	@docker compose up --detach --wait infra-postgres infra-kafka infra-mailpit infra-moto

smoke: ## use a running system for one short day: make smoke URL=http://127.0.0.1:3000
	@PYTHONPATH=tests $$(sh local/find-python.sh) -m smoke $(URL) $(if $(CONSOLE),--console $(CONSOLE)) $(SMOKE_ARGS)

test-compose: docker .venv/.tools ## start the containers under a name of their own, use them, and kill each one once
	@$(VENV)/python -m pytest tests/compose -p no:randomly --timeout 900 $(PYTEST_ARGS)

# --- AWS --------------------------------------------------------------------------------------------------------------

DEPLOY = PYTHONPATH=iac $(VENV)/python -m deploy

deploy: .venv/.tools ## bring a stage to AWS: make deploy STAGE=dev RDS_CA_BUNDLE=global-bundle.pem [SERVICE_ONLY=1] [YES=1]
	@$(DEPLOY) check "$(STAGE)"
	@$(MAKE) --no-print-directory lint build $(if $(RDS_CA_BUNDLE),RDS_CA_BUNDLE=$(abspath $(RDS_CA_BUNDLE)))
	@$(DEPLOY) up "$(STAGE)" $(if $(SERVICE_ONLY),--service-only) $(if $(YES),--yes)

destroy: .venv/.tools ## take a stage down, all but its secrets and a snapshot: make destroy STAGE=dev
	@$(DEPLOY) down "$(STAGE)"

# --- upkeep -----------------------------------------------------------------------------------------------------------

contracts: .venv/.tools ## write docs/contracts anew from the code
	PYTHONPATH=functions:layers/common/python $(VENV)/python docs/contracts/generate.py

dashboards: .venv/.tools ## write Grafana's and CloudWatch's dashboard anew from iac/observability/panels.py
	@PYTHONPATH=iac $(VENV)/python -m observability.dashboards

parity: .venv/.tools ## write docs/reference/parity.md anew from template, compose file and stacks
	@PYTHONPATH=local $(VENV)/python docs/reference/parity.py

compatibility: .venv/.tools ## write docs/reference/compatibility.md anew from the conformance suite and the results of others
	@$(VENV)/python docs/reference/compatibility.py

# No index and no URL is written down, so that a lock file says what to install and never from where.
LOCK := uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-emit-index-url
lock: ## pin the requirements anew with hashes (needs uv)
	$(LOCK) layers/common/requirements.in -o layers/common/requirements.txt
	$(LOCK) tests/requirements.in local/pyproject.toml -c layers/common/requirements.txt -o tests/requirements.txt
	$(LOCK) tests/kafka-python.in -o tests/kafka-python.txt
	$(LOCK) .github/tools/requirements.in -o .github/tools/requirements.txt
	$(LOCK) iac/sam/requirements.in -o iac/sam/requirements.txt
	$(LOCK) local/pyproject.toml local/build-requirements.in -c tests/requirements.txt -o local/requirements.txt
	$(LOCK) local/agent-requirements.in -c tests/requirements.txt -o local/agent-requirements.txt
	$(LOCK) local/moto.in -c tests/requirements.txt -o local/samlet/services/moto.txt
	$(LOCK) local/debugpy.in -o local/samlet/runtime/debugpy.txt
