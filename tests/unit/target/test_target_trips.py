"""Store round trips of every endpoint, measured, against what the state files declare."""

import asyncio
from collections.abc import Iterator

import pytest

from target_service import state
from tests.support.target_asking import ROUTES, TRIPS, Asker
from tests.support.target_world import World, counted, free_port, running_ledger, told, wait_for_port

DECLARED = {name: state.number(trips) for each in state.states() for name, trips in each.trips.items()} | state.PROBES


@pytest.fixture(scope="module")
def asker(store_url: str) -> Iterator[Asker]:
    """One replica for all endpoints, and an admin who has logged in before."""
    port = free_port()
    with running_ledger() as ledger, World(store_url, ledger).process(PORT=str(port)) as process:
        wait_for_port(port, process)
        asker = Asker(f"http://127.0.0.1:{port}")
        asker.admin()
        yield asker


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_an_endpoint_asks_the_store_as_often_as_it_says(asker: Asker, name: str) -> None:
    """Twice: the first time a script may have to be sent in full, which is no round trip that every request takes."""
    for _ in range(2):
        status, trips = asker.trips(asker.sound(name, asker.admin()))
        assert status < 300, f"{name} refused what it should take: {status}"
    assert trips == DECLARED[name]


@told
async def test_a_replica_counts_its_round_trips_rightly(world: World) -> None:
    async with world.replica() as replica, counted(replica) as asked:
        await asyncio.gather(*(replica.service.store.alive() for _ in range(3)))
        await replica.pay((await replica.user())["access_token"], "k1")
        shown = TRIPS.findall((await replica.call("GET /metrics")).body.decode())
        assert asked() == sum(map(float, shown)) > 8
