# make help lists everything.
.DEFAULT_GOAL := help
.PHONY: help demo test shipped test-cluster check bench compare screenshots example attack crash canaries converge reconcile backfill beside neighbours searches memory fuzz build lambda server deploy-aws destroy-aws aws-check

ROUNDS   ?= 1000
FUZZTIME ?= 30s
ARGS     ?=

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# go run would report the Ctrl-C that ends the demo as a failure.
demo: ## carry simulated orders the whole way, and show them arriving
	go build -o bin/bellhop ./cmd/bellhop
	@bin/bellhop demo $(ARGS)

# How tests are compiled, and the programs that they start. Nobody reads debug
# information of a test. SQLite is C that was translated to Go, and each connection
# has memory of its own outside Go's heap: there the detector sees nothing, and
# would take most of the time.
RACE := -race -gcflags=all=-dwarf=false '-gcflags=github.com/ncruces/go-sqlite3-wasm/...=-dwarf=false -race=false'

# Under BELLHOP_TEST_ALL a missing server is a failure, never a skip. The fuzz
# targets run over their checked-in corpora. The race detector lets each process
# wait a second before it ends, unless GORACE says otherwise; make check vets; and
# tests mostly wait, so that two processors take three packages at once, and four
# tests of each. What takes longest, and would otherwise begin late, begins first.
test: export GOFLAGS := $(shell go env GOFLAGS 2>/dev/null) $(RACE)
test: ## install missing servers if allowed, and run all tests with the race detector
	@scripts/test-setup
	TMPDIR=$$(scripts/test-tmp) GORACE=atexit_sleep_ms=0 BELLHOP_TEST_ALL=1 \
		go test -vet=off $$([ $$(getconf _NPROCESSORS_ONLN) -gt 2 ] || echo -p 3 -parallel 4) -timeout 30m \
			./host ./reconcile ./store/pgstore ./web/console ./...

# Without the race detector, and without C.
shipped: export CGO_ENABLED := 0
shipped: ## run the tests that start bellhop and the functions, on programs built as they are shipped, and what the race detector can't run
	@scripts/test-setup
	BELLHOP_TEST_ALL=1 go test -vet=off -timeout 30m ./deploy ./deploy/aws ./cmd/bellhop-lambda ./cmd/bellhop-bench ./web

check: ## format, vet, staticcheck, modules, and the import floors
	@scripts/check

bench: ## measure bellhop beside a bare handler on this machine
	go build -o bin/ ./cmd/bellhop ./cmd/bellhop-bench
	go run ./internal/realserver/with bin/bellhop-bench $(ARGS)

compare: ## measure CPU an order and recorded/s beside the commit REF, ten times in turn; DB=postgres, ARGS="--times 3"
	@DB=$(DB) ARGS="$(ARGS)" scripts/compare $(REF)

screenshots: ## take a picture of each page of the console, at three widths, light and dark
	@scripts/test-setup --fonts
	SCREENSHOTS=$(CURDIR)/screenshots BELLHOP_TEST_ALL=1 go test ./web/console ./cmd/bellhop -run '^Test(Demo)?Screenshots$$' -count=1

test-cluster: ## kill each node of a RabbitMQ cluster under load, and lose nothing
	@scripts/test-setup
	TEST_CLUSTER=1 BELLHOP_TEST_ALL=1 go test ./queue/amqpqueue -run '^TestCluster$$' -v -count=1

memory: ## measure a worker's peak memory while it records BODIES webhooks of 8 MiB, from every queue
	@scripts/test-setup
	MEMORY_BODIES=$(or $(BODIES),5000) BELLHOP_TEST_ALL=1 go test ./cmd/bellhop -run '^TestMemoryOfLargeBodies$$' -v -count=1 -timeout 0

searches: ## measure recording in one shop while 48 search in another with ORDERS orders
	@scripts/test-setup
	SEARCHED_ORDERS=$(or $(ORDERS),200000) BELLHOP_TEST_ALL=1 go test ./store/sqlitestore ./store/pgstore -run '^TestSearches$$' -v -count=1 -p 1

attack: ## attack the built program on loopback, beside a bare handler; ATTACK_ONLY=NAME for one
	ATTACK=1 go test ./deploy -run '^TestAttacks$$/$(ATTACK_ONLY)' -v -count=1 -timeout 0

