"""The analysed table of what happened: one row an op, built from the journals of a run folder.

    db = build(folder)            # reads the journals, writes history.parquet
    db = open_history(folder)     # the same tables; the ops come from history.parquet

Both return a DuckDB connection bounded to 700 MB and two threads, whose files live in a temporary folder that
goes with the connection. Tables and columns: `harness.history.schema`.
"""

from __future__ import annotations

from harness.history.journals import build, open_history
from harness.history.schema import connect, create_tables

__all__ = ["build", "connect", "create_tables", "open_history"]
