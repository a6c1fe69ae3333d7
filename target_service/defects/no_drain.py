"""SIGTERM ends the process at once, with whatever requests it was in the middle of.

Seen in the wild: no handler at all, which is the default; or one that never hears of it, because the command is in
shell form and a shell is process 1, or because a supervisor does not pass it on.
"""

from target_service.drain import Drain
from target_service.parts import Parts


class NoDrain(Drain):
    """Leaves the signals to the system, which knows one answer."""

    signals = ()


def apply(parts: Parts) -> None:
    """Exchanges the leaving."""
    parts.drain = NoDrain
