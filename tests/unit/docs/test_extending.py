"""The examples of "how to add": each is put into its registry and used, as it stands on the page."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import target_service.defects
from harness.errors import FaultNotSeen
from harness.faults import FAULTS
from harness.faults.base import Context, Fault
from harness.faults.schedule import plan
from harness.faults.undo import LiveTarget
from harness.platforms.base import Deployment, Program
from harness.platforms.memory.platform import MemoryPlatform
from harness.reference import models
from harness.scenario.catalogue import Catalogue
from harness.scenario.file import load_scenario
from harness.scenario.questions import CHECKS
from target_service.parts import chosen_parts, defect_names
from tests.support.pages import DOCS, ROOT, blocks


def written(page: str, folder: Path, name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """Write the page's one block of Python as module `name`, and import it for as long as the patch lasts."""
    (block,) = blocks(DOCS / "extending" / page, "python")
    file = folder / f"{name}.py"
    file.write_text(block.text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # Its classes look up their annotations, and the reference its docstring, by the module's name.
    patch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def nap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Fault]:
    module = written("fault.md", tmp_path, "nap", monkeypatch)
    monkeypatch.setitem(FAULTS, "nap", module.Nap)
    kind: type[Fault] = module.Nap
    return kind


@pytest.fixture
def platform(tmp_path: Path) -> MemoryPlatform:
    made = MemoryPlatform()
    program = Program(["x"], {})
    made.deploy(Deployment("nap", tmp_path, tmp_path / "l", 2, 0, tmp_path, lambda _: program, None, "/h", "/r"))
    return made


def test_the_fault_is_taken_from_a_scenario(nap: type[Fault], tmp_path: Path) -> None:
    (block,) = blocks(DOCS / "extending" / "fault.md", "yaml")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "target_service").symlink_to(ROOT / "target_service")
    file = tmp_path / "scenarios" / "naps.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(block.text)), encoding="utf-8")
    loaded = load_scenario(file)
    assert [type(fault) for fault in loaded.faults] == [nap]
    assert [each.at_s for each in plan(loaded.faults, 4, seed=1)] == [1, 2, 3]


def test_the_fault_lands_and_heals(nap: type[Fault], platform: MemoryPlatform) -> None:
    victim = platform.members()[0]
    context = Context(platform, None, victim, threading.Event(), threading.Event())  # type: ignore[arg-type]
    fault = nap.model_validate({"kind": "nap", "at": 1, "for": 0.001})
    undo = fault.undo(context)
    context.undo = lambda: undo.carry_out(LiveTarget(platform, None))  # type: ignore[arg-type]
    assert victim.name in str(undo)
    assert fault.inject(context)
    assert platform.members()[0].state == "paused"
    assert fault.heal(context)
    assert platform.members()[0].state != "paused"


def test_the_fault_whose_effect_is_not_seen_fails(nap: type[Fault], platform: MemoryPlatform) -> None:
    platform.unseen.add("pause")
    context = Context(platform, None, platform.members()[0], threading.Event(), threading.Event())  # type: ignore[arg-type]
    with pytest.raises(FaultNotSeen):
        nap.model_validate({"kind": "nap", "at": 1}).inject(context)


def test_the_fault_is_in_the_reference(nap: type[Fault]) -> None:
    section = models.faults().partition("\n## nap\n")[2]
    assert "The member is frozen for a moment" in section
    assert "| `for` | number, > 0, ≤ 86,400 | `0.2` | How long the member stays frozen, in seconds. |" in section


def test_the_defect_is_switched_on_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks(DOCS / "extending" / "defect.md", "yaml")
    (defect,) = Catalogue.model_validate(yaml.safe_load(block.text)).defects
    written("defect.md", tmp_path, defect.name.replace("-", "_"), monkeypatch)
    monkeypatch.setattr(target_service.defects, "__path__", [*target_service.defects.__path__, str(tmp_path)])
    assert defect.name in defect_names()
    parts = chosen_parts((defect.name,))
    given = [parts.new_id("payment") for _ in range(1000)]
    assert len(set(given)) < len(given)
    assert defect.check in CHECKS
    assert (ROOT / defect.scenario).is_file()
