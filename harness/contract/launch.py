"""From a contract's `start` to the command and environment of one replica or worker."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from harness.contract.model import Contract
from harness.placeholders import PLACEHOLDER, fill


def command(contract: Contract, role: str, values: Mapping[str, str], master: bytes) -> list[str]:
    """Return the command of a replica or worker that is started by one.

    Raises:
        ValueError: the contract starts no member of that role.
    """
    program = contract.start.worker if role == "worker" else contract.start.replica
    if program is None:
        raise ValueError(f"the contract of {contract.service} starts no {role}")
    known = {"python": sys.executable, **values}
    return [fill(part, known, master) for part in program.command]


FILLED_EVERYWHERE = frozenset({"python", "run"})
"""Placeholders that have a value on every platform, beside {secret:NAME}; the others have one on `process` alone."""


def variables(
    contract: Contract, section: str, role: str, values: Mapping[str, str], master: bytes, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a replica or worker.

    Args:
        contract: the contract of the service.
        section: the key of `start` that says how the service is started here.
        role: `replica` or `worker`.
        values: what {host}, {port}, {name}, {run}, {store_url} and {ledger_url} stand for, as far as that is known. A
            variable that is nothing but a placeholder without a value ({port} of a worker) is left out.
        master: the secret of the run.
        extra: more variables, which win (the scenario's environment, a defect).
    """
    known = {"python": sys.executable, **values}
    filled = {name: fill(text, known, master) for name, text in contract.start.environment_of(section, role).items()}
    return {**{name: text for name, text in filled.items() if not PLACEHOLDER.fullmatch(text)}, **extra}
