"""The load agent as its parent sees it: phases, journal, and that it never dies in silence."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.contract.model import Contract
from harness.load import handle
from harness.load.handle import AgentDied, AgentHandle
from harness.load.settings import AgentSettings
from harness.placeholders import secret
from harness.platforms.common.lock import hold_name
from harness.rundir.journal import Hasher
from tests.support.service import CONTRACT, Answer, Service

MASTER = bytes(range(32))
DEADLINE_S = 30.0


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(secret(MASTER, "jwt")) as made:
        yield made


@contextmanager
def agent(folder: Path, service: Service, clients: dict[str, int], **more: Any) -> Iterator[AgentHandle]:
    host, port = service.address
    settings: dict[str, Any] = {
        "agent": 0,
        "seed": 7,
        "journal": str(folder / "journal-0.jsonl"),
        "master": MASTER.hex(),
        "contract": Contract.model_validate(CONTRACT),
        "users": [],
        "balancer": (host, port),
        "hop": True,
        "clients": clients,
        "rate_per_s": None,
        "duration_s": 0.6,
        "think_s": (0.01, 0.03),
        "timeout_s": 20.0,
        "members": [{"name": "replica-1", "host": host, "port": port, "state": "ready"}],
        **more,
    }
    run_id = f"agent-test-{os.getpid()}"
    # A run that nobody holds is a dead one: a `recover` of somebody else would end the agent.
    with hold_name(run_id):
        made = AgentHandle(0, run_id, folder / "agent-0.log", lambda *_: None)
        made.begin(AgentSettings(**settings))
        try:
            made.wait("start", DEADLINE_S)
            yield made
        finally:
            made.close()


def do(made: AgentHandle, phase: str) -> dict[str, Any]:
    made.tell(phase)
    return made.wait(phase, DEADLINE_S)


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal-0.jsonl").read_bytes().splitlines()]


def ops(folder: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Invoke and completion of every op, in the order of invokes."""
    lines = journal(folder)
    ends = {line["n"]: line for line in lines if line["e"] == "c"}
    return [(line, ends[line["n"]]) for line in lines if line["e"] == "i"]


def brief(folder: Path, workload: str) -> list[tuple[str, ...]]:
    """(kind, class) of a workload's ops."""
    return [(start["k"], end["cl"]) for start, end in ops(folder) if start["w"] == workload]


fingerprint = Hasher(MASTER).fingerprint


def test_one_correct_pass_of_sessions(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 1}) as made:
        assert do(made, "steady")["surprises"] == []
    assert brief(tmp_path, "users") == [("signup", "ok")] * 3
    found = [pair for pair in ops(tmp_path) if pair[0]["w"] == "sessions"]
    assert [(start["k"], end["cl"], start.get("x")) for start, end in found] == [
        ("login", "ok", ["ok"]),
        ("read", "ok", ["ok"]),
        ("refresh", "ok", ["ok"]),
        ("read", "ok", ["ok"]),
        ("logout", "ok", ["ok"]),
        ("read", "absent", ["absent"]),
    ]
    login, first, refresh, _, logout, last = found
    user = login[0]["u"]
    given = next(token for token in service.successors)
    times = ("at", "it")
    assert {name: value for name, value in login[0].items() if name not in (*times, "n", "c")} == {
        "e": "i", "w": "sessions", "k": "login", "p": "steady", "key": "s-0-1", "s": "s-0-1", "u": user,
        "x": ["ok"], "rt": "hop", "to": "replica-1",
    }  # fmt: skip
    assert {name: value for name, value in login[1].items() if name not in (*times, "n")} == {
        "e": "c", "o": "ok", "cl": "ok", "st": 200, "r": "replica-1", "b": "boot-1", "v": fingerprint(given),
    }  # fmt: skip
    assert first[0]["want"] == first[1]["v"] == fingerprint(user)
    assert refresh[0]["a"] == fingerprint(given)
    assert refresh[1]["v"] == fingerprint(service.successors[given]["refresh"])
    assert (logout[1]["o"], logout[1]["st"]) == ("ok", 204)
    assert (last[1]["o"], last[1]["st"]) == ("fail", 401)
    assert all(start["n"] == end["n"] and start["at"] < end["at"] for start, end in found)


