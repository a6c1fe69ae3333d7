"""Counts the ops that ended since the parent last asked: small enough to be told to the parent every second.

Latencies are kept in classes, not one by one. Class `n` holds the latencies above `1.1 ** (n - 1)` ms and up to `1.1 **
n` ms, so that a latency is known to within a tenth.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

_GROWTH = 1.1


class Tally:
    """The ops that ended since the last call of `take`."""

    def __init__(self) -> None:
        self._ops = self._bad = 0
        self._classes: Counter[int] = Counter()

    def add(self, latency_ms: float, good: bool) -> None:
        """Count one op that ended.

        Args:
            latency_ms: How long the op took, in milliseconds.
            good: Whether the op was answered definitely and not turned away; the latency of any other op says nothing,
                and is left out.
        """
        self._ops += 1
        if good:
            self._classes[math.ceil(math.log(max(latency_ms, 0.01), _GROWTH))] += 1
        else:
            self._bad += 1

    def take(self) -> dict[str, Any]:
        """Return what was counted as JSON values, and begin to count anew.

        Returns:
            `ops`, the number of ops; `bad`, how many of those were not good; and `ms`, the number of good ops for each
                class of latency.
        """
        taken = {"ops": self._ops, "bad": self._bad, "ms": {str(name): n for name, n in self._classes.items()}}
        self.__init__()  # type: ignore[misc]
        return taken


def quantile_ms(classes: Counter[int], share: float) -> float | None:
    """Return a quantile of latencies that are known by class, in milliseconds.

    Args:
        classes: How many latencies fall into each class.
        share: Which quantile, such as 0.99.

    Returns:
        The upper end of the quantile's class, so never less than the true value; None when there are no latencies.
    """
    wanted, found = share * sum(classes.values()), 0
    for name in sorted(classes):
        found += classes[name]
        if found >= wanted:
            return round(float(_GROWTH**name), 3)
    return None
