"""`harness check` and `harness report` of run folders that lack something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import harness


@pytest.fixture
def run_folder(folder: Path) -> Path:
    """What a run leaves that ended before its first operation."""
    made = folder / "run"
    made.mkdir()
    for name in ("scenario.yaml", "contract.yaml"):
        (made / name).write_text((folder / name).read_text(encoding="utf-8"), encoding="utf-8")
    lines = [
        {"e": "declared", "at": 1, "run": "kill-1", "scenario": "kill", "seed": 7, "command": "harness run x --seed 7"},
        {"e": "problem", "at": 2, "kind": "environment", "text": "replica-1 did not come up"},
        {"e": "ended", "at": 3, "how": "environment"},
    ]
    (made / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return made


def test_check_says_why_nothing_was_recorded(run_folder: Path):
    result = harness("check", run_folder, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["exit_code"], found["verdict"]) == (5, 5, "unknown")
    assert found["reasons"] == ["replica-1 did not come up"]
    assert found["folder"] == str(run_folder)
    shown = harness("check", run_folder)
    assert shown.exit_code == 5
    assert "UNKNOWN" in shown.stdout
    assert "harness run x --seed 7" in shown.stdout


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("run.jsonl", b"", 4),
        ("run.jsonl", b'{}\n[]\n7\nnull\n{"e": 1}\n\xff\xfe\n{"e":"decl', 4),
        ("results.json", b"{", 5),
        ("history.parquet", b"PAR1", 5),
    ],
)
def test_damage_in_what_can_be_made_again_is_survived(run_folder: Path, name: str, content: bytes, code: int):
    (run_folder / name).write_bytes(content)
    assert harness("check", run_folder).exit_code == code, "5 as long as the record says what went wrong, else unknown"


@pytest.mark.parametrize("name", ["scenario.yaml", "contract.yaml"])
@pytest.mark.parametrize("content", [None, b"", b"a: [", b"\xff", b"a: 1\n"])
def test_a_folder_without_its_scenario_or_contract_is_refused(run_folder: Path, name: str, content: bytes | None):
    if content is None:
        (run_folder / name).unlink()
    else:
        (run_folder / name).write_bytes(content)
    before = sorted(path.name for path in run_folder.iterdir())
    result = harness("check", run_folder)
    assert result.exit_code == 2
    assert f"{run_folder}/{name}" in result.stderr
    assert sorted(path.name for path in run_folder.iterdir()) == before, "nothing is lost"


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]"])
def test_a_report_needs_results(run_folder: Path, content: bytes | None):
    if content is not None:
        (run_folder / "results.json").write_bytes(content)
    result = harness("report", run_folder)
    assert result.exit_code == 2
    assert "results.json" in result.stderr
    assert "harness check" in result.stderr


def test_results_that_say_next_to_nothing_are_reported_all_the_same(run_folder: Path):
    (run_folder / "results.json").write_bytes(b'{"schema": 1}')
    assert harness("report", run_folder).exit_code == 0
    assert (run_folder / "report.html").is_file()


def test_results_that_cannot_be_written_are_a_failure_of_the_environment(run_folder: Path):
    (run_folder / "results.json").mkdir()
    result = harness("check", run_folder)
    assert result.exit_code == 5
    assert f"{run_folder}/results.json: cannot be written" in result.stderr
