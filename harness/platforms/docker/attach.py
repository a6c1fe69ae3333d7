"""A Compose project that ran before the run: taken as it is, and brought back to how it was found.

What the run adds to it carries the run's label and goes; what was there before is never removed. How it was found is
on disk before anything is done to it, so that whoever finds the run dead can bring it back (`docker_found`).
"""

from __future__ import annotations

import copy
import time
from contextlib import ExitStack, suppress

import docker

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure
from harness.platforms.base import Deployment, Role
from harness.platforms.common.lock import here, hold_name, hold_target
from harness.platforms.common.ports import HOST, Ports
from harness.platforms.docker import clone, found_state, log_files
from harness.platforms.docker.actions import ContainerActions
from harness.platforms.docker.clone import Inspected
from harness.platforms.docker.engine import LABEL, PLACE, connect, remove, translated
from harness.platforms.docker.event_watch import Watch
from harness.platforms.docker.readiness import ReadinessProbe
from harness.platforms.docker.state import Up

PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"


def take(deployment: Deployment, compose: Compose, name: str) -> Up:
    """Return the members and parts of the running project `name`. Nothing of the project is changed.

    Raises:
        EnvironmentFailure: The project is not there, or is not as the contract and the scenario say.
    """
    api = connect()
    with ExitStack() as locks:
        locks.enter_context(hold_name(deployment.run_id))
        locks.enter_context(hold_target(found_state.target_of(name), is_first=True))
        with translated(f"looking for the project {name}"):
            found = [each for each in _containers(api, name) if LABEL not in each["Config"]["Labels"]]
        _complain(found, deployment, compose, name)
        port, front = _published(found, compose, name), _front(found, compose, name)
        watch = Watch(api, f"{PROJECT}={name}", time.time() - 1)
        locks.callback(watch.close)
        probe, actions = ReadinessProbe(deployment, port), ContainerActions(api, watch, front)
        up = Up(deployment, compose, api, locks, Ports(), port, front, watch, probe, actions)
        with translated(f"looking at the project {name}"):
            _fill(up, found)
        # Last, for then nothing has been done yet, and from then on all of it is brought back.
        if deployment.found is not None:
            found_state.note(found, name, deployment.found)
        up.locks = locks.pop_all()
    return up


def _fill(up: Up, found: list[Inspected]) -> None:
    deployment, compose = up.deployment, up.compose
    roles: dict[str, Role] = {compose.replica: "replica", **({compose.worker: "worker"} if compose.worker else {})}
    for each in found:
        service, number = _of(each)
        if service in roles:
            up.members.number_from(roles[service], number)
            entry = up.new(roles[service])
            up.began(entry, each["Id"])
            up.templates.setdefault(entry.role, _template(each, deployment.run_id))
        else:
            up.parts[each["Id"]] = service
    log_files.check_ledger(up.api, compose, up.parts)


def _containers(api: docker.APIClient, name: str) -> list[Inspected]:
    found = api.containers(filters={"label": f"{PROJECT}={name}"})
    return sorted((api.inspect_container(each["Id"]) for each in found), key=_of)


def _of(inspected: Inspected) -> tuple[str, int]:
    labels = inspected["Config"]["Labels"]
    return str(labels.get(_SERVICE, "")), int(labels.get(_NUMBER) or 1)


def _template(inspected: Inspected, run_id: str) -> Inspected:
    """Return what further members are made like: they carry the run's label, and the engine does not restart them."""
    made = copy.deepcopy(inspected)
    made["Config"]["Labels"] |= {LABEL: run_id, PLACE: here()}
    made["HostConfig"]["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    return made


def _complain(found: list[Inspected], deployment: Deployment, compose: Compose, name: str) -> None:
    if not found:
        raise EnvironmentFailure(
            f"there is no running Compose project {name!r} on this engine (`docker compose ls`): start it, or take"
            " `attach` out of the contract to have one made for the run"
        )
    running = [_of(each)[0] for each in found]
    wanted = {compose.replica: deployment.replicas}
    wanted |= {compose.worker: deployment.workers} if compose.worker else {}
    for service, count in wanted.items():
        if running.count(service) != count:
            raise EnvironmentFailure(
                f"project {name} runs {running.count(service)} of service {service}, the scenario declares {count}:"
                f" set its target, or `docker compose -p {name} up --scale {service}={count}`"
            )
    frozen = [each["Name"].lstrip("/") for each in found if each["State"]["Paused"]]
    if frozen:
        raise EnvironmentFailure(f"project {name}: {', '.join(frozen)} is paused: `docker unpause` it first")


def _published(found: list[Inspected], compose: Compose, name: str) -> int:
    for each in found:
        if _of(each)[0] == compose.balancer:
            ports = each["NetworkSettings"]["Ports"].get(f"{compose.balancer_port}/tcp") or []
            near = [int(port["HostPort"]) for port in ports if port["HostIp"] in (HOST, "0.0.0.0")]
            if near:
                return near[0]
    raise EnvironmentFailure(
        f"project {name} publishes no port {compose.balancer_port} of service {compose.balancer} on {HOST}: publish it"
        f' (`ports: ["{HOST}:PORT:{compose.balancer_port}"]`), or correct start.compose.balancer_port'
    )


def _front(found: list[Inspected], compose: Compose, name: str) -> str | None:
    if compose.front is None:
        return None
    replica = next(each for each in found if _of(each)[0] == compose.replica)
    for network in (f"{name}_{compose.front}", compose.front):
        if network in clone.networks(replica):
            return network
    raise EnvironmentFailure(f"project {name}: {compose.replica} is on no network {compose.front!r}: correct `front`")


def leave(up: Up, names: dict[str, str]) -> None:
    """Keep the logs and the ledger's record, bring the project back, then remove what the run added.

    Raises:
        EnvironmentFailure: Naming what is still there, or is not as it was.
    """
    # A stop that still waits would kill what has been brought back meanwhile.
    up.actions.close()
    failed: list[str] = []
    for container, name in names.items():
        with suppress(EnvironmentFailure), translated(f"keeping the log of {name}"):
            log_files.save_log(up.api, container, up.deployment.logs / f"{name}.log")
    for container, service in up.parts.items():
        if service == up.compose.ledger:
            failed += log_files.save_record(up.api, container, up.deployment.ledger_record)
    for step in (_restoring, lambda up: remove(up.api, up.deployment.run_id)):
        try:
            step(up)
        except EnvironmentFailure as error:
            failed.append(str(error))
    if failed:
        raise EnvironmentFailure("; ".join(failed))


def _restoring(up: Up) -> None:
    if up.deployment.found is not None:
        found_state.settle(up.api, up.deployment.found)
