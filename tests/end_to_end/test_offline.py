"""A run folder alone gives the same results and report, byte for byte; a damaged one never gives a better verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.places import Run, command

pytestmark = pytest.mark.slow

DERIVED = ("results.json", "report.html", "history.parquet")


@pytest.fixture
def copied(stranger_run: Run, tmp_path: Path) -> Path:
    """The run folder as it would be unpacked elsewhere: without what is derived from the rest."""
    folder = tmp_path / "elsewhere" / "a run"
    shutil.copytree(stranger_run.folder, folder, ignore=shutil.ignore_patterns(*DERIVED))
    return folder


def test_check_and_report_give_the_same_bytes_elsewhere(stranger_run: Run, copied: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    for _ in range(2):
        checked = command("check", copied, cwd=tmp_path, TMPDIR=str(temporary), TZ="Asia/Tokyo", PYTHONHASHSEED="7")
        assert (checked.returncode, checked.stderr) == (0, "")
        assert "VALID" in checked.stdout
        reported = command("report", copied, cwd=tmp_path, TMPDIR=str(temporary), TZ="America/Lima", PYTHONHASHSEED="8")
        assert (reported.returncode, reported.stdout) == (0, f"{copied / 'report.html'}\n")
        for name in DERIVED[:2]:
            assert (copied / name).read_bytes() == (stranger_run.folder / name).read_bytes(), name
    assert list(temporary.iterdir()) == []


def test_check_prints_the_same_json_as_the_run(stranger_run: Run, copied: Path) -> None:
    document = json.loads(command("check", copied, "--json").stdout)
    assert document.pop("folder") == str(copied)
    assert document == stranger_run.results()


def test_nothing_outside_the_folder_enters_a_report(stranger_run: Run) -> None:
    for name in DERIVED[:2]:
        text = (stranger_run.folder / name).read_text()
        repeat = stranger_run.results()["repeat"]
        assert str(stranger_run.reports) not in text and str(stranger_run.temporary) not in text.replace(repeat, "")


def cut(path: Path, share: float) -> None:
    """Keep a part of the file, and half of the line that the cut meets."""
    content = path.read_bytes()
    begin = content.index(b"\n", int(len(content) * share)) + 1
    end = content.index(b"\n", begin)
    path.write_bytes(content[: (begin + end) // 2])


@pytest.mark.parametrize("name", ["journal-0.jsonl", "faults.jsonl", "metrics.jsonl"])
def test_a_folder_of_which_a_record_was_cut_is_refused(copied: Path, name: str) -> None:
    cut(copied / name, 0.5)
    before = {path.name: path.read_bytes() for path in copied.iterdir() if path.is_file()}
    checked = command("check", copied)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert f"{copied / name}: " in checked.stderr and "Copy it again, whole" in checked.stderr
    assert "Traceback" not in checked.stderr
    assert {path.name: path.read_bytes() for path in copied.iterdir() if path.is_file()} == before, "nothing is lost"


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("run.jsonl", 0.6),
        ("journal-0.jsonl", 0.0),
        ("journal-0.jsonl", 0.6),
        ("faults.jsonl", 0.0),
        ("metrics.jsonl", 0.6),
    ],
)
def test_what_a_run_left_that_broke_off_is_judged_and_never_valid(copied: Path, name: str, share: float) -> None:
    cut(copied / name, share)
    torn = 1
    if name != "run.jsonl":
        # A run that was killed did not say how long its records are.
        cut(copied / "run.jsonl", 0.8)
        torn += 1
    checked = command("check", copied)
    results = json.loads((copied / "results.json").read_text())
    assert (results["verdict"], checked.returncode) == ("unknown", 4), results["reasons"]
    assert any("run.jsonl breaks off before the end" in reason for reason in results["reasons"])
    assert results["torn_lines"] == torn
    assert "Traceback" not in checked.stderr
    assert command("report", copied).returncode == 0 and (copied / "report.html").is_file()


def test_effects_that_were_cut_off_are_no_violation(payments_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(payments_run.folder, folder)
    cut(folder / "ledger.jsonl", 0.5)
    checked = command("check", folder)
    assert checked.returncode == 2 and f"{folder / 'ledger.jsonl'}: " in checked.stderr


@pytest.mark.parametrize("name", ["scenario.yaml", "contract.yaml", "run.jsonl"])
def test_a_file_that_is_missing_is_a_usage_error(copied: Path, name: str) -> None:
    (copied / name).unlink()
    checked = command("check", copied)
    assert checked.returncode == 2
    assert name in checked.stderr and "Traceback" not in checked.stderr


def test_what_is_no_run_folder_is_a_usage_error(tmp_path: Path) -> None:
    for subcommand in ("check", "report"):
        failed = command(subcommand, tmp_path / "none")
        assert failed.returncode == 2 and "no such run folder" in failed.stderr
