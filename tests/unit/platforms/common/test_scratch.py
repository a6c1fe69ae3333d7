"""Directories beside all runs: only those of dead processes are taken for leftovers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.platforms.common import scratch


def test_only_folders_that_a_dead_check_made_are_its_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    def made(name: str, *holds: str, mode: int = 0o700) -> Path:
        (tmp_path / name).mkdir()
        for entry in holds:
            (tmp_path / name / entry).write_text("x")
        (tmp_path / name).chmod(mode)
        return tmp_path / name

    dead = made("harness-history-abcd_123", "history.duckdb", "history.duckdb.wal", "spill", "lines-x_1.jsonl")
    old = made("harness-history-old00000")
    os.utime(old, (1, 1))
    made("harness-history-others00", "history.duckdb", "tmpx_1.jsonl")
    made("harness-history-fresh000")
    made("harness-history-notes", "history.duckdb")
    made("harness-history-mixed000", "history.duckdb", "precious")
    made("harness-history-open0000", "history.duckdb", mode=0o755)
    assert scratch.scratch() == [dead, old]
