"""Jobs: accepted once, done once, by whichever worker is alive."""

import asyncio
from typing import Any

import orjson
import pytest
import redis

from target_service import work
from target_service.jobs import Claim, Jobs, StaleClaim
from tests.support.target_world import Replica, World, eventually, told

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
        assert (await first.submit(token, None, [9])).status == 400


@told
async def test_another_users_job_is_hidden(world: World) -> None:
    async with world.replica() as replica:
        ada, bob = (await replica.user("ada"))["access_token"], (await replica.user("bob"))["access_token"]
        job = (await replica.submit(ada, "k1", NUMBERS)).json["job_id"]
        assert (await replica.call(f"GET /api/status/{job}", token=ada)).json["state"] == "queued"
        hidden, none = [await replica.call(f"GET /api/status/{id}", token=bob) for id in (job, "none")]
        assert (hidden.status, hidden.body) == (404, none.body)


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_stale_fence_writes_nothing(world: World) -> None:
    async with world.replica() as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        frozen = await claimed(jobs)
        await jobs.checkpoint(frozen, 1, 5, b'{"sum":3,"count":1,"max":3}')
        assert await jobs.claim(frozen.entry) is None, "held under a lease"
        owner = await claimed(jobs)
        assert (owner.fence, owner.step, owner.partial) == (2, 1, b'{"sum":3,"count":1,"max":3}')
        await jobs.checkpoint(owner, 3, 5, b'{"sum":8,"count":3,"max":4}')
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(frozen, 4, 5, b"{}")
        with pytest.raises(StaleClaim):
            await jobs.finish(frozen, b"{}")
        await jobs.release(frozen, after_backoff=False, counts=True)
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(owner, 3, 5, b"{}")
        assert (await replica.call(f"GET /api/status/{job}", token=token)).json["progress"] == 0.5
        await jobs.finish(owner, b'{"sum":14}')
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(owner, 4, 5, b"{}")
        assert (await done(replica, token, job))["output"] == {"sum": 14}


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_lease_that_has_ended_is_no_lease_even_before_somebody_else_has_it(world: World) -> None:
    async with world.replica() as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        await replica.submit(token, "k1", NUMBERS)
        claim = await claimed(jobs)
        await asyncio.sleep(replica.service.settings.lease_s + 0.05)
        with pytest.raises(StaleClaim):
            await jobs.checkpoint(claim, 1, 5, b"{}")


@pytest.mark.usefixtures("short_leases")
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
        partial, plan = b"", work.plan(orjson.dumps({"numbers": NUMBERS}))
        for step in range(plan.steps):
            partial = plan.advance(partial, step)
        await jobs.checkpoint(claim, len(NUMBERS), len(NUMBERS), partial)
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
    def poison(plan: work.Plan, partial: bytes, step: int) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(work.Plan, "advance", poison)
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
async def test_a_reference_that_something_else_has_used_costs_time_and_no_attempt(world: World) -> None:
    world.ledger.take({"reference": "shared", "key": "of something else", "fence": 6, "kind": "payment"})
    async with world.replica() as replica, world.worker(JOB_ATTEMPTS="2"):
        token = (await replica.user())["access_token"]
        job = (await replica.submit(token, "k1", NUMBERS, "shared")).json["job_id"]
        assert await done(replica, token, job) == {"job_id": job, "state": "done", "progress": 1.0, "output": OUTPUT}
        assert [effect["key"] for effect in world.ledger.of("shared")] == ["of something else", f"job:{job}"]


