"""What became of the ops of the last moment, small enough to be told every second: counts, and latencies in classes."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

_GROWTH = 1.1


class Tally:
    """Ops that ended since the last `take`. A latency is known to within a tenth: its class is a power of 1.1 ms."""

    def __init__(self) -> None:
        self._ops = self._bad = 0
        self._classes: Counter[int] = Counter()

    def add(self, latency_ms: float, good: bool) -> None:
        """One op that ended. `good`: answered definitely and not turned away; the latency of another tells nothing."""
        self._ops += 1
        if good:
            self._classes[math.ceil(math.log(max(latency_ms, 0.01), _GROWTH))] += 1
        else:
            self._bad += 1

    def take(self) -> dict[str, Any]:
        """What was counted, as JSON can carry it; the count begins anew."""
        taken = {"ops": self._ops, "bad": self._bad, "ms": {str(name): n for name, n in self._classes.items()}}
        self.__init__()  # type: ignore[misc]
        return taken


def quantile_ms(classes: Counter[int], share: float) -> float | None:
    """A quantile of latencies by class, from above: never less than the true one. None when there are none."""
    wanted, found = share * sum(classes.values()), 0
    for name in sorted(classes):
        found += classes[name]
        if found >= wanted:
            return round(float(_GROWTH**name), 3)
    return None
