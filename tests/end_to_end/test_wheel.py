"""The wheel, installed where there is no checkout: what it brings is found, and what is missing is named.

The environments have the wheel alone; all other packages are those of the environment that runs the tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_path("purelib"))
RUN_S = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    _do([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (built,) = folder.glob("*.whl")
    return built


def installed(wheel: Path, folder: Path, packages: Path) -> Path:
    """The `harness` command of a new environment in `folder` with the wheel, and all that lies in `packages`."""
    _do([sys.executable, "-m", "venv", "--without-pip", str(folder)], ROOT)
    python = folder / "bin" / "python"
    _do([sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)])
    (own,) = folder.glob("lib/python3*/site-packages")
    # A folder named in a .pth file is searched, but its own .pth files are not: the checkout stays unseen.
    (own / "locked.pth").write_text(f"{packages}\n")
    return folder / "bin" / "harness"


def _do(words: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done


def in_folder(command: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What `harness WORDS` gives in `folder`, without any help from the environment."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(command), *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_S
    )


def test_the_wheel_has_all_scenarios_the_contract_and_the_marks_of_typed_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    scenarios = {f"harness/shipped/{path.relative_to(ROOT)}" for path in (ROOT / "scenarios").rglob("*.yaml")}
    data = {
        str(path.relative_to(ROOT))
        for package in ("harness", "target_service")
        for suffix in ("j2", "css", "lua", "typed")
        for path in (ROOT / package).rglob(f"*.{suffix}")
    }
    assert len(scenarios) > 20 and len(data) > 40
    assert not scenarios - names and not data - names
    assert {"harness/shipped/target_service/contract.yaml", "harness/py.typed", "target_service/py.typed"} <= names
    top = {name.split("/")[0] for name in names}
    assert {each for each in top if not each.endswith(".dist-info")} == {"harness", "target_service"}


@pytest.mark.slow
def test_in_an_empty_folder_the_shipped_scenarios_are_found_listed_and_run(wheel: Path, tmp_path: Path) -> None:
    command = installed(wheel, tmp_path / "venv", PACKAGES)
    empty = tmp_path / "empty"
    empty.mkdir()
    usable = in_folder(command, empty, "validate", "kill", "prove/sessions")
    assert (usable.returncode, usable.stdout) == (0, "kill: usable\nprove/sessions: usable\n"), usable.stderr
    listed = json.loads(in_folder(command, empty, "list", "--json").stdout)
    assert {"kill", "prove/sessions"} <= listed["scenarios"].keys()
    assert "sessions-in-memory" in listed["defects"]
    mistaken = in_folder(command, empty, "run", "kil")
    assert mistaken.returncode == 2 and "did you mean `kill`?" in mistaken.stderr
    assert list(empty.iterdir()) == []

    # Nothing of the working directory is imported, whatever it is called.
    for name in ("locust", "harness", "target_service"):
        (empty / f"{name}.py").write_text("raise SystemExit('imported from the working directory')\n")
    done = in_folder(command, empty, "run", "prove/sessions", "--json", "--quiet")
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr}"
    results = json.loads(done.stdout)
    assert results["verdict"] == "valid" and results["ops"]["total"] > 0
    folder = Path(results["folder"])
    assert folder.parts[:2] == ("reports", "prove-sessions")
    assert (empty / folder / "report.html").is_file()
    assert str(tmp_path) not in (empty / folder / "report.html").read_text(encoding="utf-8")


def test_without_the_extra_it_is_named_and_nothing_is_started(wheel: Path, tmp_path: Path) -> None:
    required = [line for line in metadata.requires("stateless-harness") or [] if "extra == 'target'" in line]
    assert required
    names = {re.split(r"[^a-z0-9]", line.lower())[0] for line in required}
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in PACKAGES.iterdir():
        if not entry.name.lower().startswith(tuple(names)):
            (packages / entry.name).symlink_to(entry)
    command = installed(wheel, tmp_path / "venv", packages)
    empty = tmp_path / "empty"
    empty.mkdir()
    for words in (["run", "kill"], ["validate", "kill"], ["prove", "--only", "sessions-in-memory"]):
        done = in_folder(command, empty, *words)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "pip install 'stateless-harness[target]'" in done.stderr
        assert "fastapi" in done.stderr and "uvicorn" in done.stderr
    assert list(empty.iterdir()) == []
