"""What a run tells: every event reaches every observer, and an observer that fails costs nobody else anything."""

from __future__ import annotations

import io
import signal
import threading
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness import rundir
from harness.cli.console import Progress, line_of
from harness.errors import EnvironmentFailure, Interrupted, UsageError
from harness.platforms.base import Member
from harness.run import events
from harness.run.events import (
    EVENTS,
    AgentStatus,
    CountsScraped,
    Event,
    FaultFailed,
    FaultHealed,
    FaultInjected,
    FaultIntended,
    FaultLanded,
    LoadWindow,
    MemberChanged,
    MembersReady,
    ObserverFailed,
    PhaseBegun,
    ProblemFound,
    RunDeclared,
    RunEnded,
    RunFinished,
    VerdictReached,
    WorkNotEnded,
)
from harness.run.json_events import JsonEvents
from harness.run.run_record import RunRecord
from harness.run.telling import Telling
from harness.rundir.faults import FaultRecord
from harness.signals import Stoppable

DECLARED = RunDeclared(
    "kill-1",
    "kill",
    "Kill",
    7,
    "2026-01-31T12:00:00Z",
    "process",
    "0.1.0",
    ["no-fence"],
    "harness run x",
    None,
    ["shop"],
)
SAMPLES: list[Event] = [
    DECLARED,
    PhaseBegun("load"),
    LoadWindow(5, 9),
    MemberChanged("replica-1", "replica", "b-1", "ready"),
    MembersReady(3, 2),
    CountsScraped(4, "replica-1", "b-1", {"/profile": 9.0}),
    AgentStatus(0, {"ops": 12, "info": 1}),
    WorkNotEnded(30.0, ["job-1", "job-2"]),
    FaultIntended(1, "kill", "replica", "replica-1", "b-1", 0.5),
    FaultInjected(1),
    FaultLanded(1, "it has ended"),
    FaultHealed(1, "replica-4 is ready in its place"),
    FaultFailed(2, "no replica to spare"),
    ProblemFound("part_lost", "the store died"),
    ObserverFailed("show", "PhaseBegun", "ValueError: no"),
    RunEnded("complete", {"faults.jsonl": 12}),
    VerdictReached("valid", 0, [], Path("r"), Path("r/report.html"), {"verdict": "valid", "checks": []}),
    RunFinished(12.34),
]


def test_every_event_has_a_name_and_a_sample():
    assert set(EVENTS.values()) == set(Event.__subclasses__()) == {type(each) for each in SAMPLES}
    assert len(EVENTS) == len(SAMPLES)


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)
def test_every_event_is_frozen_and_every_attribute_of_it_documented(kind: type[Event]):
    own = [each.name for each in fields(kind) if each.name != "at_ns"]
    said = (kind.__doc__ or "").partition("Attributes:")[2]
    assert [name for name in own if f"\n        {name}: " not in said] == []
    with pytest.raises(FrozenInstanceError):
        SAMPLES[[type(each) for each in SAMPLES].index(kind)].at_ns = 1  # type: ignore[misc]


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    return RunRecord(tmp_path)


def test_every_event_reaches_every_observer_in_its_order(record: RunRecord):
    first: list[Event] = []
    second: list[Event] = []
    telling = Telling(record, [first.append, second.append])
    for event in SAMPLES:
        telling.tell(event)
    assert first == second == SAMPLES
    assert all(mine is told for mine, told in zip(first, SAMPLES, strict=True))


def test_no_observer_is_called_twice_at_once(record: RunRecord):
    inside = threading.Semaphore(1)
    overlaps: list[Event] = []
    heard: list[Event] = []

    def observer(event: Event) -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(event)
            return
        heard.append(event)
        inside.release()

    telling = Telling(record, [observer])
    ready = threading.Barrier(4)

    def tell() -> None:
        ready.wait()
        for _ in range(200):
            telling.tell(FaultInjected(1))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(heard), overlaps) == (800, [])


# -- observers that fail


def test_an_observer_that_fails_is_told_once_and_keeps_nothing_from_the_others(record: RunRecord, tmp_path: Path):
    calls: list[Event] = []
    heard: list[Event] = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise ValueError("password=hunter22")

    telling = Telling(record, [broken, heard.append])
    told = [PhaseBegun("deploy"), PhaseBegun("steady")]
    for event in told:
        telling.tell(event)
    failures = [event for event in heard if isinstance(event, ObserverFailed)]
    assert [(each.failed_on, each.why) for each in failures] == [("PhaseBegun", "ValueError: [masked]")]
    assert "broken" in failures[0].observer
    assert [event for event in heard if event not in failures] == told
    assert calls == [told[0], failures[0], told[1]], "it is still told of all that follows"
    assert [line["e"] for line in rundir.events(tmp_path / "run.jsonl")] == ["phase", "observer_failed", "phase"]


