# One door for everything; each target sets up what it needs, in .venv.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?=  # more words for `climeri demo`: --port 8080, --language en

.PHONY: help setup demo test check format bench lock clean

help:
	@echo "make demo   set up, build a small archive and its catalogs, start the hub"
	@echo "make test   set up, and run every test"
	@echo "make check  set up, and look at the code: style, types, contracts"
	@echo "make bench  set up, measure, and write the tables into the docs"
	@echo "make lock   pin the dependencies anew"

setup:
	@$(PYTHON) deploy/environments/setup.py

demo: setup
	@$(BIN)/climeri demo --dir .demo $(DEMO)

test: setup
	@$(BIN)/python tests/run.py

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell climeri_platform docs README.md CONTRIBUTING.md CHANGELOG.md

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup
	@$(BIN)/python benchmarks/first_minute.py
	@$(BIN)/python benchmarks/search.py
	@$(BIN)/python benchmarks/headers.py
	@$(BIN)/python benchmarks/scan.py
	@$(BIN)/python benchmarks/opening.py

lock: setup
	@$(BIN)/python deploy/environments/lock.py

clean:
	rm -rf .venv .demo .cache
