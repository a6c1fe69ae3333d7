"""The Docker engine of this machine: reaching it, what of it belongs to a run, and removing that.

Everything of a run carries its id as a label, so that it is found without the run's folder. Beside the platform
`docker` and the builder of images nothing imports the SDK.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.utils import kwargs_from_env

from harness.errors import EnvironmentFailure
from harness.platforms.base import Standing
from harness.platforms.common.lock import here, is_of_this_boot

LABEL = "stateless-harness.run"
"""Label of every container, network and volume of a run; its value is the run's id."""
PLACE = "stateless-harness.place"
"""Label of the same; its value is where the harness ran (`harness.platforms.common.lock.here`)."""

_TIMEOUT_S = 30
_THREADS = 8
_ROUNDS = 20
_AGAIN_S = 0.25
_STAT = Path("/proc/stat")
GONE = "the engine may have ended: see `docker info`, start it again, then `harness recover`"


def host() -> str:
    """Return the address of the engine: DOCKER_HOST, else the one of the chosen docker context.

    Raises:
        EnvironmentFailure: The engine is on another machine, where containers' addresses cannot be reached from here.
    """
    chosen = os.environ.get("DOCKER_HOST")
    if not chosen:
        with suppress(Exception):
            context = docker.ContextAPI.get_current_context()
            chosen = context.Host if context else None
    found = str(chosen or "unix:///var/run/docker.sock")
    parts = urlsplit(found)
    if parts.scheme == "unix" or parts.hostname in ("localhost", "127.0.0.1"):
        return found
    raise EnvironmentFailure(
        f"the Docker engine {found} is on another machine: replicas are asked at the addresses of their containers,"
        " which only its own machine reaches. Run the harness there, or unset DOCKER_HOST"
    )


