"""The small service with a cart, a register and a limit for each user, and its contract."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from harness.contract.model import Contract
from tests.support.agents import ops
from tests.support.service import CONTRACT, Answer, Service

AUTH = {"Authorization": "Bearer {token}"}
MORE: dict[str, Any] = {
    "cart": {
        "add": {
            "request": "POST /cartadd",
            "headers": AUTH,
            "json": {"key": "{key}", "quantity": "{amount}"},
            "extract": {"id": "/line/id"},
            "answers": {"ok": [201], "absent": [401]},
            "retry": True,
        },
        "show": {
            "request": "GET /cart",
            "headers": AUTH,
            "extract": {"lines": "/lines"},
            "answers": {"ok": [200], "absent": [401]},
        },
        "remove": {
            "request": "POST /cartremove",
            "headers": AUTH,
            "json": {"line": "{id}"},
            "answers": {"ok": [200], "missing": [404], "absent": [401]},
        },
        "line": "/id",
    },
    "preference": {
        "get": {
            "request": "GET /prefget",
            "headers": AUTH,
            "extract": {"value": "/value", "version": "/version"},
            "answers": {"ok": [200], "absent": [401]},
        },
        "put": {
            "request": "POST /prefput",
            "headers": {**AUTH, "If-Match": '"{version}"'},
            "json": {"value": "{value}", "version": "{version}"},
            "extract": {"version": "/version"},
            "answers": {"ok": [200], "mismatch": [412], "absent": [401]},
        },
    },
    "limit": {"hit": {"request": "GET /hit", "headers": AUTH, "answers": {"ok": [200], "limited": [429]}}},
}
PROMISES = {"limit_window_s": 0.2, "limit_most": 4, "limit_least": 2}
WHOLE = Contract.model_validate({**CONTRACT, **MORE, "promises": {**CONTRACT["promises"], **PROMISES}})


class Shop(Service):
    """The small service with a cart, a register and a limit a user."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.carts: dict[tuple[str, str], bool] = {}
        self.registers: dict[str, tuple[str, int]] = {}
        self.turns: dict[str, list[float]] = {}

    def _cartadd(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        line = f"line-{json.loads(body)['key']}"
        self.carts.setdefault((user, line), True)
        return 201, {"line": {"id": line}}

    def _cart(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        return 200, {"lines": [{"id": line} for (owner, line), there in self.carts.items() if owner == user and there]}

    def _cartremove(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        place = (user, json.loads(body)["line"])
        if not self.carts.get(place):
            return 404, None
        self.carts[place] = False
        return 200, {}

    def _prefget(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        value, version = self.registers.get(user, ("somebody's own", 0))
        return 200, {"value": value, "version": str(version)}

    def _prefput(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, given = self._user(token), json.loads(body)
        if not user:
            return 401, None
        version = self.registers.get(user, ("", 0))[1]
        if given["version"] != str(version):
            return 412, None
        self.registers[user] = (given["value"], version + 1)
        return 200, {"version": str(version + 1)}

    def _hit(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, now = self._user(token), time.monotonic()
        lately = [at for at in self.turns.get(str(user), []) if now - at < 0.2]
        if len(lately) >= 4:
            return 429, None
        self.turns[str(user)] = [*lately, now]
        return 200, {}


def of(folder: Path, workload: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [pair for pair in ops(folder) if pair[0]["w"] == workload]