def test_a_target_that_outlives_the_run_is_given_names_that_no_other_run_gives(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"idempotency/hop": 1}, tag="0a1b2c-") as made:
        assert do(made, "steady")["surprises"] == []
    starts = [start for start, _ in ops(tmp_path)]
    assert {start["u"] for start in starts if start["k"] == "signup"} == {f"user-0a1b2c-0-{n}" for n in range(3)}
    keys = {start["key"] for start in starts if start["w"] == "payments"}
    assert keys and all(re.fullmatch(r"[a-z]+-0a1b2c-0-\d+", key) for key in keys)


def test_one_correct_pass_of_payments_jobs_and_hostile_tokens(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"idempotency/hop": 1, "job/balancer": 1, "hostile/hop": 1}) as made:
        assert do(made, "steady")["surprises"] == []
        assert do(made, "quiet")["open"] == []
        do(made, "final")
    pays = [(start, end) for start, end in ops(tmp_path) if start["w"] == "payments" and start["k"] == "pay"]
    assert [end["cl"] for _, end in pays[:3]] == ["ok", "ok", "mismatch"]
    assert pays[0][0]["a"] == pays[1][0]["a"] != pays[2][0]["a"]
    assert pays[0][1]["v"] == pays[1][1]["v"]
    bodies = [json.loads(body) for body in service.bodies["pay"]]
    sent = [body for body in bodies if not body["reference"].startswith("h-")]
    assert sent[0] == sent[1]
    assert [each["reference"] for each in sent[1:3]] == [(key := pays[0][0]["key"]), f"{key}~other"]
    assert sent[2]["amount"] != sent[1]["amount"]
    assert {end["id"] for _, end in pays if end["cl"] == "ok"} == {"pay-0"}
    assert [start["p"] for start, _ in pays[3:]] == ["final"], "once through each replica"
    jobs = [(start, end) for start, end in ops(tmp_path) if start["w"] == "jobs" and start["k"] == "status"]
    assert [end["state"] for _, end in jobs[:2]] == ["pending", "done"]
    assert [end["num"] for _, end in jobs[:2]] == [0.5, 1.0]
    assert "v" not in jobs[0][1]
    assert jobs[1][0]["want"] == jobs[1][1]["v"], "3.0 is 3"
    forged = {start["a"]: end["cl"] for start, end in ops(tmp_path) if start["k"] == "forge"}
    # This service names no issuer, so there is none to be wrong.
    assert forged == dict.fromkeys(
        [
            "expired",
            "no-expiry",
            "other-audience",
            "unsigned",
            "foreign-key",
            "other-subject",
            "refresh-token",
            "bit-flipped",
            "truncated",
        ],
        "absent",
    )


