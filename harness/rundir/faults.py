"""The record of faults, `faults.jsonl`: what is about to be done, and what came of it.

An intent is on the disk before its fault is injected, so that whoever finds the record later knows what to undo.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.rundir.files import FAULTS as FILE


class FaultRecord:
    """The record of one run, to append to; `on_event` is given every line that was written."""

    def __init__(self, path: Path, on_event: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._on_event = on_event
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            # What follows a torn line is to be a line of its own.
            os.write(self._file, b"\n")

    def write(self, event: str, fault: int, **members: Any) -> None:
        """Append one event in a single system call; an intent is on the disk when this returns.

        Raises:
            OSError: The line was not written whole, or an intent could not be synced.
        """
        line = {"e": event, "at": time.monotonic_ns(), "fault": fault, **members}
        raw = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            if os.write(self._file, raw) != len(raw):
                raise OSError(f"{FILE}: a line was written in part; the disk is full")
            if event == "intent":
                os.fsync(self._file)
        if self._on_event is not None:
            self._on_event(line)

    def close(self) -> None:
        """Write no line any more."""
        os.close(self._file)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a record; one that is torn, or is no object with an event, is left out."""
    if not path.exists():
        return []
    found = []
    for raw in path.read_bytes().split(b"\n"):
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("fault"), int) and "e" in line:
            found.append(line)
    return found
