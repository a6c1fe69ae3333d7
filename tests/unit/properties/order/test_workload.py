"""Orders and shared keys as their clients see them: one correct pass, a load with lost answers, and the end."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.contract.model import Contract
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.placeholders import secret
from harness.properties.order.contract import Order
from tests.support.service import CONTRACT, Answer, Service
from tests.unit.load.test_agent import MASTER, agent, do, ops

AUTH = {"Authorization": "Bearer {token}"}
ORDER: dict[str, Any] = {
    "place": {
        "request": "POST /place",
        "headers": {**AUTH, "Idempotency-Key": "{key}"},
        "json": {"order": "{reference}"},
        "extract": {"id": "/id"},
        "answers": {"ok": [201], "refused": [409], "absent": [401]},
    },
    "show": {
        "request": "POST /show",
        "headers": AUTH,
        "json": {"order": "{reference}"},
        "extract": {"id": "/id", "state": "/state"},
        "answers": {"ok": [200], "missing": [404], "absent": [401]},
    },
    "states": {"pending": ["working"], "done": ["finished"]},
}


def whole(**promises: Any) -> Contract:
    return Contract.model_validate({**CONTRACT, "order": ORDER, "promises": {**CONTRACT["promises"], **promises}})


class Shop(Service):
    """The small service with orders; its keys are each user's own if `scoped`."""

    def __init__(self, key: str, scoped: bool = True) -> None:
        super().__init__(key)
        self.scoped = scoped
        self.owners: dict[str, tuple[str, str]] = {}

    def _place(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, order = self._user(token), json.loads(body)["order"]
        if not user:
            return 401, None
        if self.owners.setdefault(order, (user, key)) != (user, key):
            return 409, None
        return 201, {"id": f"receipt-{order}"}

    def _show(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, order = self._user(token), json.loads(body)["order"]
        if self.owners.get(order, ("", ""))[0] != user:
            return 404, None
        return 200, {"id": f"receipt-{order}", "state": "finished"}

    def _pay(self, path: str, token: str, key: str, body: bytes) -> Answer:
        return super()._pay(path, token, f"{self._user(token)}/{key}" if self.scoped else key, body)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop(secret(MASTER, "jwt")) as made:
        yield made


def of(folder: Path, workload: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [pair for pair in ops(folder) if pair[0]["w"] == workload and pair[0]["k"] != "login"]


def test_one_correct_pass_of_orders(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"order/hop": 1}, contract=whole()) as made:
        assert do(made, "steady")["surprises"] == []
    found = of(tmp_path, "orders")
    first, second, again, look, *more = found
    assert [(start["k"], end["cl"]) for start, end in (first, second, again, look)] == [
        ("place", "ok"),
        ("place", "refused"),
        ("place", "ok"),
        ("inspect", "ok"),
    ]
    assert first[0]["a"] == again[0]["a"] != second[0]["a"], "the argument names the racer"
    assert first[0]["u"] and first[1]["id"] == look[1]["id"] == f"receipt-{first[0]['key']}"
    assert look[1]["state"] == "done"
    assert [end["cl"] for _, end in more] in ([], ["missing"]), "by another user, if the two sessions are of two"


def test_a_load_of_races_with_lost_answers_ends_definite(tmp_path: Path, shop: Shop):
    over: list[bool] = []
    shop.spoil = lambda what, count, body: (0, None) if what == "place" and count % 9 == 3 and not over else None
    with agent(tmp_path, shop, {"order/hop": 4}, contract=whole(), duration_s=1.2) as made:
        do(made, "steady")
        do(made, "load")
        over.append(True)
        for phase in ("quiet", "settle", "final"):
            do(made, phase)
    racers: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for start, end in of(tmp_path, "orders"):
        if start["k"] == "place":
            racers[start["key"]][start["a"]].append(end["cl"])
    assert len(racers) > 10 and any(len(each) > 1 for each in racers.values())
    told = [classes for each in racers.values() for classes in each.values()]
    assert any("error" in classes for classes in told)
    assert all({"ok", "refused"} & set(classes) for classes in told), "each racer was told in the end"
    assert all(sum("ok" in classes for classes in each.values()) == 1 for each in racers.values())
    final = [(start, end["cl"]) for start, end in of(tmp_path, "orders") if start["p"] == "final"]
    sent = {(start["k"], label) for start, label in final if label != "no_effect"}
    assert sent == {("inspect", "ok"), ("inspect", "missing"), ("place", "ok")}
    assert {start["key"] for start, label in final if (start["k"], label) == ("inspect", "ok")} == set(racers)


@pytest.mark.parametrize(("promised", "scoped"), [(True, True), (True, False), (False, False)])
def test_a_key_is_used_by_two_users_where_keys_are_each_users_own(tmp_path: Path, promised: bool, scoped: bool):
    with (
        Shop(secret(MASTER, "jwt"), scoped) as shop,
        agent(tmp_path, shop, {"idempotency/hop": 6}, contract=whole(keys_per_user=promised), duration_s=2.5) as made,
    ):
        for phase in ("steady", "load", "settle", "final"):
            do(made, phase)
    bodies: defaultdict[str, set[str]] = defaultdict(set)
    refused = set()
    for start, end in of(tmp_path, "payments"):
        bodies[start["key"]].add(start["a"])
        if end["cl"] == "mismatch":
            refused.add(start["key"])
    alone = {key for key in refused if len(bodies[key]) == 1}
    assert bool(alone) is (promised and not scoped), "its only body was refused, for the key was another user's too"
    keys = [name.rpartition("/")[2] for name in shop.paid]
    assert (len(keys) > len(set(keys))) is (promised and scoped)


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
