"""The pages of the docs, and what stands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *ROOT.glob("*.md"),
        ROOT / "reports" / "README.md",
        ROOT / "target_service" / "PRODUCTION.md",
    ]
)
HAND_WRITTEN = [path for path in PAGES if path.parent != DOCS / "reference"]


@dataclass(frozen=True)
class Block:
    """One fenced block of a page. `line` is where its text begins, from 1."""

    path: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks of a page in the named languages, or all of them."""
    found = []
    for match in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```$", read(path), re.MULTILINE | re.DOTALL):
        indent, language, text = match.groups()
        line = read(path)[: match.start()].count("\n") + 2
        lines = [each.removeprefix(indent) for each in text.splitlines(keepends=True)]
        if not languages or language in languages:
            found.append(Block(path, line, language, "".join(lines)))
    return found


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", read(path), flags=re.MULTILINE | re.DOTALL)
