"""The `cart` of a contract: what it must say, and where an answer holds the lines."""

from __future__ import annotations

from typing import Any

import pytest

from harness.contract.model import Contract
from tests.support.service import CONTRACT
from tests.support.shop import MORE, WHOLE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"add": {**MORE["cart"]["add"], "extract": {}}}, "`extract` of `add` must say where the `id` is"),
        ({"show": {**MORE["cart"]["show"], "extract": {}}}, "must say where the `lines` is"),
        (
            {"remove": {**MORE["cart"]["remove"], "answers": {"ok": [200]}}},
            "`answers` of `remove` must name `missing`",
        ),
    ],
)
def test_what_the_cart_of_a_contract_lacks_is_named(change: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        Contract.model_validate({**CONTRACT, "cart": {**MORE["cart"], **change}})


def test_lines_may_be_ids_themselves_or_hold_them_deep():
    def holds(line: str, lines: Any) -> bool:
        assert WHOLE.cart is not None
        return WHOLE.cart.model_copy(update={"line": line}).holds(lines, "7")

    assert holds("", ["6", "7"]) and holds("", [7]) and holds("/a/b~1c", [{"a": {"b/c": 7}}])
    assert not (holds("/id", [{"id": 8}, {}, 3]) or holds("/id", None) or holds("/id", {"id": 7}))
