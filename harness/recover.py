"""What a dead run left: finding it, and removing it. A run in progress is never touched.

A run is alive while a process holds its name (an abstract unix socket) or the lock of its folder (flock). The
kernel takes both back when that process dies, however it dies; neither can be left behind by accident.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import EnvironmentFailure, UsageError
from harness.platforms import PLATFORMS, remains
from harness.platforms.hold import check_run_id, hold_name, name_is_held
from harness.scrub import scrub_patterns

_LOCK = "lock"
_EVENTS = "run.jsonl"


@dataclass(frozen=True)
class Leftover:
    """One dead run. `run` is None when its record broke off before it named itself; `folder` when none is known.

    Of a check that died, `scratch` alone is there.
    """

    run: str | None
    folder: Path | None
    things: list[str]
    scratch: Path | None = None

    def __str__(self) -> str:
        if self.scratch:
            return f"a check that died: directory {self.scratch}"
        where = f" in {self.folder}" if self.folder else ""
        return f"run {self.run or '(unnamed)'}{where}: {'; '.join(self.things) or 'not marked as ended'}"


@contextmanager
def hold(run_id: str, folder: Path | None = None) -> Iterator[None]:
    """Shows that the run is alive while inside: to be entered before anything of the run is created.

    Raises `EnvironmentFailure` when another process has the run, or the folder.
    """
    with ExitStack() as stack:
        stack.enter_context(hold_name(run_id))
        if folder is not None:
            stack.enter_context(_hold_folder(folder))
        yield


@contextmanager
def _hold_folder(folder: Path) -> Iterator[None]:
    place = folder / _LOCK
    handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EnvironmentFailure(f"{folder} belongs to a run in progress: {place} is locked") from error
        yield
        place.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _folder_is_held(folder: Path) -> bool:
    try:
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _events(folder: Path) -> list[dict[str, object]]:
    found = []
    for raw in (folder / _EVENTS).read_bytes().split(b"\n"):
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found


def _declared(folder: Path) -> tuple[str | None, bool]:
    """The run's id, None when it is unreadable or not one, and whether the run has ended."""
    events = _events(folder)
    named = next((event.get("run") for event in events if event.get("e") == "declared"), None)
    try:
        run = check_run_id(named) if isinstance(named, str) else None
    except UsageError:
        run = None
    return run, any(event.get("e") == "ended" for event in events)


def find(reports: Path, run: str | None = None) -> list[Leftover]:
    """All dead runs that left something: a folder not marked as ended, a process, a work directory.

    `reports` need not exist: processes and work directories are found without it. With `run`, only that one.
    """
    found: list[Leftover] = []
    seen: set[str] = set()
    for events in sorted(reports.glob(f"*/*/{_EVENTS}")):
        folder = events.parent
        if folder.is_symlink() or _folder_is_held(folder):
            continue
        name, is_ended = _declared(folder)
        if (run is not None and name != run) or (name is not None and name_is_held(name)):
            continue
        things = _things(name) if name else []
        if things or not is_ended:
            found.append(Leftover(name, folder, things))
            seen |= {name} if name else set()
    for name in sorted(remains.runs() - seen):
        if run in (None, name) and _is_dead(name):
            found.append(Leftover(name, None, _things(name)))
    dead_checks = remains.scratch() if run is None else []
    found += [Leftover(None, None, [], scratch=place) for place in dead_checks]
    return [left for left in found if left.things or left.folder or left.scratch]


def _is_dead(name: str) -> bool:
    try:
        return not name_is_held(check_run_id(name))
    except UsageError:
        # Something else uses the same variable: no run of ours has such an id.
        return False


def _things(name: str) -> list[str]:
    return [thing for make in PLATFORMS.values() for thing in make().leftovers(name)]


def recover(reports: Path, run: str | None = None) -> list[str]:
    """Removes what dead runs left and marks their folders as ended; returns what was done, one line each.

    A second call finds nothing. Raises `EnvironmentFailure`, after all else was done, naming what stays.
    """
    done: list[str] = []
    failed: list[str] = []
    for left in find(reports, run):
        try:
            done += _recover_one(left)
        except (EnvironmentFailure, OSError) as error:
            failed.append(f"{left}: {error}")
    if failed:
        raise EnvironmentFailure("\n".join([*done, "could not be recovered:", *failed]))
    return done


def _recover_one(left: Leftover) -> list[str]:
    if left.scratch:
        return [remains.remove_scratch(left.scratch)]
    done = []
    label = f"run {left.run or '(unnamed)'}"
    with ExitStack() as stack:
        # Held while it is removed: two recoveries at once do not meet, and nobody can begin the run again.
        if left.run is not None:
            stack.enter_context(hold_name(left.run))
        if left.folder is not None:
            stack.enter_context(_hold_folder(left.folder))
        if left.run is not None:
            for make in PLATFORMS.values():
                done += [f"{label}: {thing}" for thing in make().remove(left.run)]
        if left.folder is not None and not _declared(left.folder)[1]:
            scrub_patterns(left.folder / "logs")
            _mark_ended(left.folder)
            done.append(f"{label}: marked {left.folder} as ended")
    return done


def _mark_ended(folder: Path) -> None:
    line = json.dumps({"e": "ended", "at": time.monotonic_ns(), "how": "recovered"}).encode() + b"\n"
    with (folder / _EVENTS).open("ab") as file:
        # A torn last line must not swallow this one.
        file.write(line if (folder / _EVENTS).read_bytes()[-1:] in (b"", b"\n") else b"\n" + line)
        file.flush()
        os.fsync(file.fileno())
