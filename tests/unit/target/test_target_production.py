"""The production checklist: every line is linked to a test or a scenario that is there."""

import ast
import re

import pytest

from tests.support.paths import ROOT

PAGE = ROOT / "target_service" / "PRODUCTION.md"
CHECKLIST, _, REST = PAGE.read_text().partition("## Which state goes where")
LINES = re.findall(r"^- .*?(?=^- |^## |\Z)", CHECKLIST, re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.splitlines()[0][2:42])
def test_every_line_is_shown_by_something_that_is_there(line: str) -> None:
    links = LINK.findall(line)
    assert links, "a claim that nothing shows"
    for text, target in links:
        path = (PAGE.parent / target).resolve()
        assert path.is_file(), f"{target} is not there"
        if path.suffix == ".py":
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
            tests = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, kinds)}
            assert text in tests, f"{target} has no {text}"


def test_there_is_a_checklist_and_a_table() -> None:
    assert len(LINES) > 25
    assert "| state | where | why there |" in REST
    assert "## Left out on purpose" in REST
