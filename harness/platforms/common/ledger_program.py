"""The ledger, the outside world of a run: how it is started, and asked whether it is there."""

from __future__ import annotations

import sys
from pathlib import Path

import harness
from harness.platforms.base import Deployment
from harness.platforms.common import http_probe
from harness.platforms.common.ports import HOST

DIRECTORY = Path(harness.__file__).parent.parent
"""Where the command is run, so that the package is found however the harness was started."""


def command(deployment: Deployment, port: int) -> list[str]:
    """Return the command that starts a ledger which is as the deployment says."""
    words = [sys.executable, "-m", "harness.doubles.ledger", "--host", HOST, "--port", str(port)]
    words += ["--record", str(deployment.ledger_record.absolute()), "--delay-ms", str(deployment.ledger_delay_ms)]
    words += [] if deployment.ledger_deduplicates else ["--no-deduplicate"]
    words += [] if deployment.ledger_fences else ["--no-fences"]
    words += ["--fail-every", str(deployment.ledger_fail_every)] if deployment.ledger_fail_every else []
    twice = deployment.ledger_answer_twice_every
    return words + (["--answer-twice-every", str(twice)] if twice else [])


def environment(deployment: Deployment) -> dict[str, str]:
    """Return the same as variables, for a ledger in a container whose image sets host, port and record."""
    return {
        "LEDGER_DELAY_MS": str(deployment.ledger_delay_ms),
        "LEDGER_NO_DEDUPLICATE": str(int(not deployment.ledger_deduplicates)),
        "LEDGER_NO_FENCES": str(int(not deployment.ledger_fences)),
        "LEDGER_FAIL_EVERY": str(deployment.ledger_fail_every),
        "LEDGER_ANSWER_TWICE_EVERY": str(deployment.ledger_answer_twice_every),
    }


def answers(port: int) -> bool:
    """Say whether the ledger serves."""
    return http_probe.get(port, "/health")[0] == 200
