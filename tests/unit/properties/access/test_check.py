"""Access: every rule in both directions, and against brute force."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.contract.read import read_contract
from harness.judging.check import Question
from harness.judging.criteria import Criteria
from harness.judging.evidence import gather
from harness.judging.verdict import Verdict
from harness.properties import PROPERTIES
from harness.properties.access import check as access
from harness.properties.session import check as session
from tests.support.histories import fault, history, rows_history, told
from tests.support.oracles import linearizable, row

WHO = "session=s1 user=ann"
LOGIN = "access/login s1 ok 0-10 user=ann"
OWN = f"access/see_own s1 ok 20-30 {WHO} want=ann value=ann"
TURNED_AWAY = f"access/see_other s1 refused 20-30 {WHO} want=bob"
UP = "access/grant ann ok 100-110 session=s9 user=ann arg=permitted"
DOWN = "access/grant ann ok 200-210 session=s9 user=ann arg=plain"
SHOWN = f"access/see_other s1 ok {{}} {WHO} want=bob value=bob"
AGAIN = "access/login s2 ok 120-130 user=ann"
REFUSED = "access/see_other s2 refused {} session=s2 user=ann want=bob"
USURPED = "access/usurp ann ok {} session=s1 user=ann arg=permitted"
KEY = "access/key_create k1 ok 20-30 session=s1 user=ann"
REVOKED = "access/key_revoke k1 ok 50-60 session=s1 user=ann"
OVER = "access/logout_all ann ok 50-60 session=s1 user=ann"

GUILTY = {
    "forbidden admitted, never permitted": [SHOWN.format("120-130")],
    "forbidden admitted, before it was permitted": [SHOWN.format("50-90"), UP],
    "forbidden admitted, after it was taken away": [UP, DOWN, SHOWN.format("211-220")],
    "forbidden admitted, the grant failed": [UP.replace(" ok ", " refused "), SHOWN.format("120-130")],
    "forbidden admitted, a try at it is no grant": [
        USURPED.format("100-110").replace(" ok ", " refused "),
        SHOWN.format("120-130"),
    ],
    "forbidden admitted, another was permitted": [UP.replace("user=ann", "user=bob"), SHOWN.format("120-130")],
    "escalated, never permitted": [USURPED.format("120-130")],
    "escalated, before it was permitted": [USURPED.format("50-90"), UP],
    "escalated, after it was taken away": [UP, DOWN, USURPED.format("211-220")],
    "escalated, the grant failed": [UP.replace(" ok ", " refused "), USURPED.format("120-130")],
    "escalated, another was permitted": [UP.replace("user=ann", "user=bob"), USURPED.format("120-130")],
    "permitted refused, the own account": [OWN.replace(" ok ", " refused ")],
    "permitted refused, the own account is missing": [OWN.replace(" ok ", " missing ")],
    "permitted refused, with the role": [UP, AGAIN, REFUSED.format("140-150")],
    "permitted refused, taken away afterwards": [UP, AGAIN, REFUSED.format("140-150"), DOWN],
    "permitted refused, taken away before it was given": [
        DOWN.replace("200-210", "80-90"),
        UP,
        AGAIN,
        REFUSED.format("140-150").replace("refused", "missing"),
    ],
    "another's data, the own account": [OWN.replace("value=ann", "value=bob")],
    "another's data, a stranger": [UP, SHOWN.format("120-130").replace("value=bob", "value=cid")],
    "revoked key accepted": [KEY, REVOKED, "access/key_use k1 ok 61-70 user=ann"],
    "key lost, not revoked": [KEY, "access/key_use k1 absent 31-40 user=ann"],
    "key lost, before the revoke": [KEY, "access/key_use k1 absent 31-49 user=ann", REVOKED],
    "key lost, accepted afterwards": [
        KEY,
        REVOKED.replace(" ok ", " error "),
        "access/key_use k1 absent 61-65 user=ann",
        "access/key_use k1 ok 70-80 user=ann",
    ],
    "outlived its end": [OVER, f"access/whoami s1 ok 61-70 {WHO}"],
    "outlived its end, ended by another session": [
        "access/login s2 ok 0-10 user=ann",
        OVER.replace("s1", "s2"),
        f"access/see_other s1 missing 61-70 {WHO}",
    ],
}


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    result = access.check(history(LOGIN, OWN.replace("s1", "s8"), *GUILTY[name]), access.Criteria())
    assert told(result) == ("invalid", {name.split(",")[0]: 1})


INNOCENT = {
    "own shown and strangers refused": [OWN],
    "permitted and shown": [UP, SHOWN.format("120-130")],
    "shown while it is being permitted": [UP, SHOWN.format("90-101")],
    "shown while it is being taken away": [UP, DOWN, SHOWN.format("209-220")],
    "shown after a doubtful grant": [UP.replace(" ok ", " error "), DOWN, SHOWN.format("211-220")],
    "shown after a doubtful taking away": [UP, DOWN.replace(" ok ", " error "), SHOWN.format("300-310")],
    "shown while given and taken at once": [UP, DOWN.replace("200-210", "105-115"), SHOWN.format("120-130")],
    "who tries to grant itself is turned away": [USURPED.format("120-130").replace(" ok ", " refused ")],
    "who tries is told that there is nobody": [USURPED.format("120-130").replace(" ok ", " missing ")],
    "who tries with the role is no stranger to it": [
        UP,
        AGAIN,
        REFUSED.format("140-150").replace("see_other", "usurp"),
    ],
    "a doubtful try is no proof": [USURPED.format("120-130").replace(" ok ", " error ")],
    "granted by oneself while permitted": [UP, USURPED.format("120-130")],
    "granted by oneself while it is being permitted": [UP, USURPED.format("90-101")],
    "granted by oneself after a doubtful grant": [UP.replace(" ok ", " error "), DOWN, USURPED.format("211-220")],
    "refused to a session from before": [UP, f"access/see_other s1 refused 140-150 {WHO}"],
    "refused after it was taken away": [UP, AGAIN, DOWN, REFUSED.format("205-220")],
    "refused after a doubtful taking away": [UP, AGAIN, DOWN.replace(" ok ", " error "), REFUSED.format("300-310")],
    "refused to who logged in while it was given": [UP, AGAIN.replace("120-130", "105-130"), REFUSED.format("140-150")],
    "key accepted while it is being revoked": [KEY, REVOKED, "access/key_use k1 ok 59-70 user=ann"],
    "key refused while it is being revoked": [KEY, REVOKED, "access/key_use k1 absent 40-51 user=ann"],
    "key refused after a doubtful revoke": [
        KEY,
        REVOKED.replace(" ok ", " error "),
        "access/key_use k1 absent 61-70 user=ann",
    ],
    "key accepted after a revoke that failed": [
        KEY,
        REVOKED.replace(" ok ", " missing "),
        "access/key_use k1 ok 61-70 user=ann",
    ],
    "key that nobody was given": [KEY.replace(" ok ", " error "), "access/key_use k1 absent 31-40 user=ann"],
    "seen while all is being ended": [OVER, f"access/whoami s1 ok 59-70 {WHO}"],
    "doubtful end of all": [OVER.replace(" ok ", " error "), f"access/whoami s1 ok 70-80 {WHO}"],
    "begun after the end of all": [OVER, AGAIN, "access/whoami s2 ok 140-150 session=s2 user=ann"],
    "begun during the end of all": [
        OVER,
        AGAIN.replace("120-130", "45-55"),
        "access/whoami s2 ok 140-150 session=s2 user=ann",
    ],
    "all of another user ended": [OVER.replace("user=ann", "user=bob"), f"access/whoami s1 ok 61-70 {WHO}"],
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    assert told(access.check(history(LOGIN, TURNED_AWAY, *INNOCENT[name]), access.Criteria())) == ("valid", {})


def test_nothing_examined_is_unknown() -> None:
    result = access.check(history(LOGIN), access.Criteria())
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "no account was asked for and no API key used: nothing to judge",
    )
    result = access.check(history(LOGIN, OWN), access.Criteria())
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no account of a stranger was refused: whether roles count was not seen"


def test_what_was_not_tried_is_said() -> None:
    said = "a role that one gives oneself: none was refused; "
    tried = USURPED.format("120-130").replace(" ok ", " refused ")
    assert access.check(history(LOGIN, TURNED_AWAY), access.Criteria()).could_have_missed.startswith(said)
    result = access.check(history(LOGIN, TURNED_AWAY, tried), access.Criteria())
    assert said not in result.could_have_missed
    assert result.examined["own_grants_refused"] == 1


ENDS = {
    "lost without an end": ([], {"lost": 1}),
    "ended with all": ([OVER], {}),
    "ended with all, doubtfully": ([OVER.replace(" ok ", " error ")], {}),
    "a failed end": ([OVER.replace(" ok ", " absent ")], {"lost": 1}),
    "ended by a change of role": ([DOWN.replace("200-210", "50-60")], {}),
    "another user's end": ([OVER.replace("user=ann", "user=bob")], {"lost": 1}),
    "an end that was over before the log-in": ([OVER.replace("50-60 session=s1", "0-1 session=s0")], {"lost": 1}),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_ends_all_sessions_of_a_user_loses_none(name: str) -> None:
    more, violations = ENDS[name]
    lines = ["access/login s1 ok 5-10 user=ann", *more, f"access/whoami s1 absent 70-80 {WHO}"]
    assert told(session.check(history(*lines), session.Criteria()))[1] == violations


# -- against brute force: a register for the role, a set for the keys

ITEMS = 30
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
times, lengths = st.integers(0, 14), st.integers(0, 5)
ROLE_OPS = st.tuples(
    st.sampled_from(
        ["permitted ok", "permitted error", "plain ok", "plain error", "plain refused", "shown", "shown", "usurped"]
    ),
    times,
    lengths,
)


def role_step(state: str, op: dict[str, Any]) -> list[str]:
    """The latest role that was written decides; a doubtful write may be left out, and is so by its caller."""
    if op["kind"] == "grant":
        return [state] if op["outcome"] == "fail" else [op["arg"]]
    wanted = "permitted" if op["class"] == "ok" else "plain"
    return [state] if state == wanted else []


REFUSALS = st.tuples(
    st.sampled_from(["permitted ok", "permitted ok", "permitted error", "plain ok", "plain error", "refused"]),
    times,
    lengths,
    lengths,
)


@pytest.mark.thorough
@QUICK
@given(st.lists(st.lists(REFUSALS, max_size=6), min_size=ITEMS, max_size=ITEMS))
def test_who_was_permitted_for_certain(items: list[Any]) -> None:
    """A refusal is explained if the role was plain at some moment from the session's log-in to the answer."""
    histories: dict[str, list[dict[str, Any]]] = {}
    unexplained = set()
    for number, ops in enumerate(items):
        name = f"u{number}"
        rows, grants, reads = [], [], []
        for place, (what, invoke, took, more) in enumerate(ops):
            role, _, label = what.partition(" ")
            if label:
                grants.append(row("access", "grant", name, label, invoke, took, user=name, arg=role))
                continue
            session, asked = f"{name}-{place}", invoke + took + 1
            rows.append(row("access", "login", session, "ok", invoke, took, user=name, session=session))
            rows.append(row("access", "see_other", session, "refused", asked, more, user=name, session=session))
            reads.append(row("access", "see_other", session, "refused", invoke, asked + more - invoke))
        histories[name] = [*rows, *grants]
        unexplained |= {each["key"] for each in reads if not linearizable([each, *grants], "plain", role_step)}
    db = rows_history([each for rows in histories.values() for each in rows])
    access.check(db, access.Criteria())
    found = {item for (item,) in db.execute("SELECT item FROM bad WHERE rule = 'permitted refused'").fetchall()}
    assert found == unexplained


