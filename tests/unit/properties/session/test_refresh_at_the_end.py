"""The newest refresh token of every session is presented once more when the faults are over, unless it is in doubt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.client.caller import Reply
from harness.properties.session import workload as sessions
from harness.properties.visitor import SessionItem


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> sessions.SessionWorkload:
    def spread(context: Any, routing: str, held: list[Any], do: Any) -> None:
        for item in held:
            do(context.caller, item)

    monkeypatch.setattr(sessions, "spread", spread)
    made = object.__new__(sessions.SessionWorkload)
    made.name, made.refreshes, made.items = "session", True, []
    made.context = SimpleNamespace(fingerprint=str)  # type: ignore[assignment]
    return made


def answering(work: sessions.SessionWorkload, *replies: Reply) -> list[str]:
    presented: list[str] = []
    left = list(replies)

    def call(place: str, op: Any, values: dict[str, object], observe: Any) -> Reply:
        presented.append(str(values["refresh"]))
        return left.pop(0)

    work.context.caller = SimpleNamespace(call=call)  # type: ignore[attr-defined]
    return presented


def item(key: str, **more: Any) -> SessionItem:
    return SessionItem(key, "ann", f"token-{key}", "replica-1", [f"old-{key}", f"new-{key}"], **more)


OK = Reply("ok", "ok", 200, {"token": "t", "refresh": "r"})
DOUBT = Reply("info", "error")


def test_what_is_live_and_certain_is_presented_once(work: sessions.SessionWorkload) -> None:
    work.items = [item("a"), item("b", revoked=True), item("c", unsure=True), item("d", lost=True), item("e")]
    presented = answering(work, OK, OK)
    work.settle()
    assert presented == ["new-a", "new-e"] and work.items[0].chain[-1] == "r" and work.items[0].token == "t"


def test_a_doubtful_rotation_is_in_doubt_until_it_is_answered(work: sessions.SessionWorkload) -> None:
    one = item("a")
    answering(work, DOUBT, Reply("fail", "no_effect", 503), OK)
    seen = []
    for _ in range(3):
        work.refresh(work.context.caller, one, one.chain[-1])  # type: ignore[attr-defined]
        seen.append(one.unsure)
    assert seen == [True, True, False]


def test_a_doubt_about_an_older_token_is_none_about_the_newest(work: sessions.SessionWorkload) -> None:
    one = item("a")
    answering(work, DOUBT)
    work.refresh(work.context.caller, one, one.chain[0])  # type: ignore[attr-defined]
    assert not one.unsure
