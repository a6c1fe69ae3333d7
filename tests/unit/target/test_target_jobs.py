"""Jobs: accepted once, done once, by whichever worker is alive."""

import asyncio
from typing import Any

import pytest
import redis
from target_world import Replica, World, eventually, told

from target_service import work
from target_service.jobs import Claim, Jobs, StaleClaim

NUMBERS = [3, 1, 4, 1, 5]
OUTPUT = {"sum": 14, "count": 5, "max": 5}


async def done(replica: Replica, token: str, job: str) -> Any:
    """The status of a job when it is over."""

    async def over() -> Any:
        status = (await replica.call(f"GET /api/status/{job}", token=token)).json
        return status if status["state"] in ("done", "dead") else None

    return await eventually(over, f"job {job} is over")


async def claimed(jobs: Jobs) -> Claim:
    """A claim on the one job there is, as a worker makes it."""
    await jobs.prepare()

    async def taken() -> Claim | None:
        for entry in [*await jobs.given(1, 0.01), *await jobs.abandoned(1)]:
            return await jobs.claim(entry)
        return None

    claim = await eventually(taken, "the job can be claimed")
    assert isinstance(claim, Claim)
    return claim


@told
async def test_a_job_runs_to_its_output_with_one_effect(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica, world.worker():
        token = (await replica.user())["access_token"]
        accepted = await replica.submit(token, "k1", NUMBERS)
        job = accepted.json["job_id"]
        assert accepted.status == 202 and accepted.headers["location"] == f"/api/status/{job}"
        status = await done(replica, token, job)
        assert status == {"job_id": job, "state": "done", "progress": 1.0, "output": OUTPUT}
        assert [effect["key"] for effect in world.ledger.of("j1")] == [f"job:{job}"]
        assert raw.xlen("jobs") == 0 and raw.xpending("jobs", "workers")["pending"] == 0
        assert 86000 < raw.ttl(f"job:{job}") <= 86400


@told
async def test_the_same_key_is_the_same_job_and_another_body_a_mismatch(world: World, raw: redis.Redis) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        answers = await asyncio.gather(*(replica.submit(token, "k1", NUMBERS) for replica in [first, second] * 4))
        assert {answer.status for answer in answers} == {202}
        assert len({answer.json["job_id"] for answer in answers}) == 1 == raw.xlen("jobs")
        assert (await first.submit(token, "k1", [9])).status == 422
        assert (await first.submit(token, None, [9])).json != (await first.submit(token, None, [9])).json


@told
async def test_another_users_job_is_hidden(world: World) -> None:
    async with world.replica() as replica:
        ada, bob = (await replica.user("ada"))["access_token"], (await replica.user("bob"))["access_token"]
        job = (await replica.submit(ada, "k1", NUMBERS)).json["job_id"]
        assert (await replica.call(f"GET /api/status/{job}", token=ada)).json["state"] == "queued"
        hidden, none = [await replica.call(f"GET /api/status/{id}", token=bob) for id in (job, "none")]
        assert (hidden.status, hidden.body) == (404, none.body)


@told
async def test_a_stale_fence_writes_nothing(world: World) -> None:
    async with world.replica(LEASE_S="0.6") as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        frozen = await claimed(jobs)
        await jobs.checkpoint(frozen, 1, 0.2, b'{"sum":3,"count":1,"max":3}')
        assert await jobs.claim(frozen.entry) is None, "held under a lease"
        owner = await claimed(jobs)
        assert (owner.fence, owner.step, owner.partial) == (2, 1, b'{"sum":3,"count":1,"max":3}')
        await jobs.checkpoint(owner, 3, 0.6, b'{"sum":8,"count":3,"max":4}')
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(frozen, 4, 0.8, b"{}")
        with pytest.raises(StaleClaim):
            await jobs.finish(frozen, b"{}")
        await jobs.release(frozen, after_backoff=False, counts=True)
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(owner, 3, 0.1, b"{}")
        assert (await replica.call(f"GET /api/status/{job}", token=token)).json["progress"] == 0.6
        await jobs.finish(owner, b'{"sum":14}')
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(owner, 4, 0.8, b"{}")
        assert (await done(replica, token, job))["output"] == {"sum": 14}


@told
async def test_a_lease_that_has_ended_is_no_lease_even_before_somebody_else_has_it(world: World) -> None:
    async with world.replica(LEASE_S="0.6") as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        await replica.submit(token, "k1", NUMBERS)
        claim = await claimed(jobs)
        await asyncio.sleep(0.65)
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(claim, 1, 0.2, b"{}")


@told
async def test_a_job_abandoned_at_any_point_is_taken_over_and_has_one_effect(world: World) -> None:
    async with world.replica() as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        await jobs.prepare()
        await replica.submit(token, "given", NUMBERS, "given")
        await jobs.given(1, 0.01)
        await replica.submit(token, "claimed", NUMBERS, "claimed")
        await claimed(jobs)
        await replica.submit(token, "effect", NUMBERS, "effect")
        claim = await claimed(jobs)
        partial = b""
        for number in NUMBERS:
            partial = work.advance(partial, number)
        await jobs.checkpoint(claim, len(NUMBERS), 0.8, partial)
        await replica.service.ledger.post(jobs.effect(claim))
        async with world.worker():
            for reference in ("given", "claimed", "effect"):
                job = (await replica.submit(token, reference, NUMBERS, reference)).json["job_id"]
                assert (await done(replica, token, job))["output"] == OUTPUT
                assert len(world.ledger.of(reference)) == 1


@told
async def test_progress_never_goes_back(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        numbers = list(range(30))
        job = (await replica.submit(token, "k1", numbers)).json["job_id"]
        seen: list[float] = []

        async def progressed(most: float) -> bool:
            seen.append((await replica.call(f"GET /api/status/{job}", token=token)).json["progress"])
            return seen[-1] >= most

        async with world.worker():
            await eventually(lambda: progressed(0.2), "some steps are done")
        seen_before = len(seen)
        async with world.worker():
            await eventually(lambda: progressed(1.0), "another worker finishes")
        assert seen == sorted(seen) and 0.2 <= seen[seen_before] < 1.0
        assert (await done(replica, token, job))["output"] == {"sum": 435, "count": 30, "max": 29}


@told
async def test_a_job_that_always_fails_becomes_a_dead_letter(
    world: World, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poison(partial: bytes, number: int) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(work, "advance", poison)
    async with world.replica() as replica, world.worker(JOB_ATTEMPTS="3"):
        token = (await replica.user())["access_token"]
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        status = await done(replica, token, job)
        assert status["state"] == "dead" and "3 attempts" in status["error"]
        assert [letter["job"] for _, letter in raw.xrange("jobs:dead")] == [job]
        assert raw.xlen("jobs") == 0 and not world.ledger.attempts


@told
async def test_a_ledger_that_fails_costs_time_and_no_attempt(world: World) -> None:
    world.ledger.fail_next = 4
    async with world.replica() as replica, world.worker(JOB_ATTEMPTS="2"):
        token = (await replica.user())["access_token"]
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        assert (await done(replica, token, job))["state"] == "done"
        assert [attempt["fence"] for attempt in world.ledger.attempts] == [1, 2, 3, 4, 5]
        assert len(world.ledger.of("j1")) == 1


@told
async def test_a_worker_makes_the_group_again_when_the_store_has_lost_it(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica, world.worker():
        raw.flushall()
        token = (await replica.user())["access_token"]
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        assert (await done(replica, token, job))["state"] == "done"


@told
async def test_more_abandoned_jobs_than_one_look_reaches_are_found(world: World) -> None:
    async with world.replica(LEASE_S="0.6") as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        await jobs.prepare()
        for number in range(24):
            await replica.submit(token, f"k{number}", NUMBERS)
        assert len(await jobs.given(24, 0.01)) == 24
        await asyncio.sleep(0.61)
        assert len(await jobs.abandoned(23)) == 23
        assert len(await jobs.abandoned(1)) == 1, "the last one is behind 23 that are not idle"
