"""A copy of the harness to which a test adds something, as the pages on extending say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT


def copied(folder: Path) -> Path:
    """Copy the harness into a folder, and return the folder."""
    shutil.copytree(ROOT / "harness", folder / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def changed(file: Path, before: str, after: str) -> None:
    """Replace the one place in a file where `before` stands."""
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{file}: {before!r}"
    file.write_text(text.replace(before, after), encoding="utf-8")


def harness(house: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line of the copy."""
    return python(house, "-m", "harness", *arguments)


def run(house: Path, scenario: Path) -> dict[str, Any]:
    """Run a scenario with the copy, and return what it says in JSON."""
    found = harness(house, "run", scenario, "--json", "--quiet", "--reports", house / "reports")
    assert found.stdout, found.stderr
    results: dict[str, Any] = json.loads(found.stdout)
    return results


def reference(house: Path) -> dict[str, str]:
    """Return the pages of reference that the copy writes, by name."""
    written = python(house, "-m", "harness.reference", house / "reference")
    assert written.returncode == 0, written.stderr
    return {Path(line).name: Path(line).read_text(encoding="utf-8") for line in written.stdout.splitlines()}


def python(house: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the copy in place of the harness."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
    )
