"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal), as the command line handles them.

The first signal asks the run to heal and end; further ones are answered and ignored.

    with Stoppable(print) as stoppable:     the handlers are installed
        with stoppable.armed():             a signal raises `Interrupted`
            with uninterrupted():           but not here: it raises at the end of this block
                ...
        clean_up()                          a signal is answered, and interrupts nothing
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
    """Let a signal that comes meanwhile raise at the end of the block, for steps that have to be done as a whole.

    A thing that is made and not yet noted would be left behind: nobody would know what to undo. Keep the block short.
    In other threads than the main one the block changes nothing, as signals raise nothing there.

    Raises:
        Interrupted: at the end of the block, if a signal came.
    """
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
    """Let signals wait until the end of the block.

    This is for imports: an extension module whose start is interrupted aborts the whole process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_closed_terminal() -> None:
    """Send output nowhere from now on if its terminal is gone: a failing write would break off the healing."""
    for output in (1, 2):
        try:
            os.write(output, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, output)
            os.close(nowhere)


class Stoppable:
    """Signal handlers for as long as the object is entered. In other threads than the main one it does nothing."""

    def __init__(self, on_signal: Callable[[str], None], last: bool = False) -> None:
        """Prepare the handlers; entering the object installs them.

        Args:
            on_signal: is given the answer to each signal, from within the handler.
            last: whether only the answer and the end of the process follow. Signals are then ignored on leaving: a
                signal that came while the interpreter ends would put its own exit code in place of the verdict's.
        """
        self._on_signal = on_signal
        self._last = last
        self._armed = False
        self._asked = False
        self._interrupted: Interrupted | None = None

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """Let a signal raise `Interrupted` inside the block.

        Raises:
            Interrupted: wherever the block is when the signal comes; at once if the signal came before; and at the end
                if code inside took the exception for an error of another kind, or for none.
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
        """Install the handlers."""
        global _late
        _late = None
        if threading.current_thread() is threading.main_thread():
            # `nohup` has SIGHUP ignored, and means it.
            ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
            self._before = {each: signal.signal(each, self._handle) for each in SIGNALS if each not in ignored}
        else:
            self._before = {}
        return self

    def __exit__(self, *_: object) -> None:
        """Bring the handlers back that were there before, or ignore signals from now on (`last`)."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._last else handler)
