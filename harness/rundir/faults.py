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

from harness.rundir import lines
from harness.rundir.files import FAULTS as FILE
from harness.rundir.lines import Event


class FaultRecord:
    """The record of one run, to append to; `on_event` is given every line that was written."""

    def __init__(self, path: Path, on_event: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._on_event = on_event
        self._lock = threading.Lock()
        self._file = lines.appending(path, os.O_NOFOLLOW)

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


def read(path: Path) -> list[Event]:
    """Return the events of a record that are about a fault; a record that does not exist has none."""
    return [event for event in lines.events(path)[0] if isinstance(event.get("fault"), int)]
