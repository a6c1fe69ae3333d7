"""Preferences: one record a user, and no change is lost to another that had not seen it."""

import asyncio

import pytest
import redis

from tests.support.target_world import Answer, Crash, Replica, World, crash_before, told

GOOD = {"theme": "dark", "language": "de-DE", "timezone": "Europe/Berlin"}


async def read(replica: Replica, token: str) -> Answer:
    return await replica.call("GET /api/preferences", token=token)


async def write(replica: Replica, token: str, match: str | None, **change: str) -> Answer:
    headers = {} if match is None else {"If-Match": match}
    return await replica.call("PUT /api/preferences", {**GOOD, **change}, token, headers=headers)


@told
async def test_preferences_begin_with_defaults_and_are_the_same_at_every_replica(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token, bob = [(await first.user(name))["access_token"] for name in ("ada", "bob")]
        before = await read(first, token)
        defaults = {"theme": "system", "language": "en", "timezone": "UTC", "updated_at": None, "version": "0"}
        assert (before.status, before.headers["etag"], before.json) == (200, '"0"', defaults)
        written = await write(first, token, before.headers["etag"])
        assert (written.status, written.headers["etag"]) == (200, '"1"')
        assert {**written.json, "updated_at": None} == {**GOOD, "updated_at": None, "version": "1"}
        assert written.json["updated_at"].endswith("+00:00")
        after = await read(second, token)
        assert (after.json, after.headers["etag"]) == (written.json, '"1"')
        assert (await read(second, bob)).json == defaults


@told
async def test_of_two_changes_of_one_version_one_alone_is_accepted(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        themes = [(first, "dark"), (second, "light"), (first, "blue"), (second, "red")]
        answers = await asyncio.gather(*(write(replica, token, '"0"', theme=theme) for replica, theme in themes))
        assert sorted(answer.status for answer in answers) == [200, 412, 412, 412]
        (accepted,) = [answer for answer in answers if answer.status == 200]
        assert (await read(first, token)).json == accepted.json
        refused = next(answer for answer in answers if answer.status == 412)
        assert refused.json["type"] == "urn:problem:precondition-failed"


@told
async def test_any_version_may_be_replaced_by_who_says_so(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        assert [(await write(replica, token, "*")).headers["etag"] for _ in range(2)] == ['"1"', '"2"']


@told
async def test_bad_changes_are_refused_without_effect(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        missing = await write(replica, token, None)
        assert (missing.status, missing.json["type"]) == (428, "urn:problem:precondition-required")
        for match in ("0", 'W/"0"', '"0", "1"', '""', '"' + "x" * 70 + '"'):
            assert (await write(replica, token, match)).status == 400, match
        for change in ({"theme": ""}, {"theme": "Dark!"}, {"language": "german"}, {"timezone": "a b"}, {"more": "x"}):
            assert (await write(replica, token, '"0"', **change)).status == 400, change
        assert (await write(replica, "bad", '"0"')).status == 401
        assert (await read(replica, "bad")).status == 401
        assert (await write(replica, token, '"1"')).status == 412
        assert (await write(replica, token, '"*"')).status == 412, "a tag that is a star, and not any version"
        assert not raw.keys("preferences:*")


@told
async def test_an_ended_session_changes_nothing(world: World) -> None:
    async with world.replica() as replica:
        token, other = [(await replica.user())["access_token"] for _ in range(2)]
        assert (await replica.call("POST /api/logout", token=token)).status == 204
        assert (await write(replica, token, '"0"')).status == 401
        assert (await read(replica, other)).json["version"] == "0"


@told
async def test_a_replica_killed_before_its_script_leaves_the_version_to_others(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        crash_before(first, "preferences_write")
        with pytest.raises(Crash):
            await write(first, token, '"0"')
        assert (await write(second, token, '"0"')).status == 200
