"""accounting: the journal against Locust's counts and the service's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import target_service
from harness.contract.read import read_contract
from harness.judging import accounting
from harness.judging.criteria import Criteria
from harness.judging.verdict import Verdict
from harness.scenario.file import load_scenario
from harness.scenario.questions import criteria_of
from tests.support.histories import MS, history, told

CRITERIA = Criteria()


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


READS = ["session/read s1 ok 0-10", "session/read s2 ok 20-30", "session/read s3 error 40-?"]


def test_accounting_agrees_with_locust_but_for_open_ops() -> None:
    result = accounting.check(history(*READS, summary=summary(2, session_read=2)), CRITERIA)
    assert told(result) == ("valid", {})
    assert result.examined == {"ops": 3, "completions": 2, "boots": 0, "summaries": 1}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            summary(2, session_read=1, session_login=1),
            "the journal and Locust disagree: agent 0, session/login: 0 journalled, 1 counted; "
            "agent 0, session/read: 2 journalled, 1 counted",
        ),
        (
            summary(3, session_read=2),
            "the journal and Locust disagree: agent 0, all: 2 journalled, 3 counted",
        ),
        ([], "the journal and Locust disagree: agent 0 left no summary"),
    ],
)
def test_a_journal_that_disagrees_with_locust_is_unknown(given: list[dict[str, Any]], reason: str) -> None:
    result = accounting.check(history(*READS, summary=given), CRITERIA)
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
    db = history(*READS[:2], summary=summary(2, session_read=2), scrape=scrapes)
    assert told(accounting.check(db, Criteria(metrics=True))) == expected


def test_ops_of_unknown_boot_are_counted_in_the_service_s_favour() -> None:
    lines = [*READS[:2], "session/read s3 error 40-50 boot=- replica=-"]
    for count, verdict in ((2, "valid"), (3, "valid"), (4, "invalid")):
        db = history(*lines, summary=summary(3, session_read=3), scrape=[scrape(5000, count)])
        assert told(accounting.check(db, Criteria(metrics=True)))[0] == verdict


def test_only_kinds_that_the_metrics_count_are_compared() -> None:
    lines = [*READS[:2], "users/signup u ok 0-5"]
    db = history(*lines, summary=summary(3, session_read=2, users_signup=1), scrape=[scrape(5000, 2)])
    assert told(accounting.check(db, Criteria(metrics=True)))[0] == "invalid"
    assert told(accounting.check(db, Criteria(metrics=True, metric_kinds=("session/read",))))[0] == "valid"


def test_promised_metrics_that_nobody_scraped_are_unknown() -> None:
    result = accounting.check(history(*READS, summary=summary(2, session_read=2)), Criteria(metrics=True))
    assert result.reason == "the contract names metrics, and no scrape of them was recorded"


def test_every_operation_of_the_reference_contract_is_counted_by_both_sides() -> None:
    root = Path(target_service.__file__).parents[1]
    contract = read_contract(root / "target_service" / "contract.yaml")
    assert contract.metrics is not None
    routes = {re.sub(r"\{.*?\}", "{}", route) for route in contract.metrics.routes}
    operations = contract.operations()
    assert {re.sub(r"\{.*?\}", "{}", each.path) for each in operations.values()} == routes
    counted = criteria_of(load_scenario(root / "scenarios" / "kill.yaml").scenario, contract).metric_kinds or ()
    assert {"users/signup", "session/login", "cart/login", "access/signup", "access/usurp", "job/cancel"} <= set(
        counted
    )
    assert "idempotency/effects" not in counted, "the reference service has no such operation"
    assert len({kind for kind in counted if kind.endswith("/login")}) == 9, "every property's clients log in"
