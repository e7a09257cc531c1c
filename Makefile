# Gradus: every command that people and CI run. `make help` lists them.

PYTHON ?= python3
DATA ?= ../shared/data
ARGS ?=
# More pip arguments for PyTorch alone. Without any, Linux gets the build with CUDA (some 5 GB),
# which works too; this gets the one for processors:
#   make demo TORCH_INDEX="--extra-index-url https://download.pytorch.org/whl/cpu"
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
GRADUS := $(BIN)/gradus
PIP := $(BIN)/python -m pip --disable-pip-version-check
# PyTorch goes first and by itself, so that nothing else decides which build is taken.
TORCH := torch>=2.6,<2.14
# One thread a process: the figures and the tests mean the same on every machine.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help demo esci test check bench clean clean-artifacts

help: ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) \
		| awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'
	@echo
	@echo "  PYTHON=python3.12      interpreter for .venv, 3.11 or newer"
	@echo "  DATA=DIR               directory that holds esci/ (make esci)"
	@echo "  SHOP=DIR QUERIES=FILE  what to measure (make bench)"
	@echo "  ARGS='--port 9000'     more options for gradus demo or pytest"
	@echo "  TORCH_INDEX='...'      more pip arguments for PyTorch, such as an index of CPU builds"

demo: $(VENV)/.train ## Make up a shop, train on it, serve it: the whole path, minutes at first.
	@echo "==> demo: from nothing to a served, graded answer; what is there already is kept"
	$(GRADUS) demo $(ARGS)

# ---------------------------------------------------------------- the same on real products

ESCI := $(DATA)/esci
OUT := artifacts/esci
CHECKPOINT := $(OUT)/checkpoint/manifest.json
ENCODER := $(OUT)/encoder/manifest.json
INDEX := $(OUT)/index/current/manifest.json
PRODUCTS := $(ESCI)/products.jsonl
TEACHES := $(addprefix $(ESCI)/,products_extra.jsonl qrels_train.tsv qrels_train_extra.tsv \
	qrels_train_llm.tsv queries_unlabelled.txt)
HELD_OUT := $(ESCI)/qrels_calibration.tsv

esci: $(INDEX) ## Train, export and index real products from DATA/esci, ten minutes or so.
	@echo "==> esci: done; the index is $(OUT)/index. Serve it, or measure it on your own test file:"
	@echo "    $(GRADUS) serve --index $(OUT)/index"
	@echo "    $(GRADUS) evaluate --index $(OUT)/index --qrels YOUR_TEST.tsv --out $(OUT)/evaluation.json"

# HELD_OUT is compared, not learned from: another one needs another index, no other encoder.
$(CHECKPOINT): $(PRODUCTS) $(TEACHES) training/recipes/esci.toml | $(HELD_OUT) $(VENV)/.train
	@echo "==> esci, 1 of 3: train the encoder (the long step; a killed run goes on when started again)"
	$(GRADUS) train --recipe esci --layout esci \
		--products $(PRODUCTS) --products $(ESCI)/products_extra.jsonl \
		--qrels $(ESCI)/qrels_train.tsv \
		--extra-qrels $(ESCI)/qrels_train_extra.tsv --extra-qrels $(ESCI)/qrels_train_llm.tsv \
		--queries $(ESCI)/queries_unlabelled.txt \
		--held-out $(HELD_OUT) --out $(OUT)/checkpoint

$(ENCODER): $(CHECKPOINT)
	@echo "==> esci, 2 of 3: export the encoder to ONNX, quantise it, compare it with the original"
	$(GRADUS) export $(OUT)/checkpoint --out $(OUT)/encoder

$(INDEX): $(PRODUCTS) $(HELD_OUT) $(ENCODER)
	@echo "==> esci, 3 of 3: index the products, calibrate on queries that the encoder never saw"
	$(GRADUS) index build --products $(PRODUCTS) --layout esci --encoder $(OUT)/encoder \
		--qrels $(HELD_OUT) --out $(OUT)/index

