"""Processes as /proc shows them. A process is recognised by its run and its start time, never by pid alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.redact import redact_patterns

_PROC = Path("/proc")


@dataclass(frozen=True)
class Found:
    """A living process of a run. `start` is when it began, in clock ticks since boot."""

    pid: int
    start: int
    run: str
    name: str
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name or redact_patterns(self.command)[:60]})"


def _stat(pid: int, thread: int | None = None) -> list[str] | None:
    place = _PROC / str(pid) / (f"task/{thread}/stat" if thread else "stat")
    try:
        text = place.read_text(errors="replace")
    except OSError:
        return None
    # The command name may hold spaces and parentheses; fields are counted from behind its last one.
    return text[text.rindex(")") + 2 :].split()


def start_time(pid: int) -> int | None:
    """Return when the process began, in clock ticks since boot; None when it is gone or only waits to be reaped."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def states(pid: int) -> set[str]:
    """Return the states of all threads of a process, each as its letter in /proc: `R`, `S`, `T` and others."""
    try:
        threads = [int(thread.name) for thread in (_PROC / str(pid) / "task").iterdir()]
    except OSError:
        return set()
    found = (_stat(pid, thread) for thread in threads)
    return {fields[0] for fields in found if fields}


def group(leader: int) -> list[int]:
    """Return the living processes of the process group of `leader`, itself included."""
    return [pid for pid in _pids() if (fields := _stat(pid)) and fields[2] == str(leader) and fields[0] not in "ZX"]


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _environment(pid: int) -> dict[str, str]:
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.decode(errors="replace").partition("=") for entry in raw.split(b"\0"))
    return {name: value for name, _, value in pairs if name.startswith("HARNESS_")}


def _command(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def of_runs(run_id: str | None = None) -> list[Found]:
    """Return the processes that carry a run id in their environment, without this process and its ancestors."""
    found = []
    for pid in set(_pids()) - _own_line():
        start = start_time(pid)
        environment = _environment(pid) if start is not None else {}
        run = environment.get("HARNESS_RUN")
        if run and start is not None and run_id in (None, run):
            found.append(Found(pid, start, run, environment.get("HARNESS_NAME", ""), _command(pid)))
    return sorted(found, key=lambda process: process.pid)


def _own_line() -> set[int]:
    line, pid = set(), os.getpid()
    while pid > 0 and pid not in line:
        line.add(pid)
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0
    return line


def send(process: Found, number: signal.Signals) -> None:
    """Send a signal to the process, if it is still there; a later process with the same pid is never touched."""
    with suppress(OSError):
        # The pidfd is opened first and the identity read after: then the signal cannot reach another process.
        handle = os.pidfd_open(process.pid)
        try:
            if start_time(process.pid) == process.start:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def send_until(
    find: Callable[[], list[Found]], number: signal.Signals, holds: Callable[[set[str]], bool], deadline_s: float = 5.0
) -> tuple[list[Found], set[str]]:
    """Send a signal to what `find` finds, again and again, until it holds of the states of all threads, or it is late.

    Returns:
        The processes that were found last, and the states of their threads; no processes when there are none.
    """
    until = time.monotonic() + deadline_s
    while True:
        found = find()
        for each in found:
            send(each, number)
        seen = {state for each in found for state in states(each.pid)}
        if not found or holds(seen) or time.monotonic() > until:
            return found, seen
        time.sleep(0.002)


def is_running(states: set[str]) -> bool:
    """Say whether threads in these states run: there are some, and none is stopped."""
    return bool(states) and "T" not in states


def end(process: Found, deadline_s: float = 5.0) -> bool:
    """Kill a process, frozen or not, and wait until it is gone; say whether it is. Another process is never touched.

    The pidfd is opened first and the identity read after: then the signal cannot reach a later process that was given
    the same pid.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        if start_time(process.pid) != process.start:
            return True
        for number in (signal.SIGCONT, signal.SIGKILL):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)
    until = time.monotonic() + deadline_s
    while start_time(process.pid) == process.start:
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True
