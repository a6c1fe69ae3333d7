"""What is right, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.soak.plan import CLEAN, DEFECT, KILLED, Repetition
from tests.soak.repeat import judge
from tests.soak.state import Finding
from tests.soak.summary import summarise

CLEAN_RUN = Repetition(CLEAN, "kill.yaml", 1)
DEFECT_RUN = Repetition(DEFECT, "jobs.yaml", 1, "early", "job")


def results(verdict: str, *by: str, reasons: tuple[str, ...] = ()) -> dict[str, Any]:
    checks = [{"name": name, "verdict": "invalid"} for name in by] + [{"name": "graceful", "verdict": "valid"}]
    return {"verdict": verdict, "checks": checks, "reasons": list(reasons)}


@pytest.mark.parametrize(
    ("each", "found", "exit_code", "why"),
    [
        (CLEAN_RUN, results("valid"), 0, ""),
        (CLEAN_RUN, results("valid"), 3, "valid, exit code 3, where valid is right"),
        (CLEAN_RUN, results("valid"), 5, "valid, exit code 5, where valid is right"),
        (CLEAN_RUN, results("invalid", "session"), 1, "invalid by session, exit code 1, where valid is right"),
        (
            CLEAN_RUN,
            results("unknown", reasons=("a fault did not land",)),
            4,
            "unknown, exit code 4, where valid is right: a fault did not land",
        ),
        (DEFECT_RUN, results("invalid", "job"), 1, ""),
        (DEFECT_RUN, results("invalid", "session", "job"), 1, ""),
        (
            DEFECT_RUN,
            results("invalid", "session"),
            1,
            "invalid by session, exit code 1, where invalid by job is right",
        ),
        (DEFECT_RUN, results("invalid", "job"), 5, "invalid by job, exit code 5, where invalid by job is right"),
        (DEFECT_RUN, results("valid"), 0, "valid, exit code 0, where invalid by job is right"),
    ],
)
def test_a_run_is_right_only_with_its_own_verdict_check_and_exit_code(
    each: Repetition, found: dict[str, Any], exit_code: int, why: str
) -> None:
    assert judge(each, found, exit_code)["why"] == why


def test_the_summary_counts_each_kind_and_defect_and_names_what_was_wrong() -> None:
    planned = [
        *(Repetition(CLEAN, "kill.yaml", seed) for seed in (1, 2, 3, 4)),
        *(Repetition(DEFECT, "jobs.yaml", seed, "early", "job") for seed in (1, 2)),
        Repetition(DEFECT, "freeze.yaml", 1, "late", "session"),
        Repetition(KILLED, "jobs.yaml", 1),
    ]

    def found(key: str, kind: str, group: str, why: str = "", **more: Any) -> Finding:
        return Finding(key, kind, group, "abc", not why, why, folder=f"/soak/{key}" if why else "", **more)

    findings = [
        found("clean-01", CLEAN, CLEAN, verdict="valid", exit_code=0),
        found("clean-02", CLEAN, CLEAN, verdict="valid", exit_code=3),
        found("clean-03", CLEAN, CLEAN, "too little", verdict="unknown", exit_code=4),
        found("clean-04", CLEAN, CLEAN, "invalid by session", verdict="invalid", exit_code=1),
        found("early-01", DEFECT, "early", verdict="invalid", exit_code=1),
        found("early-02", DEFECT, "early", "valid", verdict="valid", exit_code=0),
        found("killed-01", KILLED, KILLED, exit_code=-9),
    ]
    assert summarise(planned, findings).splitlines() == [
        "clean runs that were valid: 2/4",
        "  false alarms 1, unknown 1, valid with an SLO missed 1",
        "  unknown clean-03: too little",
        "runs with a defect, caught by its own check: 1/2, 1 of 3 to do",
        "  early  1/2",
        "  late   0/0, 1 of 1 to do",
        "killed harnesses of which recover left nothing: 1/1",
        "",
        "wrong: 3",
        "  clean-03: too little",
        "    /soak/clean-03",
        "  clean-04: invalid by session",
        "    /soak/clean-04",
        "  early-02: valid",
        "    /soak/early-02",
    ]
