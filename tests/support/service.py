"""A small correct service in this process, on threads, that remembers what it was sent; tests make it misbehave."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt

KEY = "k" * 64
Answer = tuple[int, dict[str, Any] | None]

CONTRACT: dict[str, Any] = {
    "contract": 1,
    "service": "small",
    "start": {"replica": {"command": ["none"]}},
    "identity": {"replica": "X-Replica", "boot": "X-Boot"},
    "users": {
        "count": 3,
        "signup": {
            "request": "POST /users",
            "json": {"name": "{username}", "password": "{password}"},
            "answers": {"ok": [201]},
        },
    },
    "session": {
        "login": {
            "request": "POST /login",
            "json": {"name": "{username}", "password": "{password}"},
            "extract": {"token": "/token", "refresh": "/refresh"},
            "answers": {"ok": [200], "refused": [401]},
        },
        "read": {
            "request": "GET /me",
            "headers": {"Authorization": "Bearer {token}"},
            "extract": {"user": "/name"},
            "answers": {"ok": [200], "absent": [401]},
        },
        "refresh": {
            "request": "POST /refresh",
            "json": {"refresh": "{refresh}"},
            "extract": {"token": "/token", "refresh": "/refresh"},
            "answers": {"ok": [200], "refused": [401]},
        },
        "logout": {
            "request": "POST /logout",
            "headers": {"Authorization": "Bearer {token}"},
            "answers": {"ok": [204], "absent": [401]},
        },
    },
    "idempotency": {
        "pay": {
            "request": "POST /pay",
            "headers": {"Authorization": "Bearer {token}", "Idempotency-Key": "{key}"},
            "json": {"amount": "{amount}", "reference": "{reference}"},
            "extract": {"id": "/id"},
            "answers": {"ok": [201], "in_progress": [409], "mismatch": [422], "absent": [401]},
        }
    },
    "job": {
        "submit": {
            "request": "POST /jobs",
            "headers": {"Authorization": "Bearer {token}", "Idempotency-Key": "{key}"},
            "json": {"input": "{input}"},
            "extract": {"id": "/id"},
            "answers": {"ok": [202], "absent": [401]},
            "retry": True,
        },
        "status": {
            "request": "GET /jobs/{id}",
            "headers": {"Authorization": "Bearer {token}"},
            "extract": {"state": "/state", "progress": "/progress", "output": "/output"},
            "answers": {"ok": [200], "missing": [404], "absent": [401]},
        },
        "states": {"pending": ["queued"], "done": ["finished"], "failed": ["dead"]},
        "examples": {"one": {"input": [1, 2], "output": 3.0}},
    },
    "hostile": {"key": "{secret:jwt}"},
    "promises": {"definite_answer_s": 1, "lease_s": 0.2, "reclaim_s": 0.1, "backoff_s": 0.1},
}


class Service:
    """`spoil` sees (operation, how often it was asked, body) first: its answer, if any, is given instead."""

    def __init__(self, key: str = KEY) -> None:
        self.key = key
        self.users: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.successors: dict[str, dict[str, str]] = {}
        self.paid: dict[str, tuple[bytes, str]] = {}
        self.jobs: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.bodies: defaultdict[str, list[bytes]] = defaultdict(list)
        self.secrets: set[str] = set()
        self.spoil: Callable[[str, int, bytes], Answer | None] = lambda *_: None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, shown = service.handle(self.path, token, self.headers.get("Idempotency-Key", ""), body)
                if status == 0:
                    self.close_connection = True
                    return
                data = b"" if shown is None else json.dumps(shown).encode()
                self.send_response(status)
                self.send_header("X-Replica", "replica-1")
                self.send_header("X-Boot", "boot-1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address: tuple[str, int] = ("127.0.0.1", self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def handle(self, path: str, token: str, key: str, body: bytes) -> Answer:
        operation = "status" if path.startswith("/jobs/") else path.strip("/")
        with self._lock:
            self.asked[operation] += 1
            count = self.asked[operation]
            self.bodies[operation].append(body)
        spoilt = self.spoil(operation, count, body)
        if spoilt is not None:
            return spoilt
        with self._lock:
            return getattr(self, f"_{operation}")(path, token, key, body)

    def _tokens(self, user: str) -> dict[str, str]:
        claims = {"sub": user, "jti": secrets.token_hex(4), "exp": int(time.time()) + 600, "aud": "us"}
        token, refresh = jwt.encode(claims, self.key), secrets.token_hex(16)
        self.sessions[token] = self.sessions[refresh] = user
        self.secrets |= {token, refresh}
        return {"token": token, "refresh": refresh}

    def _user(self, token: str) -> str | None:
        return self.sessions.get(token) if "." in token else None

    def _users(self, path: str, token: str, key: str, body: bytes) -> Answer:
        given = json.loads(body)
        self.users[given["name"]] = given["password"]
        self.secrets.add(given["password"])
        return 201, None

    def _login(self, path: str, token: str, key: str, body: bytes) -> Answer:
        given = json.loads(body)
        if self.users.get(given["name"]) != given["password"]:
            return 401, None
        return 200, self._tokens(given["name"])

    def _me(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        return (200, {"name": user}) if user else (401, None)

    def _refresh(self, path: str, token: str, key: str, body: bytes) -> Answer:
        presented = json.loads(body)["refresh"]
        if presented not in self.sessions:
            return 401, None
        if presented not in self.successors:
            self.successors[presented] = self._tokens(self.sessions[presented])
        return 200, self.successors[presented]

    def _logout(self, path: str, token: str, key: str, body: bytes) -> Answer:
        if not self._user(token):
            return 401, None
        del self.sessions[token]
        return 204, None

    def _pay(self, path: str, token: str, key: str, body: bytes) -> Answer:
        if not self._user(token):
            return 401, None
        before, number = self.paid.setdefault(key, (body, f"pay-{len(self.paid)}"))
        return (201, {"id": number}) if before == body else (422, None)

    def _jobs(self, path: str, token: str, key: str, body: bytes) -> Answer:
        if not self._user(token):
            return 401, None
        self.jobs.setdefault(f"job-{key}", 0)
        return 202, {"id": f"job-{key}"}

    def _status(self, path: str, token: str, key: str, body: bytes) -> Answer:
        job = path.removeprefix("/jobs/")
        if not self._user(token):
            return 401, None
        if job not in self.jobs:
            return 404, None
        self.jobs[job] += 1
        done = self.jobs[job] > 1
        return 200, {"state": "finished", "progress": 1, "output": 3} if done else {"state": "queued", "progress": 0.5}