@pytest.mark.thorough
@QUICK
@given(st.lists(st.lists(ROLE_OPS, max_size=6), min_size=ITEMS, max_size=ITEMS))
def test_who_may_have_been_permitted(items: list[Any]) -> None:
    histories: dict[str, list[dict[str, Any]]] = {}
    for number, ops in enumerate(items):
        name = f"u{number}"
        rows = []
        for what, invoke, took in ops:
            role, _, label = what.partition(" ")
            if label:
                rows.append(row("access", "grant", name, label, invoke, took, user=name, arg=role))
            else:
                kind = "see_other" if what == "shown" else "usurp"
                rows.append(row("access", kind, name, "ok", invoke, took, user=name, session=name, arg="permitted"))
        histories[name] = rows
    db = rows_history([each for rows in histories.values() for each in rows])
    access.check(db, access.Criteria())
    found = set(db.execute("SELECT item, rule FROM bad").fetchall())
    # Each answer is judged by itself: some order of the grants must explain it.
    unexplained = {
        (name, {"see_other": "forbidden admitted", "usurp": "escalated"}[admitted["kind"]])
        for name, rows in histories.items()
        for admitted in rows
        if admitted["kind"] != "grant"
        and not linearizable([admitted, *(each for each in rows if each["kind"] == "grant")], "plain", role_step)
    }
    assert found == unexplained


