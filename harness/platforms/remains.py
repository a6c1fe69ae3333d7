"""What a run of the process platform can leave on this machine: processes, and its work directory."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import EnvironmentFailure
from harness.platforms import procfs
from harness.platforms.hold import check_run_id, is_run_id

_PREFIX = "harness-"
_SCRATCH = "harness-history-"
# What a check keeps there: its database, what that spills, and lines on their way into it.
_HOLDS = ("history.duckdb*", "spill", "lines-*.jsonl")
_MARK = "run-id"
_FRESH_S = 60
# Every run's id ends so, which tells an unmarked directory of a run from one that merely begins with the same word.
_RUN = re.compile(r".+-[0-9a-f]{6}")
_TEMPORARY = re.compile(re.escape(_SCRATCH) + r"[a-z0-9_]{8}")


def work_directory(run_id: str) -> Path:
    """Where the run keeps the store's data, the balancer's configuration and its admin socket."""
    return Path(tempfile.gettempdir()) / f"{_PREFIX}{check_run_id(run_id)}"


def make_work_directory(run_id: str) -> Path:
    """Creates it, for this user alone. Raises `EnvironmentFailure` when it is there already or cannot be made."""
    place = work_directory(run_id)
    try:
        place.mkdir(mode=0o700)
        (place / _MARK).write_text(run_id)
    except OSError as error:
        raise EnvironmentFailure(
            f"work directory {place} cannot be made: {error}; set TMPDIR to a folder of yours,"
            " or remove what a dead run left with `harness recover`"
        ) from error
    return place


def _is_ours(place: Path, run_id: str) -> bool:
    """A folder of this user that is marked with the run's id.

    A death just before the mark is written, or after it is removed, leaves one without: that is ours only when it is
    empty, closed to others, and named as only runs are.
    """
    try:
        found = place.lstat()
        if not is_run_id(run_id) or not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        sizes = {entry.name: entry.lstat().st_size for entry in place.iterdir()}
        if sizes.get(_MARK):
            return (place / _MARK).read_text() == run_id
        named = _RUN.fullmatch(run_id) and not place.name.startswith(_SCRATCH)
        return bool(named) and stat.S_IMODE(found.st_mode) == 0o700 and set(sizes) <= {_MARK}
    except (OSError, ValueError):
        return False


def runs() -> set[str]:
    """Ids of all runs, living or dead, of which a process or a work directory is there."""
    found = {process.run for process in procfs.of_runs()}
    for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        run_id = place.name.removeprefix(_PREFIX)
        if _is_ours(place, run_id):
            found.add(run_id)
    return found


def leftovers(run_id: str) -> list[str]:
    """What is there of the run, one line each."""
    found = [str(process) for process in procfs.of_runs(run_id)]
    place = work_directory(run_id)
    return [*found, f"directory {place}"] if _is_ours(place, run_id) else found


def remove(run_id: str) -> list[str]:
    """Ends the processes of the run and removes its directory; returns what it removed, one line each.

    Looks again until nothing is found, because a process may beget another while it is being ended. Raises
    `EnvironmentFailure` naming what cannot be removed.
    """
    removed = []
    for _ in range(5):
        processes = procfs.of_runs(run_id)
        if not processes:
            break
        removed += [f"ended {process}" for process in processes if procfs.end(process)]
    removed += remove_work_directory(run_id)
    left = leftovers(run_id)
    if left:
        raise EnvironmentFailure(f"run {run_id}: cannot be removed: {'; '.join(left)}. Remove it by hand")
    return removed


def scratch() -> list[Path]:
    """Folders of histories (`harness.history.schema.SCRATCH`) whose process died while it judged a run."""
    return [place for place in sorted(Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*")) if _is_forsaken(place)]


def _is_forsaken(place: Path) -> bool:
    """Made as only a check makes it, with nothing in it but what a check keeps there, and locked by nobody."""
    try:
        found = place.lstat()
        is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
        if not is_own or not _TEMPORARY.fullmatch(place.name):
            return False
        names = {entry.name for entry in place.iterdir()}
        # It is locked a moment after it is made.
        is_fresh = not names and time.time() - found.st_mtime < _FRESH_S
        if is_fresh or not all(any(fnmatchcase(name, known) for known in _HOLDS) for name in names):
            return False
        handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def remove_scratch(place: Path) -> str:
    """Removes one of `scratch`; returns what it did."""
    shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        raise EnvironmentFailure(f"directory {place} of a dead check cannot be removed. Remove it by hand")
    return f"removed directory {place} of a dead check"


def remove_work_directory(run_id: str) -> list[str]:
    """Removes it if it is there and was made by a run with this id."""
    place = work_directory(run_id)
    if not _is_ours(place, run_id):
        return []
    # The mark goes last: were the removal cut short, the rest would still be recognised.
    for entry in sorted(place.iterdir(), key=lambda entry: entry.name == _MARK):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    place.rmdir()
    return [f"removed directory {place}"]
