"""A sound request for every endpoint of a running replica: what it needs is there, so that it must be a success."""

import itertools
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
from fastapi.routing import APIRoute

from target_service.routes import ROUTERS
from tests.support.target_world import ADMIN

ROUTES = {
    f"{method} {route.path}": route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
}

BODIES: dict[str, Any] = {
    "POST /api/users": {"username": "eve", "password": "lovelace"},
    "POST /api/login": ADMIN,
    "POST /api/refresh": {"refresh_token": ""},
    "POST /payment": {"amount": 5, "currency": "EUR", "reference": "r1"},
    "POST /api/process": {"reference": "j1", "input": {"numbers": [1]}},
    "POST /api/orders": {"order_id": "o1", "item": "book", "quantity": 1},
    "POST /process-order": {"order_id": "o2", "item": "book", "quantity": 1},
    "POST /api/cart/lines": {"item": "book", "quantity": 1},
    "PUT /api/preferences": {"theme": "dark", "language": "en", "timezone": "Europe/Berlin"},
    "PUT /api/users/{id}/role": {"role": "admin"},
    "POST /api/keys": {"name": "robot"},
}
"""A body that each endpoint takes; those that are not here take none."""

UNIQUE = ("order_id", "reference")
TRIPS = re.compile(r"^store_round_trips_total\{.*\} (\S+)$", re.MULTILINE)


def unused_names() -> Iterator[str]:
    """Names that nobody else gives in the same store."""
    tag = secrets.token_hex(4)
    return (f"{tag}-{number}" for number in itertools.count(1))


def own(body: Any, mark: object) -> Any:
    """The body with names of its own for what it makes."""
    if not isinstance(body, dict):
        return body
    return {name: f"{value}-{mark}" if name in UNIQUE else value for name, value in body.items()}


@dataclass(frozen=True)
class Sound:
    """A request that must succeed. `id`: what stands in its path for {id}."""

    name: str
    id: str | None
    body: Any
    headers: dict[str, str]

    @property
    def line(self) -> str:
        """Method and path."""
        return self.name.replace("{id}", self.id or "")


@dataclass
class Asker:
    """Asks a replica at `base`, over HTTP."""

    base: str
    marks: Iterator[str] = field(default_factory=unused_names)

    def send(self, line: str, body: Any = None, headers: dict[str, str] | None = None) -> requests.Response:
        """One request."""
        method, path = line.split(" ")
        return requests.request(method, self.base + path, json=body, headers=headers, timeout=10)

    def person(self, role: str = "user") -> dict[str, str]:
        """Tokens of somebody new."""
        who = {"username": f"person-{next(self.marks)}", "password": "lovelace"}
        id = self._made("POST /api/users", who)["user_id"]
        if role == "admin":
            given = self.send(f"PUT /api/users/{id}/role", {"role": role}, self._headers(self.admin()["access_token"]))
            assert given.ok, given.text
        return self._made("POST /api/login", who)

    def admin(self) -> dict[str, str]:
        """Tokens of a new session of the admin."""
        return self._made("POST /api/login", ADMIN)

    def sound(self, name: str, tokens: dict[str, str]) -> Sound:
        """A request for an endpoint, with what it needs made before."""
        mark = next(self.marks)
        id = self.thing(name, tokens["access_token"]) if "{id}" in name else None
        body = own(BODIES.get(name), mark)
        if name == "POST /api/users":
            body = {**body, "username": f"eve-{mark}"}
        if name == "POST /api/refresh":
            body = {"refresh_token": tokens["refresh_token"]}
        return Sound(name, id, body, self._headers(tokens["access_token"]))

    def ask(self, sound: Sound) -> requests.Response:
        """Sends it."""
        return self.send(sound.line, sound.body, sound.headers)

    def thing(self, name: str, token: str) -> str:
        """The id of something that is there for this endpoint, and was not before; for an account, of one's own."""
        if name == "GET /api/users/{id}":
            return str(self.send("GET /profile", headers=self._headers(token)).json()["user_id"])
        maker, member = {
            "/api/users/": ("POST /api/users", "user_id"),
            "/api/status/": ("POST /api/process", "job_id"),
            "/api/cancel/": ("POST /api/process", "job_id"),
            "/api/orders/": ("POST /api/orders", "order_id"),
            "/api/cart/lines/": ("POST /api/cart/lines", "line_id"),
            "/api/keys/": ("POST /api/keys", "key_id"),
        }[name.split(" ")[1].partition("{")[0]]
        body = own(BODIES[maker], next(self.marks))
        if maker == "POST /api/users":
            body = {**body, "username": f"thing-{next(self.marks)}"}
        return self._made(maker, body, token)[member]

    def trips(self, sound: Sound) -> tuple[int, int]:
        """Status, and how often the replica asked the store for it: by its own count, which takes no round trip."""
        before = self.asked()
        status = self.ask(sound).status_code
        return status, self.asked() - before

    def asked(self) -> int:
        """How often the replica has asked the store."""
        return sum(int(float(count)) for count in TRIPS.findall(self.send("GET /metrics").text))

    def _made(self, line: str, body: Any, token: str | None = None) -> dict[str, str]:
        answer = self.send(line, body, self._headers(token))
        assert answer.ok, f"{line} answers {answer.status_code} {answer.text}"
        said: dict[str, str] = answer.json()
        return said

    def _headers(self, token: str | None) -> dict[str, str]:
        headers = {"Idempotency-Key": f"key-{next(self.marks)}", "If-Match": "*"}
        return {**headers, "Authorization": f"Bearer {token}"} if token else headers


ENDPOINTS = {
    f"{method} {route.path}"
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
}
