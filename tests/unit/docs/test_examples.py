"""Every example in YAML: a contract, a scenario or a part of one is what the code takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.contract.read import read_contract
from harness.contract.start import Start
from harness.http.operation import Operation
from harness.scenario.catalogue import Catalogue
from harness.scenario.file import load_scenario
from tests.support.pages import DOCS, HAND_WRITTEN, ROOT, Block, blocks

EXAMPLES = [block for path in HAND_WRITTEN for block in blocks(path, "yaml")]
OF_OTHERS = ("services", "apiVersion")
"""What begins a file that is not ours: a Compose file, a manifest."""
OWN_FAULT = DOCS / "extending" / "fault.md"


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_is_valid(example: Block, tmp_path: Path):
    data = yaml.safe_load(example.text)
    if "contract" in data:
        file = tmp_path / "contract.yaml"
        file.write_text(example.text, encoding="utf-8")
        assert read_contract(file).service
    elif "title" in data:
        (tmp_path / "scenarios").mkdir()
        (tmp_path / "target_service").symlink_to(ROOT / "target_service")
        file = tmp_path / "scenarios" / "example.yaml"
        if example.path == OWN_FAULT:
            data = {**data, "faults": []}
        file.write_text(yaml.safe_dump(data), encoding="utf-8")
        assert load_scenario(file).scenario.title
    elif "defects" in data:
        assert Catalogue.model_validate(data).defects
    elif "start" in data:
        assert Start.model_validate(data["start"]).ways
    elif "answers" in data:
        assert Operation.model_validate({"request": "GET /", **data}).answers
    elif operations := [
        each
        for section in data.values()
        if isinstance(section, dict)
        for each in section.values()
        if isinstance(each, dict) and "answers" in each
    ]:
        # The section of one property, perhaps of one that the page adds: its operations are like all others.
        assert [Operation.model_validate(each).method for each in operations]
    else:
        assert next(iter(data)) in OF_OTHERS, "say what this is an example of"


def test_there_are_examples_of_each_kind():
    keys = {next(iter(yaml.safe_load(block.text))) for block in EXAMPLES}
    assert {"contract", "title", "defects", "start", "answers"} <= keys
