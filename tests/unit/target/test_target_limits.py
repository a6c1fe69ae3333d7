"""Rate limits: one count for all replicas, by the store's clock, and what happens when it cannot be kept."""

import asyncio
import time
from typing import Any

import pytest
import redis

from target_service.limits import Limit
from target_service.settings import SettingsError
from tests.support.target_asking import ENDPOINTS
from tests.support.target_world import Replica, World, counted, told


async def ask(replica: Replica, token: str) -> int:
    return (await replica.call("GET /api/limited", token=token)).status


@told
async def test_a_burst_is_admitted_once_over_all_replicas_and_each_user_has_their_own(world: World) -> None:
    slow = {"LIMIT_PER_S": "0.01", "LIMIT_BURST": "4"}
    async with world.replica(**slow) as first, world.replica(**slow) as second:
        ada, bob = [(await first.user(name))["access_token"] for name in ("ada", "bob")]
        statuses = await asyncio.gather(*(ask((first, second)[n % 2], ada) for n in range(12)))
        assert sorted(statuses) == [200] * 4 + [429] * 8
        assert await ask(second, bob) == 200
        refused = await first.call("GET /api/limited", token=ada)
        assert refused.json["type"] == "urn:problem:limited"
        assert 90 <= int(refused.headers["retry-after"]) <= 100


@told
async def test_turns_come_back_at_the_rate_and_never_more_than_the_burst(world: World) -> None:
    async with world.replica(LIMIT_PER_S="20", LIMIT_BURST="2") as replica:
        token = (await replica.user())["access_token"]
        begun, admitted = time.monotonic(), 0
        for _ in range(8):
            while await ask(replica, token) == 200:
                admitted += 1
            # Who was refused has a turn again once the time of one has passed, however much more has.
            await asyncio.sleep(0.06)
            assert await ask(replica, token) == 200
            admitted += 1
        took_s = time.monotonic() - begun
        assert 2 + 8 <= admitted <= 2 + int(took_s * 20) + 1
        await asyncio.sleep(0.3)
        assert [await ask(replica, token) for _ in range(3)][:2] == [200, 200]


@told
async def test_a_quiet_subject_leaves_nothing_behind(world: World, raw: redis.Redis) -> None:
    # Long enough that it is still there when it is looked for, however busy the machine is.
    async with world.replica(LIMIT_PER_S="0.4", LIMIT_BURST="1") as replica:
        token = (await replica.user())["access_token"]
        assert await ask(replica, token) == 200
        (key,) = raw.keys("limit:/api/limited:*")
        assert 0 < raw.pttl(key) <= 2500
        deadline = time.monotonic() + 20
        while raw.exists(key):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


