"""An acknowledged job ends, once, with the right output, and what was read of it never goes back.

Per job, acknowledged by an ok submit:

    lost                `missing` to a status request invoked after the acknowledgement returned
    unfinished          read in the final phase, and never in a terminal state there
    failed              a job whose output is known ended as failed
    wrong output        the output is not the one that the contract promises
    output changed      two outputs for one job, or another one than the same input had before the faults
    progress went back  an answer shows less than an answer that had returned before the request was sent
    terminal state left a state other than the terminal one read before this op was invoked
    duplicate effect    more than one accepted effect
    done without effect done was read, and there is no effect at the end
    fence went back     accepted effects of one job in the order of the ledger carry a lower fence after a higher
    submitted twice     repetitions of one submit were acknowledged with different ids
    done though cancelled   an acknowledged cancel, or a state `cancelled` read, and an effect at any time

Why this is right: progress and state are registers that only grow, so of two reads in real-time order the later may
not show less; reads that overlap are not ordered and are not compared. A promised output is a constant.

An acknowledged cancel is a read of the state `cancelled`, which is terminal. A cancelled job has no effect, not even a
late one: a service that acknowledges a cancel has made sure of that. A cancel refused as too late says nothing.

`info`: a doubtful submit demands nothing and excuses an effect; a doubtful status read or cancel saw nothing. Time
limits: the final phase begins after the quiet deadline of the contract, or when every acknowledged job has ended; so
`unfinished` needs no clock of its own. Outputs of the steady phase are compared only if they agree among themselves.
Weaker on purpose: a status refused for its session (`absent`) says nothing about the job.

Cost: one aggregation by job over its ops and effects together; one window over the status reads, sorted by job; an ASOF
join for the jobs that the window suspects. O(n log n), independent of how many reads one job has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.judging.findings import ANY_ROLE, Connection, Findings, one
from harness.judging.verdict import Result

NAME = "job"
SENTENCE = "An acknowledged job ends, once, with the right output, and its progress never goes back."

RULES = {
    "lost": "acknowledged, and then unknown",
    "unfinished": "acknowledged, and not ended after quiet",
    "failed": "acknowledged, and ended as failed although its output is known",
    "wrong output": "its output is not the promised one",
    "output changed": "its output changed",
    "progress went back": "showed less progress than had been read before",
    "terminal state left": "left the terminal state that had been read",
    "duplicate effect": "took effect more than once",
    "done without effect": "done, but without any effect",
    "fence went back": "an effect was accepted with a lower fence than the one before",
    "submitted twice": "a repeated submit was acknowledged as another job",
    "done though cancelled": "was cancelled, and took effect",
}

_EXAMINED = {
    "acknowledged": "count(*) FILTER (kind = 'submit' AND outcome = 'ok')",
    "status_reads": "count(*) FILTER (kind = 'status' AND outcome = 'ok')",
    "final_reads": "count(*) FILTER (kind = 'status' AND outcome = 'ok' AND phase = 'final')",
    "done_reads": "count(*) FILTER (state = 'done')",
    "cancelled": "count(*) FILTER (kind = 'cancel' AND outcome = 'ok')",
}


Effects = Literal["ledger", "nowhere"]


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        effects: where effects can be seen.
        deduplicates: whether the provider of the effects deduplicates by key, so that one effect per key is promised.
        fences: whether the provider of the effects refuses a lower fence.
    """

    name: str = NAME
    effects: Effects = "ledger"
    deduplicates: bool = True
    fences: bool = True


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED, "own WHERE kind IN ('submit', 'status', 'cancel')")
    db.execute(_SUSPECT)
    _of_suspects(found, criteria)
    _progress(found)
    if criteria.effects == "ledger":
        found.examined["effects"] = int(one(db, "SELECT count(*) FROM effect WHERE kind = 'job'")[0])
        _fences(found)
    vacuous = None
    acknowledged, reads = found.examined["acknowledged"], found.examined["status_reads"]
    if not acknowledged or not reads:
        vacuous = f"{acknowledged} jobs were acknowledged and {reads} states read: nothing to judge"
    evidence = {"effects_seen_at": criteria.effects, "provider_fences": criteria.fences}
    return found.conclude(
        vacuous=vacuous,
        evidence=evidence,
        among="(SELECT * FROM own WHERE kind IN ('submit', 'status', 'cancel'))",
        effect_kind="job",
        trials=ANY_ROLE,
    )


