# Two commands do all the set-up: `make demo` and `make test`. `make docs` builds the documentation as a site.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-measure install lint types layers unit docs lock schema clean

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

# Tests start thousands of interpreters, none of which may compile what it imports again. pip need not have done it.
$(VENV)/bytecode.stamp: $(VENV)/dev.stamp
	-$(BIN)/python -m compileall -q -j 0 $(VENV)/lib src
	touch $@

$(VENV)/docs.stamp: requirements/docs.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	touch $@

demo: $(VENV)/run.stamp          ## measure the bundled API, all slow against all fast
	$(BIN)/perfproof demo

test: $(VENV)/dev.stamp lint types layers unit  ## everything but what judges measured figures

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

layers: $(VENV)/dev.stamp
	$(BIN)/lint-imports

# Workers: of tests that compute one more than there are cores (some ask a browser or a database), of those that mostly
# wait several times as many.
WORKERS ?= 3
WAITING_WORKERS ?= 7

# Every worker imports every file it is given: only those that hold such tests, or any but such tests.
SERVED = $$(grep -rl --include='test_*.py' 'mark\.server' tests)
OTHERS = $$(grep -rLE --include='test_*.py' '^pytestmark = .*mark\.server' tests | sort)

# Both run, whatever fails: one look shows everything that is broken. Bytecode is written whatever the environment
# says: the modules of tests are compiled once, and not by every worker.
unit: export PYTHONDONTWRITEBYTECODE =
unit: $(VENV)/bytecode.stamp
	failed=0; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not server and not quiet" $(OTHERS) $(PYTEST_ARGS) || failed=1; \
	: these mostly wait; \
	$(BIN)/python -m pytest -n $(WAITING_WORKERS) --dist loadgroup -m "server and not quiet" $(SERVED) $(PYTEST_ARGS) || failed=1; \
	exit $$failed

# What is measured is judged, so nothing else may run beside it.
test-measure: export PYTHONDONTWRITEBYTECODE =
test-measure: $(VENV)/bytecode.stamp  ## what judges measured figures, one at a time; CI runs it after `make test`
	$(BIN)/python -m pytest -m quiet $(SERVED) $(PYTEST_ARGS)

install: $(VENV)/dev.stamp

docs: $(VENV)/docs.stamp         ## the documentation as a site, in build/site; reference pages come from the code
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock:                            ## needs `uv` on PATH; hashes, no registry addresses
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra demo --extra dashboard --extra locust requirements/build.in pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra demo --extra dashboard --extra locust --extra notebook --extra docs --extra lines --extra graphql --extra otlp --group dev requirements/build.in pyproject.toml -c requirements/run.txt -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		requirements/ci.in -o requirements/ci.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra demo --extra dashboard --extra locust --extra docs requirements/build.in pyproject.toml -c requirements/dev.txt -o requirements/docs.txt

schema: $(VENV)/run.stamp        ## what editors complete scenario files from
	$(BIN)/python -m perfproof.scenario.schema.scenario > docs/scenario.schema.json

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
