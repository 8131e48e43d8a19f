# make help lists the targets. Everything a target needs and that package registries have, it installs below target/.

CARGO ?= cargo
PYTHON ?= python3
# Where cargo builds, and where the targets install what they need.
TARGET = $(or $(CARGO_TARGET_DIR),target)
# The runner must be of the very version that Cargo.lock has of the library.
GUNGRAUN = $(shell sed -n '/^name = "gungraun"$$/{n;s/version = "\(.*\)"/\1/p;}' Cargo.lock)

.DEFAULT_GOAL := help
.PHONY: help demo build test chart sources takeover unready field measure manifests e2e e2e-long lint deny doc bench bench-instructions release image presubmit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job on a real STS and S3, with a token that rotates (under a minute after downloads)
	@$(CARGO) build --quiet --bin stsidecar
	@$(PYTHON) tests/demo/demo.py

build: ## debug build of everything
	$(CARGO) build --all-targets

test: ## all tests; tiers whose tools are missing say so in one line, with ALL_TIERS=1 they fail
	$(CARGO) test --no-fail-fast

chart: ## only the tests of the chart, its alerts and dashboard, and deploy/
	@$(PYTHON) tests/chart/run.py

sources: ## every source of credentials through the real binary, as a table
	@$(CARGO) test --quiet --test sources every_source -- --nocapture

field: ## stsidecar inject over what public projects ship, as a table (two minutes after downloads)
	@$(CARGO) build --quiet --bin stsidecar
	@$(PYTHON) tests/field/run.py

measure: ## figures of the code: lines, files, functions, comments (REV='OLD NEW' compares two revisions)
	@tests/tools/measure.py $(addprefix --rev ,$(REV))

e2e: $(if $(IMAGE),,image) ## a live cluster: KUBECONFIG and E2E_LOAD='kind load image-archive {archive}', or KUBE_NODE, for three versions of Kubernetes (15 minutes)
	@$(PYTHON) tests/e2e/run.py

e2e-long: $(if $(IMAGE),,image) ## one rotation that the kubelet makes by itself, after 8 minutes
	@$(PYTHON) tests/e2e/run.py long

takeover: ## measure what beats the endpoint in 28 clients, writes docs/clients.md (half an hour; CLIENTS='boto3 go-v2')
	@$(CARGO) build --quiet --bin stsidecar
	@$(PYTHON) tests/real/run.py takeover $(CLIENTS)

unready: ## measure how long 28 clients ask for first credentials, writes docs/kubelet-restarts.md (15 minutes; CLIENTS=boto3)
	@$(CARGO) build --quiet --bin stsidecar
	@$(PYTHON) tests/real/run.py unready $(CLIENTS)

manifests: ## write deploy/stsidecar.yaml, the chart's README and goldens anew
	@UPDATE=1 $(PYTHON) tests/chart/run.py

lint: ## formatting and clippy, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

deny: ## licences, sources and banned crates
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked --root $(TARGET)/tools/cargo cargo-deny
	PATH="$(abspath $(TARGET))/tools/cargo/bin:$$PATH" $(CARGO) deny check bans licenses sources

doc: ## API documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

# The host's own target, named, so that RUSTFLAGS do not reach build scripts and macros.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
STATIC = $(TARGET)/$(HOST)/release
DYNAMIC = $(TARGET)/release

# Identical functions are linked once, where the linker is Rust's own: 1 % of the size, and no function's address
# is compared. Given to the last step alone, so that dependencies are not built again.
FOLD = $(if $(filter x86_64-unknown-linux-gnu,$(HOST)),-C link-arg=-Wl$(comma)--icf=all)
# The table of addresses that the loader adds its base to is packed: 250 kB less, which every pod would read at its
# start. glibc understands it since 2.36 (https://sourceware.org/glibc/wiki/Release/2.36).
GLIBC = $(lastword $(shell getconf GNU_LIBC_VERSION 2>/dev/null))
PACK = $(if $(and $(FOLD),$(GLIBC),$(filter 2.36,$(firstword $(shell printf '%s\n' 2.36 $(GLIBC) | sort -V)))),-C link-arg=-Wl$(comma)-z$(comma)pack-relative-relocs)
LINK = $(FOLD) $(PACK)
comma := ,
AS_SHIPPED = --release --no-default-features --features cognito --bin stsidecar
# In a build of its own: what it links must not come into the agent.
INJECTOR = --release --bin stsidecar-injector

release: ## both programs as they ship: the agent linked to glibc and static, within their size, and the static injector
	$(CARGO) rustc $(AS_SHIPPED) -- $(LINK)
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) rustc $(AS_SHIPPED) --target $(HOST) -- $(LINK)
	benches/size.sh $(DYNAMIC)/stsidecar $(STATIC)/stsidecar
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) rustc $(INJECTOR) --target $(HOST) -- $(LINK)

image: release ## the image in target/stsidecar.oci.tar, without a container engine (IMAGE=name:tag)
	deploy/image --output $(TARGET)/stsidecar.oci.tar --name $(or $(IMAGE),localhost/stsidecar:dev) --commit $$(git rev-parse --short=12 HEAD) \
		$(STATIC)/stsidecar $(STATIC)/stsidecar-injector

bench: release ## speed, start, memory, size and idleness as one table (7 minutes; IDLE_SECONDS, PAIRS, STARTS)
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --release -p stsidecar-benches --bin serving --target $(HOST)
	@$(STATIC)/serving $(STATIC)/stsidecar $(DYNAMIC)/stsidecar

bench-instructions: ## instructions of a warm request in the library, compared with the run before
	@command -v gungraun-runner >/dev/null || [ -x $(TARGET)/tools/cargo/bin/gungraun-runner ] || \
		$(CARGO) install --locked --root $(TARGET)/tools/cargo gungraun-runner --version $(GUNGRAUN)
	PATH="$(abspath $(TARGET))/tools/cargo/bin:$$PATH" $(CARGO) bench -p stsidecar-benches --bench instructions

presubmit: lint doc deny test ## what CI runs, without the cluster

clean: ## remove everything that was built or installed
	$(CARGO) clean
