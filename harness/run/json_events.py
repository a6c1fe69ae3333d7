"""Writes every event of a run to a file as one line of JSON, for programs that follow a run while it goes on.

    from harness import api
    from harness.run.json_events import JsonEvents

    with JsonEvents(Path("events.jsonl")) as events:
        api.run_scenario(Path("scenarios/kill.yaml"), observers=[events])

Each line is an object with `event` (the name of the event in `harness.run.events.EVENTS`), `at_ns` (CLOCK_MONOTONIC in
ns), and the attributes of the event's class under their own names:

    {"event":"phase_begun","at_ns":81203344120011,"name":"load"}
    {"event":"fault_landed","at_ns":81206344870034,"fault":1,"how":"process 4711 has ended, its port is closed"}
    {"event":"verdict_reached","at_ns":81250113000921,"verdict":"valid","exit_code":0,"reasons":[],"folder":"...","report":"..."}

`results` of `verdict_reached` is left out: the run folder has it as results.json. A later version may add events and
attributes, and changes none; a reader skips what it does not know.
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from harness.errors import EnvironmentFailure, UsageError
from harness.run.events import EVENTS, Event

_NAMES = {kind: name for name, kind in EVENTS.items()}
_LEFT_OUT = frozenset({"results"})


class JsonEvents:
    """An observer that writes JSON lines to a file, each with one write(2) as soon as its event is told.

    A file that exists is replaced; a named pipe or a device is written to. Close it, or use it as a context manager.
    """

    def __init__(self, path: Path) -> None:
        """Open `path` for writing.

        Raises:
            UsageError: `path` cannot be opened for writing.
        """
        self.path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(f"{path}: events cannot be written to it: {error.strerror}. Name another file.") from None

    def __call__(self, event: Event) -> None:
        """Write one event.

        Raises:
            EnvironmentFailure: the line was not written, or only a part of it.
        """
        raw = orjson.dumps(line_of(event), default=str) + b"\n"
        try:
            written = os.write(self._file, raw)
        except OSError as error:
            raise EnvironmentFailure(f"{self.path}: an event was not written: {error.strerror}") from None
        if written != len(raw):
            raise EnvironmentFailure(f"{self.path}: an event was written in part; the disk is full")

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> JsonEvents:
        """Return the observer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def line_of(event: Event) -> dict[str, Any]:
    """Return an event as the object that stands for it in a line of JSON."""
    given = {each.name: getattr(event, each.name) for each in fields(event) if each.name not in _LEFT_OUT}
    return {"event": _NAMES[type(event)], **given}
