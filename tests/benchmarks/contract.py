"""A load agent against the trivial server, whose one answer is right for every operation of a small contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.contract.model import Contract
from harness.load.agent import Agent
from harness.load.settings import AgentSettings

REPLICAS = 3
TOKENS = {"token": "/access_token", "refresh": "/refresh_token"}
WITH_TOKEN = {"Authorization": "Bearer {token}"}
NO_EFFECT = [{"status": 503, "header": {"X-No-Effect": "1"}}]
SESSION = {
    "login": {
        "request": "POST /api/login",
        "json": {"username": "{username}", "password": "{password}"},
        "extract": TOKENS,
        "answers": {"ok": [200], "refused": [401], "no_effect": NO_EFFECT},
    },
    "read": {
        "request": "GET /profile",
        "headers": WITH_TOKEN,
        "extract": {"user": "/username"},
        "answers": {"ok": [200], "absent": [401], "no_effect": NO_EFFECT},
    },
    "refresh": {
        "request": "POST /api/refresh",
        "json": {"refresh_token": "{refresh}"},
        "extract": TOKENS,
        "answers": {"ok": [200], "refused": [401], "no_effect": NO_EFFECT},
    },
    "logout": {
        "request": "POST /api/logout",
        "headers": WITH_TOKEN,
        "answers": {"ok": [200], "absent": [401], "no_effect": NO_EFFECT},
    },
}


class Measured:
    """An agent whose sessions workload loads `port` for `duration_s`, with its journal in `folder`.

    Two thirds of the clients hop between three replicas, which are all the one server, as in the main scenario.
    """

    def __init__(self, port: int, clients: int, duration_s: float, folder: Path) -> None:
        self.said: list[dict[str, Any]] = []
        self._journal = folder / "journal-0.jsonl"
        settings = AgentSettings(
            agent=0,
            seed=1,
            journal=str(self._journal),
            master="5a" * 32,
            contract=Contract.model_validate(
                {
                    "contract": 1,
                    "service": "the trivial server",
                    "start": {"replica": {"command": ["true"]}},
                    "identity": {"replica": "X-Replica", "boot": "X-Boot-Id"},
                    "users": {"file": "users.csv"},
                    "session": SESSION,
                }
            ),
            users=[(f"user-{number}", f"password-{number}") for number in range(24)],
            balancer=("127.0.0.1", port),
            hop=True,
            clients={"session/hop": clients - clients // 3, "session/balancer": clients // 3},
            rate_per_s=None,
            duration_s=duration_s,
            think_s=(0, 0),
            timeout_s=5,
            members=[
                {"name": f"replica-{number}", "host": "127.0.0.1", "port": port, "state": "ready"}
                for number in range(1, REPLICAS + 1)
            ],
        )
        self.agent = Agent(settings, self.said.append)

    def completed(self) -> int:
        """Ops that are journalled as completed."""
        return self.agent.journal.completed

    def verify(self) -> None:
        """After the load: every op is in the journal twice, and Locust was told of it; SystemExit otherwise."""
        told = sum(self.agent.counted.values())
        lines = self._journal.read_bytes().count(b"\n")
        failed = [message for message in self.said if "failed" in message]
        self.agent.finish()
        if failed or self.agent.failures or not told == self.completed() == lines // 2:
            raise SystemExit(
                f"{self.completed()} ops, {self.agent.failures} failed, Locust was told of {told}, the journal has "
                f"{lines} lines; {failed[:1]}: not a measurement"
            )
