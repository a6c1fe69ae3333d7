"""graceful: which requests a stop may not cost, and which it may."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judging import graceful
from harness.judging.criteria import Criteria
from harness.judging.verdict import Verdict
from tests.support.histories import MS, fault, history, told

CRITERIA = Criteria()

STOP = fault(0, "stop", 100, 500, 900)
MEMBERS = [
    {"name": "replica-1", "role": "replica", "boot": "b1", "state": "stopping", "at_ns": 100 * MS},
    {"name": "replica-1", "role": "replica", "boot": "b1", "state": "gone", "at_ns": 500 * MS},
]
OTHER = "session/read s9 ok 150-160 replica=replica-2 boot=b2"
AT = "failed at the stopping one"
MEANWHILE = "failed meanwhile"


@pytest.mark.parametrize(
    ("line", "faults", "expected"),
    [
        ("session/read s1 ok 90-110", [STOP], ("valid", {})),
        ("session/read s1 error 90-110 replica=- sent_to=replica-1", [STOP], ("invalid", {AT: 1})),
        ("session/read s1 error 900-1000 replica=- sent_to=replica-1", [STOP], ("invalid", {AT: 1})),
        ("session/read s1 no_effect 200-210 replica=replica-1", [STOP], ("invalid", {AT: 1})),
        ("session/read s1 error 200-210 replica=-", [STOP], ("invalid", {MEANWHILE: 1})),
        ("session/read s1 error 1001-1010 replica=-", [STOP], ("valid", {})),
        ("session/read s1 error 10-99 replica=-", [STOP], ("valid", {})),
        ("session/read s1 error 200-? replica=-", [STOP], ("valid", {})),
        (
            "session/read s1 error 200-210 replica=-",
            [STOP, fault(1, "kill", 50, 60, 70, target="replica-3")],
            ("unknown", {}),
        ),
        (
            "session/read s1 error 200-210 replica=-",
            [STOP, fault(1, "kill", 205, 206, None, target="replica-3")],
            ("valid", {}),
        ),
        (
            "session/read s1 error 200-210 replica=-",
            [STOP, fault(1, "kill", 50, 60, 70, role="worker", target="worker-1")],
            ("invalid", {MEANWHILE: 1}),
        ),
        (
            "session/read s1 error 200-210 replica=- sent_to=replica-1",
            [STOP, fault(1, "pause", 50, 60, 70)],
            ("invalid", {AT: 1}),
        ),
        (
            "session/read s1 error 200-210 replica=- sent_to=replica-1",
            [STOP, fault(1, "kill", 50, 60, 70, target="replica-3")],
            ("invalid", {AT: 1}),
        ),
        (
            "session/read s1 error 200-210 replica=- sent_to=replica-1",
            [STOP, fault(1, "kill", 205, 206, None)],
            ("valid", {}),
        ),
        (
            "session/read s1 error 200-210 replica=-",
            [fault(0, "scale", 100, 500, 900, target="5->2")],
            ("invalid", {MEANWHILE: 1}),
        ),
    ],
)
def test_graceful(line: str, faults: list[dict[str, Any]], expected: tuple[str, dict[str, int]]) -> None:
    assert told(graceful.check(history(line, OTHER, fault=faults, member=MEMBERS), CRITERIA)) == expected


def seen(name: str, *states: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "role": "replica", "boot": name, "state": each, "at_ns": at * MS} for each, at in states]


@pytest.mark.parametrize(
    ("line", "members", "expected"),
    [
        ("error 200-210 replica=-", seen("replica-2", ("unready", 205), ("ready", 300)), ("unknown", {})),
        ("error 200-210 replica=-", seen("replica-2", ("unready", 205)), ("unknown", {})),
        ("error 200-210 replica=-", seen("replica-2", ("unready", 710), ("ready", 720)), ("unknown", {})),
        ("error 200-210 replica=-", seen("replica-2", ("unready", 711), ("ready", 720)), ("invalid", {MEANWHILE: 1})),
        ("error 800-810 replica=-", seen("replica-2", ("unready", 205), ("ready", 300)), ("unknown", {})),
        ("error 801-810 replica=-", seen("replica-2", ("unready", 205), ("ready", 300)), ("invalid", {MEANWHILE: 1})),
        ("error 200-210 replica=-", seen("replica-1", ("unready", 90)), ("invalid", {MEANWHILE: 1})),
        ("error 200-210 replica=-", seen("replica-2", ("starting", 90), ("ready", 300)), ("invalid", {MEANWHILE: 1})),
        ("error 200-210 replica=- sent_to=replica-1", seen("replica-2", ("unready", 205)), ("invalid", {AT: 1})),
        ("ok 200-210", seen("replica-2", ("unready", 205)), ("valid", {})),
    ],
)
def test_a_replica_that_nobody_stopped_and_is_not_ready_may_be_why_a_request_failed(
    line: str, members: list[dict[str, Any]], expected: tuple[str, dict[str, int]]
) -> None:
    result = graceful.check(history(f"session/read s1 {line}", OTHER, fault=[STOP], member=MEMBERS + members), CRITERIA)
    assert told(result) == expected
    assert result is not None
    if expected[0] == "unknown":
        assert result.reason == (
            "1 requests failed while a replica that nobody stopped was not ready: whether a graceful stop was why "
            "is not known. Give the machine more room, or find out why it was not ready"
        )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("session/read s1 error 101-102 replica=- sent_to=replica-3", {AT: 1}),
        ("session/read s1 error 101-102 replica=- sent_to=replica-2", {MEANWHILE: 1}),
        ("session/read s1 error 600-610 replica=- sent_to=replica-3", {AT: 1}),
        ("session/read s1 error 700-710 replica=- sent_to=replica-3", {}),
        ("session/read s1 error 90-99 replica=- sent_to=replica-3", {}),
    ],
)
@pytest.mark.parametrize("how", ["stop", "scale", "not_in_grace"])
def test_a_member_that_exits_before_anyone_sees_it_stopping_is_found_by_its_fault(
    line: str, expected: dict[str, int], how: str
) -> None:
    stopped: list[dict[str, Any]] = []
    given = fault(0, "stop", 100, 110, 900, target="replica-3")
    if how == "scale":
        given = fault(0, "scale", 100, 110, 110, target="3->2", boot=None)
        stopped = [{"fault": 0, "name": "replica-3"}]
    elif how == "not_in_grace":
        given = fault(0, "stop", 100, None, None, target="replica-3", failed="killed", failed_ns=610 * MS)
    db = history(line, OTHER, fault=[given], fault_member=stopped)
    assert told(graceful.check(db, CRITERIA)) == ("invalid" if expected else "valid", expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("session/read s1 error 300-310 replica=pod-x boot=b3", {AT: 1}),
        ("session/read s1 error 1390-1400 replica=- sent_to=replica-3", {AT: 1}),
        ("session/read s1 no_effect 300-310 replica=pod-y boot=b4", {MEANWHILE: 1}),
        ("session/read s1 error 1501-1510 replica=pod-x boot=b3", {}),
        ("session/read s1 error 90-99 replica=pod-x boot=b3", {}),
    ],
)
@pytest.mark.parametrize("kind", ["restart", "roll", "switch"])
def test_a_version_in_the_old_ones_place_costs_no_request(line: str, expected: dict[str, int], kind: str) -> None:
    rolled = fault(0, kind, 100, 1000, 1000, target="all 2 replicas", boot=None)
    names = [{"fault": 0, "name": "replica-3"}]
    seen = [{"name": "replica-3", "role": "replica", "boot": "b3", "state": "ready", "at_ns": 1}]
    db = history(line, OTHER, fault=[rolled], fault_member=names, member=seen)
    assert told(graceful.check(db, CRITERIA)) == ("invalid" if expected else "valid", expected)


def test_a_replica_cut_off_meanwhile_excuses_what_a_rollout_would_not() -> None:
    faults = [fault(0, "roll", 100, 1000, 1000), fault(1, "cut", 200, 210, 400, target="replica-2", boot="b2")]
    names = [{"fault": 0, "name": "replica-1"}]
    lines = ("session/read s1 error 300-310 replica=-", "session/read s2 ok 120-130 boot=b2 replica=replica-2")
    assert told(graceful.check(history(*lines, fault=faults, fault_member=names), CRITERIA)) == ("valid", {})
    assert told(graceful.check(history(*lines, fault=faults[:1], fault_member=names), CRITERIA))[0] == "invalid"


def test_what_kills_excuse_is_no_evidence_of_a_graceful_stop() -> None:
    faults = [STOP, fault(1, "kill", 50, 60, 70, target="replica-3")]
    result = graceful.check(history(OTHER, fault=faults), CRITERIA)
    assert result is not None
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "1 graceful stops were seen and no request was under way during one, "
        "but for 1 that kills, pauses and cuts excuse",
    )
    result = graceful.check(history(OTHER, "session/read s1 ok 150-160", fault=faults), CRITERIA)
    assert result is not None
    assert result.verdict is Verdict.VALID
    assert result.evidence == {"stops": 1, "ops_judged": 1, "ops_excused": 1}


def test_graceful_is_not_tested_without_a_graceful_fault() -> None:
    faults = [
        fault(0, "kill", 1, 2, 3),
        fault(1, "scale", 4, 5, 6, target="2->5"),
        fault(2, "stop", 7, 8, 9, role="worker"),
    ]
    assert graceful.check(history(OTHER, fault=faults), CRITERIA) is None


def test_a_graceful_stop_that_no_request_saw_is_unknown() -> None:
    result = graceful.check(history("session/read s1 ok 2000-2010", fault=[STOP], member=MEMBERS), CRITERIA)
    assert result is not None
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "1 graceful stops were seen and no request was under way during one"
