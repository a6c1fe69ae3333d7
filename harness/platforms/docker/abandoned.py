"""What a dead run did to one container that it had made itself, undone from outside.

What ran before the run is brought back as a whole (`found_state`).
"""

from __future__ import annotations

import docker

from harness.errors import FaultNotSeen
from harness.platforms.docker import clone
from harness.platforms.docker.clone import Inspected
from harness.platforms.docker.engine import LABEL, things, translated

_SERVICE = "com.docker.compose.service"


def thaw(api: docker.APIClient, run_id: str, name: str, container: str) -> str:
    """Thaw a container of the run and return how that was seen. Raises `FaultNotSeen` if it is not seen to run."""
    now = _running(api, run_id, container)
    if now is None:
        return f"{name} is not there any more, or was not made by the run"
    with translated(f"thawing {name}"):
        if now["State"]["Paused"]:
            api.unpause(container)
        state = api.inspect_container(container)["State"]
    if state["Paused"]:
        raise FaultNotSeen(f"{name} does not run on: it is {state['Status']}")
    return f"{name} (container {container[:12]}) is running again"


def mend(api: docker.APIClient, run_id: str, name: str, container: str) -> str:
    """Put a container of the run on all networks of its like, and return how that was seen.

    Raises:
        FaultNotSeen: the container is not seen on one of these networks.
    """
    now = _running(api, run_id, container)
    if now is None:
        return f"{name} is not there any more, or was not made by the run"
    service = now["Config"]["Labels"].get(_SERVICE)
    others = [_running(api, run_id, thing.id) for thing in things(api, run_id) if thing.kind == "container"]
    like = [each for each in others if each and each["Config"]["Labels"].get(_SERVICE) == service]
    wanted = {network: each for each in like for network in clone.networks(each)}
    with translated(f"putting {name} back on its networks"):
        for network in sorted(set(wanted) - set(clone.networks(now))):
            names = clone.aliases(wanted[network], network, now["Name"].lstrip("/"))
            api.connect_container_to_network(container, network, aliases=names)
        found = set(clone.networks(api.inspect_container(container)))
    if not set(wanted) <= found:
        raise FaultNotSeen(f"{name} is not on the network {', '.join(sorted(set(wanted) - found))}")
    return f"{name} (container {container[:12]}) is on {', '.join(sorted(found))}"


def _running(api: docker.APIClient, run_id: str, container: str) -> Inspected | None:
    """Describe a running container that bears the label of the run; None when there is none. Its id is only a claim."""
    mine = {thing.id for thing in things(api, run_id) if thing.kind == "container"}
    if container not in mine:
        return None
    with translated(f"looking at container {container[:12]}"):
        found: Inspected = api.inspect_container(container)
    return found if found["State"]["Running"] and found["Config"]["Labels"].get(LABEL) == run_id else None
