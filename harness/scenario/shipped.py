"""The scenarios and the reference contract that come with the harness, and what the reference service needs.

A wheel carries these files in `harness/shipped`; in a source checkout they are the folders `scenarios` and
`target_service` beside `harness`. The working directory is always searched first, so that `harness run kill` runs a
user's own scenario of that name.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import harness
from harness.contract.model import Contract
from harness.contract.start import Program
from harness.errors import UsageError
from harness.yamlfile import nearest

DISTRIBUTION = "stateless-harness"
EXTRA = "target"
SCENARIOS = Path("scenarios")

_PACKAGE = Path(harness.__file__).parent
_REFERENCE_PROGRAM = re.compile(r"target_service(\..*)?")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def root() -> Path:
    """Return the folder that holds the shipped `scenarios` and `target_service/contract.yaml`."""
    packaged = _PACKAGE / "shipped"
    return packaged if packaged.is_dir() else _PACKAGE.parent


def scenario(given: Path) -> Path:
    """Return the file that a user means by `given`, a path or the bare name of a scenario (`kill`, `prove/sessions`).

    A path to a file is that file. A bare name is a relative path without a suffix and without `..`: it is looked for
    in `scenarios` of the working directory, then among the shipped scenarios. Every other path is returned as it is,
    so that reading it reports what is wrong.

    Args:
        given: what the user typed.

    Raises:
        UsageError: no scenario has the bare name; the message names the nearest one.
    """
    if given.exists() or given.is_absolute() or given.suffix or ".." in given.parts:
        return given
    for folder in (SCENARIOS, root() / SCENARIOS):
        path = folder / f"{given}.yaml"
        if path.is_file():
            return path
    names = [shown(path) for path in (root() / SCENARIOS).glob("**/*.yaml")]
    raise UsageError(
        f"{given}: there is no such file, and no scenario of this name in {SCENARIOS}/ or among the shipped ones"
        f"{nearest(str(given), names)}"
    )


def reference(path: Path) -> Path:
    """Return `path` if the working directory has it, else the shipped file or folder of the same relative path.

    `path` itself is returned where neither has it.
    """
    beside = root() / path
    return beside if not path.exists() and beside.exists() else path


def shown(path: Path) -> str:
    """Return what a user types to run the scenario at `path`: the bare name of a shipped one, else the path."""
    folder = root() / SCENARIOS
    return str(path.relative_to(folder).with_suffix("")) if path.is_relative_to(folder) else str(path)


def lacking(contract: Contract, section: str) -> list[str]:
    """Return the problem that packages of the extra are missing, if a command starts the reference service.

    The names of the packages are read from the metadata of the installed harness. Without metadata nothing is reported.

    Args:
        contract: the contract of the service.
        section: the key in `start` of the way to start the service.

    Returns:
        One line with the remedy; [] when nothing is missing.
    """
    way = contract.start.ways.get(section)
    command = way.command if isinstance(way, Program) else []
    if command[:2] != ["{python}", "-m"] or not _REFERENCE_PROGRAM.fullmatch("".join(command[2:3])):
        return []
    missing = [name for name in _required() if not _installed(name)]
    if not missing:
        return []
    return [
        f"the {contract.service} needs the extra `{EXTRA}` of {DISTRIBUTION}, of which {', '.join(missing)} cannot be"
        f" found: install it with `pip install '{DISTRIBUTION}[{EXTRA}]'`"
    ]


def _required() -> list[str]:
    """Return the names of the distributions that the extra requires."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    of_extra = [line for line in lines if re.search(rf"extra == ['\"]{EXTRA}['\"]", line)]
    return [found.group() for line in of_extra if (found := _NAME.match(line))]


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
