"""SIGTERM ends the process at once, in the middle of its requests.

Seen in the wild: no handler at all, which is the default. Or a handler that never gets the signal, because the command
is in shell form and a shell is process 1, or because a supervisor does not pass the signal on.
"""

from target_service.drain import Drain
from target_service.parts import Parts


class NoDrain(Drain):
    """Leaving without a handler: the system ends the process."""

    signals = ()


def apply(parts: Parts) -> None:
    """Replace the leaving."""
    parts.drain = NoDrain
