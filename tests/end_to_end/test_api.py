"""A real run that is started from Python, in a thread, and followed by observers of which one is broken."""

from __future__ import annotations

import signal
import tempfile
import threading
from pathlib import Path

import pytest

from harness import api
from harness.run.events import (
    EVENTS,
    AgentStatus,
    Event,
    FaultHealed,
    FaultInjected,
    FaultIntended,
    FaultLanded,
    LoadWindow,
    MembersReady,
    PhaseBegun,
    VerdictReached,
)
from harness.run.json_events import JsonEvents
from harness.signals import SIGNALS
from tests.support.places import scenario, stranger, why

pytestmark = pytest.mark.slow


def test_a_run_from_a_thread_tells_everything_and_is_valid_whatever_an_observer_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Short, because the name of a unix socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="e2e-", dir="/tmp") as temporary:
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        evidence = {"items_per_property": 5, "ops_per_window": 0}
        slos = {"availability": 0.0, "latency_p99_ms": 60_000, "recovery_s": 60}
        path = scenario(tmp_path, stranger(tmp_path), load={"duration_s": 5, "users": 16}, evidence=evidence, slos=slos)
        heard: list[Event] = []
        outcomes: list[api.Outcome] = []
        before = [signal.getsignal(number) for number in SIGNALS]

        def broken(event: Event) -> None:
            raise RuntimeError("of no use")

        def start() -> None:
            with JsonEvents(tmp_path / "events.jsonl") as lines:
                observers = [broken, lines, heard.append]
                outcomes.append(api.run_scenario(path, reports=tmp_path / "reports", observers=observers))

        thread = threading.Thread(target=start)
        thread.start()
        thread.join(120)
        assert [signal.getsignal(number) for number in SIGNALS] == before
        (outcome,) = outcomes
        assert (outcome.verdict, outcome.exit_code, outcome.error) == ("valid", 0, None), why(outcome.results)
        assert list(Path(temporary).iterdir()) == []

    phases = [event.name for event in heard if isinstance(event, PhaseBegun)]
    assert phases == [
        "deploy", "steady", "load", "heal", "quiet", "settle", "final", "tear_down", "end", "check",
    ]  # fmt: skip
    faults = [event for event in heard if isinstance(event, FaultIntended | FaultInjected | FaultLanded | FaultHealed)]
    assert [type(event) for event in faults] == [FaultIntended, FaultInjected, FaultLanded, FaultHealed]
    assert [event.at_ns for event in faults] == sorted(event.at_ns for event in faults)
    (window,) = [event for event in heard if isinstance(event, LoadWindow)]
    assert window.end_ns - window.start_ns == 5_000_000_000
    assert max(event.counters["ops"] for event in heard if isinstance(event, AgentStatus)) > 0
    assert any(event.replicas == 2 for event in heard if isinstance(event, MembersReady))
    (verdict,) = [event for event in heard if isinstance(event, VerdictReached)]
    assert verdict.results == outcome.results and verdict.report == outcome.report

    written = (tmp_path / "events.jsonl").read_text().splitlines()
    names = {kind: name for name, kind in EVENTS.items()}
    assert [line.split('"')[3] for line in written] == [names[type(event)] for event in heard]
