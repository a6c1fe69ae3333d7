"""The last lines of a part's log, for error texts and reports."""

from __future__ import annotations

from pathlib import Path


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log, at most 16 KiB of them."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
