"""Reference page of a run folder: every file, every event of every record, and every column of the history."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from harness.history.schema import OP_COLUMNS
from harness.reference.markdown import table
from harness.rundir import files, journal_schema, record_schema

PHASES = {"declared": "before anything is started", "run": "while it runs", "checked": "afterwards, from the others"}

JOURNAL_EVENTS = {
    journal_schema.INVOKE: "An operation begins. The line is written before the first byte of the request.",
    journal_schema.COMPLETE: "An operation is complete. The two lines of an operation have the same `n`.",
    journal_schema.LAG: "One second of the agent's own delay.",
    journal_schema.SUMMARY: "What Locust counted; the last line of a journal.",
}
"""Event of a journal to what a line of it says."""

OWN_COLUMNS = {
    "id": "Number of the row. Rows are in the order of `invoke_ns`, `agent`, `op`.",
    "agent": "Number of the load agent, as in the name of its journal.",
    "session_use": "What the operation does with its session: `begin`, `read`, `renew`, `end`, `end_all` or `none`.",
    "seen": "What the operation says of its session: `present`, `absent`, or null.",
}
"""Columns of the history that no key of the journal gives."""


def records() -> str:
    """Return the page on the files of a run folder."""
    parts = [
        "# Records of a run folder",
        "[Run folder](../run-folder.md) explains how they belong together.",
        "## Files",
        table(
            ("file", "written", "by", "what stands in it"),
            [(f"`{each.name}`", PHASES[each.phase], each.writer, each.content) for each in files.FILES],
        ),
        "`harness prove` writes a folder of its own, with these files beside the folders of its runs:",
        table(("file", "what stands in it"), [(f"`{each.name}`", each.content) for each in files.PROVE_FILES]),
        "Every line of a `.jsonl` file has these keys; the tables below leave them out:",
        _keys(record_schema.COMMON),
        f"## {files.JOURNALS}",
        "Keys are short, because a run writes very many of these lines. The long name is the column of the history.",
    ]
    for event, keys in journal_schema.EVENTS.items():
        rows = [
            (f"`{key.short}`", f"`{key.name}`", key.type, key.meaning) for key in keys if key.short not in ("e", "at")
        ]
        parts += [f"### `{event}`", JOURNAL_EVENTS[event], table(("key", "long name", "type", "meaning"), rows)]
    for name, kinds in record_schema.RECORDS.items():
        parts.append(f"## {name}")
        # Events with the same keys share a table.
        for meanings, group in groupby(kinds, key=kinds.__getitem__):
            parts += [
                f"### {name.removesuffix('.jsonl')}: {', '.join(f'`{event}`' for event in group)}",
                _keys(meanings),
            ]
    parts += [f"## {files.HISTORY}", "One row for each operation.", _columns()]
    return "\n\n".join(parts) + "\n"


def _keys(meanings: Mapping[str, str]) -> str:
    return table(("key", "meaning"), [(f"`{key}`", text) for key, text in meanings.items()])


def _columns() -> str:
    keys = [
        *journal_schema.EVENTS[journal_schema.COMPLETE],
        *journal_schema.EVENTS[journal_schema.INVOKE],
    ]
    told = {key.name: key.meaning for key in keys} | OWN_COLUMNS
    return table(("column", "type", "meaning"), [(f"`{name}`", kind, told[name]) for name, kind in OP_COLUMNS.items()])
