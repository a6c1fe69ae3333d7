from __future__ import annotations

import pytest

from harness.judging.verdict import Verdict
from harness.properties.session import refresh
from tests.support.histories import history, told

TERMS = refresh.Criteria(refresh_ttl_s=100, refresh_grace_s=10)
LOGIN = "session/login s1 ok 0-10 value=r0"
FIRST = "session/refresh s1 ok 20-30 arg=r0 value=r1"
SECOND = "session/refresh s1 ok 40-50 arg=r1 value=r2"

GUILTY = {
    "forked": [LOGIN, FIRST, "session/refresh s1 ok 35-45 arg=r0 value=other"],
    "ancestor accepted": [LOGIN, FIRST, SECOND, "session/refresh s1 ok 51-60 arg=r0 value=r1"],
    "newest refused": [LOGIN, FIRST, "session/refresh s1 refused 40-50 arg=r1"],
    "newest refused, straight after log-in": [LOGIN, "session/refresh s1 refused 20-30 arg=r0", SECOND],
    "newest refused, before a log-out": [
        LOGIN,
        FIRST,
        "session/refresh s1 refused 40-50 arg=r1",
        "session/logout s1 ok 51-60",
    ],
    "refused in grace": [LOGIN, FIRST, "session/refresh s1 refused 9000-9010 arg=r0"],
    "refused in grace, after a doubtful attempt": [
        LOGIN,
        "session/refresh s1 error 20-30 arg=r0",
        "session/refresh s1 refused 40-50 arg=r0",
        "session/refresh s1 ok 60-70 arg=r0 value=r1",
    ],
}


REUSE = refresh.Criteria(refresh_ttl_s=100, refresh_grace_s=10, refresh_reuse_revokes=True)
LATE = "session/refresh s1 refused 11031-11040 arg=r0"

UNPUNISHED = {
    "late reuse accepted": [LOGIN, FIRST, "session/refresh s1 ok 11031-11040 arg=r0 value=r1"],
    "family lives on, as a read shows": [LOGIN, FIRST, LATE, "session/read s1 ok 11041-11050"],
    "family lives on, as a refresh shows": [LOGIN, FIRST, LATE, "session/refresh s1 ok 11041-11050 arg=r1 value=r2"],
    "family lives on, as a log-out shows": [LOGIN, FIRST, LATE, "session/logout s1 ok 11041-11050"],
}


@pytest.mark.parametrize("name", UNPUNISHED)
def test_a_reuse_that_ends_nothing(name: str) -> None:
    result = refresh.check(history(*UNPUNISHED[name]), REUSE)
    assert told(result) == ("invalid", {name.split(",")[0]: 1})
    assert result.examined == {"refreshes": result.examined["refreshes"], "refused": result.examined["refused"],
        "doubtful": 0, "late_reuses": 1}  # fmt: skip
    assert told(refresh.check(history(*UNPUNISHED[name]), TERMS)) == ("valid", {}), "nothing of the kind was promised"


PUNISHED = {
    "the session ends": [LOGIN, FIRST, LATE, "session/read s1 absent 11041-11050"],
    "a read under way": [LOGIN, FIRST, LATE, "session/read s1 ok 11040-11050"],
    "a doubtful late reuse": [LOGIN, FIRST, LATE.replace("refused", "error"), "session/read s1 ok 11041-11050"],
    "one that was turned away": [LOGIN, FIRST, LATE.replace("refused", "limited"), "session/read s1 ok 11041-11050"],
    "within grace and leeway": [LOGIN, FIRST, LATE.replace("11031", "11030"), "session/read s1 ok 11041-11050"],
    "a token never accepted": [LOGIN, LATE, "session/read s1 ok 11041-11050"],
    "another session lives": [LOGIN, FIRST, LATE, LOGIN.replace("s1", "s2"), "session/read s2 ok 11041-11050"],
}


@pytest.mark.parametrize("name", PUNISHED)
def test_a_reuse_that_ends_the_session_or_need_not(name: str) -> None:
    _, violations = told(refresh.check(history(*PUNISHED[name]), REUSE))
    assert not {"late reuse accepted", "family lives on"} & set(violations)


def test_a_reuse_that_was_never_tried_is_said() -> None:
    result = refresh.check(history(LOGIN, FIRST, SECOND), REUSE)
    assert told(result) == ("valid", {})
    assert result.could_have_missed.startswith("reuse after the grace, which never came: the run is too short for it")
    tried = refresh.check(history(*PUNISHED["the session ends"]), REUSE)
    assert "never came" not in tried.could_have_missed


@pytest.mark.parametrize("name", GUILTY)
def test_guilty(name: str) -> None:
    result = refresh.check(history(*GUILTY[name]), TERMS)
    assert told(result) == ("invalid", {name.split(",")[0]: 1})


INNOCENT = {
    "chain": [LOGIN, FIRST, SECOND],
    "immediate predecessor again": [LOGIN, FIRST, "session/refresh s1 ok 35-45 arg=r0 value=r1"],
    "grandparent refused": [LOGIN, FIRST, SECOND, "session/refresh s1 refused 51-60 arg=r0"],
    "predecessor accepted while its successor is presented": [
        LOGIN,
        FIRST,
        SECOND,
        "session/refresh s1 ok 50-60 arg=r0 value=r1",
    ],
    "predecessor refused while its successor is presented": [
        LOGIN,
        FIRST,
        "session/refresh s1 error 40-50 arg=r1",
        "session/refresh s1 refused 45-60 arg=r0",
    ],
    "after the grace": [LOGIN, FIRST, "session/refresh s1 refused 9000-9021 arg=r0"],
    "after its life": [LOGIN, FIRST, "session/refresh s1 refused 98000-99001 arg=r1"],
    "after a doubtful log-out": [
        LOGIN,
        FIRST,
        "session/logout s1 error 40-50",
        "session/refresh s1 refused 900-950 arg=r1",
    ],
    "after what may look like theft": [
        LOGIN,
        FIRST,
        "session/refresh s1 error 40-50 arg=r0",
        "session/refresh s1 refused 9000-9021 arg=r1",
    ],
    "a token that nobody was seen to get": [LOGIN, FIRST, "session/refresh s1 refused 40-50 arg=unknown"],
}


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    assert told(refresh.check(history(*INNOCENT[name]), TERMS)) == ("valid", {})


def test_without_a_promised_grace_only_a_first_presentation_is_judged() -> None:
    lines = [LOGIN, FIRST, "session/refresh s1 refused 31-40 arg=r0"]
    assert told(refresh.check(history(*lines), refresh.Criteria())) == ("valid", {})


def test_nothing_examined_is_unknown() -> None:
    result = refresh.check(history(LOGIN), TERMS)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no refresh was accepted: nothing to judge"
