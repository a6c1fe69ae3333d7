"""From a contract's `start` to the command and environment of one replica or worker."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from harness.contract.model import Contract
from harness.placeholders import PLACEHOLDER, fill


def command(contract: Contract, role: str, values: Mapping[str, str], master: bytes) -> list[str]:
    """The command of a `replica` or `worker` on the platform `process`."""
    program = contract.start.worker if role == "worker" else contract.start.replica
    if program is None:
        raise ValueError(f"the contract of {contract.service} starts no {role}")
    known = {"python": sys.executable, **values}
    return [fill(part, known, master) for part in program.command]


FILLED_EVERYWHERE = frozenset({"python", "run"})
"""Placeholders that have a value on every platform, beside {secret:NAME}; the others have one on `process` alone."""


def variables(
    contract: Contract, platform: str, role: str, values: Mapping[str, str], master: bytes, extra: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a `replica` or `worker` on a platform.

    `values` fill {host}, {port}, {name}, {run}, {store_url}, {ledger_url}, as far as the platform gives them; a
    variable that is nothing but a placeholder without a value ({port} of a worker) is left out. `extra` (the
    scenario's environment, a defect) wins.
    """
    known = {"python": sys.executable, **values}
    filled = {name: fill(text, known, master) for name, text in contract.start.environment_of(platform, role).items()}
    return {**{name: text for name, text in filled.items() if not PLACEHOLDER.fullmatch(text)}, **extra}
