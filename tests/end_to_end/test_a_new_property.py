"""The wishlist of docs/extending/property.md, put into a copy of the harness as the page says, and used by a stranger.

Nothing but the property's own room, its import and its line in the registry is touched: whatever else knows of the
property derives that from there.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.support.house import changed, copied, harness, reference, run
from tests.support.pages import DOCS, blocks
from tests.support.places import SERVICES

PAGE = DOCS / "extending" / "property.md"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the harness with the page's room and line in it."""
    folder = copied(tmp_path_factory.mktemp("house"))
    room = folder / "harness" / "properties" / "wishlist"
    room.mkdir()
    *modules, line = blocks(PAGE, "python")
    names = re.findall(r"`harness/properties/wishlist/(\w+\.py)`", PAGE.read_text(encoding="utf-8"))
    assert sorted(names) == ["__init__.py", "check.py", "contract.py", "workload.py"]
    for name, module in zip(names, modules, strict=True):
        (room / name).write_text(module.text, encoding="utf-8")
    registry = folder / "harness" / "properties" / "__init__.py"
    changed(registry, "}\n\n\ndef renamed", f"{line.text.rstrip()}\n}}\n\n\ndef renamed")
    changed(registry, "import access, ", "import wishlist, access, ")
    return folder


def files(house: Path, **environment: str) -> Path:
    """Write a contract with the page's section, and a scenario with the property in its mix."""
    contract = yaml.safe_load((SERVICES / "stranger.yaml").read_text(encoding="utf-8"))
    contract["start"]["directory"] = str(SERVICES)
    contract["start"]["replica"]["command"] = ["{python}", "wishes.py"]
    contract["start"]["environment"] |= {"USERS": str(SERVICES / "users.csv"), **environment}
    contract["users"]["file"] = str(SERVICES / "users.csv")
    (section,) = blocks(PAGE, "yaml")
    contract |= yaml.safe_load(section.text)
    folder = house / f"files-{len(environment)}"
    folder.mkdir(exist_ok=True)
    (folder / "contract.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    scenario = {
        "title": "Wishes while replicas are killed",
        "proves": "An acknowledged wish is on the list ever after.",
        "target": {"contract": "contract.yaml", "replicas": 3, "workers": 0, "replace_after_s": 0.2},
        "load": {"duration_s": 7, "users": 16, "think_s": [0.03, 0.1], "mix": {"wishlist": 2, "session": 2}},
        "faults": [{"kind": "kill", "at": [1.5, 3.5]}],
        "evidence": {"items_per_property": 20},
    }
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False), encoding="utf-8")
    return path


def test_lists_and_reference_name_the_property(house: Path) -> None:
    found = json.loads(harness(house, "list", "--json").stdout)
    assert found["properties"]["wishlist"] == "an acknowledged wish is on the list ever after"
    assert found["checks"]["wishlist"] == "An acknowledged wish is on the list ever after."
    assert "wishlist.add" in found["fields of a contract"]
    pages = reference(house)
    assert (
        "wishlist" in pages["contract.md"] and "not on the list although its add was acknowledged" in pages["checks.md"]
    )


def test_validate_knows_the_section(house: Path) -> None:
    path = files(house)
    assert harness(house, "validate", path, path.parent / "contract.yaml").returncode == 0
    contract = path.parent / "contract.yaml"
    wrong = contract.with_name("wrong.yaml")
    text = contract.read_text(encoding="utf-8")
    wrong.write_text(text.replace("wish: '{reference}'", "wish: '{refrence}'"), encoding="utf-8")
    said = harness(house, "validate", wrong)
    assert said.returncode == 2
    assert "wishlist.add: unknown placeholder `{refrence}`; did you mean `reference`?" in said.stderr


def test_a_service_that_keeps_its_word_is_valid_with_evidence(house: Path) -> None:
    results = run(house, files(house))
    assert (results["verdict"], results["reasons"]) == ("valid", [])
    check = next(each for each in results["checks"] if each["name"] == "wishlist")
    assert check["examined"]["wishes"] > 20
    assert {"items: wishlist", "covered: wishlist", "final reads: wishlist"} <= {e["name"] for e in results["evidence"]}
    page = (Path(results["folder"]) / "report.html").read_text(encoding="utf-8")
    assert "An acknowledged wish is on the list ever after." in page


def test_a_service_that_forgets_is_invalid_by_the_new_check(house: Path) -> None:
    results = run(house, files(house, WISHES_IN_MEMORY="1"))
    assert results["verdict"] == "invalid"
    check = next(each for each in results["checks"] if each["name"] == "wishlist")
    assert check["verdict"] == "invalid" and check["violations"]["lost"] > 0
    page = (Path(results["folder"]) / "report.html").read_text(encoding="utf-8")
    assert "not on the list although its add was acknowledged" in page
