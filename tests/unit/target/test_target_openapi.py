"""The description of the interface: true of every endpoint that there is, and what schemathesis makes of it."""

import itertools
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from target_world import Replica, World, free_port, running_ledger, told, wait_for_port

from target_service import openapi
from target_service.headers import KEY
from target_service.routes import ROUTERS

ROUTES = {
    f"{method} {route.path}": route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
}
KEYED = [name for name, route in ROUTES.items() if "required_idempotency_key" in openapi.calls(route)]
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
UNKEYED = {
    "POST /api/users": "the name is the key: a second sign-up is told that the user exists",
    "POST /api/login": "a session that nobody holds a token of expires",
    "POST /api/refresh": "the token presented is the key, and gets the same successor again",
    "POST /api/logout": "what is ended stays ended",
    "POST /api/logout-all": "what is ended stays ended",
    "POST /api/cancel/{id}": "what is cancelled stays cancelled",
    "POST /api/keys": "an API key that nobody was told is listed, and revoked by its name",
}
"""The POSTs that may be repeated without a key, each with its reason. PUT and DELETE may by their definition."""


async def asked(replica: Replica, name: str, token: str | None, **more: object) -> tuple[int, str | None]:
    """Status and type of the problem when an endpoint is asked with a body that fits nothing."""
    method, path = name.split(" ")
    body = {} if method in CHANGING else None
    answer = await replica.call(f"{method} {path.replace('{id}', 'x1')}", body, token, **more)  # type: ignore[arg-type]
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status, answer.json["type"] if is_problem else None


def test_every_changing_route_has_a_key_or_a_reason() -> None:
    posts = {name for name in ROUTES if name.startswith("POST ")}
    assert posts - set(KEYED) == set(UNKEYED)


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


BODIES: list[tuple[bytes, str]] = [
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
        before = {key: raw.dump(key) for key in raw.scan_iter("*")}
        for name, route in ROUTES.items():
            if route.body_field is None:
                continue
            method, path = name.split(" ")
            for body, what in BODIES:
                headers = {"if-match": '"0"'}
                answer = await replica.call(f"{method} {path.replace('{id}', 'x1')}", body, token, "k1", headers)
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
            "/api/keys": (await replica.call("POST /api/keys", {"name": "robot"}, bob)).json["key_id"],
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


INEXACT = {
    "POST /payment": "how many decimal places a number may have, JSON schema cannot say",
    "PUT /api/preferences": "412 is right for a version that is not there any more",
}
"""Where a request that fits the description may be refused all the same."""


@dataclass(frozen=True)
class Api:
    """A replica as a process of its own, and a token for it."""

    base: str
    token: str


@pytest.fixture(scope="module")
def served(store_url: str) -> Iterator[Api]:
    """One replica for all cases of schemathesis."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with running_ledger() as ledger, World(store_url, ledger).process(PORT=str(port)) as process:
        wait_for_port(port, process)
        who = json.dumps({"username": "schema", "password": "thesis"}).encode()
        for path in ("/api/users", "/api/login"):
            request = urllib.request.Request(base + path, who, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=5) as answer:
                said = json.load(answer)
        yield Api(base, said["access_token"])


@pytest.fixture(scope="module")
def description(served: Api) -> schemathesis.schemas.BaseSchema:
    """What the replica says of itself."""
    return schemathesis.openapi.from_url(f"{served.base}{openapi.PATH}")


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_schemathesis_finds_nothing(name: str, description: schemathesis.schemas.BaseSchema, served: Api) -> None:
    """Bodies, headers and ids that fit the description, and such that do not."""
    method, path = name.split(" ")
    # Those would take the token from all other cases.
    ends = name in ("POST /api/logout", "POST /api/logout-all")
    headers = {"Authorization": f"Bearer {'none' if ends else served.token}"}
    operation, numbers = description[path][method], itertools.count()
    left_out = [CHECKS.get_one("positive_data_acceptance")] if name in INEXACT else []
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode))

    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def holds(case: schemathesis.Case) -> None:
        key = case.headers.get("Idempotency-Key")
        if key and KEY.fullmatch(key):
            # A key that two bodies happen to share would be refused, and rightly.
            case.headers["Idempotency-Key"] = f"{key[:200]}{next(numbers)}"
        case.call_and_validate(headers=headers, excluded_checks=left_out)

    holds()
