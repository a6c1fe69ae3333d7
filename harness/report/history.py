"""The ops of a run as the report asks for them: history.parquet through DuckDB, in memory, read only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb


class History:
    """The table `op` of a run folder. Without the file, or with a damaged one, every answer is empty.

    `missing` says in one sentence what is not there, else it is empty. It holds no path: it enters the report.
    """

    def __init__(self, path: Path) -> None:
        self.missing = ""
        self._db = duckdb.connect()
        try:
            if not path.is_file():
                self.missing = "The run folder holds no history.parquet; harness check RUN writes it."
                return
            self._db.read_parquet(str(path)).create_view("op")
        except duckdb.Error:
            self.missing = "history.parquet cannot be read; harness check RUN writes it anew."

    def ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; none when there is no history, or when it lacks a column that is asked for."""
        if self.missing:
            return []
        try:
            rows: list[tuple[Any, ...]] = self._db.execute(query, list(values)).fetchall()
            return rows
        except duckdb.Error:
            self.missing = "history.parquet is not of this version; harness check RUN writes it anew."
            return []

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()
