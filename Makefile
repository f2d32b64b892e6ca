# Killick's chores. "make demo" and "make test" need Go, make and git, nothing
# else: what they need besides, they build and cache outside git.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo devel)
LDFLAGS := -s -w -buildid= -X main.version=$(VERSION)
# A static binary, the same from every folder: that of the image (internal/release/compile.go).
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
ENVCTL  := $(GO) run ./internal/testenv/envctl
TOOLS   := $(GO) tool -modfile=.ci/tools/go.mod
# Packages without I/O, which the race detector can check in seconds.
PURE    := ./internal/nested ./internal/githost ./internal/drift ./internal/redact ./internal/ownership ./internal/dependency \
	./internal/diff ./internal/decide ./internal/guard ./internal/write ./internal/summary \
	./internal/config ./internal/health ./internal/report ./internal/policy ./notify
FUZZTIME ?= 30s
# The oracle's long run: each seed is one case, and the same one every time.
ORACLE_CASES ?= 20000
ORACLE_SEED  ?= 300001

.DEFAULT_GOAL := help
.PHONY: help build image release test race lint demo controlplane bench bench-renders fuzz update

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/killick, a static binary
	@mkdir -p bin
	$(BUILD) -o bin/killick ./cmd/killick

image: ## make an OCI image for linux/amd64 and linux/arm64 in dist/image
	cd internal/release && $(GO) run . image -version '$(VERSION)'

release: ## make a release of the commit in dist/VERSION (VERSION=v1.2.3): image, archives, chart, checksums
	cd internal/release && $(GO) run . all -version '$(VERSION)'

demo: build controlplane ## show the main job on a local control plane
	$(GO) run ./internal/testenv/demo -killick bin/killick

test: controlplane ## run all tests on one local control plane
	$(ENVCTL) exec -- $(GO) test -timeout 30m ./...
	cd internal/testenv/parity && $(GO) test ./...
	cd internal/testenv/bench && $(GO) test ./...
	cd internal/release && $(GO) test -timeout 30m ./...

race: ## run the packages without I/O under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race $(PURE)

lint: ## run go vet, the linters and the formatter's check
	$(GO) vet ./...
	cd internal/testenv/controlplane && $(GO) vet -trimpath ./... # the flags of its build, or all of Kubernetes is compiled again
	cd internal/testenv/parity && $(GO) vet ./...
	cd internal/testenv/bench && $(GO) vet ./...
	cd internal/testenv/bench/argo && $(GO) vet ./...
	cd internal/release && $(GO) vet ./... && $(GO) tool -modfile=../../.ci/tools/go.mod golangci-lint run --config ../../.golangci.yml ./...
	$(TOOLS) golangci-lint run ./...

controlplane: ## build and cache etcd, the API server and its controllers (minutes, once)
	$(ENVCTL) build

bench: build controlplane ## measure speed and memory beside the peers (BENCH_FLAGS=-help lists the flags)
	@mkdir -p bin/peers
	cd internal/testenv/bench && $(GO) build -o ../../../bin/bench . && $(GO) build -o ../../../bin/peers/ ./flux ./plain
	@rm -f bin/peers/argo
	cd internal/testenv/bench/argo && $(GO) build -o ../../../../bin/peers/argo . || echo "gitops-engine could not be built: it is left out"
	bin/bench $(BENCH_FLAGS)
	@$(MAKE) bench-renders

bench-renders: build ## measure renders beside helm and kustomize (RENDERS are folders of further charts)
	@mkdir -p bin/peers
	cd internal/testenv/bench/references && $(GO) build -o ../../../../bin/peers/ helm.sh/helm/v3/cmd/helm sigs.k8s.io/kustomize/kustomize/v5
	cd internal/testenv/bench && $(GO) build -o ../../../bin/renders ./renders
	bin/renders $(RENDERS)

fuzz: controlplane ## run every fuzz target for FUZZTIME (30s), then the oracle's ORACLE_CASES (20000)
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "== $$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$package || exit 1; \
	  done; done
	$(GO) run ./internal/testenv/oracle -cases $(ORACLE_CASES) -seed $(ORACLE_SEED)

update: controlplane ## rewrite golden files and generated schemas; review the diff
	$(ENVCTL) exec -- $(GO) test -count=1 $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | sed 's|^|./|; s|/[^/]*$$||' | sort -u) -args -update
