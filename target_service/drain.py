"""Leaving without a failed request: a SIGTERM handler of the service's own around one uvicorn server.

SIGTERM     /ready answers 503 at once, and every answer says `Connection: close`. The listener stays open and requests
            are served as before, because balancers and clients need a moment to see it.
DRAIN_S     later the listener closes, the requests in flight are finished, and the process exits 0.
uvicorn's own handler would close the listener first, when nobody has been told, and re-raise the signal at the end.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import uvicorn

from target_service import logs
from target_service.problems import Draining, Problem, StoreGone
from target_service.store import Store


class Drain:
    """Whether this process is leaving, and whether requests should be sent to it."""

    signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)

    def __init__(self, store: Store) -> None:
        self._store = store
        self.draining = False

    def begin(self) -> None:
        """Note that this process is leaving from now on."""
        self.draining = True

    async def unready(self) -> Problem | None:
        """Return why requests should not be sent to this process, or None when they should.

        It is leaving, or its store does not answer.
        """
        if self.draining:
            return Draining()
        return None if await self._store.alive() else StoreGone()


class DrainingServer(uvicorn.Server):
    """A uvicorn server that announces that it leaves before it does."""

    def __init__(self, config: uvicorn.Config, drain: Drain, drain_s: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._drain_s = drain_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT in the event loop, in place of uvicorn's handlers."""
        loop = asyncio.get_running_loop()
        for number in self._drain.signals:
            loop.add_signal_handler(number, self.leave)
        try:
            yield
        finally:
            for number in self._drain.signals:
                loop.remove_signal_handler(number)

    def leave(self) -> None:
        """Begin to drain; a second signal changes nothing."""
        if self._drain.draining:
            return
        self._drain.begin()
        logs.event("draining", seconds=self._drain_s)
        asyncio.get_running_loop().call_later(self._drain_s, self._close)

    def _close(self) -> None:
        self.should_exit = True