def test_load_keeps_its_records_and_no_secret_of_a_user(tmp_path: Path, service: Service):
    clients = {
        f"{name}/{way}": 2 for name in ("sessions", "payments", "jobs", "hostile") for way in ("hop", "balancer")
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
    found = [(start, end) for start, end in ops(tmp_path) if start["w"] == "sessions"]
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


def test_a_refused_login_is_told_from_a_lost_session(tmp_path: Path, service: Service):
    service.spoil = lambda what, *_: (401, None) if what == "login" else None
    with agent(tmp_path, service, {"session/hop": 1}) as made:
        assert do(made, "steady")["surprises"] == ["session/login: refused (401) where ok is right"]
    assert brief(tmp_path, "sessions") == [("login", "refused")]


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
        begun = time.monotonic()
        do(made, "load")
        took_s = time.monotonic() - begun
    assert took_s < 20, "nobody waits for an arrival that never comes"
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


# -- the ways in which an agent ends


def test_an_agent_killed_meanwhile_is_a_death_that_names_its_log(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 1}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        made.wait_window(DEADLINE_S)
        os.kill(made._process.pid, signal.SIGKILL)
        with pytest.raises(AgentDied, match=r"load agent 0 died in load: it ended \(see agent-0.log\)"):
            made.wait("load", DEADLINE_S)
        with pytest.raises(AgentDied):
            do(made, "quiet")


def test_an_agent_that_is_late_is_a_death_too(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 1}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        with pytest.raises(AgentDied, match=r"was not done with load after 0 s \(see agent-0.log\)"):
            made.wait("load", 0.3)
        made.close(grace_s=0.2)
        assert made._process.returncode is not None


def test_settings_that_cannot_be_used_are_a_death_at_the_start(tmp_path: Path, service: Service):
    (tmp_path / "journal-0.jsonl").write_text("")
    with pytest.raises(AgentDied, match=r"died in start: it ended \(see agent-0.log\)"), agent(tmp_path, service, {}):
        pass
    assert "use a new run folder" in (tmp_path / "agent-0.log").read_text()


BUG = """
import sys
from harness.properties.{module} import workload as broken
def bug(*_, **__):
    raise ZeroDivisionError("a bug")
broken.{name} = bug
from harness.load.agent import serve
sys.exit(serve())
"""


@pytest.mark.parametrize(
    ("module", "name", "workload", "phase"),
    [
        ("session", "Sessions.step", "sessions", "load"),
        ("session", "Sessions.steady", "sessions", "steady"),
        ("session", "Sessions.quiet", "sessions", "quiet"),
        ("job", "Jobs.final", "jobs", "final"),
    ],
)
def test_a_bug_in_a_workload_is_never_silent(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch, module: str, name: str, workload: str, phase: str
):
    script = BUG.format(module=module, name=name)
    start = handle.subprocess.Popen
    monkeypatch.setattr(
        handle.subprocess, "Popen", lambda command, **more: start([sys.executable, "-c", script], **more)
    )
    died = pytest.raises(AgentDied, match=rf"died in \w+: {phase}: ZeroDivisionError: a bug")
    with agent(tmp_path, service, {f"{workload}/hop": 3}) as made, died:
        for each in ("steady", "load", "quiet", "settle", "final"):
            do(made, each)
    assert "a bug" in (tmp_path / "agent-0.log").read_text()


SECOND = """
import sys
from harness.properties.idempotency import workload as payments
whole = payments.Payments.attempt
def bug(self, caller, *rest, **more):
    if caller.routing == "second":
        raise ZeroDivisionError("a bug of the second client")
    return whole(self, caller, *rest, **more)
payments.Payments.attempt = bug
made = payments.Caller
payments.Caller = lambda context, routing, seed: made(context, "second", seed)
from harness.load.agent import serve
sys.exit(serve())
"""


def test_the_death_of_the_second_of_two_clients_is_not_silent(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
):
    start = handle.subprocess.Popen
    monkeypatch.setattr(
        handle.subprocess, "Popen", lambda command, **more: start([sys.executable, "-c", SECOND], **more)
    )
    with agent(tmp_path, service, {"idempotency/hop": 3}, duration_s=1.5) as made:
        do(made, "steady")
        with pytest.raises(AgentDied, match="a bug of the second client"):
            do(made, "load")


def test_an_agent_whose_parent_dies_ends_by_itself(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 2}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        made.wait_window(DEADLINE_S)
        assert made._process.stdin is not None
        made._process.stdin.close()
        assert made._process.wait(DEADLINE_S) == 3
    assert ops(tmp_path), "what was journalled stays"


def test_close_is_idempotent_and_ends_an_agent_that_works(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 2}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        made.wait_window(DEADLINE_S)
        made.close()
        made.close()
        assert made._process.returncode == 0
    assert journal(tmp_path)[-1]["e"] == "summary"
