"""What was done: one JSON line a finished repetition, and the revision of the code that it says something about."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

UNCOMMITTED = "+uncommitted"


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
    """The commit of the checkout; marked, and thus never resumed, when files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    return git("rev-parse", "HEAD") + (UNCOMMITTED if git("status", "--porcelain") else "")


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
    """The last finding of each key at this revision; none when its files are not committed."""
    if wanted.endswith(UNCOMMITTED):
        return {}
    return {finding.key: finding for finding in findings if finding.revision == wanted}