def _look_at_socket(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "unix":
        return
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        try:
            sock.connect(parts.path)
        except FileNotFoundError as error:
            raise EnvironmentFailure(
                f"no Docker engine on this machine: {parts.path} does not exist. Install Docker Engine and start it"
                " (`systemctl start docker`), set DOCKER_HOST to the socket of another one, or use --platform process"
            ) from error
        except PermissionError as error:
            raise EnvironmentFailure(
                f"no permission on the Docker engine's socket {parts.path}: add yourself to the group that owns it"
                " (`sudo usermod -aG docker $USER`, then log in again), use a rootless engine, or --platform process"
            ) from error
        except OSError as error:
            raise EnvironmentFailure(
                f"the Docker engine does not answer on {parts.path} ({error}): start it (`systemctl start docker`),"
                " or use --platform process"
            ) from error


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what the SDK raises into an `EnvironmentFailure` that says `what` was tried."""
    try:
        yield
    except APIError as error:
        raise EnvironmentFailure(f"{what}: the Docker engine says: {error.explanation or error}") from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise EnvironmentFailure(
            f"{what}: the Docker engine does not answer ({type(error).__name__}); {GONE}"
        ) from error


def connect() -> docker.APIClient:
    """Return a client that may be used from several threads.

    Raises:
        EnvironmentFailure: Saying what is missing.
    """
    address = host()
    _look_at_socket(address)
    try:
        given = kwargs_from_env() if os.environ.get("DOCKER_HOST") else {"base_url": address}
        return docker.APIClient(version="auto", timeout=_TIMEOUT_S, max_pool_size=32, **given)
    except (DockerException, requests.RequestException) as error:
        raise EnvironmentFailure(
            f"the Docker engine at {address} does not answer as one: {error}. See `docker version`"
        ) from error


@dataclass(frozen=True)
class Thing:
    """A container, network or volume of a run."""

    kind: str
    id: str
    name: str
    run: str
    state: str = ""
    place: str = ""
    made_s: float = math.inf

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" ({self.state})" if self.state else "")


def things(api: docker.APIClient, run_id: str | None = None) -> list[Thing]:
    """Return what is there of the run, or of all runs: containers first, then networks, then volumes.

    Raises:
        EnvironmentFailure: The engine does not answer.
    """
    wanted = {"label": LABEL if run_id is None else f"{LABEL}={run_id}"}
    with translated("looking for what is there of a run"):
        containers = api.containers(all=True, filters=wanted)
        networks = api.networks(filters=wanted)
        volumes = api.volumes(filters=wanted)["Volumes"] or []
    found = [
        _thing("container", each, each["Id"], each["Names"][0].lstrip("/"), each["State"])
        for each in containers
        if each.get("Names")
    ]
    found += [_thing("network", each, each["Id"], each["Name"]) for each in networks]
    found += [_thing("volume", each, each["Name"], each["Name"]) for each in volumes]
    return sorted(found, key=lambda thing: (thing.kind, thing.name))


def _thing(kind: str, told: Mapping[str, Any], name: str, shown: str, state: str = "") -> Thing:
    made, labels = told.get("Created") or told.get("CreatedAt"), told["Labels"]
    made_s = math.inf
    with suppress(ValueError, TypeError):
        made_s = float(made) if isinstance(made, int) else datetime.fromisoformat(str(made)).timestamp()
    return Thing(kind, name, shown, labels[LABEL], state, labels.get(PLACE, ""), made_s)


def standing(found: Iterable[Thing], booted_s: float) -> dict[str, Standing]:
    """Return the runs that these things are of, as `Platform.runs` does.

    The engine is of this machine, so what bears another boot's id and is older than this boot was left by a harness
    that died with the machine.

    Args:
        found: Things of runs.
        booted_s: When this machine was started, in seconds since the epoch.
    """
    seen: dict[str, Standing] = {}
    for thing in found:
        is_dead = thing.place == here() or (not is_of_this_boot(thing.place) and thing.made_s < booted_s)
        if is_dead:
            seen.setdefault(thing.run, False)
        else:
            seen[thing.run] = _left_alone(thing.run, thing.place or "which it does not say")
    return seen


def _left_alone(run_id: str, place: str) -> str:
    mine = f"label={LABEL}={run_id}"
    return (
        f"it belongs to another host or container ({place}): only there it can be told whether it is in progress, by"
        f" `harness recover`. If it is dead: `docker ps -aqf {mine} | xargs -r docker rm -fv; docker network ls -qf"
        f" {mine} | xargs -r docker network rm; docker volume ls -qf {mine} | xargs -r docker volume rm`"
    )


def booted_s() -> float:
    """Return when this machine was started, in seconds since the epoch."""
    for line in _STAT.read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return -math.inf


def remove(api: docker.APIClient, run_id: str, settle_s: float = 0.0) -> list[str]:
    """Remove all of the run and look again; return what was removed, one line each.

    Args:
        api: The engine.
        run_id: The run.
        settle_s: How long nothing new must appear, for an order that was on its way when its sender died.

    Raises:
        EnvironmentFailure: Naming what stays, and why.
    """
    removed: list[str] = []
    reasons: dict[str, str] = {}
    quiet_since = time.monotonic()
    for _ in range(_ROUNDS):
        found = things(api, run_id)
        if not found and time.monotonic() - quiet_since >= settle_s:
            return removed
        if found:
            reasons = _remove_once(api, found)
            removed += [f"removed {thing}" for thing in found if thing.id not in reasons]
            quiet_since = time.monotonic()
        # The engine may still be about something that it was told before: it says so, and is done soon.
        time.sleep(_AGAIN_S if reasons else settle_s / 2 if not found else 0)
    left = "; ".join(f"{thing} ({reasons.get(thing.id, 'it is still there')})" for thing in things(api, run_id))
    if left:
        raise EnvironmentFailure(f"run {run_id}: cannot be removed: {left}. Remove it by hand")
    return removed


def _remove_once(api: docker.APIClient, found: list[Thing]) -> dict[str, str]:
    """Remove these things, and return by id why one could not be removed. Networks and volumes go last."""
    removers: dict[str, Callable[[str], Any]] = {
        "container": lambda name: api.remove_container(name, v=True, force=True),
        "network": api.remove_network,
        "volume": lambda name: api.remove_volume(name, force=True),
    }
    reasons: dict[str, str] = {}

    def one(thing: Thing) -> None:
        try:
            with translated(f"removing {thing}"):
                removers[thing.kind](thing.id)
        except EnvironmentFailure as error:
            # Gone meanwhile is as good as removed.
            if not isinstance(error.__cause__, NotFound):
                reasons[thing.id] = str(error)

    with ThreadPoolExecutor(_THREADS, "remove") as pool:
        for kind in removers:
            list(pool.map(one, [thing for thing in found if thing.kind == kind]))
    return reasons
