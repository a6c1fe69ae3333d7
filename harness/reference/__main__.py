"""Write the generated pages of the docs: `python -m harness.reference [FOLDER]`, docs/reference if none is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from harness.reference import models
from harness.reference.checks import checks
from harness.reference.commands import commands
from harness.reference.events import events
from harness.reference.records import records

PAGES: dict[str, Callable[[], str]] = {
    "contract.md": models.contract,
    "scenario.md": models.scenario,
    "faults.md": models.faults,
    "checks.md": checks,
    "commands.md": commands,
    "records.md": records,
    "events.md": events,
}
"""File name to what writes the page."""

NOTE = "<!-- Written by `make docs` from the code. Do not edit: change the model, docstring or command. -->\n\n"


def page(name: str) -> str:
    """Return one page as it stands in the file."""
    return NOTE + PAGES[name]()


def write(folder: Path) -> list[Path]:
    """Write every page into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in PAGES:
        paths.append(folder / name)
        paths[-1].write_text(page(name), encoding="utf-8")
    return paths


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")):
        print(path)
