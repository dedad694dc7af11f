# Each target makes the virtual environment that it needs; a change of pyproject.toml or constraints.txt installs again.
PYTHON ?= python3
VENV := .venv
DEMO := .venv-demo
JOBS ?= 2

# Exact versions, for what is installed and (under either of its two names) for what builds the wheel.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-long check docs dist

demo: $(DEMO)/.installed
	mkdir -p build
	$(DEMO)/bin/pellucid denoise docs/images/demo-noisy.png -o build/demo-denoised.png --overwrite
	@echo "Noisy image:    $(CURDIR)/docs/images/demo-noisy.png"
	@echo "Denoised image: $(CURDIR)/build/demo-denoised.png"

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal -m "not long" --durations=10

# The tests that take many seconds each, and more examples of the properties. TESTS=FOLDER runs some of them.
test-long: $(VENV)/.installed
	HYPOTHESIS_PROFILE=long $(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal -m long --durations=10 $(TESTS)

check: $(VENV)/.installed
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict
	@echo "The site: $(CURDIR)/build/site/index.html"

# The source distribution, the wheel that is built from it, and both installed and used where no source is near.
dist: $(VENV)/.installed
	rm -rf build/dist
	$(VENV)/bin/python -m build --outdir build/dist
	$(VENV)/bin/twine check --strict build/dist/*
	$(PYTHON) -m venv --clear build/dist-venv
	for each in build/dist/*; do \
	  build/dist-venv/bin/python -m pip install --quiet --force-reinstall "$$each" && (cd build/dist-venv && \
	  bin/pellucid denoise ../../docs/images/demo-noisy.png -o demo.png --overwrite) || exit 1; \
	done

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable ".[all,bench,dev,docs]"
	touch $@

# Not editable: the demo proves the wheel, so it also follows the sources.
$(DEMO)/.installed: pyproject.toml constraints.txt $(shell find src -type f -not -name '*.pyc')
	test -x $(DEMO)/bin/python || $(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet .
	touch $@
