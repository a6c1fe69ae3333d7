"""What holds for every answer: problem+json, limits, counts, and what is said when the store is gone."""

import asyncio
import json
import re
from typing import Any

import pytest
import redis

from tests.support.target_world import World, told

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("request_line", "body", "status", "type"),
    [
        ("GET /nowhere", None, 404, "urn:problem:not-found"),
        ("DELETE /api/login", None, 405, "urn:problem:method-not-allowed"),
        ("POST /api/login", b'{"username"', 400, "urn:problem:malformed"),
        ("POST /api/login", {"username": "ada"}, 400, "urn:problem:malformed"),
        ("POST /api/users", {"username": "a b", "password": "hunter2-hunter2"}, 400, "urn:problem:malformed"),
        ("POST /api/login", {"username": "ada", "password": "x" * 70000}, 413, "urn:problem:too-large"),
        ("GET /profile", None, 401, "urn:problem:not-authenticated"),
    ],
)
def test_errors_are_problems(world: World, request_line: str, body: object, status: int, type: str) -> None:
    @told
    async def story() -> None:
        async with world.replica() as replica:
            answer = await replica.call(request_line, body)
            assert (answer.status, answer.headers["content-type"]) == (status, PROBLEM)
            assert (answer.json["type"], answer.json["status"]) == (type, status)
            assert b"hunter2" not in answer.body, "an error never quotes the input"

    story()


@told
async def test_a_body_that_lies_about_its_length_is_limited_too(world: World) -> None:
    async with world.replica() as replica:
        answer = await replica.call("POST /api/login", b"x" * 70000, headers={"content-length": "10"})
        assert answer.status == 413


@told
async def test_an_error_nobody_foresaw_is_a_500_without_its_text(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]

        async def broken(*_: object) -> None:
            raise RuntimeError("inner secret")

        monkeypatch.setattr(replica.service.sessions, "profile", broken)
        answer = await replica.call("GET /profile", token=token)
        assert (answer.status, answer.json["type"]) == (500, "urn:problem:internal")
        assert b"inner secret" not in answer.body


def counts(text: str) -> dict[tuple[str, str], float]:
    """(route, status) -> count, of an exposition text."""
    found = re.findall(r'^http_requests_total\{route="(.*?)",status="(.*?)"\} (\S+)$', text, re.MULTILINE)
    return {(route, status): float(count) for route, status, count in found}


@told
async def test_metrics_count_every_answer_once_by_route_never_by_id(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        for id in ("a", "b", "c"):
            await replica.call(f"GET /api/status/{id}", token=token)
        await replica.call("GET /profile", token=token)
        await replica.call("GET /profile")
        await replica.call("GET /nowhere/a")
        await replica.call("GET /nowhere/b")
        await replica.call("POST /api/login", {"username": "ada", "password": "x" * 70000})
        answer = await replica.call("GET /metrics")
        assert counts(answer.body.decode()) == {
            ("/api/users", "201"): 1,
            ("/api/login", "200"): 1,
            ("/api/login", "413"): 1,
            ("/api/status/{id}", "404"): 3,
            ("/profile", "200"): 1,
            ("/profile", "401"): 1,
            ("unmatched", "404"): 2,
        }


@told
async def test_without_the_store_nothing_is_allowed_through(world: World, silent_port: int) -> None:
    async with world.replica() as up, world.replica(STORE_URL=f"redis://127.0.0.1:{silent_port}/0") as down:
        tokens = await up.user()
        token = tokens["access_token"]
        answers = [
            await down.call("GET /profile", token=token),
            await down.call("POST /api/logout", token=token),
            await down.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]}),
            await down.call("POST /api/login", {"username": "ada", "password": "lovelace"}),
            await down.pay(token, "k1"),
            await down.submit(token, "k1", [1]),
        ]
        for answer in answers:
            assert (answer.status, answer.json["type"]) == (503, "urn:problem:store-unreachable")
            assert answer.headers["x-no-effect"] == "1" and answer.headers["content-type"] == PROBLEM
        assert not world.ledger.attempts
        assert (await down.call("GET /health")).status == 200
        assert (await down.call("GET /ready")).status == 503
        assert (await up.call("GET /ready")).status == 200


