"""Synthetic histories of those who order, fill carts, change preferences, meet limits and are granted access.

A story is a list of lines as in `tests.support.histories`, around one order (and one left in doubt), two lines of
a cart, one register, one limited and one granted user, and two API keys. `#` is the number of the item, `@` that of
the round; the times of a line count from its place, and a place is two milliseconds. When they are not `hot`, a
thousand stories run side by side, each once, on items of their own; else sixteen items are opened, and take all
further rounds in turn. A user is back after a second, so that each window of the limit sees a round of it at most.
"""

from __future__ import annotations

from typing import Any

from harness.properties.access import check as access
from harness.properties.cart import check as cart
from harness.properties.limit import check as limit
from harness.properties.order import check as order
from harness.properties.preference import check as preference
from tests.benchmarks.synthetic import Connection, Expected, insert, plant
from tests.support.histories import DERIVED, MS, fill, op
from tests.unit.properties.access import test_check as test_access
from tests.unit.properties.cart import test_check as test_cart
from tests.unit.properties.limit import test_check as test_limit
from tests.unit.properties.order import test_check as test_order
from tests.unit.properties.preference import test_check as test_preference

CRITERIA = {
    "order": order.Criteria(definite_answer_s=5),
    "cart": cart.Criteria(),
    "preference": preference.Criteria(),
    "limit": limit.Criteria(window_s=1, most=3, least=2),
    "access": access.Criteria(),
}
"""No retention and no life of a cart: they excuse, and a hot item lives as long as the history."""

_OPENING = """
    order/place o# error 0-3 arg=A user=a#
    order/place o# ok 0-1 arg=A user=a# value=v# given_id=i#
    order/place d# error 0-1 arg=A user=a#
    cart/add l# ok 0-1
    cart/look g# ok 0-1 value=absent
    cart/add g# ok 0-1
    cart/look g# ok 0-1 value=present
    cart/remove g# ok 0-1
    preference/get p# ok 0-1 value=initial#
    access/key_create k# ok 0-1 user=u#
    access/key_create r# ok 0-1 user=u#
    access/key_revoke r# ok 0-1 user=u#
""".strip().splitlines()

_ROUND = """
    order/place o# ok 0-1 arg=A user=a# value=v# given_id=i#
    order/place o# refused 0-1 arg=B@ user=a#
    order/inspect o# ok 0-1 user=a# state=done given_id=i#
    order/inspect o# missing 0-1 user=b#
    order/place d# error 0-1 arg=A user=a# phase=settle
    order/inspect d# ok 0-1 user=a# state=pending phase=settle
    order/place d# in_progress 0-1 arg=A user=a# phase=settle
    cart/look l# ok 0-1 value=present
    cart/add l# ok 0-1
    cart/look l# error 0-1
    cart/look g# ok 0-1 value=absent
    cart/remove g# missing 0-1
    preference/put p# ok 0-3 arg=w@ state=@
    preference/get p# ok 0-1 value=w@ state=@
    preference/put p# error 0-1 arg=x@
    preference/get p# ok 0-1 value=w@ state=@
    preference/get p# ok 0-1 value=x@
    preference/get p# ok 0-1 value=x@
    preference/put p# mismatch 0-1 arg=y@
    limit/hit u# ok 0-1
    limit/hit u# ok 0-3
    limit/hit u# limited 0-1
    access/login s#-@ ok 0-1 user=u#
    access/see_own s#-@ ok 0-1 session=s#-@ user=u# want=u# value=u#
    access/see_other s#-@ refused 0-1 session=s#-@ user=u# want=z
    access/grant u# ok 0-1 user=u# arg=permitted
    access/login t#-@ ok 0-1 user=u#
    access/see_other t#-@ ok 0-1 session=t#-@ user=u# want=z value=z
    access/grant u# ok 0-1 user=u# arg=plain
    access/see_other t#-@ refused 0-1 session=t#-@ user=u# want=z
    access/key_use k# ok 0-1 user=u#
    access/key_use r# absent 0-1 user=u#
    access/logout_all u# ok 0-1 session=s#-@ user=u#
    access/whoami s#-@ absent 0-1 session=s#-@ user=u#
""".strip().splitlines()

_FIRST, _EACH, _HOT_ITEMS, _PLACE_NS = len(_OPENING), len(_ROUND), 16, 2 * MS

_SIDE_BY_SIDE = f"""
SELECT i, (i % {1000 * (_FIRST + _EACH)}) // 1000 AS place, (i // {1000 * (_FIRST + _EACH)}) * 1000 + i % 1000 AS item,
  0 AS round, i * {_PLACE_NS // 1000} AS at_ns FROM range({{a}}, {{b}}) r(i)"""

_HOT = f"""
SELECT i, CASE WHEN n < 0 THEN i % {_FIRST} ELSE {_FIRST} + n % {_EACH} END AS place,
  CASE WHEN n < 0 THEN i // {_FIRST} ELSE n // {_EACH} % {_HOT_ITEMS} END AS item,
  n // {_EACH * _HOT_ITEMS} AS round, i * {_PLACE_NS} AS at_ns
FROM (SELECT i, i - {_FIRST * _HOT_ITEMS} AS n FROM range({{a}}, {{b}}) r(i))"""

_PLAIN = ("workload", "kind", "phase", "outcome", "class", "replica")
_NAMED = ("key", "session", "user", "arg", "value", "want", "given_id", "state")

