"""Reading a run folder without trusting it: a field of a wrong type is as good as absent, never a traceback."""

from __future__ import annotations

import json
import math
from pathlib import Path

from harness.errors import UsageError
from harness.report.text import clean
from harness.rundir.files import RESULTS

Record = dict[str, object]

SCHEMA = 1
"""The version of results.json that this report can read."""


def read_results(folder: Path) -> Record:
    """results.json of a run folder. Raises UsageError when there is none, or none that can be read."""
    path = folder / RESULTS
    remedy = f"write it anew with: harness check {folder}"
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a run folder; name one below reports/")
    try:
        loaded: object = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: missing, the run was not judged yet; {remedy}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: not readable as JSON, perhaps cut short; {remedy}") from None
    except OSError as problem:
        raise UsageError(f"{path}: cannot be read ({problem.strerror}); {remedy}") from None
    if not isinstance(loaded, dict):
        raise UsageError(f"{path}: not a JSON object; {remedy}")
    if loaded.get("schema") != SCHEMA:
        raise UsageError(f"{path}: not of schema {SCHEMA}, which this version reads; {remedy}")
    return loaded


def read_text(path: Path) -> str:
    """A text file as visible text, line by line; no file is an empty one."""
    try:
        return "\n".join(clean(line) for line in path.read_text("utf-8", "replace").splitlines())
    except OSError:
        return ""


def text(record: Record, key: str, default: str = "") -> str:
    """A field as visible text; a number is shown as one."""
    value = record.get(key)
    if value is None or (isinstance(value, str) and not value):
        return default
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else clean(value)


def real(record: Record, key: str) -> float | None:
    """A field that is a finite number, or None."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def whole(record: Record, key: str, default: int = 0) -> int:
    """A field that is a number, cut to an integer, or the default."""
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = real(record, key)
    return default if number is None else int(number)


def moment(record: Record, key: str = "at") -> int | None:
    """A monotonic time in ns, or None."""
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 62:
        return None
    return value


def flag(record: Record, key: str) -> bool | None:
    """true, false, or None for anything else."""
    value = record.get(key)
    return value if isinstance(value, bool) else None


def record(record: Record, key: str) -> Record:
    """A field that is an object, or an empty one."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def records(record: Record, key: str) -> list[Record]:
    """The objects in a field that is a list."""
    value = record.get(key)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def texts(record: Record, key: str) -> list[str]:
    """The parts of a list as visible texts."""
    value = record.get(key)
    return [clean(part) for part in value] if isinstance(value, list) else []


def pairs(record: Record, key: str) -> list[tuple[str, str]]:
    """The fields of an object as (name in words, value) texts, in the file's order."""
    value = record.get(key)
    if not isinstance(value, dict):
        return []
    return [(clean(name.replace("_", " ")), clean(part)) for name, part in value.items()]
