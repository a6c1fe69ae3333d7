"""No forged, expired, unsigned or altered token is accepted.

Violation: an op of the hostile workload with class `ok`. Why this is right: each of its tokens is wrong in a respect
that the contract calls invalid, at any time and through any replica. `info` and refusals are innocent; no time limit
applies. Opaque tokens, or a contract without the signing key, rule some variants out: the result names those that
were never presented, and says nothing about them. Cost: one filtered scan. O(n).
"""

from __future__ import annotations

from dataclasses import replace

from harness.checks.findings import Connection, add_bad, conclude, counts, one, start_bad
from harness.checks.terms import Terms
from harness.checks.verdict import Result, Verdict

NAME = "hostile"
PROPERTY = "No forged, expired, unsigned or altered token is accepted."

RULES = {"accepted": "a hostile token was accepted"}

VARIANTS = (
    "bit-flipped",
    "expired",
    "foreign-key",
    "no-expiry",
    "other-audience",
    "other-issuer",
    "other-subject",
    "truncated",
    "unsigned",
)
"""Every way in which a token may be wrong, by the `arg` of the op that presents it."""

_FORGED = "op WHERE workload = 'hostile' AND kind = 'forge'"


def check(db: Connection, terms: Terms) -> Result:
    """See the module."""
    columns = {
        "presented": "count(*)",
        "refused": "count(*) FILTER (outcome = 'fail' AND class <> 'no_effect')",
        "variants": "count(DISTINCT coalesce(arg, key)) FILTER (outcome <> 'info' AND class <> 'no_effect')",
    }
    examined = counts(db, columns, _FORGED)
    start_bad(db)
    accepted = f"{_FORGED} AND class = 'ok'"
    add_bad(
        db, "accepted", f"SELECT key AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM {accepted} GROUP BY key"
    )
    answered = int(one(db, f"SELECT count(*) FROM {_FORGED} AND class <> 'no_effect' AND outcome <> 'info'")[0])
    vacuous = None if answered else "no hostile token was answered: nothing to judge"
    shown = _variants(db)
    result = conclude(
        db,
        NAME,
        PROPERTY,
        RULES,
        examined,
        vacuous=vacuous,
        evidence={name: ", ".join(found) or "none" for name, found in shown.items()},
        among="workload = 'hostile'",
    )
    if result.verdict is Verdict.INVALID:
        return result
    gaps = [
        f"{name.replace('_', ' ')}: {', '.join(shown[name])}"
        for name in ("never_answered", "never_presented")
        if shown[name]
    ]
    return replace(result, could_have_missed="; ".join([*gaps, result.could_have_missed]))


def _variants(db: Connection) -> dict[str, list[str]]:
    """`answered`, `never_answered` (presented all the same) and `never_presented`: names of variants."""
    rows = db.execute(f"""SELECT coalesce(arg, key) AS variant, bool_or(outcome <> 'info') FROM {_FORGED}
        AND class <> 'no_effect' GROUP BY variant ORDER BY variant""").fetchall()
    return {
        "answered": [variant for variant, answered in rows if answered],
        "never_answered": [variant for variant, answered in rows if not answered],
        "never_presented": sorted(set(VARIANTS) - {variant for variant, _ in rows}),
    }
