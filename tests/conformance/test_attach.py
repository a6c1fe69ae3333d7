"""A Compose project that ran before the run is used as it is, and left as it was found, whoever dies."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.docker import platform as docker
from harness.platforms.docker.platform import DockerPlatform
from tests.support.conformance import TINY, deployment, eventually
from tests.support.paths import ROOT

# Private names: `_deployed` shows what only a platform that dies knows, and `_DEAD_KEPT` is how many dead are kept:
# dozens of containers would be needed to reach it.

pytestmark = pytest.mark.docker

TEXT = """
services:
  target: &target
    image: python:3.11-slim-bookworm
    command: [python, /tiny.py]
    environment: {{HOST: 0.0.0.0, PORT: "8000", REPLICA: target, TINY_DRAIN_S: "0.5"}}
    volumes: ["{tiny}:/tiny.py:ro"]
    networks: [front, back]
    restart: unless-stopped
  worker:
    <<: *target
    command: [python, /tiny.py, worker]
    environment: {{TINY_DRAIN_S: "4"}}
    networks: [back]
  haproxy:
    image: haproxy:2.6-bookworm
    ports: ["127.0.0.1::8080"]
    volumes: ["{haproxy}:/usr/local/etc/haproxy/haproxy.cfg:ro"]
    networks: [front]
networks: {{front: , back: }}
"""


@dataclass
class Project:
    """A project of the user's, as Compose shows it."""

    name: str
    folder: Path

    def compose(self, *words: str) -> str:
        file = str(self.folder / "compose.yaml")
        done = subprocess.run(
            ["docker", "compose", "-p", self.name, "-f", file, *words], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def containers(self) -> dict[str, tuple[str, list[str]]]:
        """State and networks by the id of each container."""
        ids = self.compose("ps", "--all", "--quiet").split()
        shown = json.loads(subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True).stdout)
        return {each["Id"]: (each["State"]["Status"], sorted(each["NetworkSettings"]["Networks"])) for each in shown}

    def part(self, **changes: object) -> Compose:
        wanted = {"file": "compose.yaml", "replica": "target", "worker": "worker", "balancer": "haproxy"}
        ports = {"balancer_port": 8080, "port": 8000, "front": "front", "attach": self.name}
        return Compose.model_validate({**wanted, **ports, **changes})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    lacking = DockerPlatform().missing()
    if lacking:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have a Docker engine: {lacking[0]}")
        pytest.skip(f"needs a Docker engine: {lacking[0]}")
    folder = tmp_path_factory.mktemp("attach")
    haproxy = ROOT / "target_service" / "haproxy.cfg"
    (folder / "compose.yaml").write_text(TEXT.format(tiny=TINY, haproxy=haproxy))
    made = Project(f"attach-{os.getpid()}", folder)
    try:
        made.compose("up", "--detach", "--scale", "target=2")
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "1")


def attached(project: Project, folder: Path) -> tuple[DockerPlatform, str]:
    """The platform with that project, after all that can be done to it was done to it."""
    platform = DockerPlatform()
    wanted = deployment(folder, compose=project.part(), found=folder / "found.json", deadline_s=60)
    platform.deploy(wanted)
    assert [(m.name, m.state) for m in platform.members()] == [
        ("replica-1", "ready"),
        ("replica-2", "ready"),
        ("worker-1", "ready"),
    ]
    platform.kill("replica-1")
    fresh = platform.start("replica")
    eventually(lambda: platform.ready(fresh), "a replica more", 60)
    platform.pause("worker-1")
    platform.cut("replica-2")
    return platform, wanted.run_id


def test_what_was_there_is_left_as_it_was_found(project: Project, tmp_path: Path) -> None:
    before = project.containers()
    platform, run_id = attached(project, tmp_path)
    try:
        assert {each.split()[0] for each in platform.leftovers(run_id)} == {"container"}
        # The engine would bring it back, were it not told that this was meant.
        assert [status for status, _ in project.containers().values()].count("exited") == 1
    finally:
        platform.tear_down()
    assert project.containers() == before and platform.leftovers(run_id) == []
    assert not (tmp_path / "found.json").exists() and platform.restore(tmp_path / "found.json") == []


