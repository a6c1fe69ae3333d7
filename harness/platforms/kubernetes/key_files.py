"""The directory for keys that a kubeconfig holds as text: the client wants each of them as a file.

It is this process's alone, closed to others, and goes with it. The process locks it for as long as it lives, so that
after a death that let nobody clean up `harness recover` knows it for a dead one's
(`harness.platforms.common.scratch`).
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import threading
from pathlib import Path

from harness.platforms.common.scratch import KEYS

_lock = threading.Lock()
_made: dict[int, tuple[Path, int]] = {}


def directory() -> Path:
    """Return the directory for keys of this process, which is made when it is first asked for."""
    with _lock:
        mine = os.getpid()
        if mine not in _made:
            place = Path(tempfile.mkdtemp(prefix=KEYS))
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(handle, fcntl.LOCK_EX)
            # An empty one is taken for one that is not locked yet.
            (place / "tmp-locked").touch()
            _made[mine] = place, handle
            atexit.register(remove)
        return _made[mine][0]


def remove() -> None:
    """Remove the directory for keys, if this process made one."""
    with _lock:
        place, handle = _made.pop(os.getpid(), (None, -1))
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
            os.close(handle)
