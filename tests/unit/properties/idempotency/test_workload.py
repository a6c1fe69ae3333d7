"""The workload of payments as its clients see it, against a small service of this process."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.agents import agent, do, ops
from tests.support.service import Answer, Service


def test_one_correct_pass_of_payments(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"idempotency/hop": 1}) as made:
        assert do(made, "steady")["surprises"] == []
        do(made, "final")
    pays = [(start, end) for start, end in ops(tmp_path) if start["w"] == "idempotency" and start["k"] == "pay"]
    assert [end["cl"] for _, end in pays[:3]] == ["ok", "ok", "mismatch"]
    assert pays[0][0]["a"] == pays[1][0]["a"] != pays[2][0]["a"]
    assert pays[0][1]["v"] == pays[1][1]["v"]
    sent = [json.loads(body) for body in service.bodies["pay"]]
    assert sent[0] == sent[1]
    assert [each["reference"] for each in sent[1:3]] == [(key := pays[0][0]["key"]), f"{key}~other"]
    assert sent[2]["amount"] != sent[1]["amount"]
    assert {end["id"] for _, end in pays if end["cl"] == "ok"} == {"pay-0"}
    assert [start["p"] for start, _ in pays[3:]] == ["final"], "once through each replica"


def test_a_doubtful_payment_is_sent_again_with_its_key_and_settled(tmp_path: Path, service: Service):
    def lose(what: str, count: int, body: bytes) -> Answer | None:
        # The first answer of each round of three is lost; nothing is lost once the load is over.
        return (0, None) if what == "pay" and count % 3 == 1 and not over else None

    over: list[bool] = []
    service.spoil = lose
    with agent(tmp_path, service, {"idempotency/hop": 3}, duration_s=1.0) as made:
        do(made, "steady")
        do(made, "load")
        over.append(True)
        do(made, "settle")
        do(made, "final")
    by_key: dict[str, list[str]] = {}
    for start, end in ops(tmp_path):
        if start["k"] == "pay":
            by_key.setdefault(start["key"], []).append(end["cl"])
    assert any("error" in classes for classes in by_key.values())
    assert all("ok" in classes for classes in by_key.values()), "each key got a definite answer in the end"
