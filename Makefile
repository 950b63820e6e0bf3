# Two commands do everything on a machine that has Python 3.11 or later and make:
#   make demo    make test
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Two at a time, whatever the machine has: most tests have threads of their own.
WORKERS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test mutants bench bench-sizes lab notebooks docs links lint types format gpu-check clean

help:
	@echo "make demo       install with Numba and JAX, train on every backend, check the gradients"
	@echo "make test       install with the development tools, run the whole test suite"
	@echo "make mutants    break the arithmetic in 6,500 ways: a test must fail each time (twenty minutes)"
	@echo "make bench      race every backend against the other libraries (half an hour or more)"
	@echo "make bench-sizes  cost against size, from 1,000 to 10,000,000 rows (twenty minutes)"
	@echo "make lab        JupyterLab on the notebooks"
	@echo "make notebooks  run all of them, without and with the real data, and in a browser (ten minutes)"
	@echo "make docs       the documentation, into docs/_build/html (warnings are errors)"
	@echo "make links      the addresses in the documentation (needs a network)"
	@echo "make lint       ruff and the spelling"
	@echo "make types      mypy --strict"
	@echo "make gpu-check  the suite and the demo on a machine with an NVIDIA GPU"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "accelml needs Python 3.11 or later; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade "pip>=25.1"  # the first that knows dependency groups

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable ".[numba,jax]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable ".[all]" --group dev
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/accelml demo

# A worker that goes down ends the run: with another in its place, xdist may wait for ever.
test: $(VENV)/.dev
	$(PYTEST) -n $(WORKERS) --dist loadfile --max-worker-restart 0 $(ARGS)

$(VENV)/.mutation: pyproject.toml | $(VENV)/.dev
	$(PIP) install --quiet --group mutation
	@touch $@

mutants: $(VENV)/.dev $(VENV)/.mutation
	$(BIN)/python -m tests.mutation $(ARGS)

# The peers beside our own: PyTorch's CPU build will do.
$(VENV)/.peers: pyproject.toml | $(VENV)/.dev
	$(PIP) install --quiet --group peers
	@touch $@

# Nothing else may run meanwhile, for an hour and a half on two cores. BENCH holds the results.
BENCH ?= bench
RACES = $(PYTEST) benchmarks/bench_workloads.py --timeout=3600 -p no:xdist -q \
  --benchmark-columns=median --benchmark-json=$(BENCH)/pytest-benchmark.json --save $(BENCH)

# First of all, Numba's kernels come to lie on disk, where they are from the second use on.
bench: $(VENV)/.dev $(VENV)/.peers
	mkdir -p $(BENCH)
	$(BIN)/accelml bench speed --backends numba --peers none --rounds 1
	$(RACES) $(ARGS)
	$(PYTEST) benchmarks/bench_overrides.py --timeout=3600 -p no:xdist -q \
	  --benchmark-columns=median --benchmark-json=$(BENCH)/overrides.json $(ARGS)

bench-sizes: $(VENV)/.dev $(VENV)/.peers
	$(BIN)/accelml bench --sizes --save $(BENCH)/sizes $(ARGS)

$(VENV)/.notebooks: pyproject.toml | $(VENV)/.dev
	$(PIP) install --quiet --group notebooks
	@touch $@

lab: $(VENV)/.notebooks
	$(BIN)/jupyter lab notebooks $(ARGS)

# One at a time: each is to be done within a minute, on two cores. Chromium is looked for, and so are
# the pages that `make docs` has built; what needs one that is missing is skipped.
notebooks: $(VENV)/.dev $(VENV)/.notebooks
	$(PYTEST) --notebooks -p no:xdist tests/notebooks tests/docs $(ARGS)

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable . --group docs
	@touch $@

# Formulas are drawn by MathJax: one file with its fonts, from npm, so that the pages need no network.
# Without npm the build goes on, and the reader's browser loads MathJax from a public server.
MATHJAX := 3.2.2
MATHJAX_FILE := docs/_build/static/mathjax/tex-svg.js

$(MATHJAX_FILE):
	@mkdir -p $(@D)
	@cd $(@D) && npm pack --silent mathjax@$(MATHJAX) >/dev/null 2>&1 \
	  && tar -xzf mathjax-$(MATHJAX).tgz --strip-components=2 package/es5/tex-svg.js \
	  && rm mathjax-$(MATHJAX).tgz \
	  || echo "docs: no npm, or no registry: formulas need a network when the pages are read"

docs: $(VENV)/.docs $(MATHJAX_FILE)
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html $(ARGS)

# Whether the addresses of the pages still lead somewhere; needs a network.
links: $(VENV)/.docs
	$(BIN)/sphinx-build -b linkcheck docs docs/_build/links $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z -- '*.md' '*.py' '*.ipynb' '*.js' '*.cu*' | xargs -0 $(BIN)/codespell

types: $(VENV)/.dev
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# On a machine with an NVIDIA GPU: everything, and nothing may be skipped for want of the GPU.
CUDA ?= $(shell nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: \([0-9]*\).*/\1/p')

gpu-check: $(BIN)/python
	@test -n "$(CUDA)" || { echo "gpu-check: nvidia-smi shows no GPU and no CUDA version; \
	install the NVIDIA driver, or say which: make gpu-check CUDA=13"; exit 1; }
	$(PIP) install --quiet --editable ".[all,cuda$(CUDA)]" --group dev
	nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv
	$(BIN)/accelml doctor
	$(PYTEST) --require-backend cupy --require-backend jax-gpu $(ARGS)
	$(BIN)/accelml demo
	$(PIP) install --quiet --group peers flash-kmeans
	mkdir -p $(BENCH)
	$(RACES) $(ARGS)
	$(BIN)/python -m benchmarks.publish $(BENCH)

clean:
	rm -rf $(VENV) demo bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
