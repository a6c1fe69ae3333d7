"""What is done to one container, and how it is seen to land: `FaultNotSeen`, or what the SDK raises, if it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import APIError

from harness.errors import FaultNotSeen
from harness.platforms.docker import clone
from harness.platforms.docker.clone import Inspected
from harness.platforms.docker.event_watch import Watch

_LANDING_S = 5.0
_LOOK_S = 0.05
_STARTING_S = 1.0
_SIGKILLED = 128 + 9


class ContainerActions:
    """What is done to the containers of one run.

    `front` is the network of the balancer. `who`, an argument of most methods, names the member in texts.
    """

    def __init__(self, api: docker.APIClient, watch: Watch, front: str | None) -> None:
        self._api, self._watch, self._front = api, watch, front
        self._pool = ThreadPoolExecutor(8, "signals")
        self._changed, self._sending, self._closed = threading.Condition(), 0, False
        self._announced: dict[str, list[Callable[[bool], None]]] = {}

    def close(self) -> None:
        """Return when no container is being told to end. From then on none is told, even if one outlasts its grace."""
        with self._changed:
            self._closed = True
            for each in [each for waiting in self._announced.values() for each in waiting]:
                each(False)
            self._announced.clear()
            # An engine that hangs must not keep the run from its end.
            self._changed.wait_for(lambda: not self._sending, _LANDING_S)

    def announce(self, who: str, container: str, note: Callable[[], None], say: Callable[[bool], None]) -> None:
        """Call `note` before a container is told to end, and `say` once it is known whether that was sent to it.

        Where that remains unknown `say` is not called.

        Raises:
            FaultNotSeen: Nothing will be sent any more.
        """
        with self._changed:
            if self._closed:
                raise FaultNotSeen(f"{who} is not told to end: the run is being torn down")
            # Under the lock: what is noted while the run ends would be acted on before it can be taken back.
            note()
            self._announced.setdefault(container, []).append(say)

    def _send(self, who: str, container: str, signal: str) -> None:
        with self._changed:
            if self._closed:
                raise FaultNotSeen(f"{who} is not sent {signal}: the run is being torn down")
            self._sending += 1
            waiting = self._announced.get(container)
            say = waiting.pop(0) if waiting else None
        try:
            self._api.kill(container, signal)
            if say:
                say(True)
        except APIError as error:
            # An engine that refuses has sent nothing; one that fails may have.
            if say and error.is_client_error():
                say(False)
            raise
        finally:
            with self._changed:
                self._sending -= 1
                self._changed.notify_all()

    def kill(self, who: str, container: str) -> str:
        """Send SIGKILL, and return how the exit by that signal was seen, some time before the engine's request returns.

        Raises:
            FaultNotSeen: The container is still there, or ended in another way.
        """
        call = self._pool.submit(self._send, who, container, "SIGKILL")
        until = time.monotonic() + _LANDING_S
        while (status := self._watch.wait_exit(container, _LOOK_S)) is None and time.monotonic() < until:
            if call.done():
                call.result()
            if self._watch.broken:
                raise FaultNotSeen(f"{who} was sent SIGKILL, but the engine is gone: {self._watch.broken}")
        if status != _SIGKILLED:
            seen = "is still there" if status is None else f"exited with status {status} instead"
            raise FaultNotSeen(f"{who} ({container[:12]}) was sent SIGKILL but {seen}")
        return f"container {container[:12]} exited by SIGKILL"

    def stop(self, who: str, container: str, signal: str, grace_s: float, is_up: bool) -> str:
        """Send the container its stop signal, and return how the exit within the grace was seen.

        A container that has never been ready (`is_up` is false) serves nobody, and may not hear the signal yet: the
        first process of a container hears none that it has not asked for. It is killed soon.

        Raises:
            FaultNotSeen: The container did not exit within the grace; it was killed then.
        """
        begun = time.monotonic()
        self._send(who, container, signal)
        status = self._watch.wait_exit(container, grace_s if is_up else min(grace_s, _STARTING_S))
        if status is None:
            self._send(who, container, "SIGKILL")
            status = self._watch.wait_exit(container, _LANDING_S)
            if is_up or status is None:
                raise FaultNotSeen(
                    f"{who} ({container[:12]}) did not exit within {grace_s:g} s after {signal} and was killed; it must"
                    " drain and exit (none in shell form hears it), or stop_grace_s in the contract must be longer"
                )
            return f"container {container[:12]} had never been ready, and was killed"
        return f"container {container[:12]} exited with status {status} after {time.monotonic() - begun:.2f} s"

    def freeze(self, who: str, container: str, wanted: bool) -> str:
        """Freeze or thaw all processes of a container at once, and return how its state showed that.

        Raises:
            FaultNotSeen: The state of the container is another one.
        """
        # To thaw what is not frozen is an error to the engine; and an undo may be carried out twice.
        if wanted or self._api.inspect_container(container)["State"]["Paused"]:
            (self._api.pause if wanted else self._api.unpause)(container)
        state = self._api.inspect_container(container)["State"]
        if not state["Running"] or state["Paused"] is not wanted:
            raise FaultNotSeen(f"{who} did not {'freeze' if wanted else 'run on'}: it is {state['Status']}")
        return f"container {container[:12]}: {'frozen as a whole' if wanted else 'running again'}"

    def leave(self, who: str, container: str) -> str:
        """Take a container off the balancer's network, and return how that was seen.

        Raises:
            FaultNotSeen: The container is still on the network, or the contract names no such network.
        """
        if self._front is None:
            raise FaultNotSeen(f"{who} cannot be cut off: name start.compose.front, the network of the balancer")
        self._api.disconnect_container_from_network(container, self._front)
        if self._front in clone.networks(self._api.inspect_container(container)):
            raise FaultNotSeen(f"{who} is still on the network {self._front}")
        return f"container {container[:12]} is off the network {self._front}"

    def join(self, who: str, container: str, like: Inspected) -> tuple[str, Inspected]:
        """Put a container on the balancer's network, if it is not there, under the names that `like` has there.

        Returns:
            How that was seen, and the container as the engine describes it now.

        Raises:
            FaultNotSeen: The container is not on the network.
        """
        now: Inspected = self._api.inspect_container(container)
        if self._front is not None and self._front not in clone.networks(now):
            names = clone.aliases(like, self._front, now["Name"].lstrip("/"))
            self._api.connect_container_to_network(container, self._front, aliases=names)
            now = self._api.inspect_container(container)
            if self._front not in clone.networks(now):
                raise FaultNotSeen(f"{who} is not on the network {self._front}")
        return f"container {container[:12]} is on the network {self._front}", now
