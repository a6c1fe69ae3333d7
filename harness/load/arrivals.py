"""The open model's arrivals: a seeded Poisson process, so that slow answers do not slow the load down."""

from __future__ import annotations

import random
from collections.abc import Iterator


def arrivals(rate_per_s: float, duration_s: float, seed: int) -> Iterator[float]:
    """Times in seconds from the start, ascending, below `duration_s`. The same seed gives the same times."""
    chooser = random.Random(f"arrivals {seed}")
    at = chooser.expovariate(rate_per_s)
    while at < duration_s:
        yield at
        at += chooser.expovariate(rate_per_s)
