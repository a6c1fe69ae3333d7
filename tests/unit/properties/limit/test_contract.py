"""The `limit` of a contract: what it must say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract.read import read_contract
from harness.errors import UsageError
from tests.support.paths import REFERENCE_CONTRACT as REFERENCE


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  limit_most: 8\n", "", "needs `limit_window_s` and `limit_most` under `promises`"),
        ("limited: [429], ", "", "`answers` must name `limited`, what a refusal looks like"),
    ],
)
def test_a_limit_that_nothing_promises_or_nothing_refuses_is_named(tmp_path: Path, old: str, new: str, said: str):
    text = REFERENCE.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = tmp_path / "contract.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_contract(path)
    assert said in str(caught.value)
