"""A Compose file made ready for one run.

The file is resolved by Compose itself, then changed, then handed back on standard input: nothing is written to disk,
and the variables that the run adds (its secrets) neither.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Collection

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure, UsageError
from harness.platforms.base import Deployment
from harness.platforms.common import ledger_program
from harness.platforms.common.compose_command import Model
from harness.platforms.common.lock import here
from harness.platforms.common.ports import HOST
from harness.platforms.docker.engine import LABEL, PLACE


def prepared(model: Model, compose: Compose, deployment: Deployment, port: int) -> Model:
    """Return the model for one run: labelled, with its variables, reachable at one port of 127.0.0.1 only.

    Fixed names and all other published ports go, or two runs could not stand side by side. Replicas and workers are
    replaced by the harness, not by the engine.

    Raises:
        EnvironmentFailure: The file lacks what the contract names.
        UsageError: The file uses what the harness does not create and is not allowed to break.
    """
    made = copy.deepcopy(model)
    services = made.get("services") or {}
    _complain(made, compose)
    _require_own(made, compose, deployment.allowed)
    label = {LABEL: deployment.run_id, PLACE: here()}
    for name, service in services.items():
        service["labels"] = {**(service.get("labels") or {}), **label}
        for part in ("container_name", "ports"):
            service.pop(part, None)
        if service.get("build") and not service.get("image"):
            # Compose would name it after the project, and each run would leave an image of its own.
            place = hashlib.sha256(json.dumps([name, service["build"]], sort_keys=True).encode()).hexdigest()
            service["image"] = f"harness-built-{place[:12]}:latest"
    services[compose.balancer]["ports"] = [
        {"mode": "ingress", "host_ip": HOST, "target": compose.balancer_port, "published": str(port), "protocol": "tcp"}
    ]
    wanted = {compose.replica: deployment.environment.get("replica", {})}
    if compose.worker:
        wanted[compose.worker] = deployment.environment.get("worker", {})
    for name, environment in wanted.items():
        services[name].update(restart="no")
        _add(services[name], dict(environment))
    if compose.ledger:
        _add(services[compose.ledger], ledger_program.environment(deployment))
    for kind in ("networks", "volumes"):
        for name, thing in (made.get(kind) or {}).items():
            made[kind][name] = thing = thing or {}
            if not thing.get("external"):
                thing.pop("name", None)
                thing["labels"] = {**(thing.get("labels") or {}), **label}
    return made


def _add(service: Model, environment: dict[str, str]) -> None:
    # Compose would take a dollar for the beginning of a variable.
    added = {name: value.replace("$", "$$") for name, value in environment.items()}
    service["environment"] = {**(service.get("environment") or {}), **added}


def _complain(model: Model, compose: Compose) -> None:
    services = model.get("services") or {}
    parts = {"replica": compose.replica, "worker": compose.worker, "balancer": compose.balancer}
    for part, name in {**parts, "ledger": compose.ledger}.items():
        if name and name not in services:
            raise EnvironmentFailure(
                f"{compose.file} has no service {name!r}, which the contract names as its {part}; it has"
                f" {', '.join(sorted(services)) or 'none'}. Correct start.compose.{part}"
            )
    replica = services[compose.replica]
    if replica.get("network_mode"):
        raise EnvironmentFailure(
            f"{compose.file}: service {compose.replica} has network_mode {replica['network_mode']}: each replica needs"
            " an address of its own. Put it on a network"
        )
    if compose.front and compose.front not in (replica.get("networks") or {}):
        raise EnvironmentFailure(
            f"{compose.file}: service {compose.replica} is not on the network {compose.front!r}, which the contract"
            f" names as front; it is on {', '.join(replica.get('networks') or {}) or 'none'}. Correct"
            " start.compose.front"
        )


def _require_own(model: Model, compose: Compose, allowed: Collection[str]) -> None:
    """Refuse what is external: others use it too, so the run would write to their data, and answer their requests.

    Raises:
        UsageError: Something is external, and not allowed by name.
    """
    harm = {
        "networks": "there the run's services have the names of others, and take their requests",
        "volumes": "what is on it would be written to under load",
    }
    problems = []
    for kind, why in harm.items():
        for key, thing in (model.get(kind) or {}).items():
            name = (thing or {}).get("name") or key
            if (thing or {}).get("external") and name not in allowed:
                problems.append(
                    f"{kind}.{key} is external ({name}), and {why}: say --allow-target {name} if that is meant, or"
                    " take `external` out, so that each run has one of its own"
                )
    if problems:
        raise UsageError(f"{compose.file} uses what the harness did not create; nothing was started:", problems)
