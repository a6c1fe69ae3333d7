"""The analysed table of what happened: one row an op, built from the journals of a run folder.

    db = build(folder, vocabulary)     # reads the journals, writes history.parquet

`build` returns a DuckDB connection bounded to 700 MB and two threads, whose files live in a temporary folder that goes
with the connection. Tables and columns: `harness.history.schema`. The meaning of names: `harness.history.vocabulary`.
"""

from __future__ import annotations

from harness.history.journals import build
from harness.history.schema import connect, create_tables
from harness.history.vocabulary import FaultFacts, SessionUse, Vocabulary

__all__ = ["FaultFacts", "SessionUse", "Vocabulary", "build", "connect", "create_tables"]
