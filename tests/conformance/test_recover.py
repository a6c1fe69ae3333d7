"""After any death of the harness, what it left is found and removed; what lives is not touched."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common import scratch
from harness.platforms.process import leftovers
from harness.recovery.recover import find, recover
from harness.run.liveness import hold
from tests.support.conformance import new_run_id
from tests.support.paths import ROOT


@contextmanager
def deployed(folder: Path, run_id: str) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(parents=True)
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.deploys", folder, run_id], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None and parent.stdout.readline() == "up\n"
        yield parent
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        leftovers.remove(run_id)


def test_a_killed_run_is_recovered_once_and_a_living_one_left_alone(tmp_path: Path) -> None:
    dead, alive = new_run_id(), new_run_id()
    reports = tmp_path / "reports"
    with deployed(reports / "kill" / "1", dead) as killed, deployed(reports / "kill" / "2", alive):
        assert find(reports, dead) == [] and find(reports, alive) == []
        killed.kill()
        killed.wait()
        before = len(leftovers.leftovers(alive))

        (left,) = find(reports, dead)
        assert left.folder == reports / "kill" / "1" and len(left.things) == 7
        done = recover(reports, dead)
        assert len([line for line in done if "ended process" in line]) == 6
        assert leftovers.leftovers(dead) == [] and find(reports, dead) == [] and recover(reports, dead) == []

        assert recover(reports, alive) == [] and len(leftovers.leftovers(alive)) == before == 7
    lines = (reports / "kill" / "1" / "run.jsonl").read_text().splitlines()
    assert lines[1] == '{"e":"pha'
    assert {key: value for key, value in json.loads(lines[2]).items() if key != "at"} == {
        "e": "ended",
        "how": "recovered",
    }


def test_a_dead_run_is_found_without_its_folder(tmp_path: Path) -> None:
    run_id = new_run_id()
    with deployed(tmp_path / "elsewhere", run_id) as parent:
        parent.kill()
        parent.wait()
        (left,) = find(tmp_path / "none", run_id)
        assert (left.run, left.folder, len(left.things)) == (run_id, None, 7)
        assert len(recover(tmp_path / "none", run_id)) == 7
        assert leftovers.leftovers(run_id) == []


@pytest.fixture
def folders_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other runs of this machine are none of a test's business."""
    monkeypatch.setattr(leftovers, "runs", dict)
    monkeypatch.setattr(scratch, "scratch", list)


def folder_of(reports: Path, *lines: str) -> Path:
    folder = reports / "kill" / "1"
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text("".join(lines))
    return folder


@pytest.mark.usefixtures("folders_only")
def test_a_folder_that_broke_off_before_its_first_line_is_marked(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, '{"e":"decl')
    assert recover(tmp_path) and json.loads((folder / "run.jsonl").read_text().splitlines()[1])["how"] == "recovered"
    assert find(tmp_path) == []


@pytest.mark.usefixtures("folders_only")
def test_an_ended_folder_is_not_touched(tmp_path: Path) -> None:
    text = '{"e":"declared","at":1,"run":"r1"}\n{"e":"ended","at":2,"how":"complete"}\n'
    folder = folder_of(tmp_path, text)
    assert recover(tmp_path) == []
    assert (folder / "run.jsonl").read_text() == text


@pytest.mark.usefixtures("folders_only")
@pytest.mark.parametrize("run", ["../../etc", "", 7, None, "x" * 99])
def test_a_run_id_that_is_none_removes_nothing(tmp_path: Path, run: object) -> None:
    folder_of(tmp_path, json.dumps({"e": "declared", "at": 1, "run": run}) + "\n")
    (left,) = find(tmp_path)
    assert (left.run, left.things) == (None, [])


def test_a_held_run_is_alive(tmp_path: Path) -> None:
    run_id = new_run_id()
    folder = folder_of(tmp_path, json.dumps({"e": "declared", "at": 1, "run": run_id}) + "\n")
    with hold(run_id, folder):
        assert find(tmp_path, run_id) == []
        with hold(run_id):
            pass
        assert find(tmp_path, run_id) == []
        with pytest.raises(EnvironmentFailure, match="in progress"), hold(new_run_id(), folder):
            pass
    assert [left.run for left in find(tmp_path, run_id)] == [run_id]
    assert not (folder / "lock").exists()
