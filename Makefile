# The two promises of the README: `make demo` and `make test`, on a fresh Debian 12 with a Rust toolchain.
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: ## run the demo call centre: engine, simulated agents and callers, wallboard
	cargo build --profile demo --bin turno
	./target/demo/turno demo

# A live test waits for its peers most of the time, so more of them run at once than there are cores.
TEST_THREADS ?= $(shell nproc | awk '{ print $$1 < 6 ? 6 : $$1 }')

# Three times what the machine can take leaves nothing for tests beside it: that one has the machine for itself.
.PHONY: test
test: tools ## all tests: rooms, engine, real peers (SIPp, baresip, Kamailio, Chromium) over loopback
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo clippy --manifest-path fuzz/Cargo.toml --target-dir target --locked --bins --quiet -- -D warnings
	cargo test --workspace -- --test-threads $(TEST_THREADS) --skip overload::far_more_than_it_can_take
	cargo test --test it overload::far_more_than_it_can_take

.PHONY: tools
tools: ## install what the tests need beyond Rust (Debian packages), or name what is missing
	scripts/tools

.PHONY: bench
bench: tools ## CPU per call, highest clean rate, agent free to INVITE, memory per waiting call, media (docs/benchmarks.md)
	cargo build --release --bins
	scripts/bench

.PHONY: deb
deb: ## a Debian package under target/debian (installs cargo-deb if it is missing)
	command -v cargo-deb >/dev/null || cargo install --locked cargo-deb
	cargo build --release --bin turno
	mkdir -p target/completions
	target/release/turno man target/man
	target/release/turno completions bash >target/completions/turno.bash
	cargo deb --no-build

.PHONY: fuzz
fuzz: ## run each fuzz target for SECONDS (default 60)
	scripts/fuzz $(or $(SECONDS_EACH),60)