def test_a_container_that_was_there_is_kept_however_many_die_after_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "_DEAD_KEPT", 1)
    before = project.containers()
    platform = DockerPlatform()
    platform.deploy(deployment(tmp_path, compose=project.part(), found=tmp_path / "found.json", deadline_s=60))
    try:
        platform.kill("replica-1")
        platform.kill("worker-1")
        platform.start("replica")
        assert [member.name for member in platform.members()] == ["replica-2", "worker-1", "replica-3"]
        assert set(before) <= set(project.containers())
    finally:
        platform.tear_down()
    assert project.containers() == before


def test_what_a_dead_run_did_to_it_is_undone_from_what_it_noted(project: Project, tmp_path: Path) -> None:
    before = project.containers()
    dead, _ = attached(project, tmp_path)
    with pytest.raises(EnvironmentFailure, match=rf"project {project.name} .* the target of another run in progress"):
        DockerPlatform().deploy(deployment(tmp_path, compose=project.part(), found=tmp_path / "second.json"))
    assert not (tmp_path / "second.json").exists()
    # What the kernel does when a process dies.
    dead._deployed().locks.close()
    another = DockerPlatform()
    found = json.loads((tmp_path / "found.json").read_text().splitlines()[0])
    assert found["project"] == project.name
    (run_id,) = [run for run in another.runs() if run.startswith(f"test-{os.getpid()}-")]
    assert len(another.remove(run_id)) == 1
    done = another.restore(tmp_path / "found.json")
    assert sorted(line.split()[0] for line in done) == ["put", "started", "thawed"]
    assert project.containers() == before and another.restore(tmp_path / "found.json") == []
    assert not (tmp_path / "found.json").exists()


@pytest.mark.parametrize(("ended", "grace_s"), [("dead", 8.0), ("torn down", 20.0), ("torn down", 2.0)])
def test_what_still_drains_when_the_run_ends_is_not_taken_for_restored(
    project: Project, tmp_path: Path, ended: str, grace_s: float
) -> None:
    before, place = project.containers(), tmp_path / "found.json"
    platform = DockerPlatform()
    platform.deploy(deployment(tmp_path, compose=project.part(), found=place, deadline_s=60))
    up = platform._deployed()
    tell, told = up.api.kill, threading.Event()

    def telling(container: str, signal: str) -> None:
        tell(container, signal)
        told.set()

    def stopping() -> None:
        with suppress(FaultNotSeen):
            platform.stop("worker-1", grace_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(up.api, "kill", telling)
        stop = threading.Thread(target=stopping)
        stop.start()
        assert told.wait(10)
    if ended == "dead":
        # What the kernel does when a process dies: it tells nothing more, and holds nothing.
        up.actions.close()
        up.locks.close()
        done = DockerPlatform().restore(place)
        assert [line.split()[0] for line in done] == ["saw", "started"]
    else:
        platform.tear_down()
    # It would have drained, or have been killed, by then.
    stop.join(30)
    assert project.containers() == before and not place.exists()


@pytest.mark.parametrize(
    ("changes", "more", "said"),
    [
        ({"attach": "no-such"}, {}, "there is no running Compose project 'no-such'"),
        ({}, {"replicas": 3}, "runs 2 of service target, the scenario declares 3"),
        ({"balancer_port": 9}, {}, "publishes no port 9 of service haproxy on 127.0.0.1"),
        ({"front": "side"}, {}, "target is on no network 'side'"),
    ],
)
def test_a_project_that_is_not_as_it_is_said_to_be_is_not_touched(
    project: Project, tmp_path: Path, changes: dict[str, object], more: dict[str, object], said: str
) -> None:
    before = project.containers()
    platform = DockerPlatform()
    with pytest.raises(EnvironmentFailure, match=said):
        platform.deploy(deployment(tmp_path, compose=project.part(**changes), found=tmp_path / "found.json", **more))
    assert project.containers() == before and not (tmp_path / "found.json").exists()
