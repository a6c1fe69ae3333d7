"""A child process of a run: begun in a session of its own, signalled by pidfd, reaped in one place.

Its own session keeps a Ctrl-C at the terminal from reaching it: the harness ends things in its own order. What a
child begets (say, a shell's command) shares its process group, and is killed and frozen with it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.common import procfs
from harness.platforms.common.log_tail import tail
from harness.redact import redact_command, redact_values

_LANDING_S = 5.0
_TERM_S = 0.3


class Child:
    """One started process; `begun_ns` is monotonic. Signals are only ever sent while it is not yet reaped."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], directory: Path, log: Path) -> None:
        """Start the process, its output appended to `log`.

        Raises:
            EnvironmentFailure: The process cannot be started.
        """
        self.name, self.log = name, log
        self._given = environment
        self.shown_command = redact_command(command, environment)
        self._lock = threading.Lock()
        self.begun_ns = time.monotonic_ns()
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    command,
                    cwd=directory,
                    env={"PYTHONUNBUFFERED": "1", **os.environ, **environment, "HARNESS_NAME": name},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            raise EnvironmentFailure(
                f"{name} cannot be started: {redact_values(str(error), environment)}\n"
                f"  command: {self.shown_command}\n  directory: {directory}\n"
                "  Remedy: correct the command or the directory in the contract's start part."
            ) from error
        self.pid = self._process.pid
        self._handle = os.pidfd_open(self.pid)
        # Closed with the object and no sooner: another thread may be waiting on it.
        weakref.finalize(self, os.close, self._handle)

    def wait(self, deadline_s: float) -> int | None:
        """Wait for the exit, and return the status (negative: the signal); None after the deadline."""
        self._exited(deadline_s)
        return self.status()

    def status(self) -> int | None:
        """Return the exit status; None while the process lives."""
        with self._lock:
            return self._reap()

    def _reap(self) -> int | None:
        if self._process.returncode is None and self._exited():
            # As long as the leader is unreaped its number cannot be given to another group.
            self._signal_group(signal.SIGKILL)
            self._process.wait()
        return self._process.returncode

    def _exited(self, wait_s: float = 0.0) -> bool:
        # poll, because select cannot watch a descriptor above 1023.
        poller = select.poll()
        poller.register(self._handle, select.POLLIN)
        return bool(poller.poll(max(0, int(wait_s * 1000))))

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def signal(self, number: signal.Signals, whole: bool = False) -> None:
        """Send a signal to the process, with `whole` to all of its group.

        Raises:
            FaultNotSeen: The process has exited already.
        """
        with self._lock:
            status = self._reap()
            if status is not None:
                raise FaultNotSeen(f"{self.name} (pid {self.pid}) had already exited with status {status}")
            signal.pidfd_send_signal(self._handle, number)
            if whole:
                self._signal_group(number)

    def kill(self) -> str:
        """Send SIGKILL, and return how the exit by that signal was seen.

        Raises:
            FaultNotSeen: The process is still there, or ended in another way.
        """
        self.signal(signal.SIGKILL, whole=True)
        status = self.wait(_LANDING_S)
        if status != -signal.SIGKILL:
            seen = "is still there" if status is None else f"exited with status {status} instead"
            raise FaultNotSeen(f"{self.name} (pid {self.pid}) was sent SIGKILL but {seen}")
        return f"pid {self.pid} exited by SIGKILL"

    def stop(self, grace_s: float) -> str:
        """Send SIGTERM, and return how the exit was seen.

        Raises:
            FaultNotSeen: The process did not exit within the grace; it was killed then.
        """
        begun = time.monotonic()
        self.signal(signal.SIGTERM)
        status = self.wait(grace_s)
        if status is None:
            self.end()
            raise FaultNotSeen(
                f"{self.name} (pid {self.pid}) did not exit within {grace_s:g} s after SIGTERM and was killed;"
                " it must drain and exit, or stop_grace_s in the contract must be longer"
            )
        return f"pid {self.pid} exited with status {status} after {time.monotonic() - begun:.2f} s"

    def pause(self) -> str:
        """Send SIGSTOP, and return how all threads of the group were seen to stand still.

        Raises:
            FaultNotSeen: Some thread still runs, or the process exited.
        """
        self.signal(signal.SIGSTOP, whole=True)
        self._until(lambda found: found == {"T"}, "freeze")
        return f"pid {self.pid}: all threads stopped"

    def resume(self) -> str:
        """Send SIGCONT, and return how no thread of the group was seen to be stopped any more.

        Raises:
            FaultNotSeen: Some thread is still stopped, or the process exited.
        """
        self.signal(signal.SIGCONT, whole=True)
        self._until(lambda found: bool(found) and "T" not in found, "run on")
        return f"pid {self.pid}: running again"

    def _until(self, holds: Callable[[set[str]], bool], what: str) -> None:
        until = time.monotonic() + _LANDING_S
        while True:
            found = {state for pid in procfs.group(self.pid) for state in procfs.states(pid)}
            if holds(found):
                return
            status = self.status()
            if status is not None:
                raise FaultNotSeen(f"{self.name} (pid {self.pid}) exited with status {status} meanwhile")
            if time.monotonic() > until:
                raise FaultNotSeen(f"{self.name} (pid {self.pid}) did not {what}: thread states {sorted(found)}")
            time.sleep(0.002)

    def end(self) -> None:
        """End the process, whatever it does.

        Raises:
            EnvironmentFailure: The process is not seen to exit.
        """
        if self.status() is None:
            try:
                self.signal(signal.SIGKILL, whole=True)
            except FaultNotSeen:
                return
            if self.wait(_LANDING_S) is None:
                raise EnvironmentFailure(
                    f"{self.name} (pid {self.pid}) does not exit after SIGKILL; look with `ps -o stat,wchan {self.pid}`"
                )

    def last_lines(self, lines: int = 20) -> str:
        """Return the end of the log, without the secrets of the process and without what looks like a secret."""
        return redact_values(tail(self.log, lines), self._given)


def end_all(children: list[Child]) -> dict[int, str]:
    """Ask all children to end, give them a moment together, and kill the rest.

    They are thawed as well, because a frozen process does not hear that it shall end. One that cannot be ended keeps
    none of the others alive.

    Returns:
        By pid why a child could not be ended.
    """
    failed: dict[int, str] = {}
    living = [child for child in children if child.status() is None]
    for child in living:
        with suppress(FaultNotSeen, OSError):
            child.signal(signal.SIGTERM)
            child.signal(signal.SIGCONT, whole=True)
    until = time.monotonic() + _TERM_S
    for child in living:
        try:
            child.wait(until - time.monotonic())
            child.end()
        except (EnvironmentFailure, OSError) as error:
            failed[child.pid] = f"{child.name}: {error}" if isinstance(error, OSError) else str(error)
    return failed
