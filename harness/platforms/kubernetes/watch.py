"""Threads that follow what a cluster has to tell of one namespace: its pods, as they change, and their logs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import EnvironmentFailure
from harness.platforms.kubernetes.api import Cluster, Stream, items

Object = dict[str, Any]

_AGAIN_S = 0.3
_SILENT_S = 30.0
_ENDS_S = 1.0


class PodWatch:
    """Lists the pods of a namespace, then hears of every change; begins anew whenever that breaks off."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        on_list: Callable[[list[Object]], None],
        on_event: Callable[[str, Object], None],
    ) -> None:
        """`on_event` gets ADDED, MODIFIED or DELETED, and the pod. Both are called from the watching thread."""
        self._cluster, self._path = cluster, f"/api/v1/namespaces/{namespace}/pods"
        self._on_list, self._on_event = on_list, on_event
        self._end = threading.Event()
        self._lost_at: float | None = None
        self._why = ""
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._loop, name=f"watch {namespace}", daemon=True)

    def start(self) -> None:
        """Begin to watch, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Tell nothing any more after this returns. May be called twice."""
        self._end.set()
        if self._stream:
            self._stream.close()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def lost(self) -> tuple[float, str]:
        """Return for how many seconds the cluster has not answered, and what failed."""
        at = self._lost_at
        return (0.0, "") if at is None else (time.monotonic() - at, self._why)

    def _loop(self) -> None:
        while not self._end.is_set():
            try:
                self._once()
            except Exception as error:
                # Were it to end here, the members would stay for good what they were last.
                self._why = str(error) if isinstance(error, EnvironmentFailure) else f"{type(error).__name__}: {error}"
                self._lost_at = self._lost_at or time.monotonic()
            self._end.wait(_AGAIN_S)

    def _once(self) -> None:
        found = self._cluster.ask("GET", self._path)
        since = found["metadata"]["resourceVersion"]
        self._on_list(list(items(found)))
        self._lost_at = None
        while not self._end.is_set():
            query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": str(int(_SILENT_S))}
            self._stream = self._cluster.stream(self._path, query, silent_s=_SILENT_S + 5)
            began = time.monotonic()
            for line in self._stream:
                event = json.loads(line)
                if event["type"] == "ERROR" or self._end.is_set():
                    return
                since = event["object"]["metadata"]["resourceVersion"]
                if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                    self._on_event(event["type"], event["object"])
            if time.monotonic() - began < _SILENT_S / 2:
                # Broken off: what was missed meanwhile is in a new list.
                return


class LogFollower:
    """Copies the log of one container to a file as it is written, until the container ends."""

    def __init__(self, cluster: Cluster, namespace: str, pod: str, container: str, file: Path) -> None:
        self._cluster, self._path = cluster, f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        self._container, self._file = container, file
        self._stream: Stream | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._follow, name=f"log {file.stem}", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        try:
            self._stream = self._cluster.stream(self._path, {"container": self._container, "follow": "true"})
            if self._closed:
                self._stream.close()
            with self._file.open("ab", buffering=0) as file:
                for line in self._stream:
                    file.write(line + b"\n")
        except (EnvironmentFailure, OSError):
            # A container may be gone before its log is asked for.
            return

    def close(self, last_words_s: float = 0.0) -> None:
        """Ends it; what came until now is in the file.

        `last_words_s`: for this long the log of a container that has ended may still come to its own end.
        """
        self._thread.join(last_words_s)
        self._closed = True
        if self._stream:
            self._stream.close()
        self._thread.join(_ENDS_S)
