"""What a run folder says, read into values; and what is said when parts of it are missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.report import html, view
from harness.report.timeline import Band
from tests.support import example_runs as example
from tests.support.example_runs import ns


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    judged = {
        "schema": 1,
        "scenario": "kill",
        "title": "A title",
        "verdict": "invalid",
        "exit_code": 1,
        "seed": 1234567,
        "ops": {"total": 3, "ok": 2, "fail": 0, "info": 1, "reached": 3},
        "faults": [{"fault": 1, "kind": "kill", "role": "replica", "target": "replica-1", "planned_s": 0.5}],
        "checks": [{"name": "session", "property": "p", "verdict": "invalid", "violations": {"lost": 2}}],
        "slos": [{"name": "recovery", "threshold": 5, "measured": 1.5, "unit": "s", "met": True, "text": ""}],
        "repeat": "harness run kill.yaml --seed 1234567",
    }
    judged["checks"][0] |= {"examined": {"final_reads": 1200}, "witnesses": [{**example.ZOMBIE, "faults": [1, 7]}]}  # type: ignore[index]
    (tmp_path / "results.json").write_text(json.dumps(judged))
    example.lines(
        tmp_path / "run.jsonl",
        [
            {"e": "declared", "at": ns(-2), "started": "2026-11-21T05:46:00Z", "defects": ["no-fence"]},
            {"e": "window", "at": ns(1), "start_ns": ns(0), "end_ns": ns(1)},
            {"e": "problem", "at": ns(1), "kind": "agent_crashed", "text": "status 1"},
            {"e": "ended", "at": ns(2.5), "how": "interrupted"},
        ],
    )
    events = ["intent", "injected", "landed", "healed"]
    example.lines(
        tmp_path / "faults.jsonl",
        [{"e": e, "at": ns(0.5 + n / 10), "fault": 1, "how": e} for n, e in enumerate(events)],
    )
    return tmp_path


def test_every_value_of_a_tiny_run(tiny: Path) -> None:
    shown = view.load(tiny)
    assert (shown.verdict, shown.exit_code, shown.seed, shown.ended) == ("invalid", 1, "1234567", "interrupted")
    assert (shown.duration_s, shown.started, shown.defects) == (4.5, "2026-11-21T05:46:00Z", ["no-fence"])
    assert shown.problems == [("agent crashed", "status 1")]
    assert (shown.landed, shown.done, shown.violations) == (1, ["1 × kill replica"], 2)
    fault = shown.faults[0]
    assert (fault.injected_s, fault.landed_s, fault.healed_s, fault.healed) == (0.6, 0.7, 0.8, True)
    assert (fault.how, fault.in_flight, fault.title) == ("landed; healed", None, "kill replica-1")
    check = shown.checks[0]
    assert (check.examined, check.total) == ([("final reads", "1,200")], 2)
    assert check.witnesses[0].bands == [Band(1, "kill replica-1", "landed; healed", 0.6, 0.8, 0.7)]
    assert [op.number for op in check.witnesses[0].ops] == [1, 2, 3, 4, 5]
    assert check.witnesses[0].ops[0].details == [("value", "f3a9")]
    assert (shown.slos[0].threshold, shown.slos[0].measured) == ("5 s", "1.5 s")
    assert shown.timeline is not None
    assert shown.timeline.bins == []
    assert shown.notes == [
        "The run folder has no history.parquet, so that no op is shown; harness check RUN writes the file."
    ]


def test_faults_known_only_to_the_nemesis_are_shown(tiny: Path) -> None:
    (tiny / "results.json").write_text('{"schema": 1, "verdict": "unknown"}')
    example.lines(
        tiny / "faults.jsonl",
        [
            {"e": "intent", "at": ns(0.4), "fault": 2, "kind": "pause", "role": "worker", "target": "worker-1"},
            {"e": "failed", "at": ns(0.5), "fault": 2, "why": "no such member"},
        ],
    )
    fault = view.load(tiny).faults[0]
    assert (fault.number, fault.title, fault.failed) == (2, "pause worker-1", "no such member")
    assert (fault.landed_s, fault.healed) == (None, False)


def test_results_alone_are_enough(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"schema": 1, "verdict": "valid"}')
    shown = view.load(tmp_path)
    assert (shown.verdict, shown.timeline, shown.checks, shown.duration_s) == ("valid", None, [], None)


def test_torn_and_foreign_lines_are_left_out(tiny: Path) -> None:
    with (tiny / "faults.jsonl").open("ab") as file:
        file.write(b'[1]\n\xff\xfe\n{"e": "landed", "fault"')
    assert len(view.load(tiny).faults) == 1


def test_a_damaged_history_is_said_without_its_path(tiny: Path) -> None:
    (tiny / "history.parquet").write_bytes(b"PAR1 cut in the middle")
    assert view.load(tiny).notes == [
        "history.parquet cannot be read, so that no op is shown; harness check RUN writes it anew."
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "was not judged yet"),
        ('{"schema": 1, "verdict": "val', "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ("[]", "not a JSON object"),
        ('{"schema": 2}', "not of schema 1"),
    ],
)
def test_without_results_that_can_be_read_nothing_is_shown(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(UsageError, match=says) as caught:
        view.load(tmp_path)
    assert "harness check" in str(caught.value)


def test_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run folder"):
        view.load(tmp_path / "none")


@pytest.mark.thorough
@pytest.mark.parametrize("wrong", [None, 7, -1.5, "text", True, [], {}, [None, 3, "x"], [{"e": []}], {"a": {"b": 1}}])
def test_a_field_of_a_wrong_type_is_as_good_as_absent(tmp_path: Path, wrong: Any) -> None:
    good = example.results("invalid", checks=[example.check("session", witnesses=[example.ZOMBIE])])
    for field in good.keys() - {"schema"}:
        (tmp_path / "results.json").write_text(json.dumps({**good, field: wrong}))
        assert "</html>" in html.render(view.load(tmp_path))
    for field in good["checks"][0]:
        (tmp_path / "results.json").write_text(json.dumps({**good, "checks": [{**good["checks"][0], field: wrong}]}))
        assert "</html>" in html.render(view.load(tmp_path))


def test_a_verdict_that_is_not_known_is_never_taken_for_valid(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"schema": 1, "verdict": "VALID"}')
    shown = view.load(tmp_path)
    assert shown.verdict == "unknown"
    assert "a verdict that this version does not know" in shown.notes[-1]
