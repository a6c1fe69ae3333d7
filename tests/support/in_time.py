"""A call that must not hang: waited for with a deadline, its time printed and never judged."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
DEADLINE_S = 30.0
"""Far from what such a call takes, and far from what it would take if it waited for the wrong thing."""


def in_time(call: Callable[[], Result], deadline_s: float = DEADLINE_S) -> Result:
    """Return what `call` returns, or raise what it raises; it runs in a thread of its own.

    Raises:
        AssertionError: the call has not ended by the deadline. Its thread is left behind.
    """
    ended: queue.Queue[tuple[Result | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            ended.put((call(), None))
        except BaseException as error:
            ended.put((None, error))

    begun = time.monotonic()
    threading.Thread(target=run, name="in time", daemon=True).start()
    try:
        result, error = ended.get(timeout=deadline_s)
    except queue.Empty:
        raise AssertionError(f"not ended after {deadline_s:g} s") from None
    print(f"ended after {time.monotonic() - begun:.3f} s")
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
