"""Children: their logs, and their ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.process.children import Child, end_all


def test_a_child_has_a_log_and_no_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child("c", ["sh", "-c", "echo $HARNESS_NAME $A; cat; exit 7"], {"A": "b"}, tmp_path, log)
    assert child.wait(5) == 7 and child.wait(0) == 7 and child.status() == 7
    assert log.read_text() == "c b\n"
    child.end()


def test_a_child_that_will_not_die_keeps_no_other_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children = [Child(f"c{n}", ["sleep", "60"], {}, tmp_path, tmp_path / "log") for n in range(3)]

    def refuse() -> None:
        raise EnvironmentFailure("c0 does not exit after SIGKILL")

    monkeypatch.setattr(children[0], "end", refuse)
    assert end_all(children) == {children[0].pid: "c0 does not exit after SIGKILL"}
    assert None not in [child.status() for child in children[1:]]
    children[0].wait(5)


HEX = "0123456789abcdef" * 4
GIVEN = {"JWT_SECRET": "tr0ub4dor", "db_password": "it's quoted", "API_KEY": "abc", "HOST": "127.0.0.1"}


def test_a_program_that_cannot_be_started_tells_no_secret(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="c cannot be started") as failure:
        Child("c", ["/no/such/tr0ub4dor", HEX], GIVEN, tmp_path, tmp_path / "log")
    assert "tr0ub4dor" not in str(failure.value) and HEX not in str(failure.value)
    assert "/no/such/[masked]" in str(failure.value)


def test_the_last_lines_of_a_child_tell_no_secret(tmp_path: Path) -> None:
    script = f"import os; print('signing with', os.environ['JWT_SECRET'], '{HEX}')"
    child = Child("c", [sys.executable, "-c", script], GIVEN, tmp_path, tmp_path / "log")
    assert child.wait(10) == 0
    assert child.last_lines() == "signing with [masked] [masked]"
