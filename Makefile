# Two commands do all the set-up on a bare machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

# Tests that hardly wait for anything: the time that the others leave idle is theirs.
CALM := $(wildcard $(addprefix tests/unit/,client contract doubles faults history http judging report rundir scenario \
  soak test_yamlfile.py $(addprefix properties/*/test_,check.py contract.py oracle.py refresh.py)))

.PHONY: demo test test-calm test-live prove bench soak state lint lock clean

demo: $(READY)  ## run the main job: kill replicas under load and judge what clients were promised
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

prove: $(READY)  ## catch every bug seeded on purpose
	$(BIN)/harness prove

bench: $(READY)  ## ratios measured in one run on pinned cores
	$(BIN)/python -m tests.benchmarks

soak: $(READY)  ## the long repetitions, resumable; SOAK="--minutes 10" bounds them
	$(BIN)/python -m tests.soak $(SOAK)

state: $(READY)  ## write target_service/STATE.md from the declarations in the code
	$(BIN)/python -m target_service.state > target_service/STATE.md

lint: $(READY)
	$(BIN)/ruff check harness target_service tests
	$(BIN)/ruff format --check harness target_service tests
	$(BIN)/mypy

COMPILE := uv pip compile --generate-hashes --no-emit-index-url --no-header --annotation-style line \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 -q

lock:  ## pin every dependency again, with hashes; the images' are a part of them
	$(BIN)/$(COMPILE) pyproject.toml --extra target --extra dev -o requirements.lock
	$(BIN)/$(COMPILE) target_service/requirements.in -c requirements.lock -o target_service/requirements.lock
	$(BIN)/$(COMPILE) harness/doubles/ledger/requirements.in -c requirements.lock -o harness/doubles/ledger/requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:
	rm -rf .venv build dist
