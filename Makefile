# Every target installs what it needs, once. DEPLOYMENT chooses the settings
# file: deployments/$(DEPLOYMENT).yaml. CDKFLAGS are passed on to the CDK CLI.
DEPLOYMENT ?= $(shell sed -n 's/.*"deployment": "\(.*\)".*/\1/p' cdk.json)

# The pinned Node.js runs the CDK CLI and jsii, whatever else is installed.
export PATH := $(CURDIR)/node_modules/.bin:$(CURDIR)/.build/bin:$(PATH)

# The app is built only when its sources have changed; cdk.json's own command asks
# Go each time. A synth needs no more than the app.
CDK := cdk --app .build/app --context deployment=$(DEPLOYMENT)
APP_SOURCES := go.mod go.sum app.go $(shell find application budget cloudassembly settings stacks constructs assets/userdata assets/runbooks -type f ! -name '*_test.go' ! -name '*.md' ! -path '*/testdata/*')
APPLICATION_TESTS := assets/app/api/node_modules/.package-lock.json assets/app/web/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help setup app synth budget cost diff changes deploy destroy retire status failover switchover evacuate return probe drill test test-go test-application test-boot test-db test-delivery lint scan audit fmt bench

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: app ## Install the CDK CLI and Node.js, build the application

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

# It looks at the content of its sources, and does nothing if it knows it.
app: node_modules/.package-lock.json .build/bin/application ## Build the deployment's application (part of setup)
	@.build/bin/application $(DEPLOYMENT)

# What tests of the example application and of the booted site need.
%/node_modules/.package-lock.json: %/package-lock.json | node_modules/.package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.build/app: $(APP_SOURCES)
	go build -o $@ .

.build/bin/application: cmd/application/main.go $(APP_SOURCES)
	go build -o $@ ./cmd/application

synth: setup .build/app ## Write the templates of all stacks to cdk.out
	@start=$$(date +%s%3N) && DEPLOYMENT=$(DEPLOYMENT) .build/app && go run ./cmd/summary -since $$start

budget: synth ## Reckon from the templates how long each failure lasts
	@go run ./cmd/budget

cost: synth ## Reckon from the templates what DEPLOYMENT costs a month; COSTFLAGS=-help
	@go run ./cmd/cost $(COSTFLAGS)

diff: setup .build/app ## Compare with what is deployed (needs credentials)
	$(CDK) diff $(CDKFLAGS)

# It takes the templates as they are, and runs nothing of DEPLOYMENT's.
changes: node_modules/.package-lock.json ## Print as Markdown what deploying cdk.out would change, what holds data first (needs credentials)
	@go run ./cmd/changes -deployment $(DEPLOYMENT) $(CHANGESFLAGS)

deploy: setup .build/app ## Deploy all stacks in order (needs credentials)
	@go run ./cmd/preflight deployments/$(DEPLOYMENT).yaml
	$(CDK) deploy --all $(CDKFLAGS)

# Built first, since go run would come between Ctrl-C, the exit code and them.
destroy: ## Delete all stacks, or those of REGION, and list what stays; DRYRUN=1 only lists, CONFIRM=name doesn't ask (needs credentials)
	@go build -o .build/destroy ./cmd/destroy
	@.build/destroy $(if $(REGION),-region $(REGION)) $(if $(DRYRUN),-dry-run) $(if $(CONFIRM),-confirm $(CONFIRM)) deployments/$(DEPLOYMENT).yaml

retire: ## Delete INSTANCE, which has left the deployment, with a final snapshot (needs credentials)
	@go build -o .build/retire ./cmd/retire
	@.build/retire deployments/$(DEPLOYMENT).yaml "$(INSTANCE)"

probe: ## Sample URL, or the site and API of DEPLOYMENT, until Ctrl-C; PROBEFLAGS=-help
	@go build -o .build/probe ./cmd/probe
	@.build/probe $(PROBEFLAGS) $(if $(URL),$(URL),-deployment deployments/$(DEPLOYMENT).yaml)

drill: ## Rehearse a failure of DEPLOYMENT: EXPERIMENT=network, servers or database
	@go build -o .build/drill ./cmd/drill
	@.build/drill $(if $(EXPERIMENT),-experiment $(EXPERIMENT)) $(if $(MINUTES),-minutes $(MINUTES)) $(DRILLFLAGS) deployments/$(DEPLOYMENT).yaml

define runbook
	@go build -o .build/runbook ./cmd/runbook
	@.build/runbook $(if $(REGION),-region $(REGION)) $(if $(DRYRUN),-dry-run) $(addprefix -param ,$(PARAMS)) $(1) deployments/$(DEPLOYMENT).yaml
