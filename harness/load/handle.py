"""The parent's end of a load agent: starts it, tells it what to do, hears what it says.

An agent that dies is a problem of the run, never a silent gap: every wait ends with it.
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
    """The agent ended, or failed, before it had done what it was told; the text says where its log is."""


class AgentHandle:
    """One agent process. Methods are called from the run's thread; `members` also from the supervisor's.

    Its imports take a while, so it is started before what it needs to know is known: `begin` tells it. What it is
    told waits in a queue: an agent that does not listen fails, and holds up nobody.
    """

    def __init__(self, number: int, run_id: str, log: Path, on_status: Callable[[int, dict[str, Any]], None]) -> None:
        """`on_status` gets its counters every second. `on_tally`, once it is set, what became of the latest ops."""
        self.number = number
        self._on_status = on_status
        self.on_tally: Callable[[int, dict[str, Any]], None] | None = None
        self._log = log
        self._changed = threading.Condition()
        self._done: dict[str, dict[str, Any]] = {}
        self._failed: str | None = None
        self.window: dict[str, int] | None = None
        self.secrets: set[str] = set()
        environment = {**os.environ, "HARNESS_RUN": run_id, "HARNESS_NAME": f"agent-{self.number}"}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.load.agent"],
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
        """Give it its settings, the first thing it is told; wait for `start`."""
        self.secrets.update(password for _, password in settings.users)
        self._write(settings.model_dump_json(by_alias=True).encode())

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
                    self.secrets.update(message["secrets"])
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
        """Returns at once."""
        try:
            self._outbox.put_nowait(line + b"\n")
        except queue.Full:
            self._fail("it does not listen")

    def _write_all(self) -> None:
        """Blocks while the agent does not read, until it does or is killed."""
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
        """Begin a phase; `wait` for it."""
        with self._changed:
            self._done.pop(phase, None)
        self._write(orjson.dumps({"do": phase}))

    def members(self, members: list[dict[str, Any]]) -> None:
        """Push who is ready."""
        self._write(orjson.dumps({"do": "members", "members": members}))

    def wait(self, phase: str, deadline_s: float, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """What the agent says at the end of `phase`. `meanwhile` is called a few times a second, and may raise.

        Raises:
            AgentDied: it ended, failed, or was not done by the deadline.
        """
        return self._wait(lambda: self._done.get(phase), phase, deadline_s, meanwhile)

    def wait_window(self, deadline_s: float) -> dict[str, int]:
        """Start and end of the load, monotonic ns."""
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
        """End it: by `quit`, else by SIGKILL. Idempotent.

        Raises:
            AgentDied: it is still there after SIGKILL.
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
        # A full queue had no room for the last word, and an empty one may be waited on.
        with contextlib.suppress(queue.Full):
            self._outbox.put_nowait(None)
        self._writer.join(1)
        self._reader.join(1)
