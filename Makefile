# make help lists the targets. Everything a target needs and that package registries have, it installs below target/.

CARGO ?= cargo
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo build test chart manifests lint deny doc bench release presubmit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job on a real STS and S3, with a token that rotates (under a minute after downloads)
	@$(CARGO) build --quiet --bin stsidecar
	@$(PYTHON) tests/demo/demo.py

build: ## debug build of everything
	$(CARGO) build --all-targets

test: ## all tests; tiers whose tools are missing say so in one line, with ALL_TIERS=1 they fail
	$(CARGO) test --no-fail-fast

chart: ## only the tests of the chart, its alerts and dashboard, and deploy/
	@$(PYTHON) tests/chart/run.py

manifests: ## write deploy/stsidecar.yaml, the chart's README and goldens anew
	@UPDATE=1 $(PYTHON) tests/chart/run.py

lint: ## formatting and clippy, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

deny: ## licences, sources and banned crates
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked --root target/tools/cargo cargo-deny
	PATH="$$PWD/target/tools/cargo/bin:$$PATH" $(CARGO) deny check bans licenses sources

doc: ## API documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

release: ## the agent as it ships: fat LTO, stripped
	$(CARGO) build --release

presubmit: lint doc deny test ## what CI runs, without the cluster

clean: ## remove everything that was built or installed
	$(CARGO) clean
