"""The limiter goes by the clock of the replica that was asked, and the clocks of replicas differ.

Seen in the wild: scripts that take "now" as an argument from the application, on machines whose clocks are seconds
apart. A replica whose clock is ahead moves the state into the future of the others, which then refuse for as long. One
machine has one clock, so here the clocks of the replicas are set apart by their names.
"""

import re
import time
from collections.abc import Sequence

from target_service.limits import Limits
from target_service.parts import Parts

APART_S = 2.0
"""How far the clocks of two replicas are apart, in seconds."""
NOW_OF_THE_STORE = re.compile(r"  local time = .*\n  local now = .*\n")
NOW_OF_THE_CALLER = "  local now = tonumber(ARGV[#ARGV])\n"


class ClockLimits(Limits):
    """Limits that tell the scripts what time it is."""

    def _more(self) -> Sequence[str | int]:
        number = sum(map(int, re.findall(r"\d+", self._replica)))
        return [int((time.time() + APART_S * (number % 3)) * 1_000_000)]


def apply(parts: Parts) -> None:
    """Replace the limits, and where their scripts get the time from."""
    parts.limits = ClockLimits
    parts.lua["gcra"] = NOW_OF_THE_STORE.sub(NOW_OF_THE_CALLER, parts.lua["gcra"])
