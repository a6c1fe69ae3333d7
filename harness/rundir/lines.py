"""The tolerant reader of .jsonl files: each holds one event a line, and may be torn, cut or overwritten.

Every reader of such a file goes through this module, so that all agree on what an event is: a JSON object on a line
of its own, with a type `e` (text) and a time `at` (an integer). Any other line is left out and counted. A torn last
line is what a kill leaves behind; an unusable line before the last one is damage.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

Event = dict[str, Any]
Accept = Callable[[Event], bool]

LONGEST_LINE = 1 << 20
"""Bytes of the longest line that is read; no event comes near this size, and a longer line is damage."""


@dataclass
class Torn:
    """How many lines of one file could not be used.

    Attributes:
        file: The name of the file.
        lines: How many of its lines could not be used.
        inner: How many of those were not the last line of the file.
    """

    file: str
    lines: int = 0
    inner: int = 0


def usable(event: object) -> bool:
    """Return whether a decoded line is an event: an object with a type `e` and a time `at`."""
    return isinstance(event, dict) and isinstance(event.get("e"), str) and type(event.get("at")) is int


def any_event(event: Event) -> bool:
    """Accept every event, whatever its type."""
    return True


def events(source: Path, accept: Accept = any_event) -> tuple[list[Event], Torn]:
    """Return the events of a small file, in the file's order, and how many lines could not be used.

    Args:
        source: The file; one that does not exist has no events.
        accept: Which events are usable, beyond being events at all.

    Raises:
        OSError: The file exists and cannot be read.
    """
    torn = Torn(source.name)
    if not source.is_file():
        return [], torn
    return [event for _, event in _events(source.read_bytes().split(b"\n"), torn, accept)], torn


def appending(path: Path, flags: int = 0) -> int:
    """Open a file to append events to, and return its descriptor. A file that exists is continued.

    A torn last line is ended first: else the next event would be lost with it.

    Args:
        path: The file.
        flags: Further flags of open(2).

    Raises:
        OSError: The file cannot be opened.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | flags, 0o644)
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.write(file, b"\n")
    return file


def clean(source: Path, into: BinaryIO, accept: Accept = any_event) -> Torn:
    """Copy the usable lines of a file of any size, and return how many lines could not be used.

    A last line without its newline is kept when it is whole, and is given the newline.

    Args:
        source: The file to read, line by line.
        into: Where the usable lines are written to, byte for byte.
        accept: Which events are usable, beyond being events at all.

    Raises:
        OSError: The file cannot be read, or `into` cannot be written.
    """
    torn = Torn(source.name)
    with source.open("rb") as lines:
        for line, _ in _events(lines, torn, accept):
            into.write(line if line.endswith(b"\n") else line + b"\n")
    return torn


def _events(lines: Iterable[bytes], torn: Torn, accept: Accept) -> Iterator[tuple[bytes, Event]]:
    """Give each usable line with its event, and count the others in `torn`."""
    unusable_before = 0
    for line in lines:
        if not line or line.isspace():
            continue
        torn.inner += unusable_before
        event = _decoded(line)
        unusable_before = int(event is None or not accept(event))
        torn.lines += unusable_before
        if event is not None and not unusable_before:
            yield line, event


def _decoded(line: bytes) -> Event | None:
    if len(line) > LONGEST_LINE:
        return None
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if usable(event) else None
