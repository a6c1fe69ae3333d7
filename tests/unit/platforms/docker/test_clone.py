"""One more container like those that there are."""

from __future__ import annotations

from typing import Any

from harness.platforms.docker import clone

INSPECTED = {
    "Id": "0123456789abcdef",
    "Name": "/harness-r-app-1",
    "Image": "sha256:11",
    "Config": {
        "Hostname": "0123456789ab",
        "Image": "app:latest",
        "Env": ["A=1", "B=x=y"],
        "Labels": {"com.docker.compose.container-number": "1", "stateless-harness.run": "r"},
        "StopSignal": "SIGTERM",
    },
    "HostConfig": {"NetworkMode": "harness-r_front", "ReadonlyRootfs": True},
    "NetworkSettings": {
        "Networks": {
            "harness-r_front": {"Aliases": ["harness-r-app-1", "app", "0123456789ab"], "IPAddress": "172.18.0.2"},
            "harness-r_back": {"Aliases": ["app", "shop", "0123456789ab"], "IPAddress": "172.19.0.2"},
        }
    },
}


class Api:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def create_container_from_config(self, config: Any, name: str) -> Any:
        self.said.append((name, config))
        return {"Id": "new"}

    def connect_container_to_network(self, *words: Any, **named: Any) -> None:
        self.said.append((words, named))


def test_another_container_is_like_the_first_but_for_what_makes_it_another() -> None:
    api: Any = Api()
    assert clone.create(api, INSPECTED, 4, {"A": "2"}, without=None) == "new"
    name, config = api.said[0]
    assert name == "harness-r-app-4"
    assert config == {
        "Image": "sha256:11",
        "Env": ["A=2", "B=x=y"],
        "Labels": {"com.docker.compose.container-number": "4", "stateless-harness.run": "r"},
        "StopSignal": "SIGTERM",
        "HostConfig": {"NetworkMode": "harness-r_front", "ReadonlyRootfs": True},
        "NetworkingConfig": {"EndpointsConfig": {"harness-r_front": {"Aliases": ["app", "harness-r-app-4"]}}},
    }
    assert api.said[1:] == [(("new", "harness-r_back"), {"aliases": ["app", "harness-r-app-4", "shop"]})]


def test_one_that_is_held_is_not_on_the_network_of_the_balancer() -> None:
    api: Any = Api()
    clone.create(api, INSPECTED, 4, {}, without="harness-r_front")
    assert api.said[0][1]["HostConfig"]["NetworkMode"] == "harness-r_back" and len(api.said) == 1


def test_a_replica_is_asked_where_it_cannot_be_cut_off() -> None:
    assert clone.address(INSPECTED, "harness-r_front") == "172.19.0.2"
    assert clone.address(INSPECTED, "harness-r_back") == "172.18.0.2"
    only = {**INSPECTED, "NetworkSettings": {"Networks": {"front": {"IPAddress": "172.18.0.9"}}}}
    assert clone.address(only, "front") == "172.18.0.9"