_PLANTED: dict[str, dict[str, tuple[list[str], list[dict[str, Any]]]]] = {
    "order": test_order.GUILTY,
    "cart": {name: (lines, []) for name, lines in test_cart.GUILTY.items()},
    "preference": {name: (lines, []) for name, lines in test_preference.GUILTY.items()},
    "limit": {name: (lines, []) for name, lines in test_limit.GUILTY.items()},
    "access": {
        name: ([test_access.LOGIN, test_access.OWN.replace("s1", "s8"), *lines], [])
        for name, lines in test_access.GUILTY.items()
    },
}

_PLANTED_HOT: dict[tuple[str, str], str] = {
    ("order", "two winners"): "order/place o1 ok 0-1 arg=Z user=z",
    ("order", "winner refused"): "order/place o2 refused 0-1 arg=A user=a2",
    ("order", "lost"): "order/inspect o3 missing 0-1 user=a3",
    ("order", "shown to another"): "order/inspect o4 ok 0-1 user=z state=done given_id=i4",
    ("order", "processed no more"): "order/inspect o5 ok 0-1 user=a5 state=pending given_id=i5",
    ("order", "answers differ"): "order/inspect o6 ok 0-1 user=a6 state=done given_id=other",
    ("cart", "lost"): "cart/look l1 ok 0-1 value=absent",
    ("cart", "removed twice"): "cart/remove g2 ok 0-1",
    ("preference", "stale"): "preference/get p1 ok 0-1 value=w0",
    ("preference", "never written"): "preference/get p2 ok 0-1 value=other",
    ("preference", "version forked"): "preference/get p3 ok 0-1 value=x{round} state={round}",
    ("access", "forbidden admitted"): "access/see_other n1 ok 0-1 session=n1 user=u1 want=z value=z",
    ("access", "permitted refused"): "access/see_own s2-{round} refused 0-1 user=u2",
    ("access", "key lost"): "access/key_use k3 absent 0-1 user=u3",
    ("access", "outlived its end"): "access/whoami s4-{round} ok 0-1 session=s4-{round} user=u4",
}
"""Each on a hot item of its own, between two rounds of it."""


def fill_history(db: Connection, ops: int, hot: bool) -> Expected:
    """Fills the tables with `ops` ops and some; returns the violations that are in them, by check and rule."""
    names = ("place", *_PLAIN, *_NAMED, "begun_ns", "done_ns")
    db.execute(f"""CREATE TEMP TABLE line (place BIGINT, {", ".join(f'"{name}" VARCHAR' for name in names[1:-2])},
        begun_ns BIGINT, done_ns BIGINT)""")
    lines = [op(line) for line in (*_OPENING, *_ROUND)]
    for place, row in enumerate(lines):
        values = [row.get(name) for name in (*_PLAIN, *_NAMED)]
        fill(db, "line", names, [[place, *values, row["invoke_ns"], row["return_ns"]]])
    named = ", ".join(f"replace(replace(l.\"{name}\", '#', '' || item), '@', '' || round)" for name in _NAMED)
    columns = ", ".join(f'"{name}"' for name in ("id", "agent", "op", "client", *_PLAIN, *_NAMED))
    columns += ", invoke_ns, return_ns"
    derived, values = ", ".join(DERIVED), ", ".join(DERIVED.values())
    for start in range(0, ops, 1_000_000):
        base = (_HOT if hot else _SIDE_BY_SIDE).format(a=start, b=min(ops, start + 1_000_000))
        rows = f"""SELECT i, 0, i, i % 64, {", ".join(f'l."{name}"' for name in _PLAIN)}, {named},
            at_ns + begun_ns, at_ns + done_ns FROM ({base}) JOIN line l USING (place) ORDER BY i"""
        db.execute(f"INSERT INTO op ({columns}, {derived}) SELECT *, {values} FROM ({rows}) t({columns})")
    db.execute("DROP TABLE line")
    db.execute("""INSERT INTO effect SELECT 'e' || key, min(invoke_ns), key, key, NULL, 'order', 0
        FROM op WHERE kind = 'place' GROUP BY key""")
    expected = plant(db, _PLANTED, ("key", "session", "user"))
    if hot:
        _plant_hot(db, ops, expected)
    return expected


def _plant_hot(db: Connection, ops: int, expected: Expected) -> None:
    """After the last item of the round in the middle, when the first one is about to begin the next.

    One user is let in by a limiter that is gone, as often as fits: the fuller a window, the more it may cost to count.
    """
    middle = (ops - _FIRST * _HOT_ITEMS) // (_EACH * _HOT_ITEMS) // 2
    at_ns = (_FIRST * _HOT_ITEMS + middle * _EACH * _HOT_ITEMS) * _PLACE_NS
    lines = [line.format(round=middle - 1) for line in _PLANTED_HOT.values()]
    rows = [op(line) for line in lines]
    for row in rows:
        row["invoke_ns"] += at_ns
        row["return_ns"] += at_ns
    insert(db, rows)
    db.execute(f"""INSERT INTO op (id, workload, kind, phase, key, outcome, class, invoke_ns, return_ns)
        SELECT {2 * ops} + i, 'limit', 'hit', 'load', 'u1', 'ok', 'ok', {at_ns} + i, {at_ns} + i + {MS}
        FROM range({ops // 100}) r(i)""")
    for check, rule in (*_PLANTED_HOT, ("limit", "too many")):
        expected[check][rule] = expected[check].get(rule, 0) + 1