# Minutes of work each, and whole once they are there: an interrupted make deletes none of them.
.PRECIOUS: $(CHECKPOINT) $(ENCODER) $(INDEX)

# Reached only for an input that is missing.
$(ESCI)/%:
	@echo "make esci: $@ is not there." >&2
	@echo "  expected: DATA=DIR with DIR/esci/products.jsonl and the judgments beside it" >&2
	@echo "  found:    DATA=$(DATA)" >&2
	@echo "  Without such data, make demo shows the same path on a made-up shop." >&2
	@exit 1

# ---------------------------------------------------------------- quality

test: check ## Check, then run every test (under 4 minutes).
	@echo "==> test: every test; those that want other data are skipped where it is missing"
	$(ONE_THREAD) $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: $(VENV)/.dev ## Lint, format, types, and who may import whom.
	@echo "==> check: ruff, mypy, import-linter"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What `bench` measures: a directory with index/ and checkpoint/, and queries to ask.
SHOP ?= artifacts/demo
QUERIES ?= $(SHOP)/data/queries.tsv

bench: $(SHOP)/index/current $(VENV)/.train ## Measure search and encoder on this machine, a minute or two.
	@mkdir -p artifacts/bench
	@echo "==> bench: where the time of one search goes, on $(SHOP)/index"
	$(ONE_THREAD) $(BIN)/python benchmarks/engine_speed.py --index $(SHOP)/index \
		--queries $(QUERIES) --out artifacts/bench/engine_speed.json
	@echo "==> bench: the encoder by size and format, and what int8 loses on $(SHOP)/checkpoint"
	$(ONE_THREAD) $(BIN)/python benchmarks/encoder_speed.py $(SHOP)/checkpoint \
		--out artifacts/bench/encoder_speed.json
	@echo "==> bench: written to artifacts/bench; published runs are in benchmarks/"

# Reached only where it is missing.
$(SHOP)/index/current:
	@echo "make bench: there is no index in $(SHOP) to measure; run make demo first" >&2
	@exit 1

clean: ## Remove .venv and caches; artifacts stay.
	@echo "==> clean: remove .venv and caches"
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	rm -f index/*.so export/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-artifacts: ## Remove what demo, esci and bench made, trained encoders too.
	@echo "==> clean-artifacts: remove artifacts/"
	rm -rf artifacts

# ---------------------------------------------------------------- what the verbs install

# What is compiled at installation, and so is installed again when it changes.
LOOPS := deploy/compile.py $(wildcard index/*.pyx index/*.h export/*.pyx export/*.h)

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { \
		echo "make: there is no $(PYTHON). Install Python 3.11 or newer, or name one: PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: Gradus needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
		echo "      Name a newer one: PYTHON=python3.12" >&2; exit 1; }
	@command -v $${CXX:-g++} >/dev/null || command -v clang++ >/dev/null || { \
		echo "make: no C++ compiler. hnswlib and the inner loops of searches are compiled: install g++" >&2; \
		echo "      (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys, sysconfig, os; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { \
		echo "make: $(PYTHON) has no Python.h, which hnswlib and the inner loops are compiled with: install python3-dev (Fedora: python3-devel)" >&2; exit 1; }
	@echo "==> install: a virtual environment in $(VENV)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { \
		echo "make: no virtual environment could be made (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)/.torch: pyproject.toml | $(VENV)/.made
	@echo "==> install: PyTorch, for training and export (0.2 to 5 GB, depending on the build)"
	$(PIP) install $(TORCH_INDEX) "$(TORCH)"
	@touch $@

$(VENV)/.train: pyproject.toml $(LOOPS) $(VENV)/.torch
	@echo "==> install: Gradus with training and evaluation, a few minutes when nothing is cached"
	$(PIP) install --editable ".[train,eval]"
	@touch $@

$(VENV)/.dev: pyproject.toml $(LOOPS) $(VENV)/.torch
	@echo "==> install: Gradus with training, evaluation and what tests need"
	$(PIP) install --editable ".[dev]"
	@touch $(VENV)/.train $@
