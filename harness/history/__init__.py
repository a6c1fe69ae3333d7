"""The analysed table of what happened: one row for each op, built from the journals of a run folder.

    db = build(folder, vocabulary)     # reads the journals, writes history.parquet

`build` returns a DuckDB connection that is limited to 700 MB and two threads. The connection's files live in a
temporary folder that is removed with the connection. `harness.history.schema` describes the tables and columns,
`harness.history.vocabulary` the meaning of names.
"""

from __future__ import annotations

from harness.history.journals import build
from harness.history.schema import connect, create_tables
from harness.history.vocabulary import FaultFacts, SessionUse, Vocabulary

__all__ = ["FaultFacts", "SessionUse", "Vocabulary", "build", "connect", "create_tables"]
