"""Takes secrets out of the logs of a run folder: a service may print what it should not, and reports travel."""

from __future__ import annotations

import re
from pathlib import Path

from harness.contract.launch import secret
from harness.contract.model import Contract, placeholders
from harness.rundir import write_whole

TOKEN = re.compile(
    rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*"
    rb"|(?i:(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    rb"|(?i:(?:password|passwd|secret|api[_-]?key|(?:access|refresh)_token)[\"'\\]*\s*[=:]\s*[\"'\\]*)[^\s\"'\\,;&]{4,}"
)


def scrub_logs(folder: Path, contract: Contract, master: bytes) -> int:
    """Mask tokens, bearer headers, named passwords and the run's own secrets in `folder/*.log`; files changed."""
    own = [
        secret(master, name.removeprefix("secret:")).encode()
        for name in placeholders(contract.model_dump())
        if name.startswith("secret:")
    ]
    changed = 0
    for path in sorted(folder.glob("*.log")):
        before = path.read_bytes()
        after = TOKEN.sub(b"[masked]", before)
        for value in own:
            after = after.replace(value, b"[masked]")
        if after != before:
            write_whole(path, after)
            changed += 1
    return changed
