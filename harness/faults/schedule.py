"""When which fault is due: a pure function of the scenario and its seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from harness.faults.base import Fault


@dataclass(frozen=True)
class Planned:
    """One fault that is due at a time.

    Attributes:
        number: The number of the fault in the plan, from 1.
        fault: What is done.
        at_s: When it is due, in seconds from the start of the load.
        pick: From 0 up to 1; chooses the victim among the members that are there at that time.
    """

    number: int
    fault: Fault
    at_s: float
    pick: float


def plan(faults: Sequence[Fault], duration_s: float, seed: int) -> list[Planned]:
    """Return all faults of a run of `duration_s`, numbered from 1 in the order of their times.

    The same arguments give the same plan. Each entry draws from a stream of its own, so that adding one at the end does
    not move the others. A time after the load stays planned, because the record must show that the fault did not land.
    """
    due = []
    for index, fault in enumerate(faults):
        source = random.Random(f"{seed}:{index}:{fault.kind}")
        for at_s in fault.times(duration_s):
            moved = at_s + source.uniform(-fault.jitter, fault.jitter)
            due.append((round(max(0.0, moved), 3), index, fault, source.random()))
    due.sort(key=lambda entry: entry[:2])
    return [Planned(number + 1, fault, at_s, pick) for number, (at_s, _, fault, pick) in enumerate(due)]
