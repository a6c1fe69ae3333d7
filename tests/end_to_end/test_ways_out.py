"""Whatever way out a run takes, it is healed, reported, and nothing is left but its folder."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.places import (
    Place,
    command,
    ended,
    eventually,
    faults_of,
    processes,
    reference,
    scenario,
    stranger,
    unmet,
    verdicts,
    why,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("phase", ["deploy", "load", "final"])
def test_after_ctrl_c_a_run_is_healed_and_reported(place: Place, tmp_path: Path, phase: str) -> None:
    # So much to read back that the phase is still the same when the signal comes.
    many = {"duration_s": 6, "users": 24}
    faults = {} if phase == "load" else {"faults": [], "load": {**many, "mix": {"session": 1, "idempotency": 2}}}
    run = place.start("run", reference(tmp_path, **faults), "--json")
    run.reach(phase)
    if phase == "load":
        eventually(lambda: "landed" in faults_of(run), "the replica is frozen")
    assert run.phase() == phase
    run.interrupt()
    eventually(lambda: "SIGINT: healing, cleaning up" in run.said(), f"an answer to Ctrl-C: {run.said()}")
    run.interrupt()
    assert run.wait() == 130
    assert run.left() == []
    assert "still healing and cleaning up" in run.said() and "harness: interrupted by SIGINT" in run.said()
    assert "Traceback" not in run.said()
    assert ended(run) == ["interrupted"] and (run.folder / "report.html").is_file()
    results = json.loads(run.output.read_text())
    assert (results["exit_code"], results["verdict"]) == (130, "unknown")
    assert any("interrupted" in reason for reason in results["reasons"])
    if phase == "load":
        assert faults_of(run)[-1] == "healed"


def test_ctrl_c_before_the_run_begins_starts_nothing(place: Place, tmp_path: Path) -> None:
    run = place.start("run", reference(tmp_path))
    eventually(lambda: b"harness" in Path(f"/proc/{run.process.pid}/cmdline").read_bytes(), "the interpreter")
    modules = Path(f"/proc/{run.process.pid}/maps")
    eventually(lambda: "_duckdb" in modules.read_text() or run.phase(), "the harness is being imported")
    run.interrupt()
    assert run.wait() == 130
    assert run.left() == [] and "Traceback" not in run.said()


def test_a_load_agent_that_dies_leaves_the_verdict_unknown(place: Place, tmp_path: Path) -> None:
    run = place.start("run", reference(tmp_path, load={"duration_s": 20, "mix": {"session": 1}}))
    run.reach("load")
    eventually(lambda: "landed" in faults_of(run), "the replica is frozen")
    os.kill(run.member("agent-0"), signal.SIGKILL)
    assert run.wait() == 4
    assert run.left() == []
    results = run.results()
    assert results["verdict"] == "unknown" and "problem: agent_crashed" in unmet(results)
    assert any("load agent 0 died in load" in reason for reason in results["reasons"])
    assert "invalid" not in verdicts(results).values()
    assert faults_of(run)[-1] == "healed" and ended(run) == ["complete"]
    assert "Traceback" not in run.said()


def moments() -> list[tuple[str, float]]:
    """Seeded: a phase of the run, and how long after its beginning the harness is killed."""
    chooser = random.Random(20261121)
    return [(phase, round(chooser.uniform(0, 0.6), 2)) for phase in ("deploy", "load", "final", "end")]


@pytest.mark.parametrize(("phase", "after_s"), moments())
def test_recover_removes_what_a_killed_harness_left(place: Place, tmp_path: Path, phase: str, after_s: float) -> None:
    run = place.start("run", reference(tmp_path))
    run.reach(phase)
    if phase == "end":
        eventually(lambda: [*run.temporary.glob("harness-history-*/*")], "it judges", 10)
    else:
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(after_s)
    run.look()
    run.process.kill()
    assert run.process.wait() == -signal.SIGKILL, "it was to be killed before its end"
    mine = {"TMPDIR": str(run.temporary)}
    if phase in ("load", "final"):
        assert run.ports
        assert {"store", "ledger", "balancer", "worker-1"} <= set(processes(f"HARNESS_RUN={run.id}").values())

    first = command("recover", "--reports", run.reports, **mine)
    assert first.returncode == 0, first.stderr
    assert run.left() == []
    if phase != "end":
        assert run.id in first.stdout and ended(run) == ["recovered"]

    second = command("recover", "--reports", run.reports, **mine)
    assert second.returncode == 0 and run.id not in second.stdout
    # Dead runs of others on this machine are its business too.
    assert second.stdout == "nothing was left\n" or "run " in second.stdout

    if phase != "end":
        judged = command("check", run.folder, **mine)
        assert judged.returncode == 5, judged.stderr
        assert "Traceback" not in judged.stderr and run.results()["verdict"] != "valid"
        assert command("report", run.folder, **mine).returncode == 0 and (run.folder / "report.html").is_file()
        assert run.left() == []


def test_recover_does_not_touch_a_run_in_progress_and_a_missed_slo_exits_3(place: Place, tmp_path: Path) -> None:
    evidence = {"items_per_property": 5, "ops_per_window": 0}
    # Nothing answers within a microsecond; the lag of a busy machine must not excuse that here.
    slos = {"latency_p99_ms": 0.001, "availability": 0.1, "lag_ms": 60_000}
    path = scenario(tmp_path, stranger(tmp_path), load={"duration_s": 5, "users": 16}, evidence=evidence, slos=slos)
    run = place.start("run", path)
    run.reach("load")
    eventually(lambda: "healed" in faults_of(run), "its fault is over")
    # However long it takes to recover, the run does not end meanwhile: it is in progress, and frozen.
    os.kill(run.process.pid, signal.SIGSTOP)
    before = set(processes(f"HARNESS_RUN={run.id}"))
    shown = command("recover", "--reports", run.reports, "--list", TMPDIR=str(run.temporary))
    done = command("recover", "--reports", run.reports, TMPDIR=str(run.temporary))
    assert (shown.returncode, done.returncode) == (0, 0), shown.stderr + done.stderr
    assert run.id not in shown.stdout + done.stdout and str(run.folder) not in done.stdout
    assert before - set(processes(f"HARNESS_RUN={run.id}")) == set(), "recover takes none of them"
    os.kill(run.process.pid, signal.SIGCONT)
    code = run.wait()
    results = run.results()
    assert (results["verdict"], code) == ("valid", 3), why(results)
    assert {slo["name"]: slo["met"] for slo in results["slos"]} == {
        "availability": True,
        "recovery_s": None,
        "latency_p50_ms": None,
        "latency_p99_ms": False,
    }
    assert "MISSED" in run.output.read_text() and run.left() == [] and ended(run) == ["complete"]
