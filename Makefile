# The commands of this repository. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test lint bench reference deploy-check docs proto services-start services-stop

# Where `make services-start` keeps its servers' data.
SERVICES_DIR ?= .elate/services

help: ## Lists these commands.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

run: ## Builds Elate, runs it in one process on the retail example, and goes on serving. Needs Rust only.
	@scripts/run.sh $(ARGS)

test: ## Lint, build and every test, with private PostgreSQL and Redis (found or installed).
	@scripts/test.sh

lint: ## Format, clippy, documentation, dependencies, contracts, shell scripts.
	@scripts/lint.sh

bench: ## Every benchmark, or those that match ONLY="words"; each as a ratio to a raw limit.
	@scripts/bench.sh $(ONLY)

reference: ## Every reference suite found in the folder DATA=…; one line a suite.
	@scripts/reference.sh "$(DATA)"

deploy-check: ## Renders, lints and validates the Helm chart; checks compose and alerts; builds the image.
	@scripts/deploy-check.sh

docs: ## Regenerates docs/ from the code (config, errors, metrics), then the API documentation.
	@scripts/docs.sh

proto: ## Formats the protos and accepts them as the contract that later changes must not break.
	@scripts/proto.sh

services-start: ## Starts PostgreSQL and Redis for development (then: source SERVICES_DIR/env).
	@scripts/services.sh start --dir $(SERVICES_DIR)

services-stop: ## Stops them; the data stay.
	@scripts/services.sh stop --dir $(SERVICES_DIR)
