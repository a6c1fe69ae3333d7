"""The load agent: its phases, its journal, and both models of load."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from pathlib import Path

from tests.support.agents import DEADLINE_S, MASTER, agent, do, journal, ops
from tests.support.in_time import in_time
from tests.support.service import Answer, Service


def test_a_target_that_outlives_the_run_is_given_names_that_no_other_run_gives(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"idempotency/hop": 1}, tag="0a1b2c-") as made:
        assert do(made, "steady")["surprises"] == []
    starts = [start for start, _ in ops(tmp_path)]
    assert {start["u"] for start in starts if start["k"] == "signup"} == {f"user-0a1b2c-0-{n}" for n in range(3)}
    keys = {start["key"] for start in starts if start["w"] == "idempotency"}
    assert keys and all(re.fullmatch(r"[a-z]+-0a1b2c-0-\d+", key) for key in keys)


def test_load_keeps_its_records_and_no_secret_of_a_user(tmp_path: Path, service: Service):
    clients = {
        f"{name}/{way}": 2 for name in ("session", "idempotency", "job", "hostile") for way in ("hop", "balancer")
    }
    with agent(tmp_path, service, clients) as made:
        for phase in ("steady", "load", "quiet", "settle", "final"):
            do(made, phase)
        window = made.wait_window(1)
    assert window["end_ns"] - window["start_ns"] == 600_000_000
    lines = journal(tmp_path)
    count = Counter(f"{line['w']}/{line['k']}" for line in lines if line["e"] == "i")
    assert sum(count.values()) == sum(line["e"] == "c" for line in lines)
    summary = lines[-1]
    assert summary["e"] == "summary"
    assert summary["by_kind"] == dict(count), "Locust's own counts agree"
    assert (summary["requests"], summary["failures"], summary["dropped"]) == (sum(count.values()), 0, 0)
    assert {"session/login", "session/read", "idempotency/pay", "job/submit", "job/status", "hostile/forge"} <= set(
        count
    )
    assert {line["p"] for line in lines if line["e"] == "i"} == {"steady", "load", "settle", "final"}
    assert {line["rt"] for line in lines if line["e"] == "i"} == {"hop", "balancer"}
    assert all(line["to"] == "replica-1" for line in lines if line["e"] == "i" and line["rt"] == "hop" and "to" in line)
    text = (tmp_path / "journal-0.jsonl").read_text() + (tmp_path / "agent-0.log").read_text()
    assert len(service.secrets) > 20
    assert [value for value in service.secrets if value in text] == []
    assert MASTER.hex() not in text
    answers: dict[tuple[str, str], set[str]] = {}
    for start, end in ops(tmp_path):
        if start["k"] == "pay" and end["cl"] == "ok":
            answers.setdefault((start["key"], start["a"]), set()).add(end["v"])
    assert len(service.paid) == len(answers) > 3
    assert all(len(values) == 1 for values in answers.values()), "the same answer, whatever way it went"


def test_what_is_doubtful_is_a_surprise_before_faults_and_retires_the_client(tmp_path: Path, service: Service):
    over = threading.Event()

    def spoil(what: str, count: int, body: bytes) -> Answer | None:
        if what == "logout":
            over.wait(DEADLINE_S)
        return {("me", 1): (0, None), ("me", 2): (500, None), ("me", 3): (418, None), ("refresh", 1): (200, {})}.get(
            (what, count)
        )

    service.spoil = spoil
    with agent(tmp_path, service, {"session/hop": 1}, timeout_s=2.0) as made:
        surprises = do(made, "steady")["surprises"]
    over.set()
    found = [(start, end) for start, end in ops(tmp_path) if start["w"] == "session"]
    assert [(start["k"], end["o"], end["cl"], end.get("st"), end.get("err")) for start, end in found] == [
        ("login", "ok", "ok", 200, None),
        ("read", "info", "error", None, "eof"),
        ("refresh", "info", "unexpected", 200, None),
        ("read", "info", "error", 500, None),
        ("logout", "info", "error", None, "timeout"),
        ("read", "info", "unexpected", 418, None),
    ]
    assert surprises == [
        "session/read: error (eof) where ok is right",
        "session/refresh: unexpected (200) where ok is right",
        "session/read: error (500) where ok is right",
        "session/logout: error (timeout) where ok is right",
        "session/read: unexpected (418) where absent is right",
    ]
    clients = [start["c"] for start, _ in found]
    assert clients[0] == clients[1], "who knows what came of an op goes on under the same name"
    assert len(set(clients[1:])) == 5, "nobody knows whether those clients have finished"


def test_nobody_there_is_no_effect_and_not_an_unknown(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 1}, users=[("ann", "one")], members=[]) as made:
        do(made, "steady")
    found = [(start, end) for start, end in ops(tmp_path) if start["k"] == "login"]
    assert [(end["o"], end["cl"], end["err"], "to" in start) for start, end in found] == [
        ("fail", "no_effect", "refused", False)
    ]
    assert service.asked["login"] == 0


def test_the_open_model_keeps_the_intended_time_and_ends_with_its_load(tmp_path: Path, service: Service):
    # Arrivals are rare: all clients but few wait for one when the load ends.
    with agent(tmp_path, service, {"session/balancer": 5}, rate_per_s=10.0, duration_s=3.0) as made:
        do(made, "steady")
        # Nobody waits for an arrival that never comes.
        in_time(lambda: do(made, "load"))
    found = [start for start, _ in ops(tmp_path) if start["p"] == "load"]
    intended = [start["it"] for start in found if "it" in start]
    assert 5 < len(intended) < 60
    assert all(start["it"] <= start["at"] for start in found if "it" in start)


def test_arrivals_without_a_free_client_are_counted_as_dropped(tmp_path: Path, service: Service):
    def slow(what: str, count: int, body: bytes) -> None:
        if what == "login" and count > 1:
            time.sleep(0.4)

    service.spoil = slow
    with agent(tmp_path, service, {"session/balancer": 1}, rate_per_s=50.0, duration_s=1.0) as made:
        do(made, "steady")
        do(made, "load")
    assert journal(tmp_path)[-1]["dropped"] >= 10
