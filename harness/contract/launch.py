"""Turn the `start` of a contract into the command and environment of one replica or worker."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from harness.contract.model import Contract
from harness.placeholders import PLACEHOLDER, fill


def command(contract: Contract, role: str, values: Mapping[str, str], master: bytes) -> list[str]:
    """Return the command of a replica or worker, for a service that commands start.

    Args:
        contract: the contract of the service.
        role: `replica` or `worker`.
        values: what the placeholders of the command stand for.
        master: the secret of the run.

    Raises:
        ValueError: the contract has no command for that role.
    """
    program = contract.start.worker if role == "worker" else contract.start.replica
    if program is None:
        raise ValueError(f"the contract of {contract.service} starts no {role}")
    known = {"python": sys.executable, **values}
    return [fill(part, known, master) for part in program.command]


FILLED_EVERYWHERE = frozenset({"python", "run"})
"""Placeholders that have a value on every platform, as {secret:NAME} has; others have a value on `process` alone."""


def variables(
    contract: Contract, section: str, role: str, values: Mapping[str, str], master: bytes, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a replica or worker.

    Args:
        contract: the contract of the service.
        section: the key of `start` that says how the service is started here.
        role: `replica` or `worker`.
        values: what {host}, {port}, {name}, {run}, {store_url} and {ledger_url} stand for, as far as that is known. A
            variable whose whole text is a placeholder without a value (such as {port} of a worker) is left out.
        master: the secret of the run.
        extra: more variables (the scenario's environment, a defect), which override those of the contract.
    """
    known = {"python": sys.executable, **values}
    filled = {name: fill(text, known, master) for name, text in contract.start.environment_of(section, role).items()}
    return {**{name: text for name, text in filled.items() if not PLACEHOLDER.fullmatch(text)}, **extra}
