"""The Docker engine: not there, not allowed, elsewhere."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common.lock import here
from harness.platforms.docker import engine
from harness.platforms.docker.engine import Thing, standing
from harness.platforms.docker.platform import DockerPlatform


def test_no_engine_is_told_with_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
    with pytest.raises(EnvironmentFailure, match=r"no Docker engine on this machine: .*docker.sock does not exist"):
        DockerPlatform().runs()
    assert "systemctl start docker" in DockerPlatform().missing()[0]
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    with pytest.raises(EnvironmentFailure, match=r"does not answer on .*docker.sock .*refused"):
        engine.connect()


def test_a_socket_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(socket.socket):
        def connect(self, address: Any) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setattr(engine.socket, "socket", Closed)
    with pytest.raises(EnvironmentFailure, match=r"no permission on the Docker engine's socket .*group"):
        engine.connect()


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2375", "ssh://host", "tcp://docker.example:2376"])
def test_an_engine_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EnvironmentFailure, match="is on another machine"):
        engine.connect()


def test_the_sdk_is_imported_only_where_it_is_used() -> None:
    code = """
import sys, harness.platforms, harness.cli.main
print([name for name in ('docker', 'kubernetes') if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def thing(run: str, place: str, made_s: float = math.inf) -> Thing:
    return Thing("container", run, run, run, "running", place, made_s)


def test_who_shares_the_engine_but_not_the_place_is_left_alone() -> None:
    boot = here().partition("/")[0]
    seen = standing(
        [
            thing("mine", here()),
            thing("next-door", f"{boot}/1", made_s=1000.0),
            thing("before-the-restart", "an-older-boot/1", made_s=1000.0),
            thing("another-host", "another-boot/1", made_s=3000.0),
            thing("undated", "another-boot/1"),
            thing("half", here()),
            thing("half", f"{boot}/1"),
            thing("old", ""),
        ],
        booted_s=2000.0,
    )
    assert {run: isinstance(each, str) or each for run, each in seen.items()} == {
        "mine": False,
        "next-door": True,
        "before-the-restart": False,
        "another-host": True,
        "undated": True,
        "half": True,
        "old": True,
    }
    said = str(seen["next-door"])
    assert f"it belongs to another host or container ({boot}/1)" in said
    assert "docker ps -aqf label=stateless-harness.run=next-door | xargs -r docker rm -fv" in said


def test_when_and_where_things_were_made_is_read_from_what_the_engine_tells() -> None:
    labels = {"stateless-harness.run": "r", "stateless-harness.place": "b/1"}
    api: Any = SimpleNamespace(
        containers=lambda **_: [
            {"Id": "c", "Names": ["/n"], "Labels": labels, "State": "running", "Created": 1700000000}
        ],
        networks=lambda **_: [
            {"Id": "n", "Name": "net", "Labels": labels, "Created": "2023-11-14T22:13:20.123456789Z"}
        ],
        volumes=lambda **_: {
            "Volumes": [
                {"Name": "v", "Labels": labels, "CreatedAt": "2023-11-14T23:13:20+01:00"},
                {"Name": "w", "Labels": labels, "CreatedAt": "long ago"},
            ]
        },
    )
    found = {each.id: (each.place, each.made_s) for each in engine.things(api)}
    assert {
        name: (place, round(made_s) if made_s < math.inf else made_s) for name, (place, made_s) in found.items()
    } == {
        "c": ("b/1", 1700000000),
        "n": ("b/1", 1700000000),
        "v": ("b/1", 1700000000),
        "w": ("b/1", math.inf),
    }
    assert 0 < engine.booted_s() < time.time()
