"""The runs of a proof: which there are, and what is made of what each printed."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.prove.prover import Finding, Prover, Trial, trials_for
from harness.scenario.catalogue import Defect

# Private names: `_understand` is what is made of one run's output: a run of every kind of output would take minutes.


def defect(name: str, scenario: str = "a.yaml", check: str = "session") -> Defect:
    return Defect(name=name, title="t", what="w", seen_in="s", scenario=scenario, check=check)


def test_trials():
    one, two, three = defect("one"), defect("two", "b.yaml"), defect("three")
    assert trials_for([one, two, three], 2, 5) == [
        *(Trial(each.scenario, each, 5) for each in (one, two, three)),
        *(Trial(each.scenario, each, 6) for each in (one, two, three)),
        *(Trial(name, None, seed) for seed in (5, 6) for name in ("a.yaml", "b.yaml")),
    ]
    assert trials_for([one], 1, 1, clean=False) == [Trial("a.yaml", one, 1)]


@pytest.mark.parametrize(
    ("seeded", "verdict", "by", "code", "right"),
    [
        (True, "invalid", ["session"], 1, True),
        (True, "invalid", ["job", "session"], 1, True),
        (True, "invalid", ["job"], 1, False),
        (True, "invalid", ["session"], 130, False),
        (True, "unknown", ["session"], 4, False),
        (True, "valid", [], 0, False),
        (False, "valid", [], 0, True),
        (False, "valid", [], 3, False),
        (False, "unknown", [], 4, False),
        (False, "invalid", ["session"], 1, False),
    ],
)
def test_a_finding_is_right_only_by_its_own_check(seeded: bool, verdict: str, by: list[str], code: int, right: bool):
    finding = Finding(Trial("a.yaml", defect("one") if seeded else None, 1), verdict, by, code, 1.0, "f")
    assert finding.right is right


def test_what_a_run_printed_is_understood():
    trial = Trial("a.yaml", defect("one"), 1)
    output = {
        "verdict": "invalid",
        "checks": [
            {"name": "a", "verdict": "valid", "detected": None},
            {"name": "session", "verdict": "invalid", "detected": {"at_s": 0.5, "ops": 9}},
        ],
    }
    found = Prover._understand(trial, 1, json.dumps(output).encode(), b"", 7.06)
    assert (found.by, found.exit_code, found.seconds, found.right) == (["session"], 1, 7.1, True)
    assert found.detected == {"session": {"at_s": 0.5, "ops": 9}}
    with pytest.raises(
        EnvironmentFailure, match=r"a.yaml: the run ended with 5 and no result: store \S+ did not start"
    ):
        Prover._understand(trial, 5, b"", b"store \xff did not start", 1)


def test_a_stopped_prover_starts_nothing(tmp_path: Path):
    prover = Prover(tmp_path, tmp_path, 1)
    prover.stop()
    heard: list[Finding] = []
    with contextlib.chdir(tmp_path):
        assert prover.prove([Trial("a.yaml", None, 1)], heard.append) == []
    assert heard == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208
