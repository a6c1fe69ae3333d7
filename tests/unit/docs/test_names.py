"""Docs against the code: whatever a user can name is documented, and what the docs name is there."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from harness.cli.main import main
from harness.faults import FAULTS
from harness.properties import PROPERTIES
from harness.rundir.files import FILES, PROVE_FILES
from harness.rundir.journal_schema import EVENTS
from harness.rundir.record_schema import COMMON, RECORDS
from harness.scenario.questions import CHECKS
from tests.support.pages import DOCS, HAND_WRITTEN, README, ROOT, blocks, prose, read

TEXT = "\n".join(read(path) for path in [README, *DOCS.glob("*.md")])
EXIT_CODES = (0, 1, 2, 3, 4, 5, 130)


def named(word: str, text: str = TEXT) -> bool:
    """Whether `word` stands in the text as a word of its own, in backquotes."""
    return re.search(rf"`[^`\n]*(?<![\w-]){re.escape(word)}(?![\w-])[^`\n]*`", text) is not None


def options() -> list[tuple[str, str]]:
    """Every option of every command, by its longest spelling."""
    return [
        (name, max(option.opts, key=len))
        for name, command in sorted(main.commands.items())
        for option in command.params
        if isinstance(option, click.Option)
    ]


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_in_the_readme(command: str):
    assert re.search(rf"harness {command}\b", read(README)), f"README.md does not name `harness {command}`"


@pytest.mark.parametrize(("command", "option"), options())
def test_every_option_is_documented(command: str, option: str):
    section = read(DOCS / "reference" / "commands.md").partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    assert named(option, section), f"docs/reference/commands.md does not name `{option}` of `harness {command}`"


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_and_option_explains_itself(command: str):
    made = main.commands[command]
    assert made.help
    assert made.help.strip().endswith(".")
    silent = [each.opts[-1] for each in made.params if isinstance(each, click.Option) and not each.help]
    assert silent == []


@pytest.mark.parametrize("page", ["ci.md", "reference/commands.md"])
def test_every_exit_code_is_documented(page: str):
    rows = re.findall(r"^\| (\d+) \|", read(DOCS / page), re.MULTILINE)
    assert rows == [str(code) for code in EXIT_CODES]


def test_the_readme_lists_the_exit_codes():
    listed = re.search(r"Exit codes: ([^.]+)\.", read(README))
    assert listed, "README.md has no sentence that begins with `Exit codes:`"
    assert [part.split()[0] for part in listed.group(1).split("·")] == [str(code) for code in EXIT_CODES]


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.name)
def test_every_scenario_is_documented(path: Path):
    assert path.name in read(DOCS / "scenario.md"), f"docs/scenario.md does not name scenarios/{path.name}"


@pytest.mark.parametrize("name", [*FAULTS, *PROPERTIES])
def test_every_fault_and_property_is_documented(name: str):
    assert named(name, read(DOCS / "scenario.md")), f"docs/scenario.md does not name `{name}`"


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_has_a_row_in_the_page_on_contracts(name: str):
    assert f"| `{name}` |" in read(DOCS / "contract.md"), f"docs/contract.md has no row of `{name}`"


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_documented(name: str):
    assert named(name, read(DOCS / "reference" / "checks.md"))


def test_every_file_of_a_run_folder_is_documented():
    text = read(DOCS / "run-folder.md")
    names = [each.name.replace("*.jsonl", "<agent>.jsonl") for each in (*FILES, *PROVE_FILES)]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_examples_of_records_have_only_keys_that_are_there():
    known = {event: {key.short for key in keys} for event, keys in EVENTS.items()}
    for kinds in RECORDS.values():
        known |= {event: {*COMMON, *keys} for event, keys in kinds.items()}
    lines = [json.loads(line) for block in blocks(DOCS / "run-folder.md", "json") for line in block.text.splitlines()]
    assert len(lines) > 5
    assert [(line["e"], key) for line in lines for key in line if key not in known[line["e"]]] == []


def test_the_floors_are_those_that_import_linter_holds():
    written = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in written if contract["id"] == "floors"]
    floors = [{room.strip().removeprefix("harness.") for room in layer.split("|")} for layer in reversed(layers)]
    section = read(DOCS / "architecture.md").partition("## Rooms and floors")[2].partition("\n## ")[0]
    rooms = [
        room
        for row in re.findall(r"^\| [^|]+ \| ([^|]+) \|", section, re.MULTILINE)
        for room in re.findall(r"`(\w+)`", row)
    ]
    for floor in floors:
        assert set(rooms[: len(floor)]) == floor, "docs/architecture.md, Rooms and floors"
        del rooms[: len(floor)]
    assert rooms == []


def commands() -> list[str]:
    """Every call of `harness` in a block of commands, or in backquotes."""
    found = []
    for path in HAND_WRITTEN:
        if path.name == "CHANGELOG.md":
            continue
        lines = [line for block in blocks(path, "sh", "console", "text") for line in block.text.splitlines()]
        calls = [re.match(r"^(?:\$ )?(?:\.venv/bin/)?(harness \w.*)", line) for line in lines]
        found += [call[1] for call in calls if call]
        found += re.findall(r"`((?:\.venv/bin/)?harness [a-z][^`]*)`", prose(path))
    return sorted({re.split(r"\s+#|\s+>", call.removeprefix(".venv/bin/"))[0].strip() for call in found})


@pytest.mark.parametrize("call", commands())
def test_every_command_in_the_docs_works_as_written(call: str):
    _, name, *words = ["1" if word.startswith("$") else word for word in shlex.split(call)]
    assert name in main.commands, call
    if words:
        context = main.commands[name].make_context(name, words, resilient_parsing=False)
        assert context.params
    files = [word for word in words if word.startswith(("scenarios/", "tests/", "target_service/"))]
    assert [word for word in files if not (ROOT / word).is_file()] == []


def test_the_reader_of_commands_finds_some():
    assert len(commands()) > 15


def test_the_readme_is_short():
    assert len(read(README).splitlines()) <= 130


def test_every_target_of_make_in_the_docs_is_there():
    text = "\n".join(read(path) for path in [*HAND_WRITTEN, *DOCS.rglob("*.md")] if path.name != "CHANGELOG.md")
    targets = set(re.findall(r"^([a-z][a-z-]*):", read(ROOT / "Makefile"), re.MULTILINE))
    named_targets = set(re.findall(r"(?:`|^|\$ )make ([a-z][a-z-]*)\b", text, re.MULTILINE))
    assert {"demo", "test"} <= named_targets
    assert named_targets - targets == set()
