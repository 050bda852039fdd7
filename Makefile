# Everything runs from .venv, which the first target builds. PYTHON names the interpreter it is built with.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO_DIR ?= demo
DATA ?= .

.DEFAULT_GOAL := help
.PHONY: help peers install demo demo-photographs demo-boxes demo-tables demo-text up browser screenshots quick test lint types format clean faults hostile files air-gap chart load clients

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## build the environment (quick when nothing changed)

$(INSTALLED): constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[worker,local,dev]'
	@touch $(INSTALLED)

demo: $(INSTALLED) ## audit real digits with planted label errors, from nothing to plots, in DEMO_DIR
	$(BIN)/python -m examples.digits --out $(DEMO_DIR)

demo-photographs: $(INSTALLED) ## audit cuttings of photographs with an encoder's features, without any download
	$(BIN)/python -m examples.photographs --out $(DEMO_DIR)-photographs

demo-boxes: $(INSTALLED) ## audit the classes of boxes in generated scenes, given as COCO
	$(BIN)/python -m examples.boxes --out $(DEMO_DIR)-boxes

demo-tables: $(INSTALLED) ## audit a table with categories, dates and blanks, and say which columns speak
	$(BIN)/python -m examples.tables --out $(DEMO_DIR)-tables

demo-text: $(INSTALLED) ## audit short texts in two languages, and say which words speak
	$(BIN)/python -m examples.texts --out $(DEMO_DIR)-text

up: $(INSTALLED) ## run the service on loopback until Ctrl-C
	@exec $(BIN)/limit-audit up

quick: $(INSTALLED) ## run the tests that need no service: no PostgreSQL, Redis, server or browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not service'

test: $(INSTALLED) ## run the whole test suite, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

peers: $(INSTALLED) ## compare with cleanlab, AUM and plain losses: make peers DATA=folder (docs/detection.md)
	$(BIN)/python -m bench.peers --data $(DATA) $(ARGS)

paper-%: $(INSTALLED) ## make a table or figure of the paper again: make paper-table1 DATA=folder (docs/paper.md)
	$(BIN)/python -m bench.paper $(subst -,_,$*) --data $(DATA) $(ARGS)

browser: $(INSTALLED) ## test the web pages in a Chromium that is installed, LIMIT_AUDIT_CHROMIUM names another
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m pytest tests/browser -rs

screenshots: $(INSTALLED) ## take the pictures of docs/images/pages and the README again, in Chromium
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[browser]'
	mkdir -p docs/images/pages
	LIMIT_AUDIT_SCREENSHOTS=docs/images/pages $(BIN)/python -m pytest tests/browser/test_looks.py
	$(BIN)/python -m examples.review_animation --out docs/images/review.webp

faults: $(INSTALLED) ## break the running service in every way and look what becomes of it (100 minutes; ARGS='--kills 3' is quicker)
	$(BIN)/python -m tests.faults $(ARGS)

air-gap: $(INSTALLED) ## run two demos without any network but loopback, and count who tries to reach out
	$(BIN)/python -m tests.air_gap

chart: $(INSTALLED) ## render the Helm chart with Helm and validate it against Kubernetes' and KEDA's schemas
	$(BIN)/python -m tests.chart $(ARGS)

load: $(INSTALLED) ## fifty clients for two minutes, with hostile connections beside them (bench/load/RESULTS.md)
	$(BIN)/python -m bench.load $(ARGS)

hostile: $(INSTALLED) ## send hostile files and requests, and generated ones, to the running service (20 minutes)
	$(BIN)/python -m tests.hostile $(ARGS)

files: $(INSTALLED) ## read files of every shape that people have, and print what was understood (a minute)
	$(BIN)/python -m tests.files $(ARGS)

clients: $(INSTALLED) ## generate a Python and a TypeScript client from the API's document, and use both (needs npm)
	$(BIN)/python -m tests.clients $(ARGS)

lint: $(INSTALLED) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## check types
	$(BIN)/mypy

format: $(INSTALLED) ## format the code
	$(BIN)/ruff format .

clean: ## delete the environment and what the demo wrote
	rm -rf $(VENV) $(DEMO_DIR) $(DEMO_DIR)-photographs $(DEMO_DIR)-boxes $(DEMO_DIR)-tables $(DEMO_DIR)-text
