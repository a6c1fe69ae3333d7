"""For the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_line import CONTRACT, SCENARIO


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario beside its contract."""
    (tmp_path / "scenario.yaml").write_text(SCENARIO.replace("../target_service/", ""), encoding="utf-8")
    (tmp_path / "contract.yaml").write_text(CONTRACT.partition("\ndefects:")[0] + "\n", encoding="utf-8")
    return tmp_path
