"""Takes secrets out of what an error text shows of a program: its command, and the last lines of its log.

Texts travel further than logs: into run.jsonl, results.json, a report, the output of a build server.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from harness.redact import MASK, SHORTEST, TOKEN

_MASK = MASK.decode()
_SECRET_NAME = re.compile(r"SECRET|PASSW|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
# What `{secret:NAME}` stands for in a contract, wherever it was put.
_HEX = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")


def mask_patterns(text: str) -> str:
    """`text` without what looks like a token, a named password or a secret of a run."""
    # Surrogates stand for bytes of file names that are no UTF-8.
    raw = _HEX.sub(_MASK, text).encode(errors="surrogateescape")
    return TOKEN.sub(MASK, raw).decode(errors="surrogateescape")


def mask_values(text: str, environment: Mapping[str, str]) -> str:
    """`mask_patterns`, and without the values of variables that are named like secrets.

    A value of fewer than six characters could not be told from an ordinary word, and stays.
    """
    secrets = {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST}
    # The longest first: one may be a part of another.
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, _MASK)
    return mask_patterns(text)


def shown_command(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """The command as one would type it, masked. Each word by itself first: quoting would hide a secret's form."""
    return mask_patterns(shlex.join(mask_values(word, environment) for word in command))
