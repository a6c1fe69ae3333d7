"""What a dead run did to one member, undone from outside on Docker and on Kubernetes."""

from __future__ import annotations

from typing import Any, cast

import docker
import pytest

from harness.errors import FaultNotSeen
from harness.platforms.common.procfs import Found
from harness.platforms.docker import abandoned
from harness.platforms.kubernetes import namespace as namespaces
from harness.platforms.kubernetes import node, recover
from harness.platforms.kubernetes.api import Cluster

RUN = "run-0a1b2c"
LABELS = {"stateless-harness.run": RUN, "com.docker.compose.service": "web"}


class Engine:
    """Three containers of one service, of which the last is of another run; `deaf` refuses without a word."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.paused = {"a" * 64: True, "b" * 64: False, "c" * 64: True}
        self.on = {"a" * 64: {"back"}, "b" * 64: {"back", "front"}, "c" * 64: {"back"}}
        self.joined: list[tuple[str, str, list[str]]] = []

    def labels(self, container: str) -> dict[str, str]:
        return LABELS if container[0] != "c" else {**LABELS, "stateless-harness.run": "another-0a1b2c"}

    def containers(self, all: bool, filters: dict[str, str]) -> list[dict[str, Any]]:
        wanted = filters["label"].partition("=")[2]
        return [
            {"Id": each, "Names": [f"/shop-web-{each[0]}"], "State": "running", "Labels": self.labels(each)}
            for each in self.paused
            if self.labels(each)["stateless-harness.run"] == wanted
        ]

    def networks(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        return []

    def volumes(self, filters: dict[str, str]) -> dict[str, Any]:
        return {"Volumes": None}

    def inspect_container(self, container: str) -> dict[str, Any]:
        found = {network: {"Aliases": ["web", f"shop-web-{container[0]}"]} for network in self.on[container]}
        return {
            "Id": container,
            "Name": f"/shop-web-{container[0]}",
            "State": {"Running": True, "Paused": self.paused[container], "Status": "paused"},
            "Config": {"Labels": self.labels(container)},
            "NetworkSettings": {"Networks": found},
        }

    def unpause(self, container: str) -> None:
        assert self.paused[container], "the engine refuses to thaw what is not frozen"
        self.paused[container] = self.deaf

    def connect_container_to_network(self, container: str, network: str, aliases: list[str]) -> None:
        self.joined.append((container[0], network, aliases))
        self.on[container] |= set() if self.deaf else {network}


def test_a_frozen_container_is_thawed_once() -> None:
    engine = Engine()
    for _ in range(2):
        said = abandoned.thaw(cast(docker.APIClient, engine), RUN, "replica-1", "a" * 64)
        assert said == "replica-1 (container aaaaaaaaaaaa) is running again"
    assert not engine.paused["a" * 64]


@pytest.mark.parametrize("container", ["", "c" * 64, "d" * 64])
def test_a_container_that_is_not_the_runs_is_not_touched(container: str) -> None:
    engine = Engine()
    for undo in (abandoned.thaw, abandoned.mend):
        said = undo(cast(docker.APIClient, engine), RUN, "replica-1", container)
        assert said == "replica-1 is not there any more, or was not made by the run"
    assert engine.paused["c" * 64] and engine.joined == []


def test_a_container_that_was_cut_off_is_put_back_on_the_networks_of_its_like() -> None:
    engine = Engine()
    for _ in range(2):
        said = abandoned.mend(cast(docker.APIClient, engine), RUN, "replica-1", "a" * 64)
        assert said == "replica-1 (container aaaaaaaaaaaa) is on back, front"
    assert engine.joined == [("a", "front", ["shop-web-a", "web"])]


def test_what_is_not_seen_is_an_error() -> None:
    engine = cast(docker.APIClient, Engine(deaf=True))
    with pytest.raises(FaultNotSeen, match="replica-1 does not run on: it is paused"):
        abandoned.thaw(engine, RUN, "replica-1", "a" * 64)
    with pytest.raises(FaultNotSeen, match="replica-1 is not on the network front"):
        abandoned.mend(engine, RUN, "replica-1", "a" * 64)


@pytest.mark.parametrize(
    ("container", "local", "there", "said"),
    [
        ("a" * 64, True, True, "replica-1: processes 7 are running again"),
        ("a" * 64, True, False, "replica-1 is not there any more"),
        ("a" * 64, False, True, "replica-1 ran on another machine: it was not frozen from here"),
        ("", True, True, "replica-1 had no container yet"),
        ("a", True, True, "replica-1 had no container yet"),
    ],
)
def test_a_frozen_pod_is_thawed_where_its_node_is_this_machine(
    monkeypatch: pytest.MonkeyPatch, container: str, local: bool, there: bool, said: str
) -> None:
    monkeypatch.setattr(Cluster, "connect", lambda: None)
    monkeypatch.setattr(namespaces, "is_local", lambda cluster: local)
    monkeypatch.setattr(node, "processes", lambda mark: [Found(7, 1, "", "", "")] if there else [])
    monkeypatch.setattr(node.procfs, "send", lambda process, number: None)
    monkeypatch.setattr(node.procfs, "states", lambda pid: {"S"})
    assert recover.thaw(RUN, "replica-1", container) == said
