"""No forged, expired, unsigned or altered token is accepted, or pays.

    accepted       an op of the hostile workload has class `ok`, be it a read or a payment
    took effect    the ledger accepted an effect under the reference of a payment that only a hostile token asked for

Why this is right: each of the tokens is wrong in a respect that the contract calls invalid, at any time and through any
replica; and no other op has the key or the reference of such a payment. `info` and refusals are innocent answers, yet
never excuse an effect; no time limit applies. Effects are judged where the contract says that the ledger has them.
Opaque tokens, or a contract without the signing key, rule some variants out: the result names the variants that were
never presented, and says nothing about them. Cost: filtered scans, and a join with the ledger's record. O(n).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import Result, Verdict

NAME = "hostile"
SENTENCE = "No forged, expired, unsigned or altered token is accepted, or pays."

RULES = {
    "accepted": "a hostile token was accepted",
    "took effect": "a payment that was asked for with a hostile token had an effect",
}

VARIANTS = (
    "bit-flipped",
    "expired",
    "foreign-key",
    "no-expiry",
    "other-audience",
    "other-issuer",
    "other-subject",
    "other-type",
    "refresh-token",
    "truncated",
    "unknown-kid",
    "unsigned",
)
"""Every way in which a token may be wrong, by the `arg` of the op that presents it."""

_FORGED = "own WHERE kind IN ('forge', 'forge_pay')"


Effects = Literal["ledger", "nowhere"]


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        effects: where effects can be seen.
    """

    name: str = NAME
    effects: Effects = "ledger"


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    columns = {
        "presented": "count(*)",
        "payments": "count(*) FILTER (kind = 'forge_pay' AND outcome <> 'info' AND class <> 'no_effect')",
        "refused": "count(*) FILTER (outcome = 'fail' AND class <> 'no_effect')",
        "variants": "count(DISTINCT coalesce(arg, key)) FILTER (outcome <> 'info' AND class <> 'no_effect')",
    }
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(columns, _FORGED)
    accepted = f"{_FORGED} AND class = 'ok'"
    found.add("accepted", f"SELECT key AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM {accepted} GROUP BY key")
    if criteria.effects == "ledger":
        found.add(
            "took effect",
            f"""SELECT o.key AS item, min(e.at_ns) AS at_ns, [min(o.id)] AS ops
            FROM (SELECT id, key FROM {_FORGED} AND kind = 'forge_pay') o
            JOIN effect e ON e.reference = o.key GROUP BY o.key""",
        )
    answered = int(one(db, f"SELECT count(*) FROM {_FORGED} AND class <> 'no_effect' AND outcome <> 'info'")[0])
    vacuous = None if answered else "no hostile token was answered: nothing to judge"
    shown = _variants(db)
    result = found.conclude(
        vacuous=vacuous,
        evidence={name: ", ".join(variants) or "none" for name, variants in shown.items()},
        among="own",
        effect_kind="payment" if criteria.effects == "ledger" else None,
    )
    if result.verdict is Verdict.INVALID:
        return result
    gaps = [
        f"{name.replace('_', ' ')}: {', '.join(shown[name])}"
        for name in ("never_answered", "never_presented")
        if shown[name]
    ]
    if not found.examined["payments"]:
        gaps.append("no payment with one was answered")
    elif criteria.effects != "ledger":
        gaps.append("effects of payments that were refused: the ledger does not have them")
    return replace(result, could_have_missed="; ".join([*gaps, result.could_have_missed]))


def _variants(db: Connection) -> dict[str, list[str]]:
    """Return the names of the variants that were `answered`, presented but `never_answered`, and `never_presented`."""
    rows = db.execute(f"""SELECT coalesce(arg, key) AS variant, bool_or(outcome <> 'info') FROM {_FORGED}
        AND class <> 'no_effect' GROUP BY variant ORDER BY variant""").fetchall()
    return {
        "answered": [variant for variant, answered in rows if answered],
        "never_answered": [variant for variant, answered in rows if not answered],
        "never_presented": sorted(set(VARIANTS) - {variant for variant, _ in rows}),
    }
