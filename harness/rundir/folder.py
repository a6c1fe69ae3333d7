"""Makes a run folder, writes its records, and refuses a folder that is none or was cut.

A run writes to its run folder and nowhere else; the checks and the report read the run folder and nothing else.

    reports/<scenario>/<UTC time>/   the files that `harness.rundir.files` names
    reports/<scenario>/latest        a link to the newest
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
from harness.rundir import lines
from harness.rundir.files import LOGS, RUN
from harness.rundir.lines import Event


class Record:
    """An append-only .jsonl file of events, such as `run.jsonl`; safe to write from several threads.

    Each line is one write(2), so that a crash tears at most the last line. A file that exists is continued.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = lines.appending(path)
        self._lock = threading.Lock()

    def write(self, event: str, at_ns: int | None = None, **fields: Any) -> int:
        """Append one event, and return its time.

        Args:
            event: The type of the event, such as `phase`.
            at_ns: When the event happened, CLOCK_MONOTONIC in nanoseconds; None for now.
            **fields: What else the event says, as JSON values.

        Raises:
            EnvironmentFailure: The line could not be written whole.
        """
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
        """Close the file; a second call does nothing."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def create(reports: Path, scenario: str) -> Path:
    """Make a new run folder with a folder for logs, point the link `latest` at the new folder, and return its path.

    Args:
        reports: The folder of all reports; made when missing.
        scenario: The name of the scenario.

    Raises:
        EnvironmentFailure: The folder cannot be made.
    """
    folder = create_plain(reports, scenario)
    (folder / LOGS).mkdir()
    return folder


def create_plain(reports: Path, scenario: str) -> Path:
    """Make a new folder as `create` does, without a folder for logs: one that does not belong to a single run."""
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
    raise EnvironmentFailure(
        f"{reports / scenario}: a thousand runs started within one second. Wait a second and run again."
    )


def _link_latest(folder: Path) -> None:
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{folder.name}"
    with contextlib.suppress(OSError):
        fresh.symlink_to(folder.name)
        fresh.replace(link)


def require(folder: Path) -> Path:
    """Return the path of a folder unchanged if the folder is a run folder (or a link to one, such as `latest`).

    Raises:
        UsageError: There is no such folder, or it is not a run folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such run folder. They are under reports/<scenario>/; `latest` is the newest.")
    if not (folder / RUN).is_file():
        raise UsageError(f"{folder}: not a run folder, {RUN} is missing. Name one under reports/<scenario>/.")
    return folder


def sizes(folder: Path) -> dict[str, int]:
    """Return the size in bytes of every file that a run is judged by, by name, but for `run.jsonl`.

    `run.jsonl` is left out because its last event is where the sizes are written. To be called when nobody writes to
    the folder any more.
    """
    files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.yaml")])
    return {path.name: path.stat().st_size for path in files if path.name != RUN}


def require_whole(folder: Path) -> None:
    """Refuse a run folder in which a file is shorter than at the end of the run, or missing.

    What is missing might be what explains the rest, so that a cut folder is not judged at all. A run that died left
    no sizes to compare with; its files are taken as they are.

    Raises:
        UsageError: With one line for every file that is cut or missing.
    """
    ended = [event for event in events(folder / RUN) if event.get("e") == "ended"]
    left = ended[-1].get("bytes") if ended else None
    there = sizes(folder)
    cut = [
        f"{folder / name}: {there.get(name, 0):,} of {size:,} bytes are there"
        for name, size in (left.items() if isinstance(left, dict) else ())
        if isinstance(size, int) and there.get(name, 0) < size
    ]
    if cut:
        raise UsageError(f"{folder}: the run folder was cut. Copy it again, whole; nothing in it was changed.", cut)


def events(path: Path) -> list[Event]:
    """Return the events of a .jsonl file; a file that is missing or cannot be read has none.

    Lines that cannot be used are left out. Who has to count them uses `harness.rundir.lines.events`.
    """
    try:
        return lines.events(path)[0]
    except OSError:
        return []
