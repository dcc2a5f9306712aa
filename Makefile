# On a fresh machine with Python 3.11 or later and a C++17 compiler:
#   make demo     a small install, a search over real photographs, a contact sheet
#   make test     all extras, the whole test suite
#   make quick    the tests to run after every change
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(wildcard src/native/*) CMakeLists.txt
# An editable install remembers the file of each module, so it is repeated after one has moved.
MODULES := $(shell cat $(VENV)/.modules 2>/dev/null)
GONE := $(filter-out $(wildcard $(MODULES)),$(MODULES))
# One worker per core, up to four, each with one thread for PyTorch and BLAS.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile
QUICK := not slow and not heavy and not e2e and not torch
CLANG ?= clang++
FUZZ_SECONDS ?= 60
IMAGES ?=
OUT ?= demo-out

.PHONY: demo test quick check format lint types layers sanitize fuzz lowest bench clean help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

demo: $(VENV)/.demo ## index real photographs and search them (IMAGES=folder for your own)
	$(BIN)/python examples/demo.py --out $(OUT) $(if $(IMAGES),--images "$(IMAGES)")

test: $(VENV)/.dev ## the whole test suite, with all extras
	$(PYTEST)

quick: $(VENV)/.dev ## the tests without PyTorch and without the command, in about a minute
	$(PYTEST) -m "$(QUICK)" --hypothesis-profile quick

check: lint types layers test ## what CI runs

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.dev ## format and lint, without changing a file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev ## mypy
	$(BIN)/mypy

layers: $(VENV)/.dev ## which room may import which
	$(BIN)/lint-imports

sanitize: ## the native tests under address, undefined-behavior and thread sanitizers (needs cmake)
	cmake -S . -B build/sanitize -DHASHLENS_SANITIZE=address,undefined
	cmake --build build/sanitize --parallel
	ctest --test-dir build/sanitize --output-on-failure
	cmake -S . -B build/sanitize-threads -DHASHLENS_SANITIZE=thread
	cmake --build build/sanitize-threads --parallel
	ctest --test-dir build/sanitize-threads --output-on-failure

fuzz: ## damaged indexes in the native search, for FUZZ_SECONDS (needs cmake and Clang)
	cmake -S . -B build/fuzz -DHASHLENS_FUZZ=ON -DCMAKE_CXX_COMPILER=$(CLANG)
	cmake --build build/fuzz --parallel
	build/fuzz/fuzz_segment -max_total_time=$(FUZZ_SECONDS) -max_len=4000 -print_final_stats=1

# The tests' models are made with onnx, which the package itself does not need.
LOWEST := $(addprefix tests/unit/,collection model indexes files images descriptors) \
  $(addprefix tests/contracts/,test_hashers.py test_indexes.py test_descriptors.py)
lowest: ## the tests without extras, with the lowest versions that pyproject.toml admits
	$(PYTHON) -m venv --clear build/lowest
	$(PYTHON) -c 'import tomllib; \
	  project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print(*(d.replace(">=", "==") for d in project["dependencies"]), sep="\n")' > build/lowest.txt
	build/lowest/bin/pip install --quiet --constraint build/lowest.txt . pytest hypothesis onnx
	build/lowest/bin/python -m pytest -m "$(QUICK)" --hypothesis-profile quick $(LOWEST)

bench: $(VENV)/.dev ## the slow tests; benchmarks are in benchmarks/
	$(BIN)/python -m pytest -m slow

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml $(NATIVE)
	$(BIN)/pip install --quiet '.[demo]'
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt $(NATIVE) $(if $(GONE),FORCE)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,photos,bench,demo,dev]'
	find src/hashlens -name '*.py' > $(VENV)/.modules
	touch $@ $(VENV)/.demo

FORCE:

clean: ## remove what was built
	rm -rf build dist $(VENV) $(OUT)
