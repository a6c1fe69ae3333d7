"""Judges a history: one property a file, and the verdict over all of them.

    judgement = judge(db, terms)              # every check, the evidence, the SLOs
    results(db, judgement, terms)             # results.json

A check module has NAME, PROPERTY (one sentence), RULES (what each violation means) and
`check(db, terms) -> Result | None`; None means that the run did not exercise the property at all.
"""

from __future__ import annotations

from harness.checks.judge import Judgement, judge, results
from harness.checks.registry import CHECKS, PROVES
from harness.checks.terms import Terms
from harness.checks.verdict import Result, Verdict, Witness, combine

__all__ = ["CHECKS", "PROVES", "Judgement", "Result", "Terms", "Verdict", "Witness", "combine", "judge", "results"]