@told
async def test_nobody_without_a_session_has_a_turn(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        assert (await replica.call("POST /api/logout", token=token)).status == 204
        assert await ask(replica, token) == 401
        assert await ask(replica, "bad") == 401
        assert not raw.keys("limit:*")


@pytest.mark.parametrize(("fails_open", "status"), [("0", 503), ("1", 200)])
def test_a_limiter_that_cannot_write_fails_as_configured_and_never_without_a_session(
    world: World, raw: redis.Redis, fails_open: str, status: int
) -> None:
    @told
    async def story() -> None:
        async with world.replica(LIMIT_FAILS_OPEN=fails_open, RATE_LIMITS="GET /profile=1/1") as replica:
            token, ended = [(await replica.user())["access_token"] for _ in range(2)]
            assert (await replica.call("POST /api/logout", token=ended)).status == 204
            raw.config_set("maxmemory", 1)
            try:
                assert [await ask(replica, token) for _ in range(6)] == [status] * 6
                assert await ask(replica, ended) in (401, 503)
                assert [(await replica.call("GET /profile", token=token)).status for _ in range(2)] == [status] * 2
            finally:
                raw.config_set("maxmemory", 0)

    story()


@told
async def test_without_the_store_nobody_is_let_in_however_it_fails(world: World, silent_port: int) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
    gone = {"STORE_URL": f"redis://127.0.0.1:{silent_port}/0", "LIMIT_FAILS_OPEN": "1"}
    async with world.replica(**gone) as replica:
        assert await ask(replica, token) == 503


@told
async def test_other_routes_have_no_limit_unless_they_are_given_one(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        assert [(await replica.call("GET /profile", token=token)).status for _ in range(30)] == [200] * 30
        assert not raw.keys("limit:*")
    limits = "GET /profile=0.01/3, POST /api/login=0.01/2"
    async with world.replica(RATE_LIMITS=limits) as first, world.replica(RATE_LIMITS=limits) as second:
        seen = [(await (first, second)[n % 2].call("GET /profile", token=token)).status for n in range(5)]
        assert seen == [200] * 3 + [429] * 2
        who: dict[str, Any] = {"username": "ada", "password": "lovelace"}
        answers = [await (first, second)[n % 2].call("POST /api/login", who) for n in range(4)]
        assert [answer.status for answer in answers] == [200] * 2 + [429] * 2
        assert answers[-1].headers["content-type"] == "application/problem+json"
        other = (await world_token(first, raw))["access_token"]
        assert (await second.call("GET /profile", token=other)).status == 200, "each user has their own"


@told
async def test_whoever_names_a_user_without_proof_spends_the_turns_of_an_address(world: World) -> None:
    async with world.replica(RATE_LIMITS="GET /profile=0.01/3") as replica:
        ada = await replica.user()
        mine = (await replica.call("GET /profile", token=ada["access_token"])).json["user_id"]
        forged = [f"ak1.{user}.secret" for user in (mine, "x1", mine, "x2", "x3")]
        answers = [(await replica.call("GET /profile", token=token)).status for token in forged]
        assert answers == [401] * 3 + [429] * 2, "another name is no way to another turn"
        assert (await replica.call("GET /profile", token=ada["access_token"])).status == 200, "none of hers was spent"


@told
async def test_a_dead_token_spends_the_turns_of_its_address_and_none_of_its_user(
    world: World, raw: redis.Redis
) -> None:
    async with world.replica(RATE_LIMITS="GET /profile=0.01/3") as replica:
        ended, token = [(await replica.user("dan"))["access_token"] for _ in range(2)]
        key = (await replica.call("POST /api/keys", {"name": "robot"}, token, "k0")).json["key"]
        assert (await replica.call("POST /api/logout", token=ended)).status == 204
        answers = [(await replica.call("GET /profile", token=ended)).status for _ in range(5)]
        assert answers == [401] * 3 + [429] * 2
        answers = [(await replica.call("GET /profile", token=each)).status for each in (token, key, token, key)]
        assert answers == [200] * 3 + [429], "a session and an API key are one user, from whichever address"


@told
async def test_a_route_that_asks_nobody_who_they_are_counts_addresses_whatever_token_is_sent(world: World) -> None:
    who = {"username": "ada", "password": "lovelace"}
    async with world.replica() as replica:
        tokens = [(await replica.user(name))["access_token"] for name in ("ada", "bob", "cleo")]
    async with world.replica(RATE_LIMITS="POST /api/login=0.01/2") as replica:
        answers = [(await replica.call("POST /api/login", who, token)).status for token in tokens]
        assert answers == [200, 200, 429], "more accounts are no way to more passwords"


@told
async def test_a_limit_asks_the_store_once(world: World) -> None:
    async with world.replica(RATE_LIMITS="GET /profile=100/100") as replica:
        token = (await replica.user())["access_token"]
        for bearer, trips in ((token, 2), ("bad", 1)):
            await replica.call("GET /profile", token=bearer)
            async with counted(replica) as asked:
                await replica.call("GET /profile", token=bearer)
            assert asked() == trips


async def world_token(replica: Replica, raw: redis.Redis) -> dict[str, Any]:
    """Tokens of another user, whose log-in comes from an address that may ask again."""
    for key in raw.keys("limit:*login*"):
        raw.delete(key)
    return await replica.user("bob")


@pytest.mark.parametrize("text", ["GET /profile", "GET /profile=0/5", "profile=1/5", "GET /profile=1/0", "GET /p=a/b"])
def test_a_limit_that_cannot_be_read_is_named(world: World, text: str) -> None:
    with pytest.raises(SettingsError, match=r"RATE_LIMITS: .* does not read METHOD /path=requests a second/burst"):
        world.settings(RATE_LIMITS=text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("GET /profile=1/1, POST /api/logn=1/1", "'POST /api/logn' is no route: did you mean 'POST /api/login'?"),
        ("PUT /profile=1/1", "'PUT /profile' is no route: did you mean 'GET /profile'?"),
        ("GET /api/orders/o1=1/1", "'GET /api/orders/o1' is no route: did you mean 'GET /api/orders/{id}'?"),
    ],
)
def test_a_limit_of_no_route_is_refused_with_the_nearest_one(world: World, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        world.settings(RATE_LIMITS=text)
    assert str(refused.value) == f"RATE_LIMITS: {named}"


def test_every_route_can_be_limited(world: World) -> None:
    text = ", ".join(f"{name}=1/1" for name in ENDPOINTS)
    assert len(world.settings(RATE_LIMITS=text).rate_limits) == len(ENDPOINTS)


def test_the_arguments_of_a_limit() -> None:
    assert Limit("x", 4, 4).arguments() == [250_000, 750_000]
    assert Limit("x", 4, 4).key("ada") == "limit:x:ada"
