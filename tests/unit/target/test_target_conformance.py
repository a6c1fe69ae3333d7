"""The description of the interface against what is answered: schemathesis, and whether it would notice a lie."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup
from schemathesis.openapi.checks import JsonSchemaError, UndefinedContentType, UndefinedStatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_service import openapi
from target_service.app import create_app
from target_service.headers import KEY
from target_service.parts import Parts, assemble
from tests.support.target_asking import ROUTES, Asker
from tests.support.target_world import DEADLINE_S, World, free_port, running_ledger, wait_for_port

INEXACT = {
    "POST /payment": "how many decimal places a number may have, JSON schema cannot say",
    "PUT /api/preferences": "412 is right for a version that is not there any more",
}
"""Where a request that fits the description may be refused all the same."""
ENDING = ("POST /api/logout", "POST /api/logout-all")
"""Each of their requests takes the token from all others."""
ADMINS = ("PUT /api/users/{id}/role",)
ROLES = ("user", "admin")
Description = schemathesis.schemas.BaseSchema


@dataclass(frozen=True)
class Api:
    """A replica that says what it is, and a session of each role."""

    asker: Asker
    description: Description
    tokens: dict[str, dict[str, str]]

    def session(self, name: str, role: str) -> dict[str, str]:
        """The session of a role, or a new one for an endpoint that ends it."""
        return self.asker.person(role) if name in ENDING else self.tokens[role]


def described(base: str) -> Api:
    """The replica at `base`."""
    asker = Asker(base)
    tokens = {role: asker.person(role) for role in ROLES}
    return Api(asker, schemathesis.openapi.from_url(f"{base}{openapi.PATH}"), tokens)


@pytest.fixture(scope="module")
def api(store_url: str) -> Iterator[Api]:
    """One replica, a process of its own, for all cases."""
    port = free_port()
    with running_ledger() as ledger, World(store_url, ledger).process(PORT=str(port)) as process:
        wait_for_port(port, process)
        yield described(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(ROUTES))
def test_schemathesis_finds_nothing(name: str, role: str, api: Api) -> None:
    """Bodies, headers and ids that fit the description, and such that do not; every third id is of something real."""
    method, path = name.split(" ")
    operation, numbers = api.description[path][method], itertools.count()
    left_out = [CHECKS.get_one("positive_data_acceptance")] if name in INEXACT else []
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode))

    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def holds(case: schemathesis.Case) -> None:
        number, token = next(numbers), api.session(name, role)["access_token"]
        key = case.headers.get("Idempotency-Key")
        if key and KEY.fullmatch(key):
            # A key that two bodies happen to share would be refused, and rightly.
            case.headers["Idempotency-Key"] = f"{key[:200]}{number}"
        if "{id}" in path and number % 3 == 0:
            case.path_parameters["id"] = api.asker.thing(name, token)
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=left_out)

    holds()


def ask(api: Api, name: str, role: str) -> int:
    """Asks for what must be granted, and has the answer validated; the status."""
    sound = api.asker.sound(name, api.session(name, role))
    method, path = name.split(" ")
    given = {"path_parameters": {"id": sound.id}} if sound.id else {}
    if sound.body is not None:
        given |= {"body": sound.body, "media_type": "application/json"}
    case = api.description[path][method].Case(headers=sound.headers, **given)
    response = case.call()
    case.validate_response(response)
    return int(response.status_code)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(ROUTES))
def test_what_is_granted_is_answered_as_described(name: str, role: str, api: Api) -> None:
    method, path = name.split(" ")
    promised = [int(status) for status in api.description.raw_schema["paths"][path][method.lower()]["responses"]]
    (success,) = [status for status in promised if status < 300]
    assert ask(api, name, role) == (403 if name in ADMINS and role == "user" else success)


Lie = Literal["empty", "more", "status", "type"]
NOTICED: dict[Lie, type[Exception]] = {
    "empty": JsonSchemaError,
    "more": JsonSchemaError,
    "status": UndefinedStatusCode,
    "type": UndefinedContentType,
}


class Lying:
    """Answers as `app` does, but for one thing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.lie: Lie | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Changes the answer on its way out."""
        start: Message = {}

        async def changed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            headers = dict(start["headers"])
            body = message.get("body", b"")
            if self.lie == "empty":
                body = b"{}"
            elif self.lie == "more":
                body = body.removesuffix(b"}") + b',"more":1}'
            elif self.lie == "status":
                start["status"] = 299
            elif self.lie == "type":
                headers[b"content-type"] = b"text/html"
            headers[b"content-length"] = str(len(body)).encode()
            await send({**start, "headers": list(headers.items())})
            await send({**message, "body": body})

        await self._app(scope, receive, changed if self.lie else send)


@contextmanager
def served(world: World, port: int) -> Iterator[Lying]:
    """A replica of this process, in a thread, that can be told to lie."""
    service = assemble(world.settings(LIMIT_BURST="1000"), Parts())
    lying = Lying(create_app(service))
    server = uvicorn.Server(uvicorn.Config(lying, port=port, lifespan="off", log_config=None))

    async def serve() -> None:
        await server.serve()
        await service.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield lying
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)


@pytest.fixture(scope="module")
def liar(store_url: str) -> Iterator[tuple[Api, Lying]]:
    """A replica, and the way to make it lie."""
    port = free_port()
    with running_ledger() as ledger, served(World(store_url, ledger), port) as lying:
        wait_for_port(port, Alive())
        yield described(f"http://127.0.0.1:{port}"), lying


class Alive:
    """Stands for a process that has not ended."""

    def poll(self) -> None:
        """Not ended."""


def lies_of(name: str) -> list[Lie]:
    """What can be wrong with the success of an endpoint."""
    answered: Any = ROUTES[name]
    return ["empty", "more", "status", "type"] if answered.response_model else ["status"]


@pytest.mark.parametrize(("name", "lie"), [(name, lie) for name in sorted(ROUTES) for lie in lies_of(name)])
def test_a_wrong_answer_is_noticed(name: str, lie: Lie, liar: tuple[Api, Lying], monkeypatch: Any) -> None:
    """Of every endpoint: a body without its members or with one too many, another status, another type."""
    api, lying = liar
    assert ask(api, name, "admin") < 300, "as it is, it is right"
    sound = api.asker.sound(name, api.session(name, "admin"))
    monkeypatch.setattr(api.asker, "sound", lambda *_: sound)
    monkeypatch.setattr(lying, "lie", lie)
    with pytest.raises(FailureGroup) as found:
        ask(api, name, "admin")
    assert NOTICED[lie] in {type(each) for each in found.value.exceptions}, "it is refused for what is wrong with it"
