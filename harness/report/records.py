"""Reads the files of a run folder without trusting them: a field of a wrong type counts as absent, and never raises."""

from __future__ import annotations

import json
import math
from pathlib import Path

from harness.errors import UsageError
from harness.report.text import clean
from harness.rundir.files import RESULTS

Record = dict[str, object]

SCHEMA = 1
"""The version of `results.json` that this report can read."""


def read_results(folder: Path) -> Record:
    """Return the content of `results.json`.

    Raises:
        UsageError: The file is missing, cannot be read, or is of another version; the message names the remedy.
    """
    path = folder / RESULTS
    remedy = f"write it anew with: harness check {folder}"
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a run folder; name one under reports/<scenario>/")
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
    """Return the content of a text file with every invisible character made visible; a missing file is empty."""
    try:
        return "\n".join(clean(line) for line in path.read_text("utf-8", "replace").splitlines())
    except OSError:
        return ""


def text(record: Record, key: str, default: str = "") -> str:
    """Return a field as visible text; a number is written as it stands.

    Args:
        record: The object that has the field.
        key: The name of the field.
        default: What is returned when the field is absent or empty.
    """
    value = record.get(key)
    if value is None or (isinstance(value, str) and not value):
        return default
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else clean(value)


def real(record: Record, key: str) -> float | None:
    """Return a field that is a finite number; None for anything else."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def whole(record: Record, key: str, default: int = 0) -> int:
    """Return a field that is a number, without its fraction; the default for anything else."""
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = real(record, key)
    return default if number is None else int(number)


def moment(record: Record, key: str = "at") -> int | None:
    """Return a field that is a time in nanoseconds; None for anything else."""
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 62:
        return None
    return value


def flag(record: Record, key: str) -> bool | None:
    """Return a field that is true or false; None for anything else."""
    value = record.get(key)
    return value if isinstance(value, bool) else None


def record(record: Record, key: str) -> Record:
    """Return a field that is an object; an empty object for anything else."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def records(record: Record, key: str) -> list[Record]:
    """Return the objects in a field that is a list; what else stands in the list is left out."""
    value = record.get(key)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def texts(record: Record, key: str) -> list[str]:
    """Return the parts of a field that is a list, each as visible text."""
    value = record.get(key)
    return [clean(part) for part in value] if isinstance(value, list) else []


def pairs(record: Record, key: str) -> list[tuple[str, str]]:
    """Return the members of a field that is an object, in the order of the file.

    Returns:
        Pairs of the name in words and the value as visible text.
    """
    value = record.get(key)
    if not isinstance(value, dict):
        return []
    return [(clean(name.replace("_", " ")), clean(part)) for name, part in value.items()]
