"""The harness from Python: plain calls, from any thread, that leave signal handlers alone."""

from __future__ import annotations

import doctest
import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import api, rundir
from harness.errors import EnvironmentFailure, Interrupted, UsageError
from harness.platforms import PLATFORMS
from harness.platforms.base import Deployment
from harness.platforms.memory.platform import MemoryPlatform
from harness.run.events import (
    Event,
    ObserverFailed,
    PhaseBegun,
    ProblemFound,
    RunDeclared,
    RunEnded,
    RunFinished,
    VerdictReached,
)
from harness.signals import SIGNALS
from tests.support.strangers import written

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_module_is_true(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(api)
    assert (found.failed, found.attempted >= 4) == (0, True)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Path]:
    """A scenario whose target does not come up, for the reason given."""

    def made(why: BaseException) -> Path:
        class Refusing(MemoryPlatform):
            name = "process"

            def deploy(self, deployment: Deployment) -> None:
                raise why

        monkeypatch.setitem(PLATFORMS, "process", Refusing)
        return written(tmp_path, [{"kind": "kill", "at": 1}])

    return made


@pytest.mark.live
def test_a_run_from_a_thread_touches_no_signal_handler_and_tells_how_it_went(
    scenario: Callable[[BaseException], Path], tmp_path: Path
):
    path, before = scenario(EnvironmentFailure("no engine answers")), handlers()
    heard: list[Event] = []
    seen: list[list[object]] = []
    outcomes: list[api.Outcome] = []

    def broken(event: Event) -> None:
        raise ValueError(type(event).__name__)

    def start() -> None:
        observers = [broken, heard.append, lambda event: seen.append(handlers())]
        outcomes.append(api.run_scenario(path, seed=9, reports=tmp_path / "reports", observers=observers))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(120)
    (outcome,) = outcomes
    assert [found for found in seen if found != before] == [] and handlers() == before
    assert (outcome.exit_code, outcome.verdict, type(outcome.error)) == (5, "unknown", EnvironmentFailure)
    assert outcome.report.is_file() and outcome.results["reasons"] == ["no engine answers"]
    assert outcome.results["repeat"] == f"harness run {path} --seed 9"

    assert [type(event) for event in heard if not isinstance(event, PhaseBegun)] == [
        ObserverFailed,
        RunDeclared,
        ProblemFound,
        RunEnded,
        VerdictReached,
        RunFinished,
    ], "the observer that fails ends nothing, and is told once"
    assert [event.name for event in heard if isinstance(event, PhaseBegun)] == ["deploy", "tear_down", "end", "check"]
    lines = rundir.events(outcome.folder / "run.jsonl")
    assert [line["e"] for line in lines if line["e"] != "phase"] == ["declared", "observer_failed", "problem", "ended"]
    assert lines[-1]["how"] == "environment"


@pytest.mark.live
def test_a_run_in_the_main_thread_leaves_handlers_alone_and_gives_ctrl_c_back(
    scenario: Callable[[BaseException], Path], tmp_path: Path
):
    path, before = scenario(KeyboardInterrupt()), handlers()
    heard: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        api.run_scenario(path, reports=tmp_path / "reports", observers=[heard.append])
    assert handlers() == before
    (verdict,) = [event for event in heard if isinstance(event, VerdictReached)]
    assert verdict.exit_code == Interrupted.exit_code and verdict.report.is_file()
    assert [event.how for event in heard if isinstance(event, RunEnded)] == ["interrupted"]


def test_a_run_that_cannot_begin_raises_before_anything_is_started(tmp_path: Path):
    reports = tmp_path / "reports"
    with pytest.raises(UsageError, match="no such scenario"):
        api.run_scenario(tmp_path / "none.yaml", reports=reports)
    with pytest.raises(UsageError, match="'dokcer' is no platform; did you mean `docker`"):
        api.run_scenario(ROOT / "scenarios/kill.yaml", platform="dokcer", reports=reports)
    assert not reports.exists()


def test_a_folder_is_judged_and_reported_again(tmp_path: Path):
    for name, source in (("scenario.yaml", "scenarios/kill.yaml"), ("contract.yaml", "target_service/contract.yaml")):
        shutil.copy(ROOT / source, tmp_path / name)
    lines = [
        {"e": "declared", "at": 1, "run": "kill-1", "scenario": "kill", "seed": 7, "command": "harness run x"},
        {"e": "problem", "at": 2, "kind": "environment", "text": "replica-1 did not come up"},
        {"e": "ended", "at": 3, "how": "environment"},
    ]
    (tmp_path / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    outcome = api.check(tmp_path)
    assert (outcome.verdict, outcome.exit_code, outcome.error) == ("unknown", 5, None)
    assert outcome.results == json.loads((tmp_path / "results.json").read_text())
    assert api.report(tmp_path) == outcome.report and outcome.report.is_file()


def test_the_doctor_tells_what_is_missing_by_platform(monkeypatch: pytest.MonkeyPatch):
    class Broken(MemoryPlatform):
        def missing(self) -> list[str]:
            return ["no engine"]

    monkeypatch.setattr(api, "PLATFORMS", {"good": MemoryPlatform, "bad": Broken})
    assert api.doctor() == api.Diagnosis({"good": [], "bad": ["no engine"]}, works=True)
    assert api.doctor(["bad"]) == api.Diagnosis({"bad": ["no engine"]}, works=False)
    with pytest.raises(UsageError, match="'god' is no platform; did you mean `good`"):
        api.doctor(["god"])


def test_a_proof_of_a_contract_without_a_catalogue_is_refused(tmp_path: Path):
    written(tmp_path, [])
    with pytest.raises(UsageError, match=r"names no catalogue of defects. Add `defects: \{catalogue: FILE\}`"):
        api.prove(tmp_path / "contract.yaml", reports=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()
