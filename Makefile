# Everything a fresh machine needs: Python 3.11 or newer, pip, make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Ray is large, and its tests start clusters: test-ray has it in an environment of its own.
PLUGINS := $(filter-out plugins/kerastl-ray,$(wildcard plugins/*))
BACKENDS_VENV := .venv-backends
BACKENDS_STAMP := $(BACKENDS_VENV)/.installed
ON_BACKENDS := $(BACKENDS_VENV)/bin/python -m pytest -n 2 -m "backends and not slow and not gpu" tests
RAY_VENV := .venv-ray
RAY_STAMP := $(RAY_VENV)/.installed
STAMP := $(VENV)/.installed
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help setup demo test test-slow test-backends test-ray fuzz faults lint format docs clean

help:  ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP)  ## Make the environment: kerastl, its plugins and the tools for developing it.

$(STAMP): setup.cfg pyproject.toml $(wildcard plugins/*/setup.cfg)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=77" wheel
	$(BIN)/python -m pip install --quiet --editable ".[dev,fast,litert,onnx,quantize]" $(addprefix --editable ./,$(PLUGINS))
	touch $(STAMP)

demo: setup  ## Draw street scenes with half of the labels blank, train on them, show the scores.
	$(BIN)/kerastl demo driving

test: setup  ## Run the tests that take minutes in all.
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"

test-slow: setup  ## Run the tests that take long.
	$(BIN)/python -m pytest -m "slow and not gpu"

$(BACKENDS_STAMP): setup.cfg pyproject.toml $(wildcard plugins/*/setup.cfg)
	$(PYTHON) -m venv $(BACKENDS_VENV)
	$(BACKENDS_VENV)/bin/python -m pip install --quiet --upgrade pip "setuptools>=77" wheel
	$(BACKENDS_VENV)/bin/python -m pip install --quiet --editable ".[dev]" $(addprefix --editable ./,$(PLUGINS)) jax torch==2.13.0
	touch $(BACKENDS_STAMP)

test-backends: $(BACKENDS_STAMP)  ## Run losses, metrics, heads and one training on JAX and PyTorch.
	KERAS_BACKEND=jax XLA_FLAGS=--xla_backend_optimization_level=0 OMP_NUM_THREADS=1 $(ON_BACKENDS)
	KERAS_BACKEND=torch OMP_NUM_THREADS=1 $(ON_BACKENDS)

$(RAY_STAMP): $(STAMP) plugins/kerastl-ray/setup.cfg
	$(PYTHON) -m venv $(RAY_VENV)
	$(BIN)/python -c "import sysconfig; print(f'import site; site.addsitedir({sysconfig.get_path(\"purelib\")!r})')" \
		> $$($(RAY_VENV)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/kerastl.pth
	$(RAY_VENV)/bin/python -m pip install --quiet --editable ./plugins/kerastl-ray
	touch $(RAY_STAMP)

test-ray: $(RAY_STAMP)  ## Run the tests that start a Ray cluster.
	$(RAY_VENV)/bin/python -m pytest plugins/kerastl-ray

fuzz: setup  ## Give thousands of broken files and requests to what reads them; takes minutes.
	$(BIN)/python tests/fuzz $(ARGS)

faults: setup  ## Kill every long command and break its disk, cache, inputs and clock; takes an hour.
	$(BIN)/python benchmarks/faults.py $(ARGS)

lint: setup  ## Check style, types and the layers of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## Bring the code into its form.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## Write docs/reference and the README's plugin table from the code.
	$(BIN)/python docs/generate.py

clean:  ## Remove environments and what tools left behind.
	rm -rf $(VENV) $(BACKENDS_VENV) $(RAY_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
