# Two commands do all set-up on a machine with Go, make and a C compiler:
#   make demo    runs the main job on the embedded store
#   make test    passes the tests
# `make help` lists the rest.

GO       ?= go
TAGS     := duckdb_arrow
MODULES  := . rowio layers/catalog/sqlite layers/catalog/postgres layers/rbac/sqlpolicy layers/crypto/kms backends/duckdb cmd/metaxy examples bench
PURE     := . rowio layers/catalog/sqlite layers/catalog/postgres layers/rbac/sqlpolicy layers/crypto/kms
SERVED   := internal/pgtest layers/catalog/postgres layers/rbac/sqlpolicy
BIN      := $(CURDIR)/bin
FUZZTIME ?= 10s
BENCH_N      ?= 10000,100000,1000000
BENCH_ROUNDS ?= 5
BENCH_ONLY   ?=
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOFUMPT  := mvdan.cc/gofumpt@v0.12.0
GOVULN   := golang.org/x/vuln/cmd/govulncheck@v1.9.0

export GOFLAGS += -tags=$(TAGS)

.DEFAULT_GOAL := help
.PHONY: help demo governed build test servers test-servers kms-servers test-kms race lint vuln fmt fuzz cover bench golden tidy check pure promtool clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## run the OpenMoji example: two releases of a real image collection
	@cd examples && $(GO) run ./openmoji

governed: ## run the example of access control, encryption and audit
	@cd examples && $(GO) run ./governed

build: ## build the command into bin/
	$(GO) build -trimpath -o $(BIN)/metaxy ./cmd/metaxy

test: ## run every module's tests
	@set -e; for m in $(MODULES); do echo "== test $$m"; (cd $$m && $(GO) test ./...); done

servers: ## install the servers that tests start (PostgreSQL), where they are missing
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "PostgreSQL is missing and there is no apt-get here: install PostgreSQL 13 or newer (initdb, pg_ctl, psql)" >&2; exit 1; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "PostgreSQL is missing and installing it needs root: sudo make servers" >&2; exit 1; fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql

test-servers: servers ## the tests that want a server; one that is missing fails
	@set -e; for d in $(SERVED); do echo "== test $$d"; (cd $$d && METAXY_REQUIRE_SERVERS=1 $(GO) test ./...); done

kms-servers: ## install the key services that tests of layers/crypto/kms start (moto, Vault), where they are missing
	@bash .ci/kms-servers

test-kms: kms-servers ## the tests of layers/crypto/kms with all its servers
	cd layers/crypto/kms && METAXY_REQUIRE_SERVERS=1 $(GO) test ./...

race: ## the same with the race detector and shuffled order
	@set -e; for m in $(MODULES); do echo "== race $$m"; (cd $$m && $(GO) test -race -shuffle=on -timeout 40m ./...); done

lint: $(BIN)/golangci-lint $(BIN)/gofumpt ## formatting and linters, every module
	@out=$$($(BIN)/gofumpt -l $(MODULES)); test -z "$$out" || { echo "run make fmt:"; echo "$$out"; exit 1; }
	@set -e; for m in $(MODULES); do echo "== lint $$m"; (cd $$m && $(BIN)/golangci-lint run --allow-parallel-runners --build-tags $(TAGS) ./...); done

fmt: $(BIN)/gofumpt ## rewrite the sources as gofumpt wants them
	$(BIN)/gofumpt -w $(MODULES)

fuzz: ## fuzz every target for FUZZTIME (default 10s)
	@set -e; for m in $(MODULES); do (cd $$m; \
	  grep -rl --include='*_test.go' '^func Fuzz' . 2>/dev/null | sort | while read -r f; do \
	    case $$m in .) case $$f in ./backends/duckdb/*|./cmd/metaxy/*|./examples/*|./bench/*|./rowio/*) continue;; esac;; esac; \
	    for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$f"); do \
	      echo "== fuzz $$m $$f $$t"; $(GO) test "$$(dirname "$$f")" -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x; done; done); done

cover: ## coverage of the root module, into cover.out
	$(GO) test -coverprofile=cover.out -coverpkg=./core/...,./compose/...,./layers/...,./backends/memory/... ./... && $(GO) tool cover -func=cover.out | tail -1

bench: ## the benchmarks of docs/benchmarks.md (BENCH_N, BENCH_ROUNDS, BENCH_ONLY)
	cd bench && $(GO) run . -n $(BENCH_N) -rounds $(BENCH_ROUNDS) -only "$(BENCH_ONLY)"

golden: ## rewrite the golden files; read the diff before you commit it
	@set -e; for m in $(MODULES); do (cd $$m && METAXY_UPDATE_GOLDEN=1 $(GO) test ./...); done

tidy: ## tidy every module
	@set -e; for m in $(MODULES); do (cd $$m && $(GO) mod tidy -e); done; $(GO) work sync

pure: ## build and vet what must do without a C compiler
	@set -e; for m in $(PURE); do (cd $$m && CGO_ENABLED=0 $(GO) vet ./...); done
	cd backends/duckdb && CGO_ENABLED=0 $(GO) build ./...
	CGO_ENABLED=0 GOFLAGS= $(GO) build -o /dev/null ./cmd/metaxy

vuln: $(BIN)/govulncheck ## known vulnerabilities in what is called, every module (VULNDB: a copy of the database)
	@.ci/vuln $(MODULES)

promtool: $(BIN)/promtool ## fetch promtool from the distribution's package, for the tests of deploy/

check: lint test race pure ## what a change must pass before it is committed

clean: ## remove what the targets made
	rm -rf $(BIN) cover.out

$(BIN)/golangci-lint:
	GOFLAGS= GOWORK=off GOBIN=$(BIN) $(GO) install $(GOLANGCI)

$(BIN)/gofumpt:
	GOFLAGS= GOWORK=off GOBIN=$(BIN) $(GO) install $(GOFUMPT)

$(BIN)/govulncheck:
	GOFLAGS= GOWORK=off GOBIN=$(BIN) $(GO) install $(GOVULN)

# The binary alone: the package would also start a server.
$(BIN)/promtool:
	@mkdir -p $(BIN) && dir=$$(mktemp -d) && cd $$dir && \
	if command -v promtool >/dev/null; then ln -s "$$(command -v promtool)" $(BIN)/promtool; else \
	  { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } >/dev/null && \
	  dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x -C $$dir ./usr/bin/promtool && mv usr/bin/promtool $(BIN)/promtool; \
	fi; rm -rf $$dir; test -x $(BIN)/promtool
