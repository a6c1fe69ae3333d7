"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal).

The first asks the run to heal and end, further ones are answered and ignored.

A signal raises `Interrupted` only while the run is `armed`; the way out is never interrupted, and neither is what
stands inside `uninterrupted`: between the making of a thing and the noting of it, nobody would know what to undo.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from harness.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_depth = 0
_late: Interrupted | None = None


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A signal that comes meanwhile raises at the end. To be kept short; in other threads signals raise nothing."""
    global _depth, _late
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    late = None
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            # Also when an error passes: kept, it would be raised in the midst of the cleaning up. `armed` knows of it.
            late, _late = _late, None
    if late:
        raise late


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals wait until the end. For imports: an extension whose start is interrupted aborts the whole process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_closed_terminal() -> None:
    """Output to a terminal that is gone fails, and would break the healing off: from now on it goes nowhere."""
    for output in (1, 2):
        try:
            os.write(output, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, output)
            os.close(nowhere)


class Stoppable:
    """Installs the handlers for as long as it is entered; only in the main thread, elsewhere it does nothing.

    `last`: nothing is to follow but the answer and the end of the process. Signals are ignored then, as the
    interpreter takes a moment to end, and one that came in it would put its own exit code in place of the verdict's.
    """

    def __init__(self, on_signal: Callable[[str], None], last: bool = False) -> None:
        self._on_signal = on_signal
        self._last = last
        self._armed = False
        self._asked = False
        self._interrupted: Interrupted | None = None

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """While inside, a signal raises `Interrupted`; one that came before raises at once.

        At the end it is raised again if somebody inside took it for an error of another kind, or for none.
        """
        self._armed = True
        try:
            if self._asked:
                raise Interrupted("interrupted before the run began; nothing was started")
            yield
        except Interrupted:
            raise
        except Exception as error:
            if self._interrupted:
                raise self._interrupted from error
            raise
        else:
            if self._interrupted:
                raise self._interrupted
        finally:
            self._armed = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        global _late
        name = signal.Signals(number).name
        if number == signal.SIGHUP:
            _leave_closed_terminal()
        if self._asked:
            self._on_signal("still healing and cleaning up; `harness recover` does it after a kill")
            return
        self._asked = True
        self._on_signal(f"{name}: healing, cleaning up and reporting first")
        if self._armed:
            self._armed = False
            self._interrupted = Interrupted(f"interrupted by {name}; it was healed and cleaned up")
            if not _depth:
                raise self._interrupted
            _late = self._interrupted

    def __enter__(self) -> Stoppable:
        global _late
        _late = None
        if threading.current_thread() is threading.main_thread():
            # `nohup` has it ignored, and means it.
            ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
            self._before = {each: signal.signal(each, self._handle) for each in SIGNALS if each not in ignored}
        else:
            self._before = {}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._last else handler)
