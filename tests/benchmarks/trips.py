"""Store round trips of every endpoint: as the state files of the reference service declare them, with their reasons.

`python -m tests.benchmarks.trips` prints a JSON list. That the declarations are true is counted by
tests/unit/target/test_target_trips.py. Wanted: one, or the number whose reason the declaration gives.
"""

from __future__ import annotations

import json

from target_service import state


def figures() -> list[dict[str, object]]:
    """Name, declared trips and the most that is wanted, of every endpoint."""
    declared = {name: trips for each in state.states() for name, trips in each.trips.items()} | state.PROBES
    return [
        {
            "name": f"{name}, round trips",
            "trips": state.number(trips),
            "most": 1 if isinstance(trips, int) else trips[0],
            "why": None if isinstance(trips, int) else trips[1],
        }
        for name, trips in declared.items()
        if name.split(" ")[0].isupper()
    ]


if __name__ == "__main__":
    print(json.dumps(figures()))
