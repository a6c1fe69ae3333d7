"""steady, unique ids, hostile tokens, graceful, accounting."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import target_service
from harness.contract.read import read_contract
from harness.judging import accounting, graceful, steady, unique_ids
from harness.judging.criteria import Terms
from harness.judging.verdict import Verdict
from harness.offline import OPERATION_OF
from harness.properties.hostile import check as hostile
from harness.properties.hostile.workload import VARIANTS
from harness.properties.job import check as job
from tests.support.histories import MS, effect, fault, history, told

TERMS = Terms()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sessions/read s1 ok 0-10 phase=steady expect=ok", ("valid", {})),
        ("sessions/read s1 absent 0-10 phase=steady expect=ok,absent", ("valid", {})),
        ("sessions/read s1 absent 0-10 phase=steady expect=ok", ("invalid", {"unexpected": 1})),
        ("sessions/read s1 error 0-10 phase=steady expect=ok", ("invalid", {"unexpected": 1})),
        ("sessions/read s1 error 0-? phase=steady expect=ok", ("unknown", {})),
        ("sessions/read s1 no_effect 0-10 phase=steady expect=ok", ("unknown", {})),
        ("sessions/read s1 absent 0-10 phase=load", ("unknown", {})),
    ],
)
def test_steady(line: str, expected: tuple[str, dict[str, int]]) -> None:
    assert told(steady.check(history(line), TERMS)) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["payments/pay p1 ok 0-1 given_id=i", "payments/pay p2 ok 0-1 given_id=i"], ("invalid", {"given twice": 1})),
        (["payments/pay p1 ok 0-1 given_id=i", "payments/pay p1 ok 0-1 given_id=i"], ("valid", {})),
        (["payments/pay p1 ok 0-1 given_id=i", "jobs/submit j1 ok 0-1 given_id=i"], ("valid", {})),
        (["payments/pay p1 ok 0-1"], ("unknown", {})),
    ],
)
def test_unique_ids(lines: list[str], expected: tuple[str, dict[str, int]]) -> None:
    assert told(unique_ids.check(history(*lines), TERMS)) == expected


def test_the_witness_of_an_id_given_twice_holds_both() -> None:
    db = history(
        "jobs/submit j2 ok 0-1 given_id=i", "jobs/submit j1 ok 2-3 given_id=i", "jobs/submit j3 ok 4-5 given_id=k"
    )
    (witness,) = unique_ids.check(db, TERMS).witnesses
    assert (witness.key, [op["id"] for op in witness.ops]) == ("j1", [0, 1])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["hostile/forge a ok 0-1 arg=unsigned"], ("invalid", {"accepted": 1})),
        (["hostile/forge a absent 0-1 arg=unsigned", "hostile/forge b refused 0-1"], ("valid", {})),
        (["hostile/forge_pay a ok 0-1 arg=unsigned"], ("invalid", {"accepted": 1})),
        (["hostile/forge_pay a absent 0-1 arg=unsigned"], ("valid", {})),
        (["hostile/forge a error 0-1"], ("unknown", {})),
        (["sessions/read s ok 0-1"], ("unknown", {})),
    ],
)
def test_hostile(lines: list[str], expected: tuple[str, dict[str, int]]) -> None:
    assert told(hostile.check(history(*lines), TERMS)) == expected


def test_hostile_says_which_variants_it_never_presented() -> None:
    lines = [
        "hostile/forge a/unsigned absent 0-1 arg=unsigned",
        "hostile/forge a/expired error 0-1 arg=expired",
        "hostile/forge a/truncated no_effect 0-1 arg=truncated",
    ]
    result = hostile.check(history(*lines), TERMS)
    missing = (
        "bit-flipped, foreign-key, no-expiry, other-audience, other-issuer, other-subject, other-type, refresh-token, "
        "truncated, unknown-kid"
    )
    assert result.evidence == {"answered": "unsigned", "never_answered": "expired", "never_presented": missing}
    assert result.could_have_missed == (
        f"never answered: expired; never presented: {missing}; no payment with one was answered; "
        "no replica fault landed: this says nothing about any"
    )


PAID = "hostile/forge_pay h1 absent 0-10 arg=unsigned"


@pytest.mark.parametrize("label", ["absent", "error", "no_effect"])
def test_a_payment_with_a_hostile_token_has_no_effect_whatever_was_answered(label: str) -> None:
    lines = [PAID.replace("absent", label), "hostile/forge a absent 0-1 arg=unsigned"]
    assert told(hostile.check(history(*lines, effect=[effect("p1", 5)]), TERMS)) == ("valid", {})
    result = hostile.check(history(*lines, effect=[effect("p1", 5), effect("h1", 5)]), TERMS)
    assert told(result) == ("invalid", {"took effect": 1})
    assert [each["at_s"] for each in result.witnesses[0].effects] == [0.005]


def test_hostile_says_that_it_did_not_see_effects() -> None:
    seen, unseen = [hostile.check(history(PAID), Terms(payment_effects=where)) for where in ("ledger", "nowhere")]
    said = "effects of payments that were refused: the ledger does not have them; "
    assert said in unseen.could_have_missed
    assert said not in seen.could_have_missed
    assert seen.examined["payments"] == 1


def test_the_variants_are_those_that_the_workload_knows() -> None:
    assert list(hostile.VARIANTS) == sorted(VARIANTS)


def test_steady_and_unique_ids_show_what_they_looked_at() -> None:
    db = history(
        "sessions/read s1 ok 0-10 phase=steady expect=ok",
        "jobs/submit j1 ok 0-1 phase=steady expect=ok given_id=a",
        "jobs/submit j2 ok 0-1 given_id=b replica=replica-2",
        fault=[fault(0, "kill", 1, 2, 3)],
    )
    result = steady.check(db, TERMS)
    assert (result.evidence, result.could_have_missed) == ({"kinds": "jobs/submit, sessions/read"}, "")
    assert unique_ids.check(db, TERMS).evidence == {"ids": 2, "replicas_that_gave_them": 2}


def test_only_landed_faults_that_matter_bound_what_was_missed() -> None:
    faults = [
        *(fault(number, "kill", 1, 2, 3) for number in range(4)),
        *(fault(number, "kill", 1, 2, 3, role="worker") for number in range(4, 6)),
        fault(6, "noop", 1, 2, 3),
        fault(7, "kill", 1, None, None, failed="not seen"),
    ]
    lines = [
        "payments/pay p1 ok 0-1 given_id=i",
        "jobs/submit j1 ok 0-1 given_id=j",
        "jobs/status j1 ok 2-3 state=done",
        "hostile/forge a absent 0-1 arg=unsigned",
    ]
    db = history(*lines, fault=faults, effect=[effect("j1", 1, "job")])
    told_of = "no violation in 4 independent replica faults: rate below 0.75 each with 95 %"
    assert unique_ids.check(db, TERMS).could_have_missed == told_of
    assert hostile.check(db, TERMS).could_have_missed.endswith(told_of)
    assert job.check(db, TERMS).could_have_missed == (
        "no violation in 6 independent replica or worker faults: rate below 0.5 each with 95 %"
    )
    few = history(lines[0], fault=faults[:1])
    assert unique_ids.check(few, TERMS).could_have_missed == (
        "1 replica fault landed: too few to bound the rate of a violation"
    )


STOP = fault(0, "stop", 100, 500, 900)
MEMBERS = [
    {"name": "replica-1", "role": "replica", "boot": "b1", "state": "stopping", "at_ns": 100 * MS},
    {"name": "replica-1", "role": "replica", "boot": "b1", "state": "gone", "at_ns": 500 * MS},
]
OTHER = "sessions/read s9 ok 150-160 replica=replica-2 boot=b2"
AT = "failed at the stopping one"
MEANWHILE = "failed meanwhile"


@pytest.mark.parametrize(
    ("line", "faults", "expected"),
    [
        ("sessions/read s1 ok 90-110", [STOP], ("valid", {})),
        ("sessions/read s1 error 90-110 replica=- sent_to=replica-1", [STOP], ("invalid", {AT: 1})),
        ("sessions/read s1 error 900-1000 replica=- sent_to=replica-1", [STOP], ("invalid", {AT: 1})),
        ("sessions/read s1 no_effect 200-210 replica=replica-1", [STOP], ("invalid", {AT: 1})),
        ("sessions/read s1 error 200-210 replica=-", [STOP], ("invalid", {MEANWHILE: 1})),
        ("sessions/read s1 error 1001-1010 replica=-", [STOP], ("valid", {})),
        ("sessions/read s1 error 10-99 replica=-", [STOP], ("valid", {})),
        ("sessions/read s1 error 200-? replica=-", [STOP], ("valid", {})),
        (
            "sessions/read s1 error 200-210 replica=-",
            [STOP, fault(1, "kill", 50, 60, 70, target="replica-3")],
            ("unknown", {}),
        ),
        (
            "sessions/read s1 error 200-210 replica=-",
            [STOP, fault(1, "kill", 205, 206, None, target="replica-3")],
            ("valid", {}),
        ),
        (
            "sessions/read s1 error 200-210 replica=-",
            [STOP, fault(1, "kill", 50, 60, 70, role="worker", target="worker-1")],
            ("invalid", {MEANWHILE: 1}),
        ),
        (
            "sessions/read s1 error 200-210 replica=- sent_to=replica-1",
            [STOP, fault(1, "pause", 50, 60, 70)],
            ("invalid", {AT: 1}),
        ),
        (
            "sessions/read s1 error 200-210 replica=- sent_to=replica-1",
            [STOP, fault(1, "kill", 50, 60, 70, target="replica-3")],
            ("invalid", {AT: 1}),
        ),
        (
            "sessions/read s1 error 200-210 replica=- sent_to=replica-1",
            [STOP, fault(1, "kill", 205, 206, None)],
            ("valid", {}),
        ),
        (
            "sessions/read s1 error 200-210 replica=-",
            [fault(0, "scale", 100, 500, 900, target="5->2")],
            ("invalid", {MEANWHILE: 1}),
        ),
    ],
)
def test_graceful(line: str, faults: list[dict[str, Any]], expected: tuple[str, dict[str, int]]) -> None:
    assert told(graceful.check(history(line, OTHER, fault=faults, member=MEMBERS), TERMS)) == expected


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
    result = graceful.check(history(f"sessions/read s1 {line}", OTHER, fault=[STOP], member=MEMBERS + members), TERMS)
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
        ("sessions/read s1 error 101-102 replica=- sent_to=replica-3", {AT: 1}),
        ("sessions/read s1 error 101-102 replica=- sent_to=replica-2", {MEANWHILE: 1}),
        ("sessions/read s1 error 600-610 replica=- sent_to=replica-3", {AT: 1}),
        ("sessions/read s1 error 700-710 replica=- sent_to=replica-3", {}),
        ("sessions/read s1 error 90-99 replica=- sent_to=replica-3", {}),
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
    assert told(graceful.check(db, TERMS)) == ("invalid" if expected else "valid", expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sessions/read s1 error 300-310 replica=pod-x boot=b3", {AT: 1}),
        ("sessions/read s1 error 1390-1400 replica=- sent_to=replica-3", {AT: 1}),
        ("sessions/read s1 no_effect 300-310 replica=pod-y boot=b4", {MEANWHILE: 1}),
        ("sessions/read s1 error 1501-1510 replica=pod-x boot=b3", {}),
        ("sessions/read s1 error 90-99 replica=pod-x boot=b3", {}),
    ],
)
@pytest.mark.parametrize("kind", ["restart", "roll", "switch"])
def test_a_version_in_the_old_ones_place_costs_no_request(line: str, expected: dict[str, int], kind: str) -> None:
    rolled = fault(0, kind, 100, 1000, 1000, target="all 2 replicas", boot=None)
    names = [{"fault": 0, "name": "replica-3"}]
    seen = [{"name": "replica-3", "role": "replica", "boot": "b3", "state": "ready", "at_ns": 1}]
    db = history(line, OTHER, fault=[rolled], fault_member=names, member=seen)
    assert told(graceful.check(db, TERMS)) == ("invalid" if expected else "valid", expected)


def test_a_replica_cut_off_meanwhile_excuses_what_a_rollout_would_not() -> None:
    faults = [fault(0, "roll", 100, 1000, 1000), fault(1, "cut", 200, 210, 400, target="replica-2", boot="b2")]
    names = [{"fault": 0, "name": "replica-1"}]
    lines = ("sessions/read s1 error 300-310 replica=-", "sessions/read s2 ok 120-130 boot=b2 replica=replica-2")
    assert told(graceful.check(history(*lines, fault=faults, fault_member=names), TERMS)) == ("valid", {})
    assert told(graceful.check(history(*lines, fault=faults[:1], fault_member=names), TERMS))[0] == "invalid"


def test_what_kills_excuse_is_no_evidence_of_a_graceful_stop() -> None:
    faults = [STOP, fault(1, "kill", 50, 60, 70, target="replica-3")]
    result = graceful.check(history(OTHER, fault=faults), TERMS)
    assert result is not None
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "1 graceful stops were seen and no request was under way during one, "
        "but for 1 that kills, pauses and cuts excuse",
    )
    result = graceful.check(history(OTHER, "sessions/read s1 ok 150-160", fault=faults), TERMS)
    assert result is not None
    assert result.verdict is Verdict.VALID
    assert result.evidence == {"stops": 1, "ops_judged": 1, "ops_excused": 1}


def test_graceful_is_not_tested_without_a_graceful_fault() -> None:
    faults = [
        fault(0, "kill", 1, 2, 3),
        fault(1, "scale", 4, 5, 6, target="2->5"),
        fault(2, "stop", 7, 8, 9, role="worker"),
    ]
    assert graceful.check(history(OTHER, fault=faults), TERMS) is None


def test_a_graceful_stop_that_no_request_saw_is_unknown() -> None:
    result = graceful.check(history("sessions/read s1 ok 2000-2010", fault=[STOP], member=MEMBERS), TERMS)
    assert result is not None
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "1 graceful stops were seen and no request was under way during one"


def summary(requests: int, **by_kind: int) -> list[dict[str, Any]]:
    kinds = {name.replace("_", "/"): count for name, count in by_kind.items()}
    return [{"agent": 0, "requests": requests, "failures": 0, "by_kind": json.dumps(kinds), "dropped": 0}]


def scrape(
    at: int, count: float, boot: str = "b1", series: str = "/profile", asked: int | None = None
) -> dict[str, Any]:
    return {
        "asked_ns": (at if asked is None else asked) * MS,
        "at_ns": at * MS,
        "replica": "replica-1",
        "boot": boot,
        "series": series,
        "count": count,
    }


READS = ["sessions/read s1 ok 0-10", "sessions/read s2 ok 20-30", "sessions/read s3 error 40-?"]


def test_accounting_agrees_with_locust_but_for_open_ops() -> None:
    result = accounting.check(history(*READS, summary=summary(2, sessions_read=2)), TERMS)
    assert told(result) == ("valid", {})
    assert result.examined == {"ops": 3, "completions": 2, "boots": 0, "summaries": 1}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            summary(2, sessions_read=1, sessions_login=1),
            "the journal and Locust disagree: agent 0, sessions/login: 0 journalled, 1 counted; "
            "agent 0, sessions/read: 2 journalled, 1 counted",
        ),
        (
            summary(3, sessions_read=2),
            "the journal and Locust disagree: agent 0, all: 2 journalled, 3 counted",
        ),
        ([], "the journal and Locust disagree: agent 0 left no summary"),
    ],
)
def test_a_journal_that_disagrees_with_locust_is_unknown(given: list[dict[str, Any]], reason: str) -> None:
    result = accounting.check(history(*READS, summary=given), TERMS)
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, reason)


@pytest.mark.parametrize(
    ("scrapes", "expected"),
    [
        ([scrape(5000, 2)], ("valid", {})),
        ([scrape(5000, 3)], ("invalid", {"more than were sent": 1})),
        ([scrape(5000, 1)], ("invalid", {"fewer than were answered": 1})),
        ([scrape(5000, 1, asked=25)], ("valid", {})),
        ([scrape(15, 1)], ("valid", {})),
        ([scrape(15, 2)], ("invalid", {"more than were sent": 1})),
        ([scrape(15, 0)], ("valid", {})),
        ([scrape(15, 9), scrape(5000, 1), scrape(5000, 1, series="/payment")], ("valid", {})),
        ([scrape(5000, 2), scrape(5000, 90, series="total")], ("valid", {})),
        ([scrape(5000, 90, series="total")], ("invalid", {"more than were sent": 1})),
    ],
)
def test_accounting_against_metrics(scrapes: list[dict[str, Any]], expected: tuple[str, dict[str, int]]) -> None:
    db = history(*READS[:2], summary=summary(2, sessions_read=2), scrape=scrapes)
    assert told(accounting.check(db, Terms(metrics=True))) == expected


def test_ops_of_unknown_boot_are_counted_in_the_service_s_favour() -> None:
    lines = [*READS[:2], "sessions/read s3 error 40-50 boot=- replica=-"]
    for count, verdict in ((2, "valid"), (3, "valid"), (4, "invalid")):
        db = history(*lines, summary=summary(3, sessions_read=3), scrape=[scrape(5000, count)])
        assert told(accounting.check(db, Terms(metrics=True)))[0] == verdict


def test_only_kinds_that_the_metrics_count_are_compared() -> None:
    lines = [*READS[:2], "users/signup u ok 0-5"]
    db = history(*lines, summary=summary(3, sessions_read=2, users_signup=1), scrape=[scrape(5000, 2)])
    assert told(accounting.check(db, Terms(metrics=True)))[0] == "invalid"
    assert told(accounting.check(db, Terms(metrics=True, metric_kinds=("sessions/read",))))[0] == "valid"


def test_promised_metrics_that_nobody_scraped_are_unknown() -> None:
    result = accounting.check(history(*READS, summary=summary(2, sessions_read=2)), Terms(metrics=True))
    assert result.reason == "the contract names metrics, and no scrape of them was recorded"


def test_every_operation_of_the_reference_contract_is_counted_by_both_sides() -> None:
    contract = read_contract(Path(target_service.__file__).parent / "contract.yaml")
    operations = contract.operations()
    assert contract.metrics is not None
    routes = {re.sub(r"\{.*?\}", "{}", route) for route in contract.metrics.routes}
    assert {re.sub(r"\{.*?\}", "{}", each.path) for each in operations.values()} == routes
    assert set(OPERATION_OF.values()) - set(operations) == {"idempotency.effects"}
    assert set(operations) <= set(OPERATION_OF.values())
