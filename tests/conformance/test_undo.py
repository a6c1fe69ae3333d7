"""The harness is killed in the middle of a fault: `harness recover` carries the undo record out, on real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.faults import FAULTS
from harness.faults.undo import still_open
from harness.platforms.abilities import offered
from harness.platforms.common import procfs
from harness.platforms.process import leftovers
from harness.platforms.process.platform import ProcessPlatform
from harness.recovery.engines import look
from harness.recovery.recover import recover
from harness.rundir.faults import read
from tests.support.conformance import new_run_id

ROOT = Path(__file__).parents[2]

KINDS = [
    kind
    for kind, fault in FAULTS.items()
    if not fault.needs or any(offered(ProcessPlatform(), ability) for ability in fault.needs)
]


@contextmanager
def died(folder: Path, run_id: str, kind: str, event: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.conformance.dies", str(folder), run_id, kind, event]
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL
        yield
    finally:
        leftovers.remove(run_id)


def states(run_id: str, name: str) -> set[str]:
    return {state for each in procfs.of_runs(run_id) if each.name == name for state in procfs.states(each.pid)}


@pytest.mark.parametrize("event", ["injected", "landed"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_harness_that_died_in_a_fault_is_recovered(tmp_path: Path, kind: str, event: str) -> None:
    run_id, folder = new_run_id(), tmp_path / "kill" / "1"
    with died(folder, run_id, kind, event):
        intent, *_ = lines = read(folder / "faults.jsonl")
        assert [line["e"] for line in lines] == ["intent", "injected"]
        had = still_open(lines)
        done = recover(tmp_path, run_id, look({ProcessPlatform.name: ProcessPlatform}))
        said = [line for line in done if line.startswith(f"run {run_id}: fault 1")]
        # How many members are wanted is nothing that outlives the run here: the removal is what undoes a change of it.
        how = "goes with the run" if kind == "scale" else "fault 1 undone: "
        assert len(said) == len(had) and all(how in line for line in said)
        assert still_open(read(folder / "faults.jsonl")) == {} and leftovers.leftovers(run_id) == []
        assert done[-1] == f"run {run_id}: marked {folder} as ended"
        assert (intent["undo"]["do"] == "none") == (not had)


@pytest.mark.parametrize("event", ["injected", "landed"])
def test_a_frozen_member_is_thawed_by_the_record_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    run_id, folder = new_run_id(), tmp_path / "kill" / "1"
    with died(folder, run_id, "pause", event):
        (undo,) = still_open(read(folder / "faults.jsonl")).values()
        name = undo.record()["target"]
        assert (states(run_id, name) == {"T"}) == (event == "landed")
        with monkeypatch.context() as unremoved:
            # Removal would end it: then nobody saw who let it go on.
            unremoved.setattr(ProcessPlatform, "remove", lambda self, run_id: [])
            done = recover(tmp_path, run_id, look({ProcessPlatform.name: ProcessPlatform}))
        assert f"run {run_id}: fault 1 undone: {name} is running again" in done
        assert states(run_id, name) and "T" not in states(run_id, name)
