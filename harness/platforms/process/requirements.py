"""What the process platform needs of a machine, and what of it is not there."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.errors import EnvironmentFailure
from harness.platforms.common.ports import HOST
from harness.platforms.process import haproxy, valkey


def missing() -> list[str]:
    """Return one line for each thing that is missing, with how to get it; none when all is there."""
    looks = (_kernel, _folder, _loopback, _program(valkey.binary), _program(haproxy.binary))
    return [text for look in looks if (text := look())]


def _kernel() -> str | None:
    if not Path("/proc/self/environ").exists():
        return "no /proc: processes cannot be recognised; run on Linux with /proc mounted"
    if not hasattr(os, "pidfd_open") or not hasattr(signal, "pidfd_send_signal"):
        return "no pidfd: processes cannot be signalled safely; use Linux 5.3 or newer and a Python built for it"
    return None


def _folder() -> str | None:
    try:
        with tempfile.NamedTemporaryFile(prefix="harness-"):
            return None
    except OSError as error:
        return f"no file can be made in {tempfile.gettempdir()}: {error}; set TMPDIR to a folder of yours"


def _loopback() -> str | None:
    try:
        with socket.socket() as sock:
            sock.bind((HOST, 0))
            return None
    except OSError as error:
        return f"nothing can listen on {HOST}: {error}; bring the loopback interface up (`ip link set lo up`)"


def _program(find: Callable[[], str]) -> Callable[[], str | None]:
    def look() -> str | None:
        try:
            path = find()
        except EnvironmentFailure as error:
            return str(error)
        return None if os.access(path, os.X_OK) else f"{path} cannot be executed; `chmod +x` it, or choose another"

    return look
