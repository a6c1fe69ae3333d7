"""Who is alive: a run in progress holds a name that the kernel takes back when its process dies.

The name is an abstract unix socket: it needs no file, cannot go stale, and two processes cannot have the same.
It is seen in one network namespace only. A container has one of its own, and so has a pod, though the kernel is the
same: from there nobody can tell by the name whether the run lives. So what a run makes says at which `place` it is.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import EnvironmentFailure, UsageError

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NETWORK = Path("/proc/self/ns/net")

_lock = threading.Lock()
_held: dict[str, tuple[socket.socket, int]] = {}


def here() -> str:
    """Return the place of this process: BOOT/NETWORK, the ids of the kernel's boot and of the network namespace.

    Of two processes at one place each sees the names that the other holds.
    """
    try:
        return f"{_BOOT.read_text().strip()}/{_NETWORK.stat().st_ino}"
    except OSError:
        return _nowhere()


@functools.cache
def _nowhere() -> str:
    # A place that nobody else is at: then others' runs are never taken for dead by their names.
    return f"unknown/{secrets.token_hex(8)}"


def is_of_this_boot(place: str) -> bool:
    """Say whether a place is on this machine as it runs now."""
    return place.partition("/")[0] == here().partition("/")[0]


def is_run_id(text: str) -> bool:
    """Say whether a run may be called so."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}", text) is not None


def check_run_id(run_id: str) -> str:
    """Return the id of a run: it names a folder, and a socket whose path has to fit into 107 bytes.

    Raises:
        UsageError: No run may be called so.
    """
    if not is_run_id(run_id):
        raise UsageError(
            f"run id {run_id!r}: at most 48 letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return run_id


def _address(key: str) -> str:
    return f"\0harness-run-{key}"


@contextmanager
def hold_name(run_id: str) -> Iterator[None]:
    """Hold the run's name while inside; may be entered again by the same process.

    Raises:
        EnvironmentFailure: Another process holds the name.
    """
    with _holding(check_run_id(run_id), f"run {run_id} is already in progress in another process"):
        yield


@contextmanager
def hold_target(target: str, is_first: bool = False) -> Iterator[None]:
    """Hold a target that ran before while inside: what one run breaks there no other run brings back.

    Args:
        target: What the target is called, on which engine.
        is_first: The process must not have entered before; otherwise it may.

    Raises:
        EnvironmentFailure: Another run has the target.
    """
    # No run may be called so, for a run's id has no colon.
    key = f"target:{hashlib.sha256(target.encode()).hexdigest()[:24]}"
    with _holding(key, f"{target} is the target of another run in progress: wait until that has ended", is_first):
        yield


@contextmanager
def _holding(key: str, complaint: str, is_first: bool = False) -> Iterator[None]:
    with _lock:
        if key in _held:
            if is_first:
                raise EnvironmentFailure(complaint)
            sock, depth = _held[key]
        else:
            sock, depth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), 0
            try:
                sock.bind(_address(key))
            except OSError as error:
                sock.close()
                raise EnvironmentFailure(complaint) from error
        _held[key] = sock, depth + 1
    try:
        yield
    finally:
        with _lock:
            sock, depth = _held[key]
            if depth > 1:
                _held[key] = sock, depth - 1
            else:
                del _held[key]
                sock.close()


def name_is_held(run_id: str) -> bool:
    """Say whether a living process holds the run's name. The name is asked for by connecting, which disturbs nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_address(check_run_id(run_id)))
        except OSError as error:
            # Any other error (say, no permission) means that somebody is there.
            return error.errno != errno.ECONNREFUSED
        return True