_SUSPECT = """CREATE OR REPLACE TEMP TABLE suspect AS
WITH same AS (
  SELECT arg, min(value) AS before FROM own
  WHERE phase = 'steady' AND kind = 'status' AND state = 'done' AND value IS NOT NULL AND arg IS NOT NULL
  GROUP BY arg HAVING min(value) = max(value)),
event AS (
  SELECT key, kind, phase, outcome, class, state, value, want, given_id, invoke_ns, return_ns, before,
    NULL::BIGINT AS effect_ns
  FROM own LEFT JOIN same USING (arg) WHERE kind IN ('submit', 'status', 'cancel')
  UNION ALL
  SELECT reference, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, at_ns
  FROM effect WHERE kind = 'job')
SELECT key AS item, count(kind) AS ops,
  min(return_ns) FILTER (kind = 'submit' AND outcome = 'ok') AS acknowledged,
  min(given_id) FILTER (kind = 'submit' AND outcome = 'ok') AS id_low,
  max(given_id) FILTER (kind = 'submit' AND outcome = 'ok') AS id_high,
  max(invoke_ns) FILTER (kind = 'status' AND class = 'missing') AS missing,
  max(invoke_ns) FILTER (phase = 'final' AND kind = 'status' AND state IS NOT NULL) AS final,
  max(invoke_ns) FILTER (phase = 'final' AND state IN ('done', 'failed', 'cancelled')) AS final_ended,
  min(return_ns) FILTER (state = 'done') AS done, max(invoke_ns) FILTER (state <> 'done') AS not_done,
  min(return_ns) FILTER (state = 'failed') AS failed, max(invoke_ns) FILTER (state <> 'failed') AS not_failed,
  min(return_ns) FILTER (state = 'cancelled') AS cancelled,
  max(invoke_ns) FILTER (state <> 'cancelled') AS not_cancelled,
  count(*) FILTER (state = 'failed' AND want IS NOT NULL) AS failures,
  count(*) FILTER (state = 'done' AND value <> want) AS wrong,
  count(*) FILTER (state = 'done' AND value <> before) AS unlike,
  min(value) FILTER (state = 'done') AS value_low, max(value) FILTER (state = 'done') AS value_high,
  count(effect_ns) AS effects, min(effect_ns) AS effect_ns
FROM event GROUP BY key
HAVING ops > 0 AND (id_low <> id_high OR missing > acknowledged OR (final IS NOT NULL AND final_ended IS NULL)
  OR not_done > done OR not_failed > failed OR not_cancelled > cancelled OR (effects > 0 AND cancelled IS NOT NULL)
  OR failures > 0 OR wrong > 0 OR unlike > 0 OR value_low <> value_high
  OR effects > 1 OR (effects = 0 AND done IS NOT NULL))"""


def _of_suspects(found: Findings, criteria: Criteria) -> None:
    joined = "FROM suspect s JOIN own o ON o.key = s.item AND o.kind IN ('submit', 'status', 'cancel')"
    first = f"SELECT s.item, min(o.invoke_ns) AS at_ns, [min(o.id)] AS ops {joined}"
    outputs = "o.state = 'done' AND o.value IS NOT NULL"
    rules = {
        "lost": "o.class = 'missing' AND o.kind = 'status' AND o.invoke_ns > s.acknowledged",
        "unfinished": "s.acknowledged IS NOT NULL AND s.final_ended IS NULL AND o.invoke_ns = s.final",
        "failed": "o.state = 'failed' AND o.want IS NOT NULL AND s.acknowledged IS NOT NULL",
        "wrong output": "o.state = 'done' AND o.value <> o.want",
        "output changed": f"{outputs} AND s.wrong = 0 AND (s.unlike > 0 OR s.value_low <> s.value_high)",
        "terminal state left": "(o.state <> 'done' AND o.invoke_ns > s.done)"
        " OR (o.state <> 'failed' AND o.invoke_ns > s.failed)"
        " OR (o.state <> 'cancelled' AND o.invoke_ns > s.cancelled)",
        "submitted twice": "o.kind = 'submit' AND o.outcome = 'ok' AND s.id_low <> s.id_high",
    }
    for rule, guilty in rules.items():
        found.add(rule, f"{first} WHERE {guilty} GROUP BY s.item")
    if criteria.effects != "ledger":
        return
    none = "[]::BIGINT[] AS ops FROM suspect"
    if criteria.deduplicates:
        found.add("duplicate effect", f"SELECT item, effect_ns AS at_ns, {none} WHERE effects > 1")
    after = "SELECT item, greatest(cancelled, effect_ns) AS at_ns"
    found.add("done though cancelled", f"{after}, {none} WHERE effects > 0 AND cancelled IS NOT NULL")
    found.add(
        "done without effect",
        f"SELECT item, done AS at_ns, {none} WHERE effects = 0 AND done IS NOT NULL",
    )


def _progress(found: Findings) -> None:
    """Judge the rule on progress.

    Every violation is a fall of the progress in the order of invokes. So falls are searched first, and the exact rule
    is applied only to the few jobs that have one.
    """
    found.db.execute("""CREATE OR REPLACE TEMP TABLE falling AS
        SELECT id, key, number, invoke_ns FROM (
          SELECT id, key, number, invoke_ns, max(number) OVER (PARTITION BY key ORDER BY invoke_ns, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest
          FROM own WHERE kind = 'status' AND outcome = 'ok' AND number IS NOT NULL)
        WHERE number < highest""")
    found.add(
        "progress went back",
        """WITH reached AS (
          SELECT key, return_ns, max(number) OVER (PARTITION BY key ORDER BY return_ns
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS highest
          FROM own WHERE kind = 'status' AND outcome = 'ok' AND number IS NOT NULL
            AND key IN (SELECT key FROM falling)),
        back AS (
          SELECT f.key, min(f.invoke_ns) AS at_ns, arg_min(f.id, f.invoke_ns) AS id,
            arg_min(r.highest, f.invoke_ns) AS highest
          FROM falling f ASOF JOIN reached r ON f.key = r.key AND f.invoke_ns > r.return_ns
          WHERE f.number < r.highest GROUP BY f.key)
        SELECT b.key AS item, at_ns, [b.id, min(o.id)] AS ops FROM back b
        JOIN own o ON o.key = b.key AND o.kind = 'status' AND o.number = b.highest AND o.return_ns < b.at_ns
        GROUP BY b.key, at_ns, b.id""",
    )


def _fences(found: Findings) -> None:
    found.add(
        "fence went back",
        """SELECT reference AS item, min(at_ns) AS at_ns, []::BIGINT[] AS ops FROM (
          SELECT reference, at_ns, fence, max(fence) OVER (PARTITION BY reference ORDER BY at_ns, line
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest
          FROM effect WHERE kind = 'job' AND fence IS NOT NULL)
        WHERE fence < highest GROUP BY reference""",
    )
