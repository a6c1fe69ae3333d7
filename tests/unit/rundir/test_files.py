"""The table of a run folder's files: whole, without doubles, and in the order of the phases."""

from __future__ import annotations

from pathlib import Path

from harness.rundir import files


def test_every_name_stands_in_one_table_once() -> None:
    names = [value for name, value in vars(files).items() if name.isupper() and isinstance(value, str)]
    listed = [file.name for file in (*files.FILES, *files.PROVE_FILES)]
    assert sorted(listed) == sorted(f"{files.LOGS}/*.log" if name == files.LOGS else name for name in names)


def test_every_file_says_all_and_the_phases_follow_each_other() -> None:
    phases = [file.phase for file in files.FILES]
    assert phases == sorted(phases, key=["declared", "run", "checked"].index)
    for file in files.FILES:
        assert file.writer and file.readers
        assert file.content.endswith(".")


def test_the_journals_of_a_folder_are_those_that_agents_name(tmp_path: Path) -> None:
    for name in (files.journal(1), files.journal(0), files.RUN):
        (tmp_path / name).touch()
    assert [path.name for path in files.journals(tmp_path)] == ["journal-0.jsonl", "journal-1.jsonl"]
