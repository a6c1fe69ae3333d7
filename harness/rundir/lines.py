"""Reads the lines of a .jsonl file that may be torn, cut or overwritten, and says how many were not usable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from harness.rundir import journal_schema

LONGEST_LINE = 1 << 20
"""Bytes; no event of ours comes near, and a longer one is damage."""

Accept = Callable[[dict[str, Any]], bool]


@dataclass
class Torn:
    """How many lines of one file were unusable; `inner` of them were not the last."""

    file: str
    lines: int = 0
    inner: int = 0


def usable(event: object) -> bool:
    """Whether a decoded line is an event at all: an object with a type and a time."""
    return isinstance(event, dict) and isinstance(event.get("e"), str) and type(event.get("at")) is int


journal_event = journal_schema.accepts
"""Whether a journal event has what its type cannot do without."""


def _decode(line: bytes, accept: Accept) -> bool:
    if len(line) > LONGEST_LINE:
        return False
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return usable(event) and accept(event)


def clean(source: Path, into: BinaryIO, accept: Accept = lambda event: True) -> Torn:
    """Copies the usable lines of `source`; a line without its newline is kept if it is whole."""
    torn = Torn(source.name)
    bad_before = 0
    with source.open("rb") as lines:
        for line in lines:
            if line.isspace():
                continue
            torn.inner += bad_before
            bad_before = 0
            if _decode(line, accept):
                into.write(line if line.endswith(b"\n") else line + b"\n")
            else:
                torn.lines += 1
                bad_before = 1
    return torn


def events(source: Path) -> tuple[list[dict[str, Any]], Torn]:
    """The usable events of a small file; none if there is no such file."""
    torn = Torn(source.name)
    found: list[dict[str, Any]] = []
    if not source.is_file():
        return found, torn
    bad_before = 0
    for line in source.read_bytes().split(b"\n"):
        if not line or line.isspace():
            continue
        torn.inner += bad_before
        bad_before = 0
        if _decode(line, lambda event: True):
            found.append(orjson.loads(line))
        else:
            torn.lines += 1
            bad_before = 1
    return found, torn
