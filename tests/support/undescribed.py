"""What stands in a run folder and in no schema, so that nothing is added to a folder without a sentence about it."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from harness.rundir import files, journal_schema, lines
from harness.rundir.record_schema import COMMON, RECORDS


def undescribed(folder: Path) -> list[str]:
    """Files, events of records and their keys that no schema describes, one line each."""
    found: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if not any(fnmatch(name, file.name) for file in files.FILES):
            found.append(name)
        elif fnmatch(name, files.JOURNALS):
            found += _unknown(
                path, {event: {key.short for key in keys} for event, keys in journal_schema.EVENTS.items()}
            )
        elif name in RECORDS:
            found += _unknown(path, {event: {*COMMON, *keys} for event, keys in RECORDS[name].items()})
    return found


def _unknown(path: Path, known: dict[str, set[str]]) -> Iterable[str]:
    missing: dict[str, None] = {}
    for event in lines.events(path)[0]:
        kind = event["e"]
        if kind not in known:
            missing[f"{path.name}: event {kind}"] = None
        else:
            missing |= dict.fromkeys(f"{path.name}: {kind}: {key}" for key in event if key not in known[kind])
    return missing
