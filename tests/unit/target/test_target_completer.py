"""What was abandoned and cannot be read: it is named, kept, and in nobody's way."""

import json
from typing import Any

import pytest
import redis

from target_service.completer import COMPLETE_AT_ONCE
from tests.support.target_world import Crash, Replica, World, crash_before, eventually, told

# Private names: `_jobs` is what a worker takes its jobs from, made to fail for this worker alone.

KINDS = {
    "payment": (
        "payments:open",
        "payment_finish",
        "POST /payment",
        {"amount": 5, "currency": "EUR", "reference": "r1"},
    ),
    "order": ("orders:open", "order_finish", "POST /api/orders", {"order_id": "o1", "item": "tea", "quantity": 1}),
}
BROKEN: dict[str, Any] = {
    "another kind of key": lambda raw, key: raw.set(key, "x"),
    "an unknown state": lambda raw, key: raw.hset(key, mapping={"state": "settling", "lease_until": 0}),
    "no state": lambda raw, key: raw.hset(key, "lease_until", 0),
    "nothing but a state": lambda raw, key: raw.hset(key, "state", {"p": "open", "o": "processing"}[key[0]]),
    "a body of another version": lambda raw, key: raw.hset(
        key,
        mapping={
            "state": {"p": "open", "o": "processing"}[key[0]],
            "lease_until": 0,
            "payment_id": "p",
            "order": '{"amount": "5"}',
            "receipt": "x",
            "user": "u",
            "wanted": '["o", "tea", 1, "more"]',
        },
    ),
}


def events(text: str, name: str) -> list[dict[str, Any]]:
    """Those that were logged under a name."""
    return [line for line in map(json.loads, text.splitlines()) if line["event"] == name]


async def abandon(replica: Replica, kind: str, token: str) -> None:
    """Leaves one open whose effect is had, as a kill does."""
    _, script, request, body = KINDS[kind]
    crash_before(replica, script)
    with pytest.raises(Crash):
        await replica.call(request, body, token, "k1")


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("broken", BROKEN)
def test_a_record_that_cannot_be_read_is_named_and_kept_and_stops_nobody(
    world: World, raw: redis.Redis, capsys: pytest.CaptureFixture[str], kind: str, broken: str
) -> None:
    opened = KINDS[kind][0]
    bad = [f"bad{number}" for number in range(COMPLETE_AT_ONCE + 1)]

    @told
    async def story() -> None:
        async with world.replica() as dying, world.replica() as other:
            token = (await dying.user())["access_token"]
            for name in bad:
                BROKEN[broken](raw, f"{kind}:{name}")
                raw.zadd(opened, {name: 0})
            await abandon(dying, kind, token)
            async with world.worker():

                async def only_the_bad() -> bool:
                    return sorted(raw.zrange(opened, 0, -1)) == sorted(bad)

                await eventually(only_the_bad, "the healthy one is completed behind more than one look reaches")
                job = (await other.submit(token, "k2", [1])).json["job_id"]

                async def done() -> bool:
                    return bool((await other.call(f"GET /api/status/{job}", token=token)).json["state"] == "done")

                await eventually(done, "the worker lives, and does jobs")
        assert len(world.ledger.of("r1" if kind == "payment" else "o1")) == 1

    story()
    named = {line["open"] for line in events(capsys.readouterr().out, "not_completed") if line.get("why")}
    assert named == set(bad)


@pytest.mark.parametrize("kind", KINDS)
def test_who_cannot_read_a_record_does_not_keep_it_from_who_can(world: World, raw: redis.Redis, kind: str) -> None:
    opened, _, request, body = KINDS[kind]
    field = {"payment": "order", "order": "wanted"}[kind]

    @told
    async def story() -> None:
        async with world.replica() as dying, world.replica() as other:
            token = (await dying.user())["access_token"]
            await abandon(dying, kind, token)
            (name,) = raw.zrange(opened, 0, -1)
            raw.hset(f"{kind}:{name}", mapping={field: '{"of": "a newer version"}', "lease_until": 0})
            service = other.service
            work: Any = service.payments if kind == "payment" else service.orders
            with pytest.raises(TypeError):
                await work.resume(name)
            assert (await other.call(request, body, token, "k1")).status == 201

    story()


@told
async def test_a_record_that_is_gone_or_over_leaves_the_list(world: World, raw: redis.Redis) -> None:
    raw.hset("payment:over", "state", "done")
    raw.hset("order:over", "state", "processed")
    for opened in ("payments:open", "orders:open"):
        raw.zadd(opened, {"over": 0, "gone": 0})
    async with world.worker():

        async def empty() -> bool:
            return not raw.exists("payments:open", "orders:open")

        await eventually(empty, "nothing is left to look at")


@told
async def test_a_worker_survives_a_turn_that_fails_in_any_way(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world.replica() as replica, world.worker() as worker:
        token = (await replica.user())["access_token"]
        given, left = worker._jobs.given, [2]

        async def failing(most: int, wait_s: float) -> Any:
            if left[0]:
                left[0] -= 1
                raise KeyError("a reply of another version")
            return await given(most, wait_s)

        async def failed() -> bool:
            return not left[0]

        monkeypatch.setattr(worker._jobs, "given", failing)
        await eventually(failed, "two turns fail")
        job = (await replica.submit(token, "k1", [1])).json["job_id"]

        async def done() -> bool:
            return bool((await replica.call(f"GET /api/status/{job}", token=token)).json["state"] == "done")

        await eventually(done, "the turn after it takes the job")
    assert len(events(capsys.readouterr().out, "turn_failed")) == 2


@told
async def test_a_job_whose_record_cannot_be_read_is_named_and_stops_no_other(
    world: World, raw: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        bad = [(await replica.submit(token, f"bad{number}", [1])).json["job_id"] for number in range(2)]
        raw.hdel(f"job:{bad[0]}", "reference")
        raw.hdel(f"job:{bad[1]}", "attempts")
        job = (await replica.submit(token, "k1", [1])).json["job_id"]
        async with world.worker():

            async def done() -> bool:
                return bool((await replica.call(f"GET /api/status/{job}", token=token)).json["state"] == "done")

            await eventually(done, "the job behind them is done")
        assert raw.xlen("jobs") >= 1
    assert {line["job"] for line in events(capsys.readouterr().out, "job_not_done")} == set(bad)
