"""Before any fault the service answers correctly.

Violation: an op of the steady phase whose class is not among those that it expects. Why this is right: nothing was
injected yet and the service said that it is ready, so a wrong answer is the service's own fault. A time-out counts as
wrong; an op that was never sent, or was open when the agent stopped, says nothing. Cost: one filtered scan. O(n).
"""

from __future__ import annotations

from harness.judging.check import Check
from harness.judging.criteria import Criteria
from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import Result

NAME = "steady"
SENTENCE = "Before any fault the service answers correctly."

RULES = {"unexpected": "answered otherwise than expected before any fault"}

_ASKED = """op WHERE phase = 'steady' AND expect IS NOT NULL AND class <> 'no_effect'
    AND error IS DISTINCT FROM 'open'"""


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES)
    found.count({"ops": "count(*)", "kinds": "count(DISTINCT workload || '/' || kind)"}, _ASKED)
    found.add(
        "unexpected",
        f"""SELECT key AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM {_ASKED}
        AND NOT list_contains(string_split(expect, ','), class) GROUP BY key""",
    )
    kinds = one(
        db,
        f"""SELECT string_agg(kind, ', ' ORDER BY kind)
        FROM (SELECT DISTINCT workload || '/' || kind AS kind FROM {_ASKED})""",
    )[0]
    return found.conclude(
        vacuous=None if found.examined["ops"] else "no op of the steady phase was answered: nothing to judge",
        evidence={"kinds": kinds or "none"},
        among="(SELECT * FROM op WHERE phase = 'steady')",
        trials=None,
    )


STEADY = Check(NAME, SENTENCE, RULES, check)
