"""The end of a log file, for error texts."""

from __future__ import annotations

from pathlib import Path

_LONGEST_BYTES = 16_384


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log, at most 16 KiB of them; empty when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LONGEST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
