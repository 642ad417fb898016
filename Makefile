# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# make setup      system packages, virtual environment, wheels, messages (again: fast and safe)
# make demo       the assistant lives through a recorded scene; writes demo_output/
#                 MEDIA=my.mp4 plays your own file, LIVE=1 uses this machine's devices
# make test       all tests
# make check      lint and fast tests, under a minute
# make bench      the measured claims
# make nano       train the small model of model/nano again
# make clean      remove what was built (not .venv)

SYSTEM_PYTHON ?= python3
PYTHON := .venv/bin/python
# Where builds of torch for the CPU are published; empty: only where pip looks anyway.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
MEDIA ?=
LIVE ?=
PYTEST_ARGS ?=

.PHONY: setup build test check demo bench nano clean

setup:
	$(SYSTEM_PYTHON) scripts/set_up.py --torch-cpu-index '$(TORCH_CPU_INDEX)'

build:
	$(PYTHON) scripts/build_workspace.py

test: setup
	$(PYTHON) -m pytest $(PYTEST_ARGS)

check:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTHON) -m pytest -m 'not slow' -x $(PYTEST_ARGS)

demo: setup
	$(PYTHON) -m minicpmo_ros.demo $(if $(MEDIA),--media '$(MEDIA)') $(if $(LIVE),--live)

bench:
	$(PYTHON) scripts/run_benchmarks.py

nano:
	$(PYTHON) -m training.nano.make

clean:
	rm -rf build install log demo_output .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
