# Skiff's tasks; `make run` and `make test` are the two that a newcomer needs. What they do is in .ci/.
PYTHON ?= python3
BIN := .venv/bin
export PYTHON

.PHONY: help run stop test lint unit integration crashes conformance bench dockerpy kills openapi clean crash-test concurrency-test

help: ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 19

run: ## install what is missing, start the socket, run a container through it
	@.ci/packages run
	@.ci/environment
	@.ci/first_run

stop: ## end what make run started; containers go on
	@.ci/stop

ready:
	@.ci/packages test
	@.ci/environment dev
	@.ci/cgroups
	@.ci/docker_cli >/dev/null
	@.ci/docker_cli compose >/dev/null

test: ready lint ## install what the tests need, and pass all of them
	$(BIN)/pytest $(PYTEST_OPTIONS)

lint: ready ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: ready ## the tests that need no root
	$(BIN)/pytest tests/unit $(PYTEST_OPTIONS)

integration: ready ## the tests with real containers
	$(BIN)/pytest tests/integration $(PYTEST_OPTIONS)

crashes: ready ## pulls that are killed at 50 moments
	SKIFF_CRASHES=50 $(BIN)/pytest tests/integration/registry/test_crashes.py $(PYTEST_OPTIONS)

conformance: ready ## the tests against what dockerd answers
	$(BIN)/pytest tests/conformance $(PYTEST_OPTIONS)

crash-test: ready ## kill processes at every step, 500 times; nothing may be lost or left
	$(BIN)/python -m tests.crash $(CRASH_OPTIONS)

concurrency-test: ready ## 30 clients at random for three minutes, a server per connection
	$(BIN)/python -m tests.concurrency $(CONCURRENCY_OPTIONS)

bench: ready ## figures, of builds too, beside dockerd, podman and buildah where they are there
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.builds

dockerpy: ready ## docker-py's own tests of containers, exec, images, networks and volumes, against a server of their own
	@.ci/docker_py

kills: ready ## kill servers at fifty moments of loads, removals, starts and connects, and look at what is left
	SKIFF_KILLS=50 $(BIN)/pytest tests/integration/images/test_faults.py tests/integration/network/test_kills.py $(PYTEST_OPTIONS)

.PHONY: fuzz schemathesis
fuzz: ready ## break requests on the wire for an hour; FUZZ_OPTIONS="--seconds 60 --seed 1"
	$(BIN)/python -m tests.fuzz $(FUZZ_OPTIONS)

schemathesis: ready ## ask for what the API's document allows, in 20,000 cases
	$(BIN)/python -m tests.schemathesis $(SCHEMATHESIS_OPTIONS)

openapi: ready ## write the API's document
	$(BIN)/python -m compat_api.openapi

clean: stop ## remove what the other tasks made here
	rm -rf .venv .tools .run .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