def test_two_observers_that_fail_are_both_told(record: RunRecord):
    class First:
        def __call__(self, event: Event) -> None:
            raise ValueError("1")

    class Second(First):
        pass

    heard: list[Event] = []
    Telling(record, [First(), heard.append, Second()]).tell(MembersReady(1, 0))
    names = [event.observer.rpartition(".")[2] for event in heard if isinstance(event, ObserverFailed)]
    assert sorted(names) == ["First", "Second"]


def test_a_record_that_cannot_be_written_ends_the_run_but_the_others_hear(tmp_path: Path):
    (tmp_path / "run.jsonl").symlink_to("/dev/full")
    heard: list[Event] = []
    telling = Telling(RunRecord(tmp_path), [heard.append])
    with pytest.raises(EnvironmentFailure, match=r"run.jsonl: cannot be written"):
        telling.phase("load")
    assert [type(event) for event in heard] == [PhaseBegun]


def test_a_signal_within_an_observer_waits_until_all_have_heard(record: RunRecord):
    heard: list[Event] = []
    telling = Telling(record, [lambda event: signal.raise_signal(signal.SIGINT), heard.append])
    with Stoppable(lambda text: None) as stoppable, pytest.raises(Interrupted), stoppable.armed():
        telling.phase("load")
    assert [type(event) for event in heard] == [PhaseBegun], "it is not taken for a failure of the observer"


# -- what parts of a run say


def test_a_problem_is_told_once_and_without_secrets(record: RunRecord):
    heard: list[Event] = []
    telling = Telling(record, [heard.append], lambda: {"s3cret-of-ann"})
    for _ in range(2):
        telling.problem("environment", "replica-1 said s3cret-of-ann")
    assert [(event.kind, event.text) for event in heard if isinstance(event, ProblemFound)] == [
        ("environment", "replica-1 said [masked]")
    ]


def test_only_members_that_changed_are_told(record: RunRecord):
    def member(number: int, state: Any, role: Any = "replica") -> Member:
        return Member(f"{role}-{number}", role, "127.0.0.1", 1, None, state)

    heard: list[Event] = []
    telling = Telling(record, [heard.append])
    telling.members([member(1, "ready"), member(2, "starting"), member(1, "ready", "worker")])
    telling.members([member(1, "ready"), member(2, "ready"), member(1, "gone", "worker")])
    changes = [(event.name, event.state) for event in heard if isinstance(event, MemberChanged)]
    assert changes[3:] == [("replica-2", "ready"), ("worker-1", "gone")]
    counts = [(event.replicas, event.workers) for event in heard if isinstance(event, MembersReady)]
    assert counts == [(1, 1), (2, 0)]


def test_the_lines_of_faults_are_events(record: RunRecord, tmp_path: Path):
    heard: list[Event] = []
    written = FaultRecord(tmp_path / "faults.jsonl", Telling(record, [heard.append]).fault_line)
    written.write("intent", 1, kind="kill", role="replica", target="replica-1", boot="b", planned_s=0.5, undo={})
    written.write("injected", 1)
    written.write("landed", 1, how="it has ended", stopped=[])
    written.write("healed", 1, how="replaced")
    written.write("failed", 2, why="it said password=hunter22")
    written.write("of a later version", 1)
    written.close()
    at = [line["at"] for line in rundir.events(tmp_path / "faults.jsonl")]
    assert heard == [
        FaultIntended(1, "kill", "replica", "replica-1", "b", 0.5, at_ns=at[0]),
        FaultInjected(1, at_ns=at[1]),
        FaultLanded(1, "it has ended", at_ns=at[2]),
        FaultHealed(1, "replaced", at_ns=at[3]),
        FaultFailed(2, "it said [masked]", at_ns=at[4]),
    ]


# -- the record in the run folder

