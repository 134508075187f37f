# make lab: set everything up and open the first notebook (further options: make lab LAB=--no-browser).
# make app: set everything up and serve the playground without its code (further options: make app APP=--port=9000).
# make test: set everything up and check everything; make test-slow, test-long: what takes longer.
# make site: build the workbook as pages that any static host serves (make -j2 site: on two cores).
PYTHON ?= python3
BIN := .venv/bin
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
STUDENT := student
export OMP_NUM_THREADS ?= 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.PHONY: setup lab app test test-slow test-long test-oldest test-newest versions coverage lint claims replicate notebooks student site datasets peer-jax peer-d3rlpy clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt Makefile
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[notebooks,apps,tests]'
	touch .venv/ready

lab: setup
	$(BIN)/jupyter lab $(LAB) notebooks/00_start_here.ipynb

# Only this machine can reach it; every visitor gets a kernel of their own, which ends when they leave. As many are served
# as the free memory allows, and the server says how many (fewer: APP=--VisitorKernels.visitors=10); voila.py has the rest
APP_FOLDER := $(CURDIR)/notebooks/rlkit_workbook/widgets/app
app: setup
	JUPYTER_PATH=$(APP_FOLDER) JUPYTER_CONFIG_PATH=$(APP_FOLDER) $(BIN)/voila $(APP) notebooks/12_playground.ipynb

test: setup lint claims
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadscope -m "not slow and not long" tests
	$(BIN)/python -m pytest -q -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout 300 notebooks

# Hostile hand-ins, each notebook with other right answers, and alone with the wheel: every output as it was committed
test-slow: setup
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadscope -m slow tests

# The site in a browser, and an app full of visitors
test-long: setup
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadscope -m long tests

# With the oldest versions that pyproject.toml allows, and with the newest of everything but torch; each installs its own
test-oldest: .venv-oldest/ready
	.venv-oldest/bin/python -m pytest $(OTHER_VERSIONS) tests

test-newest: .venv-newest/ready
	.venv-newest/bin/python -m pytest $(OTHER_VERSIONS) tests

OTHER_VERSIONS := -q -rs -n 2 --dist loadscope -m "not slow and not long" -W default::DeprecationWarning -W default::PendingDeprecationWarning

.venv-%/ready: tests/%.txt pyproject.toml
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --constraint tests/$*.txt --editable '.[notebooks,apps,tests]'
	touch $@

# The versions for them, as `uv pip compile` finds them
versions: setup
	for kind in oldest:lowest-direct newest:highest; do \
		echo torch==2.13.0 | uv pip compile --quiet --python-version 3.11 --no-annotate --no-header --override - \
			--extra notebooks --extra apps --extra tests --resolution $${kind#*:} pyproject.toml \
			| grep -vE '^(nvidia|cuda|triton)' > tests/$${kind%:*}.txt; \
	done

# Which lines of the package no test runs; less than 95% covered is an error
coverage: setup
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadscope --cov --cov-report=term tests

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo --no-cache

# What notebooks and documents say, held against what came out (make claims FIX=1: rewrite numbers that differ)
claims: setup
	$(BIN)/python -m rlkit_workbook claims $(if $(FIX),--fix)

# Run every notebook with other training seeds: which claims hold there (make replicate FIRST_SEED="300 400"); minutes
FIRST_SEED ?= 100
replicate: setup
	$(BIN)/python -m rlkit_workbook replicate --first-seed $(FIRST_SEED)

# Run every notebook from top to bottom and keep its outputs
notebooks: setup
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False \
		--ClearMetadataPreprocessor.enabled=True --ClearMetadataPreprocessor.preserve_nb_metadata_mask=kernelspec \
		--ClearMetadataPreprocessor.preserve_nb_metadata_mask=language_info \
		--ClearMetadataPreprocessor.preserve_cell_metadata_mask=tags \
		--ClearMetadataPreprocessor.preserve_cell_metadata_mask=jupyter \
		$(NOTEBOOKS)

# The notebooks without their outputs, to hand out (into another folder: make student STUDENT=folder)
student: setup
	@test -z "$$(ls -A "$(STUDENT)" 2>/dev/null)" || { echo "$(STUDENT) is not empty: make student STUDENT=another_folder" >&2; exit 1; }
	$(BIN)/jupyter nbconvert --log-level=WARN --to notebook --ClearOutputPreprocessor.enabled=True \
		--output-dir="$(STUDENT)" $(NOTEBOOKS)

# The workbook as a site in build/site: every notebook is run, some six minutes of one core; again only where it changed
RUN := $(NOTEBOOKS:%=build/run/%)
NPM := @jupyter-widgets/html-manager@1.0.15 requirejs@2.3.8 mathjax@3.2.2 \
	@fortawesome/fontawesome-free@7.3.1 axe-core@4.14.1
site: .venv-site/ready build/npm/ready $(RUN)
	.venv-site/bin/python notebooks/site/stage.py $(RUN)
	rm -rf build/site
	.venv-site/bin/python -m sphinx --quiet --fail-on-warning --keep-going -c notebooks/site -d build/doctrees build/pages build/site

build/run/%.ipynb: %.ipynb notebooks/site/run.py $(shell find rlkit_mini notebooks/rlkit_workbook -name '*.py' -o -name '*.toml')
	.venv-site/bin/python notebooks/site/run.py $< $@

$(RUN): | .venv-site/ready

build/npm/ready: Makefile | .venv-site/ready
	rm -rf build/npm && mkdir -p build/npm
	cd build/npm && ../../.venv-site/bin/npm pack --silent $(NPM)
	cd build/npm && for archive in *.tgz; do mkdir $${archive%-*} && tar xzf $$archive -C $${archive%-*} --strip-components=1; done
	touch build/npm/ready

# Sees all that is in .venv, and adds what only the site needs
.venv-site/ready: .venv/ready
	$(BIN)/python -m venv .venv-site
	echo "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" > \
		"$$(.venv-site/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/setup.pth"
	.venv-site/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[site]'
	touch .venv-site/ready

# Collect the committed data sets again from their seeds
datasets: setup
	$(BIN)/python -m rlkit_workbook.studies.collecting --overwrite

# How long trainings take, beside JAX, which has an environment of its own; about an hour, of all cores
peer-jax: setup .venv-jax/ready
	$(BIN)/python -m rlkit_workbook bench --rounds 3 --jax .venv-jax/bin/python --publish

.venv-jax/ready: Makefile
	$(PYTHON) -m venv .venv-jax
	.venv-jax/bin/python -m pip install --quiet jax==0.10.2
	touch .venv-jax/ready

# Returns beside d3rlpy, which has an environment of its own; some minutes
peer-d3rlpy: setup .venv-d3rlpy/ready
	$(BIN)/python -m rlkit_workbook peers --d3rlpy .venv-d3rlpy/bin/python --publish

.venv-d3rlpy/ready: Makefile
	$(PYTHON) -m venv .venv-d3rlpy
	.venv-d3rlpy/bin/python -m pip install --quiet torch==2.13.0 d3rlpy==2.8.1
	touch .venv-d3rlpy/ready

clean:
	rm -rf .venv .venv-* build dist .coverage* .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +
