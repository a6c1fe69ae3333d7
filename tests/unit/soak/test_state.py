"""The state file: what counts as done, and for which revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.state import JUDGED, Finding, append, of_revision, read, revision


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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one file in each place that counts, and one that does not."""
    for place in ("harness/a.py", "target_service/lua/b.lua", "scenarios/c.yaml", "requirements.lock", "tests/d.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("one")
    return tmp_path


@pytest.mark.parametrize("place", ["harness/a.py", "target_service/lua/b.lua", "scenarios/c.yaml", "requirements.lock"])
def test_what_a_run_is_made_of_makes_another_revision_until_it_is_as_before(checkout: Path, place: str) -> None:
    before = revision(checkout)
    (checkout / place).write_text("two")
    changed = revision(checkout)
    (checkout / place).write_text("one")
    assert changed != before == revision(checkout)


def test_a_file_more_or_under_another_name_makes_another_revision(checkout: Path) -> None:
    before = revision(checkout)
    (checkout / "harness" / "a.py").rename(checkout / "harness" / "b.py")
    renamed = revision(checkout)
    (checkout / "harness" / "a.py").write_text("one")
    assert len({before, renamed, revision(checkout)}) == 3


def test_tests_and_what_python_leaves_change_no_revision(checkout: Path) -> None:
    before = revision(checkout)
    (checkout / "tests" / "d.py").write_text("two")
    (checkout / "harness" / "__pycache__").mkdir()
    (checkout / "harness" / "__pycache__" / "a.pyc").write_text("compiled")
    (checkout / "harness" / ".a.py.swp").write_text("an editor's")
    assert revision(checkout) == before


def test_places_that_count_are_there() -> None:
    root = Path(__file__).parents[3]
    assert all((root / place).exists() for place in JUDGED)
