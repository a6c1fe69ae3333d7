"""The folder of a run: made once, required, and its files replaced as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import rundir
from harness.errors import EnvironmentFailure, UsageError


def test_each_run_has_a_folder_of_its_own_and_latest_is_the_newest(tmp_path: Path):
    made = [rundir.create(tmp_path / "reports", "kill") for _ in range(3)]
    assert len(set(made)) == 3
    assert all((folder / "logs").is_dir() for folder in made)
    assert (tmp_path / "reports/kill/latest").resolve() == made[-1].resolve()
    assert {path.name for path in made[0].parent.iterdir()} == {"latest", *(folder.name for folder in made)}


def test_a_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(EnvironmentFailure, match=r"cannot be made: .*Choose another with --reports"):
        rundir.create(tmp_path / "reports", "kill")


def test_require(tmp_path: Path):
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="reports/<scenario>/"):
            rundir.require(place)
    (tmp_path / "run.jsonl").touch()
    assert rundir.require(tmp_path) == tmp_path


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    path = tmp_path / "results.json"
    rundir.write_whole(path, b"one")
    with path.open("rb") as reader:
        rundir.write_whole(path, b"two")
        assert reader.read() == b"one"
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]
    with pytest.raises(EnvironmentFailure, match="cannot be written"):
        rundir.write_whole(tmp_path / "none" / "x", b"")