LINES: dict[type[Event], tuple[str, dict[str, Any]]] = {
    RunDeclared: (
        "run",
        {
            "e": "declared",
            "run": "kill-1",
            "scenario": "kill",
            "title": "Kill",
            "seed": 7,
            "started": "2026-01-31T12:00:00Z",
            "platform": "process",
            "harness": "0.1.0",
            "defects": ["no-fence"],
            "command": "harness run x",
            "attached": None,
            "allowed": ["shop"],
        },
    ),
    PhaseBegun: ("run", {"e": "phase", "name": "load"}),
    LoadWindow: ("run", {"e": "window", "start_ns": 5, "end_ns": 9}),
    ProblemFound: ("run", {"e": "problem", "kind": "part_lost", "text": "the store died"}),
    ObserverFailed: (
        "run",
        {"e": "observer_failed", "observer": "show", "failed_on": "PhaseBegun", "why": "ValueError: no"},
    ),
    RunEnded: ("run", {"e": "ended", "how": "complete", "bytes": {"faults.jsonl": 12}}),
    MemberChanged: (
        "metrics",
        {"e": "member", "name": "replica-1", "role": "replica", "boot": "b-1", "state": "ready"},
    ),
    CountsScraped: (
        "metrics",
        {"e": "scrape", "asked": 4, "replica": "replica-1", "boot": "b-1", "series": {"/profile": 9.0}},
    ),
}


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_the_lines_of_the_record_are_as_old_readers_know_them(event: Event, record: RunRecord, tmp_path: Path):
    record(event)
    found = {name: rundir.events(tmp_path / f"{name}.jsonl") for name in ("run", "metrics")}
    file, line = LINES.get(type(event), ("run", None))
    other = "metrics" if file == "run" else "run"
    assert found[other] == []
    assert found[file] == ([{**line, "at": event.at_ns}] if line else [])
    if line:
        assert list(found[file][0]) == ["e", "at", *list(line)[1:]]


def test_nothing_is_recorded_after_the_end(record: RunRecord, tmp_path: Path):
    record(RunEnded("complete", {}))
    record(PhaseBegun("check"))
    record.close()
    record.close()
    record(MembersReady(1, 1))
    assert [line["e"] for line in rundir.events(tmp_path / "run.jsonl")] == ["ended"]


# -- JSON lines


def test_every_event_is_a_line_of_json(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text("of an earlier run\n")
    with JsonEvents(path) as observer:
        for event in SAMPLES:
            observer(event)
            assert path.read_bytes().endswith(b"}\n"), "a line is there as soon as its event was told"
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [EVENTS[line["event"]] for line in lines] == [type(event) for event in SAMPLES]
    for line, event in zip(lines, SAMPLES, strict=True):
        own = {each.name for each in fields(event)} - {"results"}
        assert set(line) == {"event"} | own
    by_name = {line["event"]: line for line in lines}
    fault = SAMPLES[10]
    assert by_name["fault_landed"] == {
        "event": "fault_landed",
        "at_ns": fault.at_ns,
        "fault": 1,
        "how": "it has ended",
    }
    assert by_name["verdict_reached"]["report"] == "r/report.html"


def test_json_lines_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(UsageError, match=r"none/x: events cannot be written to it: .*Name another file"):
        JsonEvents(tmp_path / "none" / "x")
    full = JsonEvents(Path("/dev/full"))
    with pytest.raises(EnvironmentFailure, match="/dev/full: an event was not written: No space"):
        full(SAMPLES[0])
    full.close()
    full.close()


# -- a person

SHOWN: dict[type[Event], tuple[str, str]] = {
    RunDeclared: ("target", "allowed, although not made by the harness: shop"),
    PhaseBegun: ("phase", "load and faults"),
    RunFinished: ("phase", "done after 12.3 s"),
    FaultIntended: ("fault", "fault 1: kill replica-1"),
    FaultHealed: ("heal", "fault 1: replica-4 is ready in its place"),
    FaultFailed: ("problem", "fault 2 failed: no replica to spare"),
    WorkNotEnded: ("problem", "not ended after 30 s: job-1, job-2"),
    ProblemFound: ("problem", "the store died"),
    ObserverFailed: (
        "problem",
        "show failed on PhaseBegun (ValueError: no); the run goes on, what it would have shown is lost",
    ),
}


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_what_a_person_sees_of_an_event(event: Event):
    assert line_of(event) == SHOWN.get(type(event))
    out = io.StringIO()
    with Progress(out) as progress:
        progress(event)
    assert (SHOWN.get(type(event), ("", ""))[1] in out.getvalue()) and bool(out.getvalue()) == (type(event) in SHOWN)


def test_a_fault_that_is_not_injected_is_shown_once():
    assert line_of(FaultIntended(2, "kill", "replica", None, None, 3.0)) is None
    assert line_of(FaultFailed(2, "the load ended before it was due")) is not None


def test_the_documented_order_names_real_events():
    text = (events.__doc__ or "").partition("The order")[2].partition("A run that ends early")[0]
    names = set(text.replace(",", " ").replace("(", " ").split()) & {kind.__name__ for kind in EVENTS.values()}
    assert names == {"RunDeclared", "PhaseBegun", "LoadWindow", "RunEnded", "VerdictReached", "RunFinished"}
