"""Whether a scenario can be run on a platform at all, asked before anything is begun: a refusal costs nothing."""

from __future__ import annotations

from collections.abc import Collection

from harness.contract.model import Contract
from harness.errors import UsageError
from harness.faults.base import Fault
from harness.platforms.base import Platform
from harness.scenario import LoadedScenario

_SECTION = {"process": "replica", "docker": "compose", "kubernetes": "kubernetes"}


def require_fit(loaded: LoadedScenario, platform: Platform, also: Collection[str] = ()) -> None:
    """`also` names capabilities that the run needs whatever the scenario says.

    Raises:
        UsageError: with one line for everything that the platform, or the contract's part for it, lacks.
    """
    problems = not_startable(loaded.contract, platform.name)
    problems += [
        f"the run needs `{name}`, which the platform {platform.name} does not declare"
        for name in sorted(set(also) - platform.capabilities)
    ]
    for index, fault in enumerate(loaded.faults):
        problems += [f"faults.{index} ({fault.kind}): {why}" for why in _lacking(fault, loaded.contract, platform)]
    if problems:
        message = f"{loaded.path}: cannot be run on the platform {platform.name}; nothing was started:"
        raise UsageError(message, problems)


def not_startable(contract: Contract, platform: str) -> list[str]:
    """Why the contract does not say how to start the service on a platform; empty when it does."""
    if platform in contract.start.platforms:
        return []
    others = ", ".join(contract.start.platforms)
    return [
        f"the contract of {contract.service} does not say how to start it on {platform}: add"
        f" `start.{_SECTION.get(platform, platform)}`, or choose --platform {others}"
    ]


def _lacking(fault: Fault, contract: Contract, platform: Platform) -> list[str]:
    found = []
    if fault.needs is not None and fault.needs not in platform.capabilities:
        found.append(f"the platform {platform.name} cannot {fault.needs}: take the fault out, or choose another one")
    if fault.role == "worker" and not contract.start.has_workers(platform.name):
        found.append(f"the contract starts no worker on {platform.name}: name one, or take the fault out")
    return found
