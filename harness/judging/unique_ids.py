"""No id is given twice.

Violation: within one workload, one id was given in ok answers to two different keys.
Why this is right: an id names one item; repetitions of one key may well answer with the same id.
`info` ops gave nothing away. No time limit applies. Cost: one aggregation by id. O(n).
"""

from __future__ import annotations

from harness.judging.check import Check
from harness.judging.criteria import Criteria
from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import Result

NAME = "unique_ids"
SENTENCE = "No id is given twice."

RULES = {"given twice": "its id was given to another item too"}

_GIVEN = "op WHERE given_id IS NOT NULL AND outcome = 'ok'"


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES)
    found.count({"ids_given": "count(*)"}, _GIVEN)
    found.add(
        "given twice",
        f"""SELECT min(key) AS item, max(invoke_ns) AS at_ns, [arg_min(id, key), arg_max(id, key)] AS ops FROM {_GIVEN}
        AND (workload, given_id) IN (
          SELECT (workload, given_id) FROM {_GIVEN} GROUP BY workload, given_id HAVING min(key) <> max(key))
        GROUP BY workload, given_id""",
    )
    ids, replicas = one(db, f"SELECT count(DISTINCT (workload, given_id)), count(DISTINCT replica) FROM {_GIVEN}")
    return found.conclude(
        vacuous=None if found.examined["ids_given"] else "no id was given: nothing to judge",
        evidence={"ids": int(ids), "replicas_that_gave_them": int(replicas)},
        among="(SELECT * FROM op WHERE given_id IS NOT NULL)",
    )


UNIQUE_IDS = Check(NAME, SENTENCE, RULES, check)
