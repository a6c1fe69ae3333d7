"""What the console shows while a run lasts, and at its end."""

from __future__ import annotations

import io
from typing import Any

import pytest

from harness.cli.console import Progress, summary
from harness.run.events import AgentStatus, MembersReady, PhaseBegun, ProblemFound

RESULTS: dict[str, Any] = {
    "verdict": "invalid",
    "title": "Kill [bold]everything[/bold]",
    "ops": {"total": 12345, "ok": 12000, "fail": 300, "info": 45, "reached": 12300, "dropped": 7},
    "faults": [{"landed_s": 1.0}, {"landed_s": None}],
    "checks": [
        {
            "name": "session",
            "verdict": "invalid",
            "reason": "a reason",
            "examined": {"sessions_seen": 1234},
            "witnesses": [{"rule": "lost", "text": "s-1 [red]was lost"}] * 3,
        }
    ],
    "slos": [
        {"name": "availability", "measured": 0.9, "threshold": 0.95, "unit": "share", "met": False, "text": "9 of 10"},
        {"name": "recovery_s", "measured": 1.0, "threshold": 5.0, "unit": "s", "met": True, "text": "after fault 1"},
        {"met": None, "text": "latency unknown"},
    ],
    "reasons": ["too little"],
    "seed": 7,
    "repeat": "harness run x --seed 7",
}


def test_the_summary_says_all_that_is_needed_in_plain_text(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    summary(RESULTS, "reports/x/report.html", out)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue(), "a file is no terminal, whatever FORCE_COLOR says"
    assert [line.strip() for line in lines if line.strip()] == [
        "INVALID  Kill [bold]everything[/bold]",
        "12,345 ops (12,000 ok, 300 fail, 45 info), 12,300 reached a replica, 7 arrivals dropped; 1 of 2 faults landed",
        "invalid session      1,234 sessions seen",
        "a reason",
        "lost: s-1 [red]was lost",
        "lost: s-1 [red]was lost",
        "MISSED  availability 0.9 share, 0.95 wanted: 9 of 10",
        "met     recovery_s   1 s, 5 wanted: after fault 1",
        "! too little",
        "seed    7",
        "report  reports/x/report.html",
        "repeat  harness run x --seed 7",
    ]


def test_progress_is_one_line_an_event_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    with Progress(out) as progress:
        progress(PhaseBegun("deploy"))
        progress(AgentStatus(0, {"ops": 5}))
        progress(MembersReady(3, 0))
        progress(ProblemFound("environment", "[red]replica-1 died " + "x" * 200))
    lines = out.getvalue().splitlines()
    assert [line.partition(" s ")[2] for line in lines] == ["▸ deploying", "! [red]replica-1 died " + "x" * 200]
    assert "\x1b" not in out.getvalue()


def test_quiet_is_quiet():
    out = io.StringIO()
    with Progress(out, quiet=True) as progress:
        progress(ProblemFound("environment", "x"))
    assert out.getvalue() == ""


def test_the_live_view_shows_counters_and_leaves_problems_behind():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with Progress(out) as progress:
        progress(PhaseBegun("load"))
        progress(AgentStatus(0, {"ops": 1000, "info": 3}))
        progress(AgentStatus(1, {"ops": 234, "info": 1}))
        progress(MembersReady(3, 2))
        progress(ProblemFound("environment", "replica-1 died"))
    shown = out.getvalue()
    assert "1,234" in shown
    assert "3 replicas, 2 workers ready" in shown
    assert "replica-1 died" in shown.splitlines()[-1], "what went wrong stays when the live view is gone"
