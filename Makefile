# Two commands do all the set-up on a bare machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Marks of a finished set-up: of what a run needs, and of what tests need on top of that.
DEMO := .venv/ready-demo
READY := .venv/ready

# Tests that hardly wait for anything: the time that the others leave idle is theirs.
CALM := $(wildcard $(addprefix tests/unit/,client contract doubles faults history http judging report rundir scenario \
  soak test_yamlfile.py $(addprefix properties/*/test_,check.py contract.py oracle.py refresh.py refresh_oracle.py)))

.PHONY: demo test test-calm test-live test-fast test-fast-judging test-fast-rest prove bench soak state docs lint lock clean

demo: $(DEMO)  ## run the main job: kill replicas under load and judge what clients were promised
	$(BIN)/harness run scenarios/kill.yaml

test: $(READY)  ## every test that this machine can run
	@$(MAKE) --no-print-directory -j2 test-calm test-live

# Its output is shown when it has failed: two at once are not to be read.
test-calm: $(READY)
	@mkdir -p build
	@nice -n 19 $(BIN)/python -m pytest $(CALM) > build/test-calm.log 2>&1 || { cat build/test-calm.log; exit 1; }
	@tail -n 1 build/test-calm.log

test-live: $(READY)
	$(BIN)/python -m pytest $(addprefix --ignore=,$(CALM))

# The inner loop: whatever starts no process, sleeps not and computes no longer than a second or two; in two halves.
FAST := HARNESS_TEST_FAST=1 $(BIN)/python -m pytest -m "not live and not thorough"
HALF := $(addprefix tests/unit/,contract history judging properties report)

test-fast: $(READY)  ## the tests of the inner loop, in under a minute
	@$(MAKE) --no-print-directory -j2 test-fast-judging test-fast-rest

test-fast-judging: $(READY)
	@mkdir -p build
	@$(FAST) $(HALF) > build/test-fast.log 2>&1 || { cat build/test-fast.log; exit 1; }
	@tail -n 1 build/test-fast.log

test-fast-rest: $(READY)
	@$(FAST) $(addprefix --ignore=,$(HALF) $(addprefix tests/,benchmarks browser conformance end_to_end))

prove: $(DEMO)  ## catch every bug seeded on purpose
	$(BIN)/harness prove

bench: $(READY)  ## ratios measured in one run on pinned cores
	$(BIN)/python -m tests.benchmarks

soak: $(READY)  ## the long repetitions, resumable; SOAK="--minutes 10" bounds them
	$(BIN)/python -m tests.soak $(SOAK)

state: $(DEMO)  ## write target_service/STATE.md from the declarations in the code
	$(BIN)/python -m target_service.state > target_service/STATE.md

docs: $(DEMO)  ## write docs/reference from the code
	$(BIN)/python -m harness.reference

LINTED := harness target_service tests hatch_build.py

lint: $(READY)
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# For Python 3.11 to 3.13, on every kind of processor for which the packages are built.
COMPILE := uv pip compile --generate-hashes --no-emit-index-url --no-header --annotation-style line \
  --universal --python-version 3.11 -q

lock:  ## pin every dependency again, with hashes; all other locks are a part of the first
	$(BIN)/$(COMPILE) pyproject.toml --extra target --extra build --extra dev -o requirements.lock
	$(BIN)/$(COMPILE) pyproject.toml --extra target --extra build -c requirements.lock -o requirements-demo.lock
	echo uv | $(BIN)/$(COMPILE) - -c requirements.lock -o requirements-uv.lock
	$(BIN)/$(COMPILE) target_service/requirements.in -c requirements.lock -o target_service/requirements.lock
	$(BIN)/$(COMPILE) harness/doubles/ledger/requirements.in -c requirements.lock -o harness/doubles/ledger/requirements.lock

# $(call install,LOCK): exactly the packages of the lock, and the project itself as it lies here. uv takes a tenth of
# the processor time that pip takes; where uv cannot be had, or reaches no registry, pip does the same.
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
UV_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
define install
if $(PIP_INSTALL) --no-compile --require-hashes -r requirements-uv.lock \
  && $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(1); then \
  $(UV_INSTALL) --no-deps --no-build-isolation -e .; \
else \
  echo "uv cannot install the packages here (see above): pip does, which takes longer" >&2; \
  $(PIP_INSTALL) --require-hashes -r $(1); \
  $(PIP_INSTALL) --no-deps --no-build-isolation -e .; \
fi; \
times > .venv/times; \
awk -F '[ms ]+' '{ s += 60 * $$1 + $$2 + 60 * $$3 + $$4 } END { printf "set up from $(1) in %.1f s of processor time\n", s }' \
  .venv/times
endef

$(DEMO): requirements-demo.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	@set -e; $(PYTHON) -m venv .venv; $(call install,requirements-demo.lock)
	@touch $(DEMO)

$(READY): $(DEMO) requirements.lock
	@set -e; $(call install,requirements.lock)
	@touch $(READY)

clean:
	rm -rf .venv build dist
