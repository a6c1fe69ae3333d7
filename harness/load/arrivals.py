"""The arrivals of the open model: a seeded Poisson process, so that slow answers do not slow the load down."""

from __future__ import annotations

import random
from collections.abc import Iterator


def arrivals(rate_per_s: float, duration_s: float, seed: int) -> Iterator[float]:
    """Give the times at which ops are due.

    Args:
        rate_per_s: How many ops are due in a second, on average.
        duration_s: How long the load lasts, in seconds.
        seed: The same seed gives the same times.

    Yields:
        Seconds since the start of the load, ascending and below `duration_s`.
    """
    chooser = random.Random(f"arrivals {seed}")
    at = chooser.expovariate(rate_per_s)
    while at < duration_s:
        yield at
        at += chooser.expovariate(rate_per_s)
