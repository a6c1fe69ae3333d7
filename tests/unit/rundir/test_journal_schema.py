"""The journal's schema: what a line is called inside and outside the file, and which lines are damage."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from harness.rundir import journal_schema
from harness.rundir.journal_schema import COMPLETE, EVENTS, INVOKE, LATEST_NS, SHAPE, accepts, columns, shortened

BEGUN = {"e": "i", "at": 10, "n": 0, "w": "session", "k": "read", "key": "s1"}
ENDED = {"e": "c", "at": 20, "n": 0, "o": "ok", "cl": "ok"}


@pytest.mark.parametrize("event", EVENTS)
def test_no_event_gives_two_keys_one_name(event: str) -> None:
    keys = EVENTS[event]
    assert len({key.short for key in keys}) == len({key.name for key in keys}) == len(keys)


def test_a_line_is_written_by_long_names_and_nothing_is_left_out_but_none() -> None:
    fields = {"client": 0, "workload": "session", "session": None, "user": "", "expect": ["ok"], "sent_to": "replica-1"}
    assert shortened(INVOKE, fields) == {"c": 0, "w": "session", "u": "", "x": ["ok"], "to": "replica-1"}


def test_a_field_that_the_event_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError, match="status"):
        shortened(INVOKE, {"status": 200})


def test_duckdb_reads_by_the_shape_and_gives_the_long_names() -> None:
    written = {"e": "c", "at": 20, "n": 1, "o": "ok", "cl": "ok", "st": 200, "num": 0.5, "foreign": "x"}
    db = duckdb.connect()
    db.execute(f"CREATE TABLE event AS SELECT unnest(json_transform(?::JSON, '{SHAPE}'))", [json.dumps(written)])
    row = db.execute(f"SELECT {columns(COMPLETE)} FROM event c")
    names = [column[0] for column in row.description]
    found = dict(zip(names, row.fetchall()[0], strict=True))
    assert {name: value for name, value in found.items() if value is not None} == {
        "return_ns": 20, "op": 1, "outcome": "ok", "class": "ok", "status": 200, "number": 0.5,
    }  # fmt: skip
    assert list(found) == [key.name for key in EVENTS[COMPLETE] if key.short != "e"]


@pytest.mark.parametrize(
    "line",
    [BEGUN, ENDED, {"e": "lag", "at": 1}, {"e": "of a later version", "at": -1}, {**BEGUN, "at": 0}, {**BEGUN, "s": 5}],
)
def test_a_line_with_what_its_event_needs_is_accepted(line: dict[str, Any]) -> None:
    assert accepts(line)


@pytest.mark.parametrize(
    "line",
    [
        {**BEGUN, "at": -1},
        {**BEGUN, "at": LATEST_NS + 1},
        {**BEGUN, "n": True},
        {**BEGUN, "n": "0"},
        {**BEGUN, "key": None},
        {**BEGUN, "w": 1},
        {**ENDED, "o": "perhaps"},
        {**ENDED, "cl": None},
        {name: value for name, value in ENDED.items() if name != "o"},
        {name: value for name, value in BEGUN.items() if name != "k"},
    ],
)
def test_a_line_that_lacks_it_is_damage(line: dict[str, Any]) -> None:
    assert not accepts(line)


def test_a_key_cannot_have_two_types() -> None:
    # `_shape` is reached by its private name: the module builds its own shape once, on import, from keys that agree.
    keys = (journal_schema.Key("v", "value", "VARCHAR", "Text."), journal_schema.Key("v", "number", "DOUBLE", "Real."))
    with pytest.raises(ValueError, match="`v` has two types"):
        journal_schema._shape(keys)
