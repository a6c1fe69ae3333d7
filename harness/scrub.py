"""Takes secrets out of the logs of a run folder: a service may print what it should not, and reports travel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.contract.launch import secret
from harness.contract.model import Contract, placeholders
from harness.rundir import write_whole

TOKEN = re.compile(
    rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*"
    rb"|(?i:(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    rb"|(?i:(?:password|passwd|secret|api[_-]?key|(?:access|refresh)_token)[\"'\\]*\s*[=:]\s*[\"'\\]*)[^\s\"'\\,;&]{4,}"
)
MASK = b"[masked]"
SHORTEST = 6
"""Characters; a shorter secret could not be told from an ordinary word."""

WORD = re.compile(rb"[A-Za-z0-9._~+/=-]{%d,}" % SHORTEST)
PART = re.compile(rb"[A-Za-z0-9_-]{%d,}" % SHORTEST)


def scrub_logs(folder: Path, contract: Contract, master: bytes, known: Iterable[str] = ()) -> int:
    """Mask tokens, bearer headers, named passwords and the run's own secrets in `folder/*.log`; files changed.

    `known` are the tokens and passwords that the run itself has seen: they are masked however they stand there.
    """
    own = [
        secret(master, name.removeprefix("secret:")).encode()
        for name in placeholders(contract.model_dump())
        if name.startswith("secret:")
    ]
    seen = {value.encode() for value in known if len(value) >= SHORTEST}
    mask = _masker(seen)
    # Few at most, for tokens are words; a replacement each is a pass over the log each.
    own += [value for value in seen if not WORD.fullmatch(value)]
    changed = 0
    for path in sorted(folder.glob("*.log")):
        before = path.read_bytes()
        after = before
        for value in own:
            after = after.replace(value, MASK)
        after = TOKEN.sub(MASK, WORD.sub(mask, after) if seen else after)
        if after != before:
            write_whole(path, after)
            changed += 1
    return changed


def scrub_patterns(folder: Path) -> int:
    """Mask what looks like a token or a named password in `folder/*.log`; files changed.

    For a run whose secrets died with it: less than `scrub_logs` can do.
    """
    changed = 0
    for path in sorted(folder.glob("*.log")):
        before = path.read_bytes()
        after = TOKEN.sub(MASK, before)
        if after != before:
            write_whole(path, after)
            changed += 1
    return changed


def _masker(known: set[bytes]) -> Callable[[re.Match[bytes]], bytes]:
    """Masks a word that is a known secret, or the parts of it that are: one pass, however many are known."""

    def part(match: re.Match[bytes]) -> bytes:
        return MASK if match[0] in known else match[0]

    def word(match: re.Match[bytes]) -> bytes:
        return MASK if match[0] in known else PART.sub(part, match[0])

    return word
