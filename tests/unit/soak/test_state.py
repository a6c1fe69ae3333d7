"""The state file: what counts as done, and for which revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.soak.state import UNCOMMITTED, Finding, append, of_revision, read, revision


def finding(key: str, at: str = "abc", right: bool = True) -> Finding:
    return Finding(key=key, kind="clean", group="clean", revision=at, right=right, why="" if right else "it was not")


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "build" / "soak.jsonl"
    assert read(path) == []
    append(path, finding("clean-01"))
    append(path, finding("clean-02", right=False))
    assert read(path) == [finding("clean-01"), finding("clean-02", right=False)]


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "soak.jsonl"
    append(path, finding("clean-01"))
    with path.open("a") as file:
        file.write('{"key": "clean-02", "ki')
    append(path, finding("clean-03"))
    assert [each.key for each in read(path)] == ["clean-01", "clean-03"]


def test_lines_of_other_shape_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "soak.jsonl"
    path.write_text('{"key": "clean-01"}\n[1]\n{"unknown": 1}\n')
    assert read(path) == []


def test_only_the_same_revision_counts_and_the_last_line_of_a_key() -> None:
    old, wrong, right = finding("clean-01", "old"), finding("clean-01", right=False), finding("clean-01")
    assert of_revision([old, wrong, right], "abc") == {"clean-01": right}
    assert of_revision([right, wrong], "abc") == {"clean-01": wrong}
    assert of_revision([old], "abc") == {}


def test_nothing_counts_for_files_that_are_not_committed() -> None:
    at = "abc" + UNCOMMITTED
    assert of_revision([finding("clean-01", at)], at) == {}


def test_the_revision_tells_a_changed_checkout_from_a_clean_one(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    clean = revision(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("two")
    assert revision(tmp_path) == clean + UNCOMMITTED
    git("commit", "-q", "-a", "-m", "two")
    assert revision(tmp_path) not in (clean, clean + UNCOMMITTED)