endef

status: ## Report how the standby's region stands, or REGION
	$(call runbook,status)

failover: ## Promote the standby whatever the primary's region does; DRYRUN=1 only checks, PARAMS="AcceptDataLoss=true" goes on without a live primary
	$(call runbook,fail-over)

switchover: ## Promote the standby without loss, both regions well; DRYRUN=1 only checks
	$(call runbook,switch-over)

evacuate: ## Move the traffic to the standby and hold it there; reads only
	$(call runbook,evacuate)

return: ## Release the traffic; after a promotion see the runbook's parameter RolesSwapped
	$(call runbook,return)

test: setup $(APPLICATION_TESTS) .build/debian-python ## Run the tests of the templates and of the example application
	@$(MAKE) --no-print-directory --jobs=2 --output-sync test-go test-application

# The CDK validates what a test asks it to: whole deployments, not the stack of
# every test, which takes as long again.
test-go:
	CDK_VALIDATION=false go test $(TESTFLAGS) ./...

test-application:
	cd assets/app/api && npm run --silent check && npm test --silent
	cd assets/app/web && npm run --silent check && npm test --silent

# Always the deployment that the tests know.
test-boot: setup test/boot/browser/node_modules/.package-lock.json ## Boot the servers of example.yaml's templates and test them (Linux, root)
	@$(MAKE) --no-print-directory synth DEPLOYMENT=example
	@BOOT_BASE=$(BOOT_BASE) test/boot/run $(TESTFLAGS)

test-db: assets/app/api/node_modules/.package-lock.json .build/debian-mariadb ## Run the tests that need MariaDB
	go test -tags mariadb ./cmd/rescue
	cd assets/app/api && npm run --silent test:db

test-delivery: setup ## Run the steps of the GitHub workflows on clean clones of what is committed
	go test -tags delivery -count=1 -timeout=30m -run TestDelivery ./test/delivery

lint: setup .build/bin/golangci-lint .build/debian-lint ## Check Go, shell, YAML and the workflows
	golangci-lint run
	cd tools/scan && golangci-lint run
	shellcheck --shell=bash $$(git ls-files '*.sh') .ci/run test/boot/run test/boot/base test/boot/agent
	yamllint --strict .
	actionlint

scan: setup .build/app .build/bin/scan ## Scan the templates of every deployment, and of the workflows' roles, by Trivy's checks
	@rm -rf .build/scan
	@for file in deployments/*.yaml; do \
		name=$$(basename $$file .yaml) && .build/bin/application $$name && \
		cdk --app .build/app --context deployment=$$name synth --quiet --output .build/scan/$$name && \
		find .build/scan/$$name -mindepth 1 ! -name '*.template.json' -delete || exit 1; done
	@cp .github/oidc.yaml .build/scan
	@scan .build/scan

audit: node_modules/.package-lock.json .build/bin/govulncheck ## Look for known vulnerabilities in all that is depended on; UNREACHABLE=warn passes without a database
	@go run ./cmd/audit $(if $(UNREACHABLE),-unreachable $(UNREACHABLE))

fmt: .build/bin/golangci-lint ## Format the Go files
	golangci-lint fmt

bench: setup ## Time synth and test against their limits
	go run ./cmd/bench

.build/bin/golangci-lint: tools/go.mod tools/go.sum
	go build -C tools -o ../.build/bin/ tool

# A module of their own: the scanners' needs would change the linters' versions.
.build/bin/scan .build/bin/govulncheck &: tools/scan/main.go tools/scan/accepted.yaml tools/scan/go.mod tools/scan/go.sum
	go build -C tools/scan -o ../../.build/bin/ . tool
	@touch .build/bin/scan .build/bin/govulncheck

# Commands that Debian's packages bring, where they are not there yet.
.build/debian-lint: PACKAGES := shellcheck yamllint
.build/debian-lint: COMMANDS := shellcheck yamllint
.build/debian-python: PACKAGES := python3
.build/debian-python: COMMANDS := python3
.build/debian-mariadb: PACKAGES := mariadb-server
.build/debian-mariadb: COMMANDS := mariadbd
.build/debian-%:
	@for command in $(COMMANDS); do command -v $$command >/dev/null || missing=$$command; done; \
		[ -z "$$missing" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(PACKAGES) >/dev/null; } \
		|| { echo "this needs $(PACKAGES): install them, or run it as root on Debian or Ubuntu" >&2; exit 1; }
	@mkdir -p .build && touch $@
