"""The run folder: the one place a run writes to, and all that checks and reports read.

reports/<scenario>/<UTC time>/   see the names below
reports/<scenario>/latest        link to the newest
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from harness.errors import EnvironmentFailure, UsageError

FOUND = "found.json"
"""How a target that ran already was found, to be brought back to that (`harness.platforms.base.Attacher`)."""


class Record:
    """An append-only .jsonl file. One write(2) a line, so that a crash tears at most the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._lock = threading.Lock()

    def write(self, event: str, at_ns: int | None = None, **fields: Any) -> int:
        """Append one event; its time in monotonic ns is returned."""
        at = time.monotonic_ns() if at_ns is None else at_ns
        line = orjson.dumps({"e": event, "at": at, **fields}) + b"\n"
        with self._lock:
            try:
                written = os.write(self._file, line)
            except OSError as error:
                raise EnvironmentFailure(f"{self.path}: cannot be written: {error}. Free some space.") from None
        if written != len(line):
            raise EnvironmentFailure(f"{self.path}: the disk is full. Free some space and run again.")
        return at

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def create(reports: Path, scenario: str) -> Path:
    """A new run folder below `reports`, and the `latest` link to it.

    Raises:
        EnvironmentFailure: the folder cannot be made.
    """
    folder = create_plain(reports, scenario)
    (folder / "logs").mkdir()
    return folder


def create_plain(reports: Path, scenario: str) -> Path:
    """As `create`, for a folder that is not of one run and holds no logs."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for attempt in range(1000):
        folder = reports / scenario / (stamp if not attempt else f"{stamp}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise EnvironmentFailure(f"{folder}: cannot be made: {error}. Choose another with --reports.") from None
        _link_latest(folder)
        return folder
    raise EnvironmentFailure(f"{reports / scenario}: a thousand runs started within one second")


def _link_latest(folder: Path) -> None:
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{folder.name}"
    with contextlib.suppress(OSError):
        fresh.symlink_to(folder.name)
        fresh.replace(link)


def require(folder: Path) -> Path:
    """`folder` if it is a run folder, the newest run if it is `latest`.

    Raises:
        UsageError: it is not one.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such run folder. They are under reports/<scenario>/; `latest` is the newest.")
    if not (folder / "run.jsonl").is_file():
        raise UsageError(f"{folder}: not a run folder, run.jsonl is missing. Name one under reports/<scenario>/.")
    return folder


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of what a run is judged by, but for its own record, as they are once nobody writes any more."""
    files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.yaml")])
    return {path.name: path.stat().st_size for path in files if path.name != "run.jsonl"}


def require_whole(folder: Path) -> None:
    """Refuse a folder whose records are shorter than the run left them: what is missing may be what explains the rest.

    A run that died left no such sizes; its records are taken as they are.

    Raises:
        UsageError: with one line for every record that is cut or missing.
    """
    ended = [event for event in events(folder / "run.jsonl") if event.get("e") == "ended"]
    left = ended[-1].get("bytes") if ended else None
    there = sizes(folder)
    cut = [
        f"{folder / name}: {there.get(name, 0):,} of {size:,} bytes are there"
        for name, size in (left.items() if isinstance(left, dict) else ())
        if isinstance(size, int) and there.get(name, 0) < size
    ]
    if cut:
        raise UsageError(f"{folder}: the run folder was cut. Copy it again, whole; nothing in it was changed.", cut)


def events(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a .jsonl file; a missing file has none, torn lines are left out."""
    found = []
    with contextlib.suppress(OSError):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(orjson.JSONDecodeError):
                event = orjson.loads(line)
                if isinstance(event, dict):
                    found.append(event)
    return found


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: whoever reads sees the old or the new one, never half.

    Raises:
        EnvironmentFailure: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise EnvironmentFailure(f"{path}: cannot be written: {error}. Free some space, or copy the folder.") from None