example: ## one request that needs two services: chained over REST, and by events
	@go run ./internal/realserver/with sh -c 'go run ./examples/twoservices "$$BENCH_RABBITMQ"'

crash: ## kill it ROUNDS times under load, and workers for two minutes on each queue, and compare the data with the webhooks
	CRASH_ROUNDS=$(ROUNDS) EVENTS_ROUNDS=16 HOST_KILL_TIME=2m KEEPERS_ROUNDS=$$(( $(ROUNDS) / 10 + 1 )) BELLHOP_TEST_ALL=1 \
		go test ./host ./cmd/bellhop -run '^(TestCrash|TestEvents|TestWorkersKilledInTurn|TestKeepersKilled)$$' -v -count=1 -timeout 0

canaries: ## use every kind of secret RUNS times, and find none; forget people, and find nothing of them in any database
	CANARY_RUNS=$(or $(RUNS),1000) BELLHOP_TEST_ALL=1 \
		go test ./connect ./cmd/bellhop -run '^(TestNoSecretGetsOut|TestNoSecretLeaves|TestNothingPersonalStays)$$' -v -count=1 -timeout 0

converge: ## record ORDERS orders in any order of delivery, five deliveries each, and compare the stored orders with a model
	CONVERGE_ORDERS=$(or $(ORDERS),20000) go test ./pipeline -run '^TestEveryShuffleConverges$$' -v -count=1 -timeout 0

reconcile: ## let everything fail in three shops with ORDERS orders, kill bellhop KILLS times, and find nothing missing; SEED=N for the same again, DB=postgres for one database
	@scripts/test-setup
	RECONCILE_ORDERS=$(or $(ORDERS),20000) RECONCILE_SEED=$(SEED) COMPARING_KILLS=$(or $(KILLS),12) BELLHOP_TEST_ALL=1 \
		go test ./reconcile ./cmd/bellhop -run '^(TestNothingIsMissing|TestServeKilledComparing)$$/$(DB)' -v -count=1 -timeout 0

backfill: ## measure requests, points, minutes and memory of a backfill of ORDERS orders, page by page and by a bulk operation; DB=postgres for one database
	@scripts/test-setup
	BACKFILL_ORDERS=$(or $(ORDERS),100000) BELLHOP_TEST_ALL=1 \
		go test ./reconcile ./cmd/bellhop -run '^(TestLargeBackfill|TestServeBackfills)$$/$(DB)' -v -count=1 -timeout 0

beside: ## measure how long webhooks wait beside a backfill of ORDERS orders, in turn with and without it, TURNS times; DB=postgres for one database
	@scripts/test-setup
	BACKFILL_ORDERS=$(or $(ORDERS),100000) BACKFILL_TURNS=$(TURNS) BELLHOP_TEST_ALL=1 \
		go test ./cmd/bellhop -run '^TestWebhooksBesideBackfill$$/$(DB)' -v -count=1 -timeout 0

neighbours: ## flood a shop with 10,000 devices, and measure how long another one's orders wait
	BELLHOP_TEST_ALL=1 BELLHOP_NEIGHBOURS=1 go test ./host -run '^TestNeighbours$$' -v -count=1 -timeout 0

fuzz: ## run each fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

build: ## build bin/bellhop and bin/bellhop-bench
	go build -trimpath -o bin/ ./cmd/bellhop ./cmd/bellhop-bench

# The functions' binary leaves out the drivers that functions can't use.
lambda: ## build the AWS Lambda functions' one binary, and show its size
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -buildvcs=false -tags lambda.norpc,nosqlite,noamqp,nomail,grpcnotrace \
		-ldflags '-s -w -buildid=' -o deploy/aws/build/bootstrap ./cmd/bellhop-lambda
	@cd deploy/aws/build && echo "bootstrap: $$(wc -c <bootstrap) bytes, $$(gzip -9c bootstrap | wc -c) compressed"

# The server on AWS runs Amazon Linux on arm64.
server:
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' \
		-o deploy/aws/build-server/bellhop ./cmd/bellhop

deploy-aws: ## deploy to AWS, or update it: see docs/aws.md
	@deploy/aws/deploy.sh

destroy-aws: ## take it down from AWS; asks first
	@deploy/aws/destroy.sh

aws-check: ## try the whole in an account, measure it, and take it down again: see docs/aws.md
	@deploy/aws/check.sh
