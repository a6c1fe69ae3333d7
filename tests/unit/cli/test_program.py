"""The program that is installed answers as its commands do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.command_line import edit
from tests.support.paths import ROOT


def program(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def test_the_program_answers_as_its_commands_do(folder: Path):
    edit(folder / "scenario.yaml", "kind: stop", "kind: stopp")
    found = program("run", folder / "scenario.yaml", "--json", environment={"FORCE_COLOR": "1"})
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith(f"harness: {folder}/scenario.yaml: not a usable scenario:\n  ")
    assert "Traceback" not in found.stderr
    assert "\x1b" not in found.stderr
    assert program("--version").stdout.startswith("harness, version ")


def test_what_is_only_asked_costs_no_import_of_the_engines():
    script = "import sys, harness.cli.main; print([m for m in ('locust','gevent','duckdb','rich') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout == "[]\n"
