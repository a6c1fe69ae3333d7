"""What the seeded defects of jobs and of leaving do, each as a story that is true of the defect and of nothing else."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from target_service.drain import DrainingServer
from tests.support.target_world import Replica, World, eventually

# Private names: `_drain` is what the entry point of the service gives its server; nothing else sets the handlers of
# signals.


async def next_worker_begins_at_nothing(world: World, first: Replica, second: Replica) -> bool:
    token, jobs = (await first.user())["access_token"], first.service.jobs
    job = (await first.submit(token, "k1", [1, 2, 3])).json["job_id"]
    await jobs.prepare()
    (entry,) = await jobs.given(1, 0.01)
    claim = await jobs.claim(entry)
    assert claim is not None
    await jobs.checkpoint(claim, 2, 3, b"{}")
    assert (await second.call(f"GET /api/status/{job}", token=token)).json["progress"] == 0.5
    await jobs.release(claim, after_backoff=False, counts=False)
    again = await second.service.jobs.claim(entry)
    assert again is not None
    return again.step == 0


async def nobody_looks_for_what_was_abandoned(world: World, first: Replica, second: Replica) -> bool:
    token, jobs = (await first.user())["access_token"], first.service.jobs
    await first.submit(token, "k1", [1])
    await jobs.prepare()
    (entry,) = await jobs.given(1, 0.01)
    claim = await jobs.claim(entry)
    assert claim is not None
    await jobs.release(claim, after_backoff=False, counts=False)
    return await second.service.jobs.abandoned(1) == []


async def nobody_else_hears_of_the_job(world: World, first: Replica, second: Replica) -> bool:
    token, jobs = (await first.user())["access_token"], second.service.jobs
    job = (await first.submit(token, "k1", [1])).json["job_id"]
    await jobs.prepare()
    if await jobs.given(1, 0.01):
        return False

    async def ended() -> bool:
        return bool((await second.call(f"GET /api/status/{job}", token=token)).json["state"] == "done")

    await eventually(ended, "the replica does it itself, if nobody kills it")
    return len(world.ledger.of("j1")) == 1


async def _leaving(replica: Replica) -> list[tuple[int, str | None]]:
    """Status, and what is said of the connection, of readiness and of a request while a replica leaves."""
    token = (await replica.user())["access_token"]
    assert (await replica.call("GET /ready")).status == 200
    replica.service.drain.begin()
    said = [await replica.call(path, token=token) for path in ("GET /ready", "GET /profile")]
    return [(answer.status, answer.headers.get("connection")) for answer in said]


async def leaving_replica_is_ready_and_otherwise_right(world: World, first: Replica, second: Replica) -> bool:
    ready, request = await _leaving(first)
    assert request == (200, "close"), "whoever is sent there is served, and told to go elsewhere"
    assert ready in ((200, "close"), (503, "close"))
    return ready[0] == 200


async def leaving_replica_says_so_and_serves_nobody(world: World, first: Replica, second: Replica) -> bool:
    ready, request = await _leaving(first)
    assert ready == (503, "close"), "the balancer is told the truth"
    return request[0] == 503


async def nothing_hears_the_signal(world: World, first: Replica, second: Replica) -> bool:
    server = DrainingServer.__new__(DrainingServer)
    server._drain = first.service.drain
    with server.capture_signals():
        heard = asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    return not heard


JOB_BUGS: dict[str, Callable[[World, Replica, Replica], Awaitable[bool]]] = {
    "job-progress-in-memory": next_worker_begins_at_nothing,
    "no-reclaim": nobody_looks_for_what_was_abandoned,
    "work-after-the-202": nobody_else_hears_of_the_job,
    "ready-always-200": leaving_replica_is_ready_and_otherwise_right,
    "pool-closed-first": leaving_replica_says_so_and_serves_nobody,
    "no-drain": nothing_hears_the_signal,
}
