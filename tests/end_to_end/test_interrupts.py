"""A signal at any moment of a run: it is healed and reported, nothing is left, and `recover` has nothing to do."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.places import Place, command, ended, eventually, faults_of, reference

pytestmark = pytest.mark.slow

MOMENTS = 4
LONGEST_S = 9.0


def moments() -> list[tuple[float, int, bool]]:
    """Seeded: how long after the start of the process, by which signal, and whether a second one follows."""
    chooser = random.Random(20261122)
    signals = (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # One of each stretch, so that few of them still meet every phase.
    stretch = LONGEST_S / MOMENTS
    return [
        (round(chooser.uniform(n, n + 1) * stretch, 2), chooser.choice(signals), chooser.random() < 0.5)
        for n in range(MOMENTS)
    ]


@pytest.mark.parametrize(("after_s", "number", "twice"), moments())
def test_a_signal_at_any_moment_leaves_nothing(
    place: Place, tmp_path: Path, after_s: float, number: int, twice: bool
) -> None:
    run = place.start("run", reference(tmp_path))
    # Before that the interpreter itself answers, and nothing has been begun.
    eventually(lambda: "harness" in Path(f"/proc/{run.process.pid}/cmdline").read_text(), "the command line")
    eventually(lambda: "_duckdb" in Path(f"/proc/{run.process.pid}/maps").read_text(), "its imports")
    try:
        run.process.wait(after_s)
    except subprocess.TimeoutExpired:
        run.look()
        os.killpg(run.process.pid, number)
        if twice:
            eventually(lambda: "healing, cleaning up" in run.said() or run.process.poll() is not None, "an answer")
            if run.process.poll() is None:
                os.killpg(run.process.pid, number)
    code = run.wait()
    assert run.left() == []
    assert "Traceback" not in run.said()
    began = bool(run.events())
    if began:
        assert ended(run) in (["interrupted"], ["complete"])
        assert code == 130 if ended(run) == ["interrupted"] else code in (0, 3, 4, 130)
        assert (run.folder / "report.html").is_file()
        undone = {"landed", "injected"} & set(faults_of(run)[-1:])
        assert not undone, f"a fault was left as it was: {faults_of(run)}"
        before = (run.folder / "run.jsonl").read_bytes()
    else:
        assert code == 130
    again = command("recover", "--reports", run.reports, TMPDIR=str(run.temporary))
    assert again.returncode == 0 and (not began or (run.folder / "run.jsonl").read_bytes() == before)
    assert not began or run.id not in again.stdout


def test_a_signal_that_comes_when_all_is_said_leaves_the_answer_as_it_is(place: Place, tmp_path: Path) -> None:
    short = {"duration_s": 1, "mix": {"session": 1}}
    run = place.start("run", reference(tmp_path, load=short, faults=[], target={"workers": 0}), "--json")
    eventually(lambda: "done after" in run.said(), "the end of the run", 120)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.process.pid, signal.SIGTERM)
    code = run.wait()
    results = json.loads(run.output.read_text())
    assert ended(run) == ["complete"] and code == results["exit_code"]
