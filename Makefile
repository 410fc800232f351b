# Targets a newcomer needs: demo, test. `make help` lists them all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := TF_CPP_MIN_LOG_LEVEL=2 $(BIN)/python -m
OUT ?= demo_out
# pytest-xdist workers; TensorFlow imports cost seconds, so two at most.
WORKERS ?= 2

.PHONY: help demo test test-large lint format flickr8k clean
help:
	@grep -hE '^## ' Makefile | sed 's/^## //'

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,serve]"
	touch $@

## make demo        draw a data set, train tags and captions, evaluate, export, write the report
demo: $(VENV)/installed
	bash train/demo.sh $(BIN)/python $(OUT)

## make test        the tests: no network, Java, GPU or outside data needed
test: $(VENV)/installed
	$(RUN) pytest -q -n $(WORKERS)

## make test-large  the slower tests as well
test-large: $(VENV)/installed
	$(RUN) pytest -q -n $(WORKERS) -m "large or not large"

## make lint        ruff, lint and format
lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## make flickr8k DATA=dir WEIGHTS=file.h5 [OUT=dir]  captions on real photographs, all stages
flickr8k: $(VENV)/installed
	@test -n "$(DATA)" -a -n "$(WEIGHTS)" || { echo "usage: make flickr8k DATA=dir WEIGHTS=file.h5 [OUT=dir]"; exit 2; }
	bash train/flickr8k.sh $(BIN)/python "$(DATA)" "$(WEIGHTS)" $(OUT)

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
