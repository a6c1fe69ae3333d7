"""Directories that any process of the harness makes beside all runs, and may leave when it dies.

Each is locked by the process that made it, for as long as that process lives, so that a directory without a lock is a
dead one's. `harness recover` removes those.
"""

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
from harness.history.schema import LINES, SCRATCH

KEYS = "harness-keys-"
"""Prefix of the directories of keys that an SDK wants as files."""
_HISTORY = SCRATCH
# What is kept there: of a history its database, what that spills, and lines on their way into it; of keys, files.
_HOLDS = {_HISTORY: ("history.duckdb*", "spill", f"{LINES}*.jsonl"), KEYS: ("tmp*",)}
PREFIXES = tuple(_HOLDS)
"""How the names of all such directories begin."""
_FRESH_S = 60
_TEMPORARY = re.compile(f"({'|'.join(_HOLDS)})" + r"[a-z0-9_]{8}")


def scratch() -> list[Path]:
    """Return the directories of histories (`harness.history.schema.SCRATCH`) and of keys whose process died.

    Each directory is locked by the process that made it, for as long as that lives.
    """
    return [place for place in sorted(Path(tempfile.gettempdir()).glob("harness-*")) if _is_forsaken(place)]


def kind_of(place: Path) -> str:
    """Return what made a directory of `scratch`."""
    return "a check" if place.name.startswith(_HISTORY) else "a process that held keys of a cluster"


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
