"""Keys that are each user's own: two users use the same key, and neither is refused."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from harness.placeholders import secret
from tests.support.agents import MASTER, agent, do
from tests.support.order_shop import Shop, of, whole


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
    for start, end in of(tmp_path, "idempotency"):
        bodies[start["key"]].add(start["a"])
        if end["cl"] == "mismatch":
            refused.add(start["key"])
    alone = {key for key in refused if len(bodies[key]) == 1}
    assert bool(alone) is (promised and not scoped), "its only body was refused, for the key was another user's too"
    keys = [name.rpartition("/")[2] for name in shop.paid]
    assert (len(keys) > len(set(keys))) is (promised and scoped)
