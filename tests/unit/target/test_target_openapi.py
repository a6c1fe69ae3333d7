"""What the interface promises of every endpoint that there is: keys, tokens, bad bodies, ids of others."""

import json

import redis

from target_service import openapi
from tests.support.target_asking import BODIES, ROUTES
from tests.support.target_world import Replica, World, told

KEYED = [name for name, route in ROUTES.items() if "required_idempotency_key" in openapi.calls(route)]
MATCHED = [name for name, route in ROUTES.items() if "required_match" in openapi.calls(route)]
SAFE = ("GET", "HEAD", "OPTIONS")
UNKEYED = {
    "POST /api/users": "the name is the key: a second sign-up is told that the user exists",
    "POST /api/login": "a session that nobody holds a token of expires",
    "POST /api/refresh": "the token presented is the key, and gets the same successor again",
    "POST /api/logout": "what is ended stays ended",
    "POST /api/logout-all": "what is ended stays ended",
    "POST /api/cancel/{id}": "what is cancelled stays cancelled",
    "PUT /api/preferences": "If-Match: of two changes of one version one alone is accepted",
    "PUT /api/users/{id}/role": "the same role again changes nothing, and ends no session",
    "DELETE /api/cart/lines/{id}": "the id is of this line alone, and never given again: removed stays removed",
    "DELETE /api/keys/{id}": "the id is of this API key alone, and never given again: revoked stays revoked",
}
"""Every changing route that may be repeated without a key, each with its reason."""


async def asked(replica: Replica, name: str, token: str | None, **more: object) -> tuple[int, str | None]:
    """Status and type of the problem when an endpoint is asked with a body that fits nothing."""
    method, path = name.split(" ")
    body = {} if name in BODIES else None
    answer = await replica.call(f"{method} {path.replace('{id}', 'x1')}", body, token, **more)  # type: ignore[arg-type]
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status, answer.json["type"] if is_problem else None


def test_every_changing_route_has_a_key_or_a_reason() -> None:
    changing = {name for name in ROUTES if name.split(" ")[0] not in SAFE}
    assert changing - set(KEYED) == set(UNKEYED)
    assert set(KEYED) <= changing
    assert [name for name in UNKEYED if name in MATCHED] == ["PUT /api/preferences"]


@told
async def test_what_needs_no_key_changes_nothing_when_it_is_repeated(world: World, raw: redis.Redis) -> None:
    async with world.replica() as first, world.replica() as second:
        admin, line = await first.admin(), {"item": "tea", "quantity": 1}
        person = await first.call("POST /api/users", BODIES["POST /api/users"])
        things = {
            "PUT /api/users/{id}/role": person.json["user_id"],
            "DELETE /api/cart/lines/{id}": (await first.call("POST /api/cart/lines", line, admin, "k")).json["line_id"],
            "DELETE /api/keys/{id}": (await first.call("POST /api/keys", {"name": "k"}, admin, "k")).json["key_id"],
            "POST /api/cancel/{id}": (await first.submit(admin, "k", [1])).json["job_id"],
        }
        assert set(things) == {name for name in UNKEYED if "{id}" in name}
        for name, id in things.items():
            line = name.replace("{id}", id)
            assert (await first.call(line, BODIES.get(name), admin)).status < 300, name
            before = {key: raw.dump(key) for key in raw.scan_iter("*")}
            assert (await second.call(line, BODIES.get(name), admin)).status in (200, 204, 404), name
            assert {key: raw.dump(key) for key in raw.scan_iter("*")} == before, name


@told
async def test_what_is_described_as_authenticated_is(world: World) -> None:
    async with world.replica() as replica:
        described = json.loads((await replica.call("GET /openapi.json")).body)["paths"]
        for name, route in ROUTES.items():
            method, path = name.split(" ")
            secured = "security" in described[path][method.lower()]
            assert secured == (openapi.AUTHENTICATED in openapi.calls(route))
            if secured:
                for token in (None, "nonsense", "a.b.c", "x" * 5000):
                    status, _ = await asked(replica, name, token)
                    assert status in (400, 401), f"{name} answers {status} to the token {token!r:.20}"


BAD: list[tuple[bytes, str]] = [
    (b"", "missing"),
    (b"{", "malformed"),
    (b"[]", "of another type"),
    (b"null", "null"),
    (b'{"unknown": 1}', "of unknown members"),
    (b"\xff\xfe", "not text"),
    (b"[" * 60000, "deep"),
    (b'{"a": 1' + b"0" * 5000 + b"}", "of a long number"),
    (b"x" * 70000, "too large"),
]


@told
async def test_no_bad_body_does_anything(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        job = (await replica.submit(token, "k0", [1])).json["job_id"]
        before = {key: raw.dump(key) for key in raw.scan_iter("*")}
        for name, route in ROUTES.items():
            for body, what in BAD:
                if not body and route.body_field is None:
                    continue
                headers = {"if-match": '"0"'}
                answer = await replica.call(name.replace("{id}", job), body, token, "k1", headers)
                expected = 413 if len(body) > 65536 else 400
                assert answer.status == expected, f"{name} answers {answer.status} to a body that is {what}"
                assert answer.headers["content-type"] == "application/problem+json"
        after = {key: raw.dump(key) for key in raw.scan_iter("*")}
        assert {key for key in before | after if before.get(key) != after.get(key)} == set()
        assert world.ledger.attempts == []


@told
async def test_nobody_elses_things_can_be_had(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        token, bob = [(await replica.user(name))["access_token"] for name in ("ada", "bob")]
        order, line = {"order_id": "o1", "item": "tea", "quantity": 1}, {"item": "tea", "quantity": 1}
        profile = await replica.call("GET /profile", token=bob)
        bobs = {
            "/api/users": profile.json["user_id"],
            "/api/status": (await replica.submit(bob, "k1", [1])).json["job_id"],
            "/api/orders": (await replica.call("POST /api/orders", order, bob, "k1")).json["order_id"],
            "/api/cart": (await replica.call("POST /api/cart/lines", line, bob, "k1")).json["line_id"],
            "/api/keys": (await replica.call("POST /api/keys", {"name": "robot"}, bob, "k1")).json["key_id"],
        }
        bobs["/api/cancel"] = bobs["/api/status"]
        kept = {key: raw.dump(key) for key in raw.scan_iter("*")}
        asked = [name for name in ROUTES if "{id}" in name]
        for name in asked:
            method, path = name.split(" ")
            (mine,) = [id for kind, id in bobs.items() if path.startswith(f"{kind}/")]
            body = {"role": "admin"} if method == "PUT" else None
            for id in (mine, "bob", "x" * 300, "%00", "..%2f..", "*"):
                answer = await replica.call(f"{method} {path.replace('{id}', id)}", body, token, "k1")
                assert answer.status in (403, 404), f"{name} answers {answer.status} to the id {id:.10}"
        assert len(asked) == 7 and {key: raw.dump(key) for key in raw.scan_iter("*")} == kept
        for path in ("/api/status", "/api/orders", "/api/users"):
            answer = await replica.call(f"GET {path}/{bobs[path]}", token=bob)
            assert answer.status == 200, f"{path}: what was refused to ada was there"
