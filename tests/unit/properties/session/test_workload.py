"""The workload of sessions as its clients see it, against a small service of this process."""

from __future__ import annotations

from pathlib import Path

from tests.support.agents import agent, brief, do, fingerprint, ops
from tests.support.service import Service


def test_one_correct_pass_of_sessions(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 1}) as made:
        assert do(made, "steady")["surprises"] == []
    assert brief(tmp_path, "users") == [("signup", "ok")] * 3
    found = [pair for pair in ops(tmp_path) if pair[0]["w"] == "session"]
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
        "e": "i", "w": "session", "k": "login", "p": "steady", "key": "s-0-1", "s": "s-0-1", "u": user,
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


def test_a_refused_login_is_told_from_a_lost_session(tmp_path: Path, service: Service):
    service.spoil = lambda what, *_: (401, None) if what == "login" else None
    with agent(tmp_path, service, {"session/hop": 1}) as made:
        assert do(made, "steady")["surprises"] == ["session/login: refused (401) where ok is right"]
    assert brief(tmp_path, "session") == [("login", "refused")]


def test_without_any_user_nobody_logs_in_and_the_agent_goes_on(tmp_path: Path, service: Service) -> None:
    service.spoil = lambda what, *_: (503, None) if what == "users" else None
    with agent(tmp_path, service, {"session/hop": 1}, duration_s=0.3) as made:
        do(made, "steady")
        for phase in ("load", "quiet", "settle", "final"):
            do(made, phase)
    assert {start["k"] for start, _ in ops(tmp_path)} == {"signup"}