@told
async def test_a_worker_makes_the_group_again_when_the_store_has_lost_it(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica, world.worker():
        raw.flushall()
        token = (await replica.user())["access_token"]
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        assert (await done(replica, token, job))["state"] == "done"


@pytest.mark.usefixtures("short_leases")
@told
async def test_more_abandoned_jobs_than_one_look_reaches_are_found(world: World) -> None:
    async with world.replica() as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        await jobs.prepare()
        for number in range(24):
            await replica.submit(token, f"k{number}", NUMBERS)
        assert len(await jobs.given(24, 0.01)) == 24
        await asyncio.sleep(replica.service.settings.lease_s + 0.01)
        assert len(await jobs.abandoned(23)) == 23
        assert len(await jobs.abandoned(1)) == 1, "the last one is behind 23 that are not idle"


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_cancelled_job_has_no_effect_and_stays_cancelled(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica, world.replica() as other:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        claim = await claimed(jobs)
        await jobs.checkpoint(claim, 1, 5, b'{"sum":3,"count":1,"max":3}')
        assert (await other.call(f"POST /api/cancel/{job}", token=token)).json == {"job_id": job, "state": "cancelled"}
        for late in (jobs.beat(claim), jobs.checkpoint(claim, 2, 5, b"{}"), jobs.finish(claim, b"{}")):
            with pytest.raises(StaleClaim):
                await late
        assert (await replica.call(f"POST /api/cancel/{job}", token=token)).status == 200, "again is harmless"
        async with world.worker():

            async def gone() -> bool:
                return raw.xlen("jobs") == 0

            await eventually(gone, "the entry leaves the stream")
        assert (await replica.call(f"GET /api/status/{job}", token=token)).json["state"] == "cancelled"
        assert world.ledger.attempts == []
        assert 86000 < raw.ttl(f"job:{job}") <= 86400


@pytest.mark.usefixtures("short_leases")
@told
async def test_after_the_last_checkpoint_it_is_too_late_to_cancel(world: World) -> None:
    async with world.replica() as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        job = (await replica.submit(token, "k1", NUMBERS)).json["job_id"]
        claim = await claimed(jobs)
        await jobs.checkpoint(claim, 5, 5, b'{"sum":14,"count":5,"max":5}')
        refused = await replica.call(f"POST /api/cancel/{job}", token=token)
        assert (refused.status, refused.json["type"]) == (409, "urn:problem:too-late")
        async with world.worker():
            assert (await done(replica, token, job))["output"] == OUTPUT
        assert (await replica.call(f"POST /api/cancel/{job}", token=token)).status == 409
        bob = (await replica.user("bob"))["access_token"]
        assert (await replica.call(f"POST /api/cancel/{job}", token=bob)).status == 404
        assert (await replica.call("POST /api/cancel/none", token=token)).status == 404


@told
async def test_a_step_that_outlasts_the_lease_is_kept_by_the_heartbeat(world: World, raw: redis.Redis) -> None:
    settings = {"LEDGER_TIMEOUT_S": "2", "LEASE_S": "3", "STEP_S": "6"}
    async with world.replica() as replica, world.worker(**settings), world.worker(**settings):
        token = (await replica.user())["access_token"]
        job = (await replica.submit(token, "k1", [7])).json["job_id"]
        assert (await done(replica, token, job))["state"] == "done"
        assert raw.hget(f"job:{job}", "fence") == "1", "nobody took it over"


@told
@pytest.mark.parametrize("batch", [1, 2])
async def test_a_restart_from_any_checkpoint_does_one_step_again_at_most(
    world: World, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """The worker dies before, or after, each of its checkpoints in turn; whoever is next goes on from the last one."""
    advance, done_steps = work.Plan.advance, []

    def counted(plan: work.Plan, partial: bytes, step: int) -> bytes:
        done_steps.append(step)
        return advance(plan, partial, step)

    monkeypatch.setattr(work.Plan, "advance", counted)
    async with world.replica() as replica:
        token, jobs = (await replica.user())["access_token"], replica.service.jobs
        body = {"reference": "j1", "input": {"numbers": NUMBERS, "config": {"batch": batch}}}
        job = (await replica.call("POST /api/process", body, token, "k1")).json["job_id"]
        plan = work.plan(orjson.dumps(body["input"]))
        for step in range(plan.steps):
            for written in (False, True):
                claim = await claimed(jobs)
                assert claim.step == step, "no more than one step is lost"
                partial = plan.advance(claim.partial, step)
                if written:
                    await jobs.checkpoint(claim, step + 1, plan.steps, partial)
                raw.hset(f"job:{job}", "lease_until", 0)
                await jobs.release(claim, after_backoff=False, counts=False)
        async with world.worker():
            assert (await done(replica, token, job))["output"] == OUTPUT
        assert len(done_steps) == 2 * plan.steps
        assert len(world.ledger.of("j1")) == 1


@told
async def test_a_data_processing_request_is_filtered_and_transformed(world: World) -> None:
    async with world.replica() as replica, world.worker():
        token = (await replica.user())["access_token"]
        body = {
            "processing_id": "p-7",
            "data_source": {"kind": "range", "first": -3, "count": 14},
            "config": {
                "filters": [{"keep": "odd"}, {"keep": "at_most", "value": 7}],
                "transforms": [{"do": "absolute"}, {"do": "multiply", "by": 10}, {"do": "add", "by": -1}],
                "batch": 4,
            },
        }
        accepted = await replica.call("POST /api/process", body, token, "k1")
        kept = [abs(number) * 10 - 1 for number in (-3, -1, 1, 3, 5, 7)]
        output = {"sum": sum(kept), "count": 6, "max": 69}
        assert (await done(replica, token, accepted.json["job_id"]))["output"] == output
        assert [effect["reference"] for effect in world.ledger.effects] == ["p-7"]
        body["config"] = {"filters": [{"keep": "at_least", "value": 11}]}
        none = await replica.call("POST /api/process", body, token, "k2")
        assert (await done(replica, token, none.json["job_id"]))["output"] == {"sum": 0, "count": 0, "max": None}


NONSENSE: list[Any] = [
    {"processing_id": "p", "data_source": {"kind": "range", "first": 2, "count": 0}},
    {"processing_id": "p", "data_source": {"kind": "range", "first": 0, "count": 1001}},
    {"processing_id": "p", "data_source": {"kind": "range", "first": 2**31, "count": 1}},
    {"processing_id": "p", "data_source": {"kind": "inline", "numbers": [1], "first": 1}},
    {"processing_id": "p", "data_source": {"kind": "inline"}},
    {"processing_id": "p", "data_source": {"kind": "file", "numbers": [1]}},
    {"processing_id": "p", "input": {"numbers": [1]}},
    {"reference": "p", "input": {"numbers": [2**31 + 1]}},
    {"reference": "p", "input": {"numbers": [1], "config": {"filters": [{"keep": "at_least"}]}}},
    {"reference": "p", "input": {"numbers": [1], "config": {"transforms": [{"do": "negate", "by": 1}]}}},
    {"reference": "p", "input": {"numbers": [1], "config": {"transforms": [{"do": "negate"}] * 4}}},
    {"reference": "p", "input": {"numbers": [1], "config": {"batch": 0}}},
]


@told
async def test_a_request_that_makes_no_sense_is_refused_without_effect(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        for body in NONSENSE:
            answer = await replica.call("POST /api/process", body, token, "k1")
            assert (answer.status, answer.json["type"]) == (400, "urn:problem:malformed"), body
        assert raw.keys("job*") == []


def test_the_largest_input_stays_within_64_bits() -> None:
    top = [{"do": "multiply", "by": -100}] * 3
    plan = work.plan(orjson.dumps({"numbers": [2**31] * 1000, "config": {"transforms": top, "batch": 100}}))
    partial = b""
    for step in range(plan.steps):
        partial = plan.advance(partial, step)
    assert orjson.loads(partial)["sum"] == -(2**31) * 1000 * 10**6
