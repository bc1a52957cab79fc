# make help lists everything.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench crash fuzz build

ROUNDS   ?= 1000
FUZZTIME ?= 30s
ARGS     ?=

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## carry simulated orders the whole way, and show them arriving
	go run ./cmd/bellhop demo $(ARGS)

# Under BELLHOP_TEST_ALL a missing server is a failure, never a skip. The fuzz
# targets run over their checked-in corpora.
test: ## install what is missing where it may be, and run all tests with the race detector
	@scripts/test-setup
	BELLHOP_TEST_ALL=1 go test -race ./...

check: ## format, vet, staticcheck, modules, and the import floors
	@scripts/check

bench: ## measure bellhop beside a bare handler on this machine
	go run ./internal/realserver/with go run ./cmd/bellhop bench $(ARGS)

crash: ## kill it ROUNDS times under load and compare what was acknowledged with what is there
	CRASH_ROUNDS=$(ROUNDS) go test ./host -run '^TestCrash$$' -v -count=1 -timeout 0

fuzz: ## run each fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

build: ## build bin/bellhop
	go build -trimpath -o bin/bellhop ./cmd/bellhop
