# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.

.PHONY: help build demo test lint corpus corpus-cross corpus-wasm corpus-wheels bench bench-cross bench-wheel fuzz docs setup setup-test clean

MUSL := $(shell uname -m)-unknown-linux-musl
BIN := target/release/crosswheel
PYTHON ?= python3
SECONDS ?= 600

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Give rustc the target of the shim
	@rustup target list --installed 2>/dev/null | grep -qx $(MUSL) || rustup target add $(MUSL) || \
		echo "note: no $(MUSL) target; the shim will be built for the host and start slower"

build: setup ## Build target/release/crosswheel
	cargo build --release --locked

demo: build ## Build a real package for two CPU levels and show what happened
	tests/demo.sh $(BIN)

setup-test: setup ## Install what the tests need
	tests/setup.sh

test: setup-test build ## Run all tests
	cargo test --workspace --locked --no-fail-fast

lint: setup ## Format, lints, licences and advisories
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	cargo clippy --manifest-path fuzz/Cargo.toml --locked -- --deny warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check; else echo "cargo-deny is not installed: cargo install cargo-deny"; fi

corpus: build setup-test ## Build fifteen real packages with and without the shim (an hour or two)
	$(PYTHON) tests/corpus/run.py --crosswheel $(BIN)

corpus-cross: build setup-test ## Build twenty real packages for other machines, and run them under qemu: CROSS='--runs s390x'
	$(PYTHON) tests/corpus/cross/run.py --crosswheel $(BIN) $(CROSS)

corpus-wasm: build setup-test ## Build real packages for WebAssembly, and run them in node (minutes; fetches Pyodide)
	$(PYTHON) tests/corpus/wasm/run.py --crosswheel $(BIN)

corpus-wheels: build setup-test ## Verify and retag seventy real wheels, which are downloaded (three gigabytes)
	target/wheel-tools/bin/python tests/corpus/wheels/run.py --crosswheel $(BIN)

bench-wheel: build setup-test ## Measure `wheel retag` beside cp, `wheel verify` beside its peers: WHEELS='a.whl b.whl'
	$(PYTHON) benches/wheel/measure.py $(WHEELS)

bench-cross: build setup-test ## Measure cross builds beside native ones, and one beside an emulated one (an hour)
	$(PYTHON) benches/cross/measure.py contourpy numpy --emulate contourpy

bench: build setup-test ## Measure the shim against other wrappers
	benches/overhead.sh

fuzz: ## Run every fuzz target for SECONDS each
	fuzz/run.sh $(SECONDS)

docs: ## Make the generated pages anew
	UPDATE_DOCS=1 cargo test --locked --test docs --test flags_doc

clean: ## Remove what was built
	cargo clean
	rm -rf out
