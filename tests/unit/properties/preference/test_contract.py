"""The `preference` of a contract: what it must say."""

from __future__ import annotations

from typing import Any

import pytest

from harness.contract.model import Contract
from tests.support.service import CONTRACT
from tests.support.shop import MORE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"get": {**MORE["preference"]["get"], "extract": {}}},
            "`extract` of `get` must say where the `value` is",
        ),
        (
            {"put": {**MORE["preference"]["put"], "extract": {}}},
            "must say where the next `version` is",
        ),
    ],
)
def test_what_the_preference_of_a_contract_lacks_is_named(change: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        Contract.model_validate({**CONTRACT, "preference": {**MORE["preference"], **change}})
