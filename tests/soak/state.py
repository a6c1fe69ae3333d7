"""What was done: one JSON line a finished repetition, and the revision of the code that it says something about."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

JUDGED = ("harness", "target_service", "scenarios", "requirements.lock")
"""Folders and files of a checkout on which the outcome of a run depends."""


@dataclass(frozen=True)
class Finding:
    """What came of one repetition. `why` is "" when it was `right`; `folder` is kept only when it was not."""

    key: str
    kind: str
    group: str
    revision: str
    right: bool
    why: str = ""
    verdict: str = ""
    exit_code: int | None = None
    by: list[str] = field(default_factory=list)
    seconds: float = 0.0
    folder: str = ""


def revision(root: Path) -> str:
    """Return the SHA-256, as hex digits, of all that a run is made of in the checkout at `root`.

    That is the content of every file of `JUDGED`, committed or not. Whatever else changes (tests, prose, the commit)
    leaves what was found true. Compiled and hidden files do not count.
    """
    found = hashlib.sha256()
    for path in sorted(path for place in JUDGED for path in _files(root / place)):
        name, content = str(path.relative_to(root)).encode(), path.read_bytes()
        # Lengths keep two files apart whose bytes could be taken for one.
        found.update(b"%d %d " % (len(name), len(content)) + name + content)
    return found.hexdigest()


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    inside = (path for path in place.rglob("*") if path.is_file())
    return [
        path
        for path in inside
        if not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(place).parts)
    ]


def read(path: Path) -> list[Finding]:
    """All findings of a state file; [] when there is none. A torn or foreign line is passed over."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(Finding(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def append(path: Path, finding: Finding) -> None:
    """Add one line, after a line end of its own where the last write was torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + json.dumps(asdict(finding), ensure_ascii=False) + "\n")


def of_revision(findings: list[Finding], wanted: str) -> dict[str, Finding]:
    """Return the last finding of each key at this revision."""
    return {finding.key: finding for finding in findings if finding.revision == wanted}
