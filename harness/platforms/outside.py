"""The ledger of the process platform: how the outside world is started and asked whether it is there."""

from __future__ import annotations

import sys
from pathlib import Path

import harness
from harness.platforms import asking
from harness.platforms.base import Deployment
from harness.platforms.ports import HOST

DIRECTORY = Path(harness.__file__).parent.parent
"""Where the command is run, so that the package is found however the harness was started."""


def command(deployment: Deployment, port: int) -> list[str]:
    """`python -m harness.ledger` with what the deployment says of the provider."""
    words = [sys.executable, "-m", "harness.ledger", "--host", HOST, "--port", str(port)]
    words += ["--record", str(deployment.ledger_record.absolute()), "--delay-ms", str(deployment.ledger_delay_ms)]
    words += [] if deployment.ledger_deduplicates else ["--no-deduplicate"]
    words += [] if deployment.ledger_fences else ["--no-fences"]
    words += ["--fail-every", str(deployment.ledger_fail_every)] if deployment.ledger_fail_every else []
    twice = deployment.ledger_answer_twice_every
    return words + (["--answer-twice-every", str(twice)] if twice else [])


def answers(port: int) -> bool:
    """Whether it serves."""
    return asking.get(port, "/health")[0] == 200
