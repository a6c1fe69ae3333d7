"""Which containers of a run have ended: told by the engine's events, so that looking costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import docker

_EVENTS = ["start", "die", "destroy"]


class Watch:
    """Follows the events of the containers with a label (`NAME=value`), in a thread of its own.

    From `since` on, in seconds of the engine's clock.
    """

    def __init__(self, api: docker.APIClient, label: str, since: float) -> None:
        self._api, self._label, self._since = api, label, since
        self._changed = threading.Condition()
        self._exits: dict[str, int] = {}
        self._stream: Any = None
        self._closing = False
        self.broken: str | None = None
        self._thread = threading.Thread(target=self._follow, name="docker events", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        why = "its stream of events ended"
        try:
            filters = {"label": self._label, "type": "container", "event": _EVENTS}
            self._stream = self._api.events(since=int(self._since), filters=filters, decode=True)
            for event in self._stream:
                if not self._closing:
                    self._take(event)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        with self._changed:
            self.broken = None if self._closing else why
            self._changed.notify_all()

    def _take(self, event: dict[str, Any]) -> None:
        actor = event["Actor"]
        with self._changed:
            if event["Action"] == "start":
                self._exits.pop(actor["ID"], None)
            elif event["Action"] == "die":
                self._exits[actor["ID"]] = int(actor["Attributes"].get("exitCode", -1))
            else:
                self._exits.setdefault(actor["ID"], -1)
            self._changed.notify_all()

    def exit(self, container: str) -> int | None:
        """Return the exit status of a container that has ended, None while it runs. A signal n shows as 128 + n."""
        with self._changed:
            return self._exits.get(container)

    def wait_exit(self, container: str, deadline_s: float) -> int | None:
        """Wait until a container has ended, and return its status; None after the deadline, or without an engine."""
        return self._wait(lambda: self._exits.get(container), deadline_s)

    def _wait(self, look: Callable[[], int | None], deadline_s: float) -> int | None:
        until = time.monotonic() + deadline_s
        with self._changed:
            while (found := look()) is None and not self.broken:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            return found

    def close(self) -> None:
        """End the thread. What is asked afterwards is answered from what was seen."""
        self._closing = True
        if self._stream is not None:
            try:
                self._stream.close()
            except Exception:
                # The engine is gone, and its stream with it.
                return
        self._thread.join(2)
