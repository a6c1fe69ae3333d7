"""The ops of a run, as the report asks for them: `history.parquet` through DuckDB, in memory, read only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb


class History:
    """The table `op` of a run folder. When the file is missing or damaged, every answer is empty.

    Args:
        path: Where `history.parquet` is.

    Attributes:
        missing: One sentence that says what is not there; empty when all is there. It holds no path, because it is
            shown in the report, and the same folder must give the same report wherever the folder stands.
    """

    def __init__(self, path: Path) -> None:
        self.missing = ""
        self._db = duckdb.connect()
        try:
            if not path.is_file():
                self.missing = (
                    "The run folder has no history.parquet, so that no op is shown; harness check RUN writes the file."
                )
                return
            self._db.read_parquet(str(path)).create_view("op")
        except duckdb.Error:
            self.missing = "history.parquet cannot be read, so that no op is shown; harness check RUN writes it anew."

    def ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none when there is no history, or when the history lacks a column of the query.

        Args:
            query: SQL over the table `op`.
            values: The values of the query's parameters.
        """
        if self.missing:
            return []
        try:
            rows: list[tuple[Any, ...]] = self._db.execute(query, list(values)).fetchall()
            return rows
        except duckdb.Error:
            self.missing = (
                "history.parquet is of another version, so that ops are missing; harness check RUN writes it anew."
            )
            return []

    def close(self) -> None:
        """Close the database, and with it the file."""
        self._db.close()
