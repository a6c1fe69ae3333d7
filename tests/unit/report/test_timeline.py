"""Bins, steps and the drawn stretch, on data small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report import timeline
from harness.report.history import History
from harness.report.timeline import Band, Bin, Frame, Step
from tests.support import example_runs as example
from tests.support.example_runs import ns, op

FRAME = Frame(example.ORIGIN_NS, 1.0)


def history_of(folder: Path, *rows: dict[str, object]) -> History:
    example.history(folder, list(rows))
    return History(folder / "history.parquet")


def test_an_op_counts_where_its_answer_came(tmp_path: Path) -> None:
    history = history_of(
        tmp_path,
        op(0.000, 50),
        op(0.090, 20),
        op(0.120, 5, "fail"),
        op(0.150, 40, "info", error="timeout"),
        op(0.160, 10, "info", error="reset"),
        op(0.170, 10, "info", status=503),
        op(0.250, None, "info", error="open"),
    )
    assert timeline.slices(history, FRAME, 0.3, 100) == [
        Bin(0.0, ok=1, p50_ms=50, p95_ms=50, p99_ms=50),
        Bin(0.1, ok=1, fail=1, info=3, timeout=1, broken=1, p50_ms=10, p95_ms=40, p99_ms=40),
        Bin(0.2, info=1, timeout=1),
    ]


def test_latency_runs_from_the_intended_moment(tmp_path: Path) -> None:
    history = history_of(tmp_path, op(0.050, 5, intended_ns=ns(0.010)))
    assert timeline.slices(history, FRAME, 0.1, 100)[0].p50_ms == 45


def test_ops_before_and_after_the_load_are_not_drawn_but_counted(tmp_path: Path) -> None:
    history = history_of(
        tmp_path,
        op(-1.0, 5, phase="steady"),
        op(0.5, 5),
        op(0.6, 5, phase="final"),
        op(9.0, 5, phase="final"),
    )
    line = timeline.build(FRAME, history, [], [])
    assert [sum(part.total for part in line.bins), line.aside, line.end_s] == [1, 3, 1.0]


@pytest.mark.parametrize(
    ("healed_s", "answer_s", "end_s"),
    [(None, 0.2, 1.0), (1.7, 0.2, 1.7), (None, 1.2, 1.206), (60.0, 0.2, 3.5)],
    ids=["the load", "a fault healed later", "a late answer", "never much longer than the load"],
)
def test_where_the_picture_ends(tmp_path: Path, healed_s: float | None, answer_s: float, end_s: float) -> None:
    history = history_of(tmp_path, op(answer_s, 5))
    bands = [Band(1, "kill replica-1", "", 0.5, healed_s)]
    assert timeline.build(FRAME, history, [], bands).end_s == pytest.approx(end_s)


def test_ready_members_by_role() -> None:
    def member(at: float, name: str, role: str, state: str) -> dict[str, object]:
        return {"e": "member", "at": ns(at), "name": name, "role": role, "state": state}

    members = [
        member(-2.0, "replica-1", "replica", "ready"),
        member(-1.0, "replica-2", "replica", "ready"),
        member(-1.0, "worker-1", "worker", "starting"),
        {"e": "scrape", "at": ns(0.1)},
        member(0.4, "replica-1", "replica", "killed"),
        member(0.5, "worker-1", "worker", "ready"),
        member(0.9, "replica-3", "replica", "ready"),
        member(5.0, "replica-2", "replica", "gone"),
    ]
    assert timeline.ready(members, example.ORIGIN_NS, 1.0) == [
        Step(0.0, 2, 0),
        Step(0.4, 1, 0),
        Step(0.5, 1, 1),
        Step(0.9, 2, 1),
    ]


def test_the_frame_is_the_window_then_the_ops_then_nothing(tmp_path: Path) -> None:
    history = history_of(tmp_path, op(2.0, 500), op(3.0, None, "info"))
    window = {"e": "window", "at": 1, "start_ns": ns(0), "end_ns": ns(30)}
    nothing = History(tmp_path / "none.parquet")
    assert timeline.frame([window], history) == Frame(ns(0), 30.0)
    assert timeline.frame([], history) == Frame(ns(2.0), 1.0, whole=True)
    assert timeline.frame([], nothing) is None
    assert "no history.parquet" in nothing.missing


@pytest.mark.parametrize(("length_s", "bin_ms"), [(20, 100), (30, 200), (48, 200), (100, 500), (3600, 30_000)])
def test_bins_are_the_finest_that_can_be_drawn(length_s: float, bin_ms: int) -> None:
    assert timeline.fitting(length_s, timeline.MOST_BINS) == bin_ms
