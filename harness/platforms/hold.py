"""Who is alive: a run in progress holds a name that the kernel takes back when its process dies.

The name is an abstract unix socket: it needs no file, cannot go stale, and two processes cannot have the same.
"""

from __future__ import annotations

import errno
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import EnvironmentFailure, UsageError

_lock = threading.Lock()
_held: dict[str, tuple[socket.socket, int]] = {}


def is_run_id(text: str) -> bool:
    """Whether a run may be called so."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}", text) is not None


def check_run_id(run_id: str) -> str:
    """A run id names a folder and a socket, whose path has to fit into 107 bytes."""
    if not is_run_id(run_id):
        raise UsageError(
            f"run id {run_id!r}: at most 48 letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return run_id


def _address(run_id: str) -> str:
    return f"\0harness-run-{check_run_id(run_id)}"


@contextmanager
def hold_name(run_id: str) -> Iterator[None]:
    """Holds the run's name while inside; may be entered again by the same process.

    Raises `EnvironmentFailure` when another process holds it.
    """
    address = _address(run_id)
    with _lock:
        if run_id in _held:
            sock, depth = _held[run_id]
        else:
            sock, depth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), 0
            try:
                sock.bind(address)
            except OSError as error:
                sock.close()
                raise EnvironmentFailure(f"run {run_id} is already in progress in another process") from error
        _held[run_id] = sock, depth + 1
    try:
        yield
    finally:
        with _lock:
            sock, depth = _held[run_id]
            if depth > 1:
                _held[run_id] = sock, depth - 1
            else:
                del _held[run_id]
                sock.close()


def name_is_held(run_id: str) -> bool:
    """Whether a living process holds the run's name. Asked by connecting, which disturbs nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_address(run_id))
        except OSError as error:
            # Any other error (say, no permission) means that somebody is there.
            return error.errno != errno.ECONNREFUSED
        return True
