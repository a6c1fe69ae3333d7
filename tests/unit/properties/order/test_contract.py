"""The `order` of a contract: what it must say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.properties.order.contract import Order
from tests.support.order_shop import ORDER
from tests.support.service import CONTRACT

WRONG = [
    (lambda order: order["place"]["answers"].pop("refused"), "must name `refused`"),
    (lambda order: order["show"]["extract"].pop("state"), "must say where the `state` is"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_what_an_order_must_say(change: Any, said: str):
    given = json.loads(json.dumps(ORDER))
    change(given)
    with pytest.raises(ValueError, match=said):
        Order.model_validate(given)


@pytest.mark.parametrize(("name", "left_out"), [("key", "Idempotency-Key"), ("reference", "order")])
def test_a_place_without_its_key_or_order_is_told(tmp_path: Path, name: str, left_out: str):
    order = json.loads(json.dumps(ORDER))
    order["place"]["headers"].pop(left_out, None)
    order["place"]["json"].pop(left_out, None)
    start = {"replica": {"command": ["none"], "environment": {"PORT": "{port}"}}}
    path = tmp_path / "contract.yaml"
    path.write_text(json.dumps({**CONTRACT, "order": order, "start": start}))
    with pytest.raises(UsageError) as refused:
        read_contract(path)
    assert any(f"the `{{{name}}}` stands nowhere" in problem for problem in refused.value.problems)
