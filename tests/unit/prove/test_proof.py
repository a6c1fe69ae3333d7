"""What is asked for before a proof starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract.model import Contract
from harness.errors import UsageError
from harness.prove.proof import ProveOptions, prove_defects
from harness.scenario import shipped
from tests.support.paths import REFERENCE_CONTRACT


@pytest.mark.parametrize(("platform", "section"), [(None, "replica"), ("process", "replica"), ("docker", "compose")])
def test_packages_are_asked_for_by_the_platform_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str | None, section: str
) -> None:
    asked: list[str] = []

    def lacking(contract: Contract, name: str) -> list[str]:
        asked.append(name)
        return ["a package cannot be found: install it"]

    monkeypatch.setattr(shipped, "lacking", lacking)
    options = ProveOptions(REFERENCE_CONTRACT, ["no-fence"], False, 1, 1, 1, tmp_path, platform)
    with pytest.raises(UsageError, match="nothing was started"):
        prove_defects(options, lambda _: None, lambda _: None)
    assert asked == [section]
