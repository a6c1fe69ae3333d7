"""What the process platform needs of a machine: each thing that is missing is named, with how to get it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from harness.platforms.process import requirements

# Private names: `_program` makes the check of one program: the public list names real ones, which are there.


def test_nothing_is_missing_where_the_tests_run() -> None:
    assert requirements.missing() == []


@pytest.mark.parametrize("variable", ["HARNESS_STORE", "HARNESS_BALANCER"])
def test_a_chosen_program_that_is_not_there_is_missing(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/no/such/program")
    (text,) = requirements.missing()
    assert f"{variable}=/no/such/program: no such program" in text


def test_a_program_that_may_not_be_executed_is_missing(tmp_path: Path) -> None:
    plain = tmp_path / "server"
    plain.write_text("")
    assert (
        requirements._program(lambda: str(plain))() == f"{plain} cannot be executed; `chmod +x` it, or choose another"
    )


def test_a_folder_that_takes_no_file_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    (text,) = requirements.missing()
    assert "set TMPDIR to a folder of yours" in text


def test_a_kernel_without_handles_of_processes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    (text,) = requirements.missing()
    assert text.startswith("no pidfd") and "Linux 5.3" in text
