"""One more container like those that Compose made, so that a member is begun without asking Compose.

Compose would start the dead ones again with it, and takes longer. What is made carries Compose's labels, and goes with
its project.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import docker

_NUMBER = "com.docker.compose.container-number"

Inspected = dict[str, Any]
"""A container as the engine describes it."""


def networks(inspected: Inspected) -> dict[str, Any]:
    """Return the networks of a container by name."""
    found: dict[str, Any] = inspected["NetworkSettings"]["Networks"]
    return found


def address(inspected: Inspected, front: str | None) -> str:
    """Return where a container can be asked: at another network than `front` if it has one, for it may leave that."""
    found = networks(inspected)
    for name in sorted(found, key=lambda name: name == front):
        if found[name].get("IPAddress"):
            return str(found[name]["IPAddress"])
    return ""


def aliases(inspected: Inspected, network: str, name: str) -> list[str]:
    """Return the names under which containers like this are found on a network, with `name` in place of its own."""
    own = {inspected["Name"].lstrip("/"), inspected["Id"][:12]}
    given = networks(inspected)[network].get("Aliases") or []
    return sorted({each for each in given if each not in own} | {name})


def recipe(inspected: Inspected, number: int, environment: Mapping[str, str]) -> tuple[str, Inspected]:
    """Return the name and the configuration of a container like this one, with these variables added."""
    config: Inspected = copy.deepcopy(inspected["Config"])
    # The engine made the host name of the id: the new one gets its own.
    if config.get("Hostname") == inspected["Id"][:12]:
        config.pop("Hostname")
    given = dict(each.partition("=")[::2] for each in config.get("Env") or [])
    config["Env"] = [f"{name}={value}" for name, value in {**given, **environment}.items()]
    config["Labels"] = {**config["Labels"], _NUMBER: str(number)}
    config["Image"] = inspected["Image"]
    config["HostConfig"] = copy.deepcopy(inspected["HostConfig"])
    return f"{inspected['Name'].lstrip('/').rpartition('-')[0]}-{number}", config


def create(
    api: docker.APIClient, inspected: Inspected, number: int, environment: Mapping[str, str], without: str | None
) -> str:
    """Create a container like this one, on the same networks but for `without`; return its id. It does not run yet."""
    name, config = recipe(inspected, number, environment)
    wanted = [network for network in networks(inspected) if network != without]
    first = wanted[0]
    config["HostConfig"]["NetworkMode"] = first
    endpoint = {"Aliases": aliases(inspected, first, name)}
    config["NetworkingConfig"] = {"EndpointsConfig": {first: endpoint}}
    made: str = api.create_container_from_config(config, name)["Id"]  # type: ignore[no-untyped-call]
    for network in wanted[1:]:
        api.connect_container_to_network(made, network, aliases=aliases(inspected, network, name))
    return made
