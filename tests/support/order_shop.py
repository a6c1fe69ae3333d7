"""A small service with orders, and its contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.contract.model import Contract
from tests.support.agents import ops
from tests.support.service import CONTRACT, Answer, Service

AUTH = {"Authorization": "Bearer {token}"}
ORDER: dict[str, Any] = {
    "place": {
        "request": "POST /place",
        "headers": {**AUTH, "Idempotency-Key": "{key}"},
        "json": {"order": "{reference}"},
        "extract": {"id": "/id"},
        "answers": {"ok": [201], "refused": [409], "absent": [401]},
    },
    "show": {
        "request": "POST /show",
        "headers": AUTH,
        "json": {"order": "{reference}"},
        "extract": {"id": "/id", "state": "/state"},
        "answers": {"ok": [200], "missing": [404], "absent": [401]},
    },
    "states": {"pending": ["working"], "done": ["finished"]},
}


def whole(**promises: Any) -> Contract:
    return Contract.model_validate({**CONTRACT, "order": ORDER, "promises": {**CONTRACT["promises"], **promises}})


class Shop(Service):
    """The small service with orders; its keys are each user's own if `scoped`."""

    def __init__(self, key: str, scoped: bool = True) -> None:
        super().__init__(key)
        self.scoped = scoped
        self.owners: dict[str, tuple[str, str]] = {}

    def _place(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, order = self._user(token), json.loads(body)["order"]
        if not user:
            return 401, None
        if self.owners.setdefault(order, (user, key)) != (user, key):
            return 409, None
        return 201, {"id": f"receipt-{order}"}

    def _show(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, order = self._user(token), json.loads(body)["order"]
        if self.owners.get(order, ("", ""))[0] != user:
            return 404, None
        return 200, {"id": f"receipt-{order}", "state": "finished"}

    def _pay(self, path: str, token: str, key: str, body: bytes) -> Answer:
        return super()._pay(path, token, f"{self._user(token)}/{key}" if self.scoped else key, body)


def of(folder: Path, workload: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [pair for pair in ops(folder) if pair[0]["w"] == workload and pair[0]["k"] != "login"]
