"""What can be left on this machine, by runs on plain processes and by the harness itself.

Of a run on this platform its processes and its work directory can be left; of any process of the harness, directories
of its own beside all runs.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import stat
import tempfile
import time
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.base import Standing
from harness.platforms.common import procfs
from harness.platforms.common.lock import check_run_id, here, is_of_this_boot, is_run_id

KEYS = "harness-keys-"
"""Prefix of the directories of keys that an SDK wants as files (`harness.platforms.kubernetes.key_files`)."""
_PREFIX = "harness-"
_SCRATCH = "harness-history-"
# What a check keeps there: its database, what that spills, and lines on their way into it.
_HOLDS = {_SCRATCH: ("history.duckdb*", "spill", "lines-*.jsonl"), KEYS: ("tmp*",)}
_MARK = "run-id"
_FRESH_S = 60
# Every run's id ends so, which tells an unmarked directory of a run from one that merely begins with the same word.
_RUN = re.compile(r".+-[0-9a-f]{6}")
_TEMPORARY = re.compile(f"({'|'.join(_HOLDS)})" + r"[a-z0-9_]{8}")


def work_directory(run_id: str) -> Path:
    """Return where the run keeps the store's data, the balancer's configuration and its admin socket."""
    return Path(tempfile.gettempdir()) / f"{_PREFIX}{check_run_id(run_id)}"


def make_work_directory(run_id: str) -> Path:
    """Make the work directory of a run, for this user alone, and return its path.

    Raises:
        EnvironmentFailure: The directory is there already, or cannot be made.
    """
    place = work_directory(run_id)
    try:
        place.mkdir(mode=0o700)
        (place / _MARK).write_text(f"{run_id}\n{here()}\n")
    except OSError as error:
        raise EnvironmentFailure(
            f"work directory {place} cannot be made: {error}; set TMPDIR to a folder of yours,"
            " or remove what a dead run left with `harness recover`"
        ) from error
    return place


def _is_ours(place: Path, run_id: str) -> bool:
    """Say whether a folder is this user's and was made by the run.

    The mark in the folder says so. A death just before the mark is written, or after it is removed, leaves a folder
    without one: that is taken for the run's only when it is empty, closed to others, and named as only runs are.
    """
    try:
        found = place.lstat()
        if not is_run_id(run_id) or not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        sizes = {entry.name: entry.lstat().st_size for entry in place.iterdir()}
        if sizes.get(_MARK):
            return _marked(place)[0] == run_id
        named = _RUN.fullmatch(run_id) and not place.name.startswith(tuple(_HOLDS))
        return bool(named) and stat.S_IMODE(found.st_mode) == 0o700 and set(sizes) <= {_MARK}
    except (OSError, ValueError):
        return False


def _marked(place: Path) -> tuple[str, str]:
    """Return the run and the place that the mark of a work directory tells."""
    run_id, made_at = [*(place / _MARK).read_text().split("\n"), ""][:2]
    return run_id, made_at


def runs() -> dict[str, Standing]:
    """Return the ids of all runs, living or dead, of which a process or a work directory is there (`Platform.runs`).

    What is shared with a container, its processes or the directory for temporary files, may be of a run that lives in
    there, where the name that the run holds is not seen. After a restart of the machine nothing lives that was before.
    """
    found: dict[str, Standing] = {}
    for process in procfs.of_runs():
        _see(found, process.run, _network_of(process.pid), f"`nsenter --target {process.pid} --net harness recover`")
    for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        run_id = place.name.removeprefix(_PREFIX)
        if _is_ours(place, run_id):
            made_at = ""
            with suppress(OSError):
                made_at = _marked(place)[1]
            _see(found, run_id, made_at if is_of_this_boot(made_at) else here(), f"`rm -r {place}`")
    return found


def _see(found: dict[str, Standing], run_id: str, place: str, remedy: str) -> None:
    if place == here():
        found.setdefault(run_id, False)
    elif not isinstance(found.get(run_id), str):
        whose = f"it belongs to another container of this machine ({place})"
        found[run_id] = f"{whose}: only there it can be told whether it is in progress. If it is dead: {remedy}"


def _network_of(pid: int) -> str:
    """Return the place of a process; this place where the other cannot be seen, because its environment was seen."""
    with suppress(OSError):
        its, mine = (Path(f"/proc/{each}/ns/net").stat().st_ino for each in (pid, "self"))
        return here() if its == mine else f"{here().partition('/')[0]}/{its}"
    return here()


def leftovers(run_id: str) -> list[str]:
    """Return what is there of the run, one line each."""
    found = [str(process) for process in procfs.of_runs(run_id)]
    place = work_directory(run_id)
    return [*found, f"directory {place}"] if _is_ours(place, run_id) else found


def remove(run_id: str) -> list[str]:
    """End the processes of the run and remove its directory; return what was removed, one line each.

    Looks again until nothing is found, because a process may start another while it is being ended.

    Raises:
        EnvironmentFailure: Naming what cannot be removed.
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


def thaw(run_id: str, name: str) -> str:
    """Thaw a member of a dead run, and return how that was seen.

    Raises:
        FaultNotSeen: The member is there and not seen to run.
    """

    def mine() -> list[procfs.Found]:
        return [process for process in procfs.of_runs(run_id) if process.name == name]

    found, states = procfs.send_until(mine, signal.SIGCONT, procfs.is_running)
    if not found:
        return f"{name} is not there any more"
    if not procfs.is_running(states):
        raise FaultNotSeen(f"{name} does not run on: its threads are in the states {sorted(states)}")
    return f"{name} is running again"


def scratch() -> list[Path]:
    """Return the directories of histories (`harness.history.schema.SCRATCH`) and of keys whose process died.

    Each directory is locked by the process that made it, for as long as that lives.
    """
    return [place for place in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")) if _is_forsaken(place)]


def kind_of(place: Path) -> str:
    """Return what made a directory of `scratch`."""
    return "a check" if place.name.startswith(_SCRATCH) else "a process that held keys of a cluster"


def _is_forsaken(place: Path) -> bool:
    """Say whether only the harness can have made a directory, nothing else is in it, and nobody has locked it."""
    try:
        found = place.lstat()
        is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
        kind = _TEMPORARY.fullmatch(place.name)
        if not is_own or kind is None:
            return False
        names = {entry.name for entry in place.iterdir()}
        # It is locked a moment after it is made.
        is_fresh = not names and time.time() - found.st_mtime < _FRESH_S
        if is_fresh or not all(any(fnmatchcase(name, known) for known in _HOLDS[kind[1]]) for name in names):
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
    """Remove a directory of `scratch`, and return what was done.

    Raises:
        EnvironmentFailure: The directory is still there.
    """
    shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        raise EnvironmentFailure(f"directory {place} of {kind_of(place)} cannot be removed. Remove it by hand")
    return f"removed directory {place} of {kind_of(place)} that died"


def remove_work_directory(run_id: str) -> list[str]:
    """Remove the work directory if it is there and was made by a run with this id; return what was done."""
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