@told
async def test_a_store_that_refuses_for_now_is_unavailable_and_no_fault_of_ours(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        raw.config_set("min-replicas-to-write", 1)
        try:
            answers = [await replica.submit(token, "k1", [1]), await replica.pay(token, "k1")]
            answers.append(await replica.call("POST /api/logout", token=token))
        finally:
            raw.config_set("min-replicas-to-write", 0)
        assert [(answer.status, answer.json["type"]) for answer in answers] == [(503, "urn:problem:unavailable")] * 3
        assert (await replica.submit(token, "k1", [1])).status == 202


@told
async def test_a_reply_that_does_not_come_is_not_sent_again_and_claims_nothing(world: World) -> None:
    async with world.replica(STORE_TIMEOUT_S="0.4") as replica, world.replica() as other:
        token = (await replica.user())["access_token"]
        await other.service.store.command("CLIENT", "PAUSE", 5000, "WRITE")
        answer = await replica.submit(token, "k1", [1])
        assert answer.status == 503 and "x-no-effect" not in answer.headers
        await other.service.store.command("CLIENT", "UNPAUSE")
        assert (await replica.submit(token, "k1", [1])).status == 202
        assert await other.service.store.command("XLEN", "jobs") == 1


@told
async def test_scripts_survive_a_store_that_has_forgotten_them(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        for _ in range(2):
            await replica.service.store.command("SCRIPT", "FLUSH")
            assert (await replica.call("GET /profile", token=token)).status == 200


@told
async def test_one_round_trip_for_each_authenticated_request(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        trips: list[str] = []
        command = replica.service.store.command

        async def counted(*words: str) -> object:
            trips.append(words[0])
            return await command(*words)

        async def story(key: str) -> list[int]:
            found = []
            for request in (
                replica.call("GET /profile", token=token),
                replica.call("GET /api/status/x", token=token),
                replica.submit(token, key, [1]),
                replica.pay(token, key),
                replica.pay(token, key),
            ):
                trips.clear()
                await request
                found.append(len(trips))
            return found

        replica.service.store.command = counted  # type: ignore[method-assign, assignment]
        await story("warm-up")
        assert await story("k1") == [1, 1, 1, 2, 1]


def logged(captured: str) -> list[dict[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in captured.splitlines()]


@told
async def test_a_request_keeps_the_id_it_came_with_and_gets_one_otherwise(world: World) -> None:
    async with world.replica() as replica:
        given = await replica.call("GET /health", headers={"X-Request-Id": "order-42.a:b_c"})
        assert given.headers["x-request-id"] == "order-42.a:b_c"
        made = [(await replica.call("GET /profile")).headers["x-request-id"] for _ in range(2)]
        assert made[0] != made[1] and all(re.fullmatch(r"[0-9a-f]{16}", each) for each in made)
        for forged in ("", 'a"b', "a b", "a\tb", "x" * 65):
            answer = await replica.call("GET /health", headers={"X-Request-Id": forged})
            assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


def test_what_is_logged_of_a_request_carries_its_id(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    @told
    async def story() -> None:
        async with world.replica(LOG_REQUESTS="1", REFRESH_GRACE_S="0.01") as replica:
            tokens = await replica.user()
            body = {"refresh_token": tokens["refresh_token"]}
            await replica.call("POST /api/refresh", body)
            await asyncio.sleep(0.02)
            capsys.readouterr()
            await replica.call("POST /api/refresh", body, headers={"X-Request-Id": "thief"})
            await replica.call("GET /api/status/some-job", token=tokens["access_token"], headers={"X-Request-Id": "r2"})

    story()
    lines = logged(capsys.readouterr().out)
    assert [(line["event"], line["request"]) for line in lines] == [
        ("refresh_reused", "thief"),
        ("request", "thief"),
        ("request", "r2"),
    ]
    shown = {name: lines[2][name] for name in ("method", "route", "status")}
    assert shown == {"method": "GET", "route": "/api/status/{id}", "status": 401}
    assert lines[2]["ms"] > 0


def test_without_being_told_only_failures_are_logged_and_never_an_id_of_theirs(
    world: World, silent_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    @told
    async def story() -> None:
        async with world.replica() as there, world.replica(STORE_URL=f"redis://127.0.0.1:{silent_port}/0") as cut_off:
            token = (await there.user())["access_token"]
            await there.call("GET /profile", token=token)
            await there.call("GET /nowhere")
            capsys.readouterr()
            await cut_off.call("GET /api/status/some-job", token=token)

    story()
    out = capsys.readouterr().out
    (line,) = logged(out)
    assert (line["event"], line["route"], line["status"]) == ("request", "/api/status/{id}", 503)
    assert "some-job" not in out


def routes_of(found: dict[str, float]) -> set[str]:
    """The routes among the labels."""
    return {label for each in found for label in re.findall(r'route="(.*?)"', each)}


def series(text: str) -> dict[str, float]:
    """Name and labels -> value, of an exposition text."""
    found = re.findall(r"^(\w+(?:\{.*?\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


@told
async def test_metrics_say_whether_the_store_can_be_reached(world: World, silent_port: int) -> None:
    async with world.replica() as there, world.replica(STORE_URL=f"redis://127.0.0.1:{silent_port}/0") as cut_off:
        assert "store_up" not in series((await there.call("GET /metrics")).body.decode()), "nobody has asked yet"
        await there.user()
        await cut_off.call("GET /ready")
        up, down = [series((await each.call("GET /metrics")).body.decode()) for each in (there, cut_off)]
        assert (up["store_up"], down["store_up"]) == (1, 0)
        assert up['store_round_trips_total{outcome="answered"}'] >= 3
        assert down['store_round_trips_total{outcome="unreachable"}'] == 1


@told
async def test_no_series_is_labelled_with_what_a_client_chose(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        before = series((await replica.call("GET /metrics")).body.decode())
        for name in ("one", "two", "three"):
            await replica.call(f"GET /api/status/{name}", token=token)
            await replica.call(f"GET /api/users/{name}", token=token, headers={"X-Request-Id": name})
            await replica.call(f"GET /nowhere/{name}", token=token)
            await replica.call(f"DELETE /api/keys/{name}", token=token)
        after = series((await replica.call("GET /metrics")).body.decode())
        assert not [each for each in after if any(name in each for name in ('one"', "two", "three"))]
        assert routes_of(after) - routes_of(before) == {
            "/api/status/{id}",
            "/api/users/{id}",
            "/api/keys/{id}",
            "/metrics",
            "unmatched",
        }
        assert after['http_request_seconds_count{route="/api/keys/{id}"}'] == 3
