"""How a project that ran before the run was found, and back to that.

The first line of the file says what ran. Each later one says that a container is about to be told to end, or repeats
that with `sent`, whether it was: one that still drains runs, and yet must not be taken for one that stays, nor one that
was never told for one that drains.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import docker
from docker.errors import APIError, NotFound

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.common.lock import hold_target
from harness.platforms.docker import clone
from harness.platforms.docker.clone import Inspected
from harness.platforms.docker.engine import host, translated
from harness.platforms.docker.state import Entry, Up

_Noted: TypeAlias = dict[str, Any]

_BACK_S = 20.0
_LOOK_S = 0.1


def target_of(name: str) -> str:
    """Return what the project `name` of this engine is called as a target, which one run at a time may have."""
    return f"project {name} of the engine {host()}"


def note(found: list[Inspected], name: str, place: Path) -> None:
    """Note in a file how the project `name` was found: what runs of it."""
    noted = [
        {
            "id": each["Id"],
            "name": each["Name"].lstrip("/"),
            "networks": {
                network: clone.aliases(each, network, each["Name"].lstrip("/")) for network in clone.networks(each)
            },
        }
        for each in found
    ]
    with place.open("w", encoding="utf-8") as file:
        json.dump({"project": name, "containers": noted}, file)
        file.flush()
        os.fsync(file.fileno())


def note_ending(up: Up, entry: Entry, grace_s: float) -> None:
    """Note that a member is about to be told to end, and how long it may take. To be called before it is told.

    Of what the run has made nothing is noted, because that is removed.

    Raises:
        FaultNotSeen: It cannot be noted.
    """
    place = up.deployment.found
    if place is None or entry.is_of(up.deployment.run_id):
        return
    life = up.api.inspect_container(entry.container)["State"]["StartedAt"]
    note = {"ending": entry.container, "started": life, "grace_s": grace_s}

    def announced() -> None:
        try:
            _append(place, note)
        except OSError as error:
            text = f"{entry.name} is not told to end, for that cannot be noted in {place}: {error}"
            raise FaultNotSeen(text) from error

    up.actions.announce(entry.name, entry.container, announced, lambda was_sent: _note_sent(place, note, was_sent))


def _note_sent(place: Path, note: _Noted, was_sent: bool) -> None:
    """Confirm what `note_ending` noted, or take it back."""
    # Without it the container is told once more; what a fault came to must not depend on that.
    with suppress(OSError):
        _append(place, {**note, "sent": was_sent})


def _append(place: Path, line: _Noted) -> None:
    # Without O_CREAT: what has been brought back is its owner's, and nothing is to be noted of it.
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_APPEND), "w", encoding="utf-8") as file:
        # The line break comes first, for the line before may be torn.
        file.write(f"\n{json.dumps(line)}")
        file.flush()
        os.fsync(file.fileno())


def _noted(place: Path) -> tuple[str, list[_Noted], dict[str, _Noted]]:
    """Return the project, its containers, and by the id of a container how it was last told to end."""
    first, *more = place.read_text(encoding="utf-8").splitlines()
    noted, endings = json.loads(first), list[_Noted]()
    for line in more:
        # A torn line: what it was to say had not been done by then.
        with suppress(ValueError):
            each = json.loads(line)
            was_sent = each.pop("sent", None)
            if was_sent is None:
                endings.append(each)
            else:
                at = endings.index(each)
                endings[at : at + 1] = [{**each, "sent": True}] if was_sent else []
    return noted["project"], noted["containers"], {each["ending"]: each for each in endings}


def settle(api: docker.APIClient, place: Path) -> list[str]:
    """Bring back what was running when the project was found, and look again: thawed, on its networks, started.

    What had been told to end is seen to end before it is started: it is waited for within its grace, then killed. Where
    it is not known whether it was told, it is told first. What its owner has removed or replaced meanwhile is settled
    as well.

    After that the file goes: a target that was brought back once is its owner's, and no later recovery may undo what
    the owner does to it.

    Returns:
        What was done, one line each.

    Raises:
        EnvironmentFailure: Naming what is not as it was; or a run in progress has the target.
    """
    try:
        name, containers, endings = _noted(place)
    except (FileNotFoundError, ValueError, KeyError):
        # It broke off while it was written: nothing had been done by then.
        place.unlink(missing_ok=True)
        return []
    with hold_target(target_of(name)):
        done = _restored(api, containers, endings)
        place.unlink(missing_ok=True)
    return done


def _restored(api: docker.APIClient, noted: list[_Noted], endings: dict[str, _Noted]) -> list[str]:
    done: list[str] = []
    left: list[str] = []
    begun = time.monotonic()
    for each in noted:
        try:
            with translated(f"bringing {each['name']} back"):
                if each["id"] in endings:
                    done += list(_ended(api, each, endings[each["id"]], begun))
                done += list(_back(api, each))
        except EnvironmentFailure as error:
            if isinstance(error.__cause__, NotFound):
                done.append(f"{each['name']} is not there any more: somebody removed or replaced it")
            else:
                left.append(str(error))
    if left:
        raise EnvironmentFailure(f"not all is as it was found: {'; '.join(left)}. Start it again by hand")
    return done


def _ended(api: docker.APIClient, noted: _Noted, ending: _Noted, begun: float) -> Iterator[str]:
    """End the life that was told to end, and no other: one that was begun since is what is wanted."""
    container, name = noted["id"], noted["name"]

    def lives() -> bool:
        state = api.inspect_container(container)["State"]
        return bool(state["Running"]) and state["StartedAt"] == ending["started"]

    if not lives():
        return
    # A frozen one hears nothing until it is thawed.
    yield from _thawed(api, noted)
    # Not one that was told: many take a second signal for an order to end at once.
    if not ending.get("sent") and ending["grace_s"] > 0:
        signal = api.inspect_container(container)["Config"].get("StopSignal") or "SIGTERM"
        # It may have ended this moment: then the engine has nothing to tell.
        with suppress(APIError):
            api.kill(container, signal)
        begun = time.monotonic()
        yield f"told {name} to end by {signal}, as the run was about to"
    until = begun + ending["grace_s"]
    while lives():
        if time.monotonic() > until + _BACK_S:
            raise EnvironmentFailure(f"{name} was told to end, and cannot be ended")
        if time.monotonic() > until:
            # It may have ended this moment: then the engine has nothing to kill.
            with suppress(APIError):
                api.kill(container, "SIGKILL")
        time.sleep(_LOOK_S)
    yield f"saw {name} end, as it had been told to"


def _thawed(api: docker.APIClient, noted: _Noted) -> Iterator[str]:
    if api.inspect_container(noted["id"])["State"]["Paused"]:
        api.unpause(noted["id"])
        yield f"thawed {noted['name']}"


def _back(api: docker.APIClient, noted: _Noted) -> Iterator[str]:
    container, name = noted["id"], noted["name"]
    yield from _thawed(api, noted)
    now = api.inspect_container(container)
    for network, aliases in noted["networks"].items():
        if network not in clone.networks(now):
            api.connect_container_to_network(container, network, aliases=aliases)
            yield f"put {name} back on the network {network}"
    if not now["State"]["Running"]:
        api.start(container)
        yield f"started {name} again"
    until = time.monotonic() + _BACK_S
    while not _is_back(api, noted):
        if time.monotonic() > until:
            raise EnvironmentFailure(f"{name} does not run again: see `docker logs {name}`")
        time.sleep(_LOOK_S)


def _is_back(api: docker.APIClient, noted: _Noted) -> bool:
    now = api.inspect_container(noted["id"])
    health = (now["State"].get("Health") or {}).get("Status", "healthy")
    is_running = now["State"]["Running"] and not now["State"]["Paused"] and health != "starting"
    return bool(is_running) and set(noted["networks"]) <= set(clone.networks(now))
