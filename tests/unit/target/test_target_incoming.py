"""Bodies as they come over a connection: bounded, refused where none is taken, never taken for the next request."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.target_asking import ROUTES, Asker
from tests.support.target_world import DEADLINE_S, World, free_port, running_ledger, wait_for_port

BODYLESS = sorted(name for name, route in ROUTES.items() if route.body_field is None)
SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Reply:
    """One answer as it stood on the connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> tuple[int, str, str | None]:
        """Status, type of the problem, and whether the connection ends."""
        assert self.headers["content-type"] == PROBLEM
        return self.status, json.loads(self.body)["type"], self.headers.get("connection")


class Wire:
    """One connection, byte by byte."""

    def __init__(self, asker: Asker) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(asker.base.rpartition(":")[2])), DEADLINE_S)
        self._file = self._socket.makefile("rb")

    def send(self, line: str, token: str, headers: str = "", body: bytes = b"") -> None:
        """A request as it is written."""
        head = f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        self._socket.sendall(head.encode() + body)

    def more(self, data: bytes) -> None:
        """What comes after."""
        self._socket.sendall(data)

    def reply(self) -> Reply:
        """The next answer."""
        status = int(self._file.readline().split(b" ")[1])
        headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Reply(status, headers, self._file.read(int(headers.get("content-length", "0"))))

    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self._file.read() == b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()
        self._socket.close()


def announced(body: bytes) -> dict[str, Any]:
    """A body with its length."""
    return {"headers": f"Content-Length: {len(body)}\r\n", "body": body}


def chunked(body: bytes) -> dict[str, Any]:
    """A body in one chunk."""
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return {"headers": "Transfer-Encoding: chunked\r\n", "body": chunk + b"0\r\n\r\n"}


@pytest.fixture(scope="module")
def asker(store_url: str) -> Iterator[Asker]:
    """One replica for all tests here."""
    port = free_port()
    with running_ledger() as ledger, World(store_url, ledger).process(PORT=str(port)) as process:
        wait_for_port(port, process)
        yield Asker(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("name", BODYLESS)
def test_a_body_that_is_not_taken_is_refused_and_does_nothing(asker: Asker, name: str) -> None:
    """Small or large, announced or in chunks; the answer to the next request on the connection is its own."""
    tokens = asker.admin()
    sound = asker.sound(name, tokens)
    for write, body, expected in (
        (announced, b"{not json", (400, "urn:problem:malformed", None)),
        (chunked, b"{not json", (400, "urn:problem:malformed", None)),
        (announced, SMUGGLED, (400, "urn:problem:malformed", None)),
        (chunked, SMUGGLED, (400, "urn:problem:malformed", None)),
        (announced, b"x" * 200_000, (413, "urn:problem:too-large", None)),
        (chunked, b"x" * 200_000, (400, "urn:problem:malformed", None)),
    ):
        with Wire(asker) as wire:
            wire.send(sound.line, tokens["access_token"], **write(body))
            wire.send("GET /profile", tokens["access_token"])
            assert wire.reply().said == expected
            after = wire.reply()
            assert after.status == 200 and json.loads(after.body)["username"] == "operator"
    status = asker.ask(sound).status_code
    assert status < 300, f"{name} did something: afterwards it answers {status}"


@pytest.mark.parametrize("name", BODYLESS)
def test_no_body_at_all_may_be_said_in_any_way(asker: Asker, name: str) -> None:
    for headers in (announced(b""), chunked(b""), {}):
        tokens = asker.admin()
        with Wire(asker) as wire:
            wire.send(asker.sound(name, tokens).line, tokens["access_token"], **headers)
            assert wire.reply().status < 300


def test_refusing_a_body_asks_the_store_nothing(asker: Asker) -> None:
    authorized = {"Authorization": f"Bearer {asker.admin()['access_token']}"}
    before = asker.asked()
    for name in BODYLESS:
        assert asker.send(name.replace("{id}", "x"), {"a": 1}, authorized).status_code == 400
    assert asker.asked() == before


LOGIN = "POST /api/login"


@pytest.mark.parametrize("line", [LOGIN, "POST /api/logout", "GET /nowhere"])
def test_what_is_left_unread_ends_the_connection(asker: Asker, line: str) -> None:
    """A body of which more is announced than anybody would read: answered at once, and nothing after it."""
    with Wire(asker) as wire:
        wire.send(line, "t", "Content-Length: 10000000\r\n", SMUGGLED)
        status, _, connection = wire.reply().said
        assert (status, connection) == (404 if "nowhere" in line else 413, "close")
        assert wire.ended()


@pytest.mark.parametrize("line", [LOGIN, "POST /api/logout", "GET /nowhere"])
def test_who_asks_before_sending_is_not_told_to_go_on(asker: Asker, line: str) -> None:
    with Wire(asker) as wire:
        wire.send(line, "t", "Expect: 100-continue\r\nContent-Length: 200000\r\n")
        status, _, connection = wire.reply().said
        assert (status, connection) == (404 if "nowhere" in line else 413, "close")
        assert wire.ended()


@pytest.mark.parametrize("line", [LOGIN, "POST /api/logout"])
def test_chunks_without_an_end_are_not_waited_for(asker: Asker, line: str) -> None:
    with Wire(asker) as wire:
        wire.send(line, "t", "Transfer-Encoding: chunked\r\n", b"11170\r\n" + b"x" * 70_000 + b"\r\n")
        status, _, connection = wire.reply().said
        assert (status, connection) == (413 if line == LOGIN else 400, "close")
        assert wire.ended()
