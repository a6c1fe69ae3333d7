"""The world of a test: a real store, a small ledger, replicas called in-process and as processes."""

import asyncio
import functools
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from target_service import settings as settings_module
from target_service.app import create_app
from target_service.parts import Parts, Service, assemble, chosen_parts
from target_service.settings import Settings
from target_service.worker import Worker

SECRET = "0123456789abcdef-not-a-default-0123456789abcdef-0123456789abcdef"
ADMIN = {"username": "operator", "password": "an-admin-password-of-tests"}
DEADLINE_S = 20.0
SHORT_LEASES = {"LEDGER_TIMEOUT_S": "0.9", "PAYMENT_LEASE_S": "1", "LEASE_S": "1"}
"""For a test that waits for one to end. Those of all others outlast any stall of the machine."""


def told(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an async test in a loop of its own."""

    @functools.wraps(story)
    def test(*args: Any, **kwargs: Any) -> None:
        asyncio.run(story(*args, **kwargs))

    return test


async def eventually(seen: Callable[[], Awaitable[Any]], what: str) -> Any:
    """The first true value of `seen`; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not (value := await seen()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.02)
    return value


def free_port() -> int:
    """A port that was free a moment ago, below those that connections are given, which would take it meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_for_port(port: int, process: "subprocess.Popen[Any]") -> None:
    """Returns when somebody listens."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.02)


@dataclass
class TinyLedger:
    """Deduplicates by key and refuses lower fences, as a good provider does; can be told to misbehave."""

    url: str = ""
    delay_s: float = 0.0
    fail_next: int = 0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    _fences: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, effect: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body for one request."""
        with self._lock:
            self.attempts.append(effect)
            if self.fail_next:
                self.fail_next -= 1
                return 503, {"error": "asked to fail"}
            fence, reference = effect.get("fence"), effect["reference"]
            if fence is not None:
                if fence < self._fences.get(reference, 0):
                    return 409, {"error": "stale fence"}
                self._fences[reference] = fence
            for known in self.effects:
                if known["key"] == effect["key"]:
                    return 200, known
            self.effects.append(effect)
            return 201, effect

    def of(self, reference: str) -> list[dict[str, Any]]:
        """Accepted effects of one reference."""
        return [effect for effect in self.effects if effect["reference"] == reference]


@contextmanager
def running_ledger() -> Iterator[TinyLedger]:
    """A TinyLedger behind HTTP."""
    ledger = TinyLedger()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            effect = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = ledger.take(effect)
            time.sleep(ledger.delay_s)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    ledger.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield ledger
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Answer:
    """What a call got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Replica:
    """One replica, called without a network."""

    service: Service
    app: Any

    async def call(
        self,
        request: str,
        body: Any = None,
        token: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, as in call("POST /payment", {...}, token, key="k1")."""
        method, path = request.split(" ")
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {"content-type": "application/json", "content-length": str(len(raw)), **(headers or {})}
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        if key is not None:
            given["idempotency-key"] = key
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        }
        incoming = [{"type": "http.request", "body": raw, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        shown = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], shown, b"".join(message.get("body", b"") for message in sent[1:]))

    async def user(self, name: str = "ada") -> dict[str, Any]:
        """Signs a user up and logs in: the answer of the login."""
        who = {"username": name, "password": "lovelace"}
        await self.call("POST /api/users", who)
        answer = await self.call("POST /api/login", who)
        assert answer.status == 200, answer
        tokens: dict[str, Any] = answer.json
        return tokens

    async def admin(self) -> str:
        """The access token of the first admin."""
        answer = await self.call("POST /api/login", ADMIN)
        assert answer.status == 200, answer
        return str(answer.json["access_token"])

    async def pay(self, token: str, key: str, reference: str = "r1", amount: Any = 5) -> Answer:
        """One payment."""
        body = {"amount": amount, "currency": "EUR", "reference": reference}
        return await self.call("POST /payment", body, token, key)

    async def submit(self, token: str, key: str | None, numbers: list[int], reference: str = "j1") -> Answer:
        """One job."""
        return await self.call("POST /api/process", {"reference": reference, "input": {"numbers": numbers}}, token, key)


@dataclass
class World:
    """Store and ledger of one test; makes replicas and workers."""

    store_url: str
    ledger: TinyLedger
    more: dict[str, str] = field(default_factory=dict)

    def environment(self, **overrides: str) -> dict[str, str]:
        """The environment of a declared test."""
        return {
            "STORE_URL": self.store_url,
            "LEDGER_URL": self.ledger.url,
            "JWT_SECRET": SECRET,
            "ADMIN_USERNAME": ADMIN["username"],
            "ADMIN_PASSWORD": ADMIN["password"],
            "TARGET_TEST_MODE": "1",
            "ARGON2_TIME_COST": "1",
            "ARGON2_MEMORY_KIB": "8",
            "LEDGER_TIMEOUT_S": "20",
            "PAYMENT_LEASE_S": "30",
            "COMPLETER_POLL_S": "0.05",
            "LEASE_S": "30",
            "RECLAIM_S": "0.05",
            "BACKOFF_S": "0.1",
            "STEP_S": "0.01",
            "REPLICA": "replica-1",
            **self.more,
            **overrides,
        }

    def settings(self, **overrides: str) -> Settings:
        """Settings of environment()."""
        return settings_module.load(self.environment(**overrides))

    @asynccontextmanager
    async def replica(self, parts: Parts | None = None, **overrides: str) -> AsyncIterator[Replica]:
        """An in-process replica."""
        settings = self.settings(**overrides)
        service = assemble(settings, parts or chosen_parts(settings.defects))
        try:
            yield Replica(service, create_app(service))
        finally:
            await service.close()

    @asynccontextmanager
    async def worker(self, **overrides: str) -> AsyncIterator[Worker]:
        """An in-process worker; stopped on the way out."""
        settings = self.settings(**overrides)
        service = assemble(settings, chosen_parts(settings.defects))
        worker = Worker(service.jobs, (service.payments, service.orders), service.ledger, settings)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await asyncio.wait_for(task, DEADLINE_S)
            await service.close()

    @contextmanager
    def process(self, module: str = "target_service", **overrides: str) -> Iterator["subprocess.Popen[str]"]:
        """A replica or worker as a process of its own; killed on the way out if it still runs."""
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env={"PATH": os.environ["PATH"], **self.environment(**overrides)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=DEADLINE_S)


class Crash(BaseException):
    """Stands for SIGKILL: nothing of the service catches it."""


def crash_before(replica: Replica, script: str) -> None:
    """From now on this replica dies just before it would run the script."""
    run = replica.service.store.run

    async def dying(name: str, *rest: Any) -> Any:
        if name == script:
            raise Crash(script)
        return await run(name, *rest)

    replica.service.store.run = dying  # type: ignore[method-assign]


@asynccontextmanager
async def counted(replica: Replica) -> AsyncIterator[Callable[[], int]]:
    """How often the store was asked since the beginning of the block, counted where it is asked."""
    store, asked = replica.service.store, 0
    command = store.command

    async def counting(*words: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return await command(*words, **more)

    store.command = counting  # type: ignore[method-assign]
    try:
        yield lambda: asked
    finally:
        store.command = command  # type: ignore[method-assign]
