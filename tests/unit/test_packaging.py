"""The locks fit together and to pyproject.toml, and the workflow runs what the package says that it supports."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = (
    "requirements-demo.lock",
    "requirements-uv.lock",
    "target_service/requirements.lock",
    "harness/doubles/ledger/requirements.lock",
)
PIN = re.compile(
    r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)(?: ; [^\\]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


def pinned(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of each package of a lock, by its normalised name."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = {normal(name): (version, frozenset(hashes.split())) for name, version, hashes in PIN.findall(text)}
    assert len(found) == len(re.findall(r"^[a-zA-Z0-9]", text, re.M)), f"a line of {lock} is no pin with hashes"
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> set[str]:
    return {normal(found.group()) for each in requirements if (found := re.match(r"[A-Za-z0-9._-]+", each))}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_other_lock_is_a_part_of_the_first(lock: str) -> None:
    assert pinned(lock).items() <= pinned("requirements.lock").items()


def test_the_locks_have_all_that_the_project_names() -> None:
    extras = PROJECT["optional-dependencies"]
    needed = named([*PROJECT["dependencies"], *extras["target"], *extras["build"]])
    assert needed <= pinned("requirements-demo.lock").keys()
    assert needed | named(extras["dev"]) <= pinned("requirements.lock").keys()
    assert not {"hypothesis", "mypy", "ruff", "schemathesis"} & pinned("requirements-demo.lock").keys()
    assert pinned("requirements-uv.lock").keys() == {"uv"}


def test_the_workflow_begins_with_the_oldest_python_that_is_supported() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    versions = workflow["jobs"]["ci"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={versions[0]}" and len(versions) == 3
