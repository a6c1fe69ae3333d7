"""The parent's end of a load agent: start the process, tell it what to do, hear what it says.

The two speak in lines of JSON over the agent's standard input and output. An agent that dies is a problem of the run
and never a silent gap: every wait for the agent ends then.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from harness.load.settings import AgentSettings

_UNHEARD_MAX = 512
_EXIT_S = 5.0


class AgentDied(Exception):
    """The agent ended or failed before it had done what it was told. The message names its log."""


class AgentHandle:
    """One agent process. Its methods are called from the run's thread, `members` from the supervisor's as well.

    The process is started before its settings are known, because its imports take a while: `begin` gives it the
    settings. Lines to the agent wait in a queue, so that an agent that does not read holds up nobody, and fails.

    Attributes:
        number: the number of the agent, from 0.
        on_tally: once it is set, is given the number of the agent and, every second, what became of its latest ops.
        window: start and end of the load in monotonic ns (`start_ns`, `end_ns`); None before the load.
    """

    def __init__(self, number: int, run_id: str, log: Path, on_status: Callable[[int, dict[str, Any]], None]) -> None:
        """Start the process.

        Args:
            number: the number of the agent, from 0.
            run_id: the id of the run, which the process carries in its environment.
            log: the file to which the process writes its standard error.
            on_status: is given the number of the agent and its counters every second, from a thread of its own.
        """
        self.number = number
        self._on_status = on_status
        self.on_tally: Callable[[int, dict[str, Any]], None] | None = None
        self._log = log
        self._changed = threading.Condition()
        self._done: dict[str, dict[str, Any]] = {}
        self._failed: str | None = None
        self.window: dict[str, int] | None = None
        self._secrets: set[str] = set()
        environment = {**os.environ, "HARNESS_RUN": run_id, "HARNESS_NAME": f"agent-{self.number}"}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # -P: what lies in the working directory is not to be imported.
                [sys.executable, "-P", "-m", "harness.load.agent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        self._outbox: queue.Queue[bytes | None] = queue.Queue(_UNHEARD_MAX)
        self._reader = threading.Thread(target=self._read, name=f"agent-{self.number}", daemon=True)
        self._writer = threading.Thread(target=self._write_all, name=f"to agent-{self.number}", daemon=True)
        self._reader.start()
        self._writer.start()

    def begin(self, settings: AgentSettings) -> None:
        """Give the agent its settings, before anything else; `wait("start", ...)` waits until it is ready."""
        with self._changed:
            self._secrets.update(password for _, password in settings.users)
        self._write(settings.model_dump_json(by_alias=True).encode())

    @property
    def secrets(self) -> set[str]:
        """The tokens and passwords that the clients of the agent have seen by now."""
        # A copy: the reader goes on adding to the set while somebody goes through it.
        with self._changed:
            return set(self._secrets)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            with self._changed:
                if "done" in message:
                    self._done[message["done"]] = message
                elif "failed" in message:
                    self._failed = f"{message['failed']}: {message['error']}"
                elif "window" in message:
                    self.window = message["window"]
                elif "secrets" in message:
                    self._secrets.update(message["secrets"])
                self._changed.notify_all()
            if "status" in message:
                self._on_status(self.number, message["status"])
            if "tally" in message and self.on_tally is not None:
                self.on_tally(self.number, message["tally"])
        self._fail("it ended")

    def _fail(self, why: str) -> None:
        with self._changed:
            self._failed = self._failed or why
            self._changed.notify_all()

    def _write(self, line: bytes) -> None:
        """Put a line into the queue, and return at once."""
        try:
            self._outbox.put_nowait(line + b"\n")
        except queue.Full:
            self._fail("it does not listen")

    def _write_all(self) -> None:
        """Write lines of the queue as they come; blocks while the agent does not read, until it does or is killed."""
        assert self._process.stdin is not None
        try:
            while (line := self._outbox.get()) is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (OSError, ValueError):
            self._fail("it ended")
        finally:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()

    def tell(self, phase: str) -> None:
        """Let the agent begin a phase; `wait` waits for its end."""
        with self._changed:
            self._done.pop(phase, None)
        self._write(orjson.dumps({"do": phase}))

    def members(self, members: list[dict[str, Any]]) -> None:
        """Tell the agent the replicas: name, host, port and state of each."""
        self._write(orjson.dumps({"do": "members", "members": members}))

    def wait(self, phase: str, deadline_s: float, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Wait until the agent has done a phase, and return what it says at the end of it.

        Args:
            phase: the phase that the agent was told to do.
            deadline_s: how long to wait, in seconds.
            meanwhile: is called a few times a second; an exception of it ends the wait.

        Raises:
            AgentDied: the agent ended, failed, or was not done by the deadline.
        """
        return self._wait(lambda: self._done.get(phase), phase, deadline_s, meanwhile)

    def wait_window(self, deadline_s: float) -> dict[str, int]:
        """Wait until the agent's load has begun, and return its `start_ns` and `end_ns`, monotonic.

        Raises:
            AgentDied: the agent ended, failed, or did not begin by the deadline.
        """
        return self._wait(lambda: self.window, "load", deadline_s)

    def _wait(
        self,
        what: Callable[[], dict[str, Any] | None],
        phase: str,
        deadline_s: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        until = time.monotonic() + deadline_s
        log = self._log.name
        with self._changed:
            while True:
                found = what()
                if found is not None:
                    return found
                if self._failed:
                    raise AgentDied(f"load agent {self.number} died in {phase}: {self._failed} (see {log})")
                meanwhile()
                left = until - time.monotonic()
                if left <= 0:
                    late = f"was not done with {phase} after {deadline_s:.0f} s"
                    raise AgentDied(f"load agent {self.number} {late} (see {log})")
                # Short waits, so that a signal's handler gets its turn.
                self._changed.wait(min(left, 0.2))

    def close(self, grace_s: float = 3.0) -> None:
        """End the process: ask it to, and kill it if it is still there after the grace. May be called twice.

        Raises:
            AgentDied: the process is still there after SIGKILL.
        """
        with contextlib.suppress(queue.Full):
            self._outbox.put_nowait(orjson.dumps({"do": "quit"}) + b"\n")
            self._outbox.put_nowait(None)
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            try:
                self._process.wait(_EXIT_S)
            except subprocess.TimeoutExpired:
                pid = self._process.pid
                raise AgentDied(f"load agent {self.number} (pid {pid}) does not exit after SIGKILL") from None
        # A queue that was full had no room for the end mark, and on an empty one the writer may still wait.
        with contextlib.suppress(queue.Full):
            self._outbox.put_nowait(None)
        self._writer.join(1)
        self._reader.join(1)
