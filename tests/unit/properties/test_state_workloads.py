"""Carts, preferences and limits as their clients see them: one correct pass, a load with lost answers, and the end."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.contract.model import Contract
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.placeholders import secret
from harness.properties.preference.workload import OURS
from tests.support.service import CONTRACT, Answer, Service
from tests.unit.load.test_agent import MASTER, agent, brief, do, fingerprint, ops

AUTH = {"Authorization": "Bearer {token}"}
MORE: dict[str, Any] = {
    "cart": {
        "add": {
            "request": "POST /cartadd",
            "headers": AUTH,
            "json": {"key": "{key}", "quantity": "{amount}"},
            "extract": {"id": "/line/id"},
            "answers": {"ok": [201], "absent": [401]},
            "retry": True,
        },
        "show": {
            "request": "GET /cart",
            "headers": AUTH,
            "extract": {"lines": "/lines"},
            "answers": {"ok": [200], "absent": [401]},
        },
        "remove": {
            "request": "POST /cartremove",
            "headers": AUTH,
            "json": {"line": "{id}"},
            "answers": {"ok": [200], "missing": [404], "absent": [401]},
        },
        "line": "/id",
    },
    "preference": {
        "get": {
            "request": "GET /prefget",
            "headers": AUTH,
            "extract": {"value": "/value", "version": "/version"},
            "answers": {"ok": [200], "absent": [401]},
        },
        "put": {
            "request": "POST /prefput",
            "headers": {**AUTH, "If-Match": '"{version}"'},
            "json": {"value": "{value}", "version": "{version}"},
            "extract": {"version": "/version"},
            "answers": {"ok": [200], "mismatch": [412], "absent": [401]},
        },
    },
    "limit": {"hit": {"request": "GET /hit", "headers": AUTH, "answers": {"ok": [200], "limited": [429]}}},
}
PROMISES = {"limit_window_s": 0.2, "limit_most": 4, "limit_least": 2}
WHOLE = Contract.model_validate({**CONTRACT, **MORE, "promises": {**CONTRACT["promises"], **PROMISES}})


class Shop(Service):
    """The small service with a cart, a register and a limit a user."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.carts: dict[tuple[str, str], bool] = {}
        self.registers: dict[str, tuple[str, int]] = {}
        self.turns: dict[str, list[float]] = {}

    def _cartadd(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        line = f"line-{json.loads(body)['key']}"
        self.carts.setdefault((user, line), True)
        return 201, {"line": {"id": line}}

    def _cart(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        return 200, {"lines": [{"id": line} for (owner, line), there in self.carts.items() if owner == user and there]}

    def _cartremove(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        place = (user, json.loads(body)["line"])
        if not self.carts.get(place):
            return 404, None
        self.carts[place] = False
        return 200, {}

    def _prefget(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        value, version = self.registers.get(user, ("somebody's own", 0))
        return 200, {"value": value, "version": str(version)}

    def _prefput(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, given = self._user(token), json.loads(body)
        if not user:
            return 401, None
        version = self.registers.get(user, ("", 0))[1]
        if given["version"] != str(version):
            return 412, None
        self.registers[user] = (given["value"], version + 1)
        return 200, {"version": str(version + 1)}

    def _hit(self, path: str, token: str, key: str, body: bytes) -> Answer:
        user, now = self._user(token), time.monotonic()
        lately = [at for at in self.turns.get(str(user), []) if now - at < 0.2]
        if len(lately) >= 4:
            return 429, None
        self.turns[str(user)] = [*lately, now]
        return 200, {}


@pytest.fixture
def shop() -> Any:
    with Shop(secret(MASTER, "jwt")) as made:
        yield made


def of(folder: Path, workload: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [pair for pair in ops(folder) if pair[0]["w"] == workload]


def test_one_correct_pass_of_a_cart(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"cart/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == []
    found = of(tmp_path, "cart")
    assert [(start["k"], end["cl"], end.get("v")) for start, end in found][1:] == [
        ("add", "ok", None),
        ("look", "ok", "present"),
        ("add", "ok", None),
        ("remove", "ok", None),
        ("look", "ok", "absent"),
        ("remove", "missing", None),
    ]
    login, add, *_ = found
    assert add[0]["s"] == login[0]["key"] and add[1]["id"] == f"line-{add[0]['key']}"
    assert {start["key"] for start, _ in found[1:]} == {add[0]["key"]}


def test_a_cart_that_forgets_is_a_surprise(tmp_path: Path, shop: Shop):
    shop.spoil = lambda what, *_: (200, {"lines": []}) if what == "cart" else None
    with agent(tmp_path, shop, {"cart/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == ["cart/look: another value than is right"]


def test_a_doubtful_line_is_added_again_and_never_removed_before_it_is_acknowledged(tmp_path: Path, shop: Shop):
    over: list[bool] = []

    def lose(what: str, count: int, body: bytes) -> Answer | None:
        return (0, None) if what == "cartadd" and count % 2 and not over else None

    with agent(tmp_path, shop, {"cart/hop": 3}, contract=WHOLE, duration_s=1.5) as made:
        do(made, "steady")
        shop.spoil = lose
        do(made, "load")
        over.append(True)
        for phase in ("settle", "final"):
            do(made, phase)
    by_line: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for start, end in of(tmp_path, "cart"):
        by_line.setdefault(start["key"], []).append((start, end))
    lines = {key: pairs for key, pairs in by_line.items() if pairs[0][0]["k"] == "add"}
    assert len(lines) > 5 and any("error" in [end["cl"] for _, end in pairs] for pairs in lines.values())
    for pairs in lines.values():
        acknowledged = [end["at"] for start, end in pairs if start["k"] == "add" and end["cl"] == "ok"]
        assert acknowledged, "each got a definite answer in the end"
        assert all(start["at"] > min(acknowledged) for start, _ in pairs if start["k"] == "remove")
        assert pairs[-1][0]["p"] == "final" and pairs[-1][0]["k"] == "look"
        removed = any(start["k"] == "remove" and end["cl"] == "ok" for start, end in pairs)
        assert pairs[-1][1]["v"] == ("absent" if removed else "present")


def test_one_correct_pass_of_preferences(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"preference/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == []
    _, first, put, get, late = of(tmp_path, "preferences")
    assert [(start["k"], end["cl"]) for start, end in (first, put, get, late)] == [
        ("get", "ok"),
        ("put", "ok"),
        ("get", "ok"),
        ("put", "mismatch"),
    ]
    assert (first[1]["v"], first[1]["state"]) == (fingerprint("somebody's own"), "0"), "what is not ours is not shown"
    assert OURS.fullmatch(put[0]["a"]) and put[1]["state"] == "1"
    assert (get[1]["v"], get[1]["state"]) == (put[0]["a"], "1")
    assert late[0]["a"] != put[0]["a"], "each attempt writes a value of its own"


def test_a_stale_preference_is_a_surprise(tmp_path: Path, shop: Shop):
    shop.spoil = lambda what, *_: (200, {"value": "old", "version": "0"}) if what == "prefget" else None
    with agent(tmp_path, shop, {"preference/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == ["preference/get: another value than is right"]


def test_each_change_is_of_what_was_read_and_each_register_is_read_at_the_end(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"preference/hop": 6}, contract=WHOLE, duration_s=1.5) as made:
        for phase in ("steady", "load", "settle", "final"):
            do(made, phase)
    found = of(tmp_path, "preferences")
    written = [start["a"] for start, _ in found if start["k"] == "put"]
    assert len(written) == len(set(written)) > 10
    changed = {start["key"] for start, end in found if start["k"] == "put" and end["cl"] == "ok"}
    last = {start["key"]: end["v"] for start, end in found if start["p"] == "final"}
    assert last == {user: shop.registers[user][0] for user in changed}
    assert {"ok", "mismatch"} >= {end["cl"] for start, end in found if start["k"] == "put"}


def test_limits_are_asked_for_more_than_there_is_and_after_silence(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"limit/hop": 3}, contract=WHOLE, duration_s=2.0) as made:
        assert do(made, "steady")["surprises"] == []
        for phase in ("load", "settle", "final"):
            do(made, phase)
    classes = Counter(brief(tmp_path, "limits"))
    assert classes[("hit", "ok")] > 20 and classes[("hit", "limited")] > 5
    assert all(start["key"] == start["u"] for start, _ in of(tmp_path, "limits") if start["k"] == "hit")


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("cart", {"add": {**MORE["cart"]["add"], "extract": {}}}, "`extract` of `add` must say where the `id` is"),
        ("cart", {"show": {**MORE["cart"]["show"], "extract": {}}}, "must say where the `lines` is"),
        (
            "cart",
            {"remove": {**MORE["cart"]["remove"], "answers": {"ok": [200]}}},
            "`answers` of `remove` must name `missing`",
        ),
        (
            "preference",
            {"get": {**MORE["preference"]["get"], "extract": {}}},
            "`extract` of `get` must say where the `value` is",
        ),
        (
            "preference",
            {"put": {**MORE["preference"]["put"], "extract": {}}},
            "must say where the next `version` is",
        ),
    ],
)
def test_what_a_part_of_a_contract_lacks_is_named(part: str, change: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        Contract.model_validate({**CONTRACT, part: {**MORE[part], **change}})


def test_lines_may_be_ids_themselves_or_hold_them_deep():
    def holds(line: str, lines: Any) -> bool:
        assert WHOLE.cart is not None
        return WHOLE.cart.model_copy(update={"line": line}).holds(lines, "7")

    assert holds("", ["6", "7"]) and holds("", [7]) and holds("/a/b~1c", [{"a": {"b/c": 7}}])
    assert not (holds("/id", [{"id": 8}, {}, 3]) or holds("/id", None) or holds("/id", {"id": 7}))


REFERENCE = Path(__file__).parents[3] / "target_service" / "contract.yaml"


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
