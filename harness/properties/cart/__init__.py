"""Carts: an acknowledged line is in its cart until it is removed, and never after."""

from __future__ import annotations

from harness.judging.check import Check, FinalReads, Items
from harness.properties.cart import check
from harness.properties.cart.contract import Cart, CartPromises
from harness.properties.cart.workload import CartWorkload
from harness.properties.declared import Declared
from harness.properties.property import Judged, Kind, Property

_ITEMS = Items("key", acknowledged="kind = 'add' AND outcome = 'ok'", read="kind = 'look' AND outcome = 'ok'")
_FINAL = FinalReads(
    "key",
    acknowledged="kind = 'add' AND outcome = 'ok'",
    read="kind = 'look' AND outcome = 'ok'",
    given_up="kind = 'remove' AND outcome <> 'fail'",
)


def _criteria(declared: Declared[Cart, CartPromises]) -> check.Criteria:
    return check.Criteria(declared.name, declared.promises.cart_ttl_s)


PROPERTY = Property(
    name=check.NAME,
    sentence="an acknowledged line of a cart is there until it is removed, and never after",
    section=Cart,
    promises=CartPromises,
    workload=CartWorkload,
    placeholders={
        "add": frozenset({"token", "username", "key", "amount", "reference"}),
        "show": frozenset({"token", "username"}),
        "remove": frozenset({"token", "username", "id"}),
    },
    kinds={
        "add": Kind("cart.add", gives_id=True),
        "look": Kind("cart.show"),
        "remove": Kind("cart.remove"),
    },
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check),
            _criteria,
            items=lambda _: _ITEMS,
            final=lambda _: _FINAL,
            needs="cart.add",
        ),
    ),
)
