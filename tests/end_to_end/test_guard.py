"""A scenario's stop condition: the faults are healed at once, the run ends `unknown`, and nothing is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.places import Place, scenario, stranger, unmet, why

pytestmark = pytest.mark.slow

FROZEN = [{"kind": "pause", "at": 0.5, "for": 60}, {"kind": "kill", "at": 25}]


def test_a_guard_that_trips_heals_at_once_and_ends_the_run(place: Place, tmp_path: Path) -> None:
    # Every client hangs at the frozen replica until its time-out of 2 s: a window as short as that may hold no op.
    guard = {"error_rate": 0.0, "window_s": 5}
    path = scenario(tmp_path, stranger(tmp_path), load={"duration_s": 30}, faults=FROZEN, stop_when=guard)
    run = place.run(path, "--json")
    results = run.results()
    assert (run.process.returncode, results["verdict"]) == (4, "unknown"), why(results)
    assert {"problem: guard", "problem: aborted"} <= set(unmet(results))
    assert any("the guard tripped: error rate" in reason for reason in results["reasons"])
    events = run.events()
    assert [event["how"] for event in events if event["e"] == "ended"] == ["aborted"]
    window = next(event for event in events if event["e"] == "window")
    lines = [json.loads(line) for line in (run.folder / "faults.jsonl").read_text().splitlines()]
    frozen = {line["e"]: line["at"] for line in lines if line["fault"] == 1}
    tripped = next(event["at"] for event in events if event["e"] == "problem")
    assert tripped < window["start_ns"] + 20e9
    assert frozen["landed"] < tripped < frozen["healed"] < tripped + 15e9
    assert [line["e"] for line in lines if line["fault"] == 2] == ["intent", "failed"]


def test_a_guard_that_has_nothing_to_say_lets_the_run_go_on(place: Place, tmp_path: Path) -> None:
    guard = {"error_rate": 0.9, "latency_p99_ms": 60_000, "window_s": 2}
    run = place.run(scenario(tmp_path, stranger(tmp_path), load={"duration_s": 4}, stop_when=guard), "--json")
    assert [event["how"] for event in run.events() if event["e"] == "ended"] == ["complete"]
    assert "problem: guard" not in unmet(run.results())
