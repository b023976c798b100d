# Every command of the project. Each is a plain `uv run …` in the environment that the first one makes.
#
#   make run ARGS="--port-center 8011 --port-office 8012"
#   make test ARGS="-k outbox"
#   make PYTHON=python3.13 run

PYTHON ?= python3
ARGS ?=
UV := .venv/bin/uv
RUN := $(UV) run --no-sync

# Another environment that happens to be active is not ours.
unexport VIRTUAL_ENV
# Python may keep what it has compiled: each start of a service is a second or two quicker.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo tokens test test-faults bench bench-exchange bench-search bench-routing
.PHONY: lint format types openapi schemas forget clean

help:  ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/ready  ## Start both services on an embedded PostgreSQL, until Ctrl-C
	@$(RUN) devstack run $(ARGS)

demo: .venv/ready  ## Play the whole story on fresh services; FILE=complaints.csv takes real ones instead
	@$(RUN) devstack demo $(if $(FILE),'$(FILE)') $(ARGS)

tokens: .venv/ready  ## Print URLs and new tokens of the running services (or compose's), as JSON
	@$(RUN) devstack tokens $(ARGS)

test: lint types  ## Run everything that CI runs: linters, types, all tests
	@$(RUN) pytest -q -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-faults: .venv/ready  ## Play thousands of histories, and break real processes for minutes; FAULT_SEED=… repeats
	@FAULT_ROUNDS=40 FAULT_HISTORIES=3000 $(RUN) pytest -q tests/faults $(ARGS)

bench-exchange: .venv/ready  ## Measure the exchange beside a plain POST: records/s, latency, idle load, recovery, backlog
	@$(RUN) python -m devstack.bench_exchange $(ARGS)

bench-search: .venv/ready  ## Measure Thai search: DATA=a folder of documents and queries
	@$(RUN) python -m devstack.bench_search $(DATA) $(ARGS)

bench-routing: .venv/ready  ## Measure routing: DATA=a folder, or ARGS="--train FILE --test FILE --text COLUMN --label COLUMN"
	@$(RUN) python -m devstack.bench_routing $(DATA) $(ARGS)

bench: .venv/ready  ## Measure lists, searches and suggestions at a million complaints; ARGS="--complaints 100000"
	@$(RUN) devstack bench $(ARGS)

lint: .venv/ready  ## Check style, format, and who may import whom
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) lint-imports

types: .venv/ready  ## Check types
	@$(RUN) mypy

format: .venv/ready  ## Format the code, and repair what can be repaired
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

# A document is replaced only by a whole one.
openapi: .venv/ready  ## Write the OpenAPI documents of both services
	@for service in center1111 chumchon; do \
		new=docs/openapi/$$service.json.new; \
		$(RUN) python -m $$service openapi > $$new && mv $$new docs/openapi/$$service.json || { rm -f $$new; exit 1; }; \
	done

schemas: .venv/ready  ## Write the JSON Schemas of the exchange messages
	@$(RUN) python -m schemas generate

forget: .venv/ready  ## Remove the databases, keys and logs of `make run`
	@$(RUN) devstack forget $(ARGS)

clean:  ## Remove the environment and all caches, not the data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find shared services tools tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again when what it is made from has changed.
.venv/ready: uv.lock pyproject.toml $(wildcard */*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or later is needed, and %s is %s: make PYTHON=/path/to/python3.12 …" \
		% (sys.executable, sys.version.split()[0]))'
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv || \
		{ echo 'No environment can be made: on Debian and Ubuntu, apt install python3-venv'; exit 1; }
	@test -x $(UV) || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV) sync --quiet --all-packages --frozen
	@touch $@