KEY_OPS = st.tuples(
    st.sampled_from(["use ok", "use absent", "use absent", "use error", "revoke ok", "revoke error", "revoke missing"]),
    times,
    lengths,
)


def key_step(state: str, op: dict[str, Any]) -> list[str]:
    """A key is given once and taken away at most once; taking it away again is possible and changes nothing."""
    kind, label = op["kind"], op["class"]
    if kind == "key_create":
        return ["there"] if state == "never" else []
    if kind == "key_revoke":
        return [state] if label == "missing" else ["gone"] if state in ("there", "gone") else []
    if label == "ok":
        return [state] if state == "there" else []
    return [state] if label == "error" or state != "there" else []


@pytest.mark.thorough
@QUICK
@given(st.lists(st.tuples(st.integers(0, 3), lengths, st.lists(KEY_OPS, max_size=6)), min_size=ITEMS, max_size=ITEMS))
def test_keys(items: list[Any]) -> None:
    histories: dict[str, list[dict[str, Any]]] = {}
    for number, (start, length, ops) in enumerate(items):
        name = f"k{number}"
        rows = [row("access", "key_create", name, "ok", start, length, user="ann")]
        for what, invoke, took in ops:
            kind, label = what.split()
            # Whoever uses or revokes a key has it, so the log-in that made it has returned.
            rows.append(row("access", f"key_{kind}", name, label, start + length + 1 + invoke, took, user="ann"))
        histories[name] = rows
    db = rows_history([each for rows in histories.values() for each in rows])
    access.check(db, access.Criteria())
    found = {item for (item,) in db.execute("SELECT DISTINCT item FROM bad WHERE rule <> 'x'").fetchall()}
    assert found == {name for name, rows in histories.items() if not linearizable(rows, "never", key_step)}


CONTRACT = read_contract(Path(__file__).parents[4] / "target_service" / "contract.yaml")


@pytest.mark.parametrize(
    ("lines", "keys", "found"),
    [
        (["access/see_own s1 ok 510-520 session=s1 user=ann replica=replica-2"], False, 1),
        (["access/see_own s1 ok 510-520 session=s1 user=ann"], False, 0),
        (["access/see_own s1 ok 510-520 session=s1 user=ann replica=replica-2"], True, 0),
    ],
    ids=["elsewhere", "at who acknowledged it", "with keys, those count"],
)
def test_without_api_keys_accounts_are_evidence(lines: list[str], keys: bool, found: int) -> None:
    db = history("access/signup ann ok 1-5 user=ann", *lines, fault=[fault(0, "kill", 100, 500, 500)])
    section = CONTRACT.sections["access"]
    without = {"key_create": None, "key_use": None, "key_revoke": None}
    declared = replace(CONTRACT.declared("access"), section=section if keys else section.model_copy(update=without))
    judged = PROPERTIES["access"].checks[0]
    question = Question(judged.check, judged.criteria(declared), "access", judged.items(declared))
    proofs = {each.name: each.found for each in gather(db, Criteria(), [question])}
    assert proofs["items: access"] == found
