"""A Compose file for tests, and a deployment of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.contract.start import Compose
from harness.platforms.base import Deployment, Program

COMPOSE = Compose(
    file="compose.yaml", replica="app", worker="jobs", balancer="lb", balancer_port=80, port=8000, ledger="book",
    front="front",
)  # fmt: skip


def order(folder: Path, **changes: Any) -> Deployment:
    program = Program(["x"], {})
    given = Deployment(
        "Run-1.T-ab12cd", folder, folder / "l", 2, 1, folder, lambda _: program, None, "/health", "/ready"
    )
    for name, value in changes.items():
        setattr(given, name, value)
    return given


def model(**services: Any) -> dict[str, Any]:
    made = {
        "app": {
            "image": "a",
            "networks": {"front": None, "back": None},
            "ports": [{"target": 8000}],
            "restart": "always",
        },
        "jobs": {"image": "a", "environment": {"A": "1"}, "container_name": "jobs"},
        "lb": {"image": "b", "ports": [{"target": 80, "published": "8080"}, {"target": 443}], "restart": "always"},
        "book": {"image": "c", "labels": {"mine": "1"}},
        "db": {"image": "d", "ports": [{"target": 6379, "published": "6379"}]},
        **services,
    }
    networks = {"front": {"name": "shop_front"}, "back": None, "other": {"name": "corp", "external": True}}
    return {"name": "shop", "services": made, "networks": networks, "volumes": {"data": {"name": "fixed"}}}
