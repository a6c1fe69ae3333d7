"""The nap of docs/extending/fault.md, put into a copy of the harness as the page says, and used by a stranger.

Nothing but the fault's own module, its import and its line in the registry is touched: whatever else knows of the fault
derives that from there.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.house import changed, copied, harness, reference, run
from tests.support.pages import DOCS, blocks
from tests.support.paths import ROOT

PAGE = DOCS / "extending" / "fault.md"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the harness with the page's fault in it, and the page's scenario."""
    folder = copied(tmp_path_factory.mktemp("house"))
    (module,) = blocks(PAGE, "python")
    (folder / "harness" / "faults" / "nap.py").write_text(module.text, encoding="utf-8")
    registry = folder / "harness" / "faults" / "__init__.py"
    (line,) = blocks(PAGE, "text")
    changed(registry, '    "noop": Noop,\n', f'    "noop": Noop,\n{line.text}')
    changed(registry, "import Kill\n", "import Kill\nfrom harness.faults.nap import Nap\n")
    (folder / "target_service").symlink_to(ROOT / "target_service")
    (folder / "scenarios").mkdir()
    (scenario,) = blocks(PAGE, "yaml")
    (folder / "scenarios" / "nap.yaml").write_text(scenario.text, encoding="utf-8")
    return folder


def test_lists_and_reference_name_the_fault(house: Path) -> None:
    assert "nap" in json.loads(harness(house, "list", "--json").stdout)["faults"]
    section = reference(house)["faults.md"].partition("\n## nap\n")[2].partition("\n## ")[0]
    assert "Lands when the platform sees it frozen" in section and "How long the member stays frozen" in section


def test_validate_knows_the_fields_of_the_fault(house: Path) -> None:
    path = house / "scenarios" / "nap.yaml"
    assert harness(house, "validate", path).returncode == 0
    wrong = path.with_name("wrong.yaml")
    wrong.write_text(path.read_text(encoding="utf-8").replace("for: 0.3", "for: -1"), encoding="utf-8")
    said = harness(house, "validate", wrong)
    assert said.returncode == 2 and "faults.0.for: " in said.stderr


def test_a_run_injects_the_fault_and_shows_it(house: Path) -> None:
    results = run(house, house / "scenarios" / "nap.yaml")
    folder = Path(results["folder"])
    assert results["verdict"] == "valid", results["reasons"]
    events = [json.loads(line) for line in (folder / "faults.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {each["kind"] for each in events if each["e"] == "intent"} == {"nap"}
    count = len([each for each in events if each["e"] == "intent"])
    for event in ("injected", "landed", "healed"):
        assert len([each for each in events if each["e"] == event]) == count > 5
    evidence = {each["name"]: each for each in results["evidence"]}
    assert evidence["faults landed"]["met"] and evidence["faults healed"]["met"] and evidence["covered: session"]["met"]
    assert "nap" in (folder / "report.html").read_text(encoding="utf-8")
