# Everything is plain cargo; these targets add a PostgreSQL installation where there is none.
# More arguments: make run ARGS="--listen 127.0.0.1:8000"

ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test bench fmt lint

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

# Not --release: the same build serves the tests, and an optimised one is two thirds more work.
run: ## Start the sandbox (or, with DATABASE_URL and the other settings, the service)
	@scripts/ensure-postgres.sh
	cargo run -- $(ARGS)

test: ## Run all tests
	@DATABASE_URL= scripts/ensure-postgres.sh
	cargo test $(ARGS)

bench: ## Measure the service against its floor, pgbench with the same statements
	@DATABASE_URL= scripts/ensure-postgres.sh
	cargo bench --bench service -- $(ARGS)

fmt: ## Format the code
	cargo fmt

lint: ## Check the format and the lints
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
