"""One container of somebody else's, as an engine knows it, and what was noted of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import docker
from docker.errors import APIError

from harness.platforms.docker import found_state


class Engine:
    """One container `a`, which ends after `looks` looks at it, or when it is killed; `said` is what it was told."""

    def __init__(self, looks: float, paused: bool = False) -> None:
        self.looks, self.paused, self.running, self.lives = looks, paused, True, 1
        self.said: list[str] = []

    def inspect_container(self, _: str) -> Any:
        # A frozen one does not come to its end.
        self.looks -= not self.paused
        self.running = self.running and self.looks >= 0
        state = {"Running": self.running, "Paused": self.paused, "StartedAt": f"life {self.lives}"}
        return {"State": state, "NetworkSettings": {"Networks": {}}, "Config": {"StopSignal": "SIGQUIT"}}

    def unpause(self, _: str) -> None:
        self.said.append("unpause")
        self.paused = False

    def kill(self, _: str, signal: str) -> None:
        self.said.append(signal)
        if not self.running:
            raise APIError("is not running")
        self.running = signal != "SIGKILL"

    def start(self, _: str) -> None:
        self.said.append("start" if not self.running else "start of one that runs")
        self.running, self.looks, self.lives = True, 1000, self.lives + 1


def found(folder: Path, *endings: str) -> Path:
    place = folder / "found.json"
    noted = {"project": "shop", "containers": [{"id": "a", "name": "shop-a", "networks": {}}]}
    place.write_text("\n".join([json.dumps(noted), *endings]))
    return place


def settle(engine: Engine, place: Path) -> list[str]:
    return found_state.settle(cast(docker.APIClient, engine), place)
