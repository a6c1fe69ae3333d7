"""README against the code: whatever a user can name is documented."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from harness.cli.main import main
from harness.faults import FAULTS
from harness.properties import PROPERTIES
from harness.scenario.questions import CHECKS
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = "\n".join(
    [README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "harness" / "platforms").glob("*.md")))]
)
EXIT_CODES = (0, 1, 2, 3, 4, 5, 130)


def options() -> list[tuple[str, str]]:
    """Every option of every command, by its longest spelling."""
    return [
        (name, max(option.opts, key=len))
        for name, command in sorted(main.commands.items())
        for option in command.params
        if isinstance(option, click.Option)
    ]


def named(word: str) -> bool:
    """`word` stands in the documentation as a word of its own."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", DOCS) is not None


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_in_the_readme(command: str):
    assert re.search(rf"harness {command}\b", README), f"README.md does not name `harness {command}`"


@pytest.mark.parametrize(("command", "option"), options())
def test_every_option_is_documented(command: str, option: str):
    assert named(option), f"README.md does not name `{option}` of `harness {command}`"


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_and_option_explains_itself(command: str):
    made = main.commands[command]
    assert made.help
    assert made.help.strip().endswith(".")
    silent = [each.opts[-1] for each in made.params if isinstance(each, click.Option) and not each.help]
    assert silent == []


def test_every_exit_code_is_documented():
    listed = re.search(r"Exit codes: ([^.]+)\.", README)
    assert listed, "README.md has no sentence that begins with `Exit codes:`"
    said = {part.split()[0] for part in listed.group(1).split("·")}
    assert said == {str(code) for code in EXIT_CODES}


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.name)
def test_every_scenario_is_documented(path: Path):
    assert named(path.name), f"README.md does not name scenarios/{path.name}"


@pytest.mark.parametrize("name", [*FAULTS, *PROPERTIES, *CHECKS])
def test_every_fault_workload_and_check_is_documented(name: str):
    assert named(name), f"README.md does not name `{name}`"
