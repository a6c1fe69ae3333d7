"""A graceful stop costs no request.

Stopping members are those seen `stopping` before the tear-down; each one's window is from then until 0.5 s after it
was `gone`. A request fails if its outcome is `info`, or it was turned away with `no_effect`. Violations:

    failed at the stopping one    sent to or answered by a stopping member, within its window
    failed meanwhile              any other request, if no ungraceful fault was active during it

Why this is right: a stop that finishes what it accepted and takes no more needs to fail nothing. An ungraceful fault
(kill, pause) is active from its injection to 3 s after it was healed; it excuses whatever it overlaps, and, if it
hits the stopping member itself, its failures too. Requests that were never sent (refused connections) are no ops.
`info`: here it is what is looked for; its interval ends when the client gave up. Open ops say nothing.
Without a graceful fault of a replica in the schedule the property is not tested.

Cost: one scan for failures, which are few; ASOF joins of those with the windows. O(n).
"""

from __future__ import annotations

from harness.checks.findings import Connection, add_bad, conclude, counts, one, start_bad
from harness.checks.terms import Terms
from harness.checks.verdict import INF, NS, Result

NAME = "graceful"
PROPERTY = "A graceful stop, or a scale-down, costs no request."
NOT_TESTED = "no graceful stop of a replica was in the schedule"

RULES = {
    "failed at the stopping one": "a request failed at a replica that was being stopped gracefully",
    "failed meanwhile": "a request failed while nothing but a graceful stop was going on",
}

AFTER_GONE_NS = NS // 2
AFTER_HEAL_NS = 3 * NS

_GRACEFUL = """role = 'replica' AND failed IS NULL AND injected_ns IS NOT NULL AND (kind = 'stop'
    OR (kind = 'scale' AND try_cast(split_part(target, '->', 2) AS INTEGER)
      < try_cast(split_part(target, '->', 1) AS INTEGER)))"""


def check(db: Connection, terms: Terms) -> Result | None:
    """See the module. None when there was no graceful fault."""
    faults = int(one(db, f"SELECT count(*) FROM fault WHERE {_GRACEFUL}")[0])
    if not faults:
        return None
    _windows(db)
    start_bad(db)
    _failures(db)
    _at_the_stopping(db)
    _meanwhile(db)
    during = _overlapping(db)
    examined = {"graceful_faults": faults, "stops": int(one(db, "SELECT count(*) FROM stopping")[0]), "ops": during}
    vacuous = None
    if not during:
        vacuous = f"{examined['stops']} graceful stops were seen and no request was under way during one"
    return conclude(db, NAME, PROPERTY, RULES, examined, vacuous=vacuous, item="id::VARCHAR", among="outcome <> 'ok'")


def _windows(db: Connection) -> None:
    """`stopping`: one row a stop; `span`: their union as disjoint intervals; `rough`: that of ungraceful faults."""
    db.execute(f"""CREATE OR REPLACE TEMP TABLE stopping AS
        SELECT m.name, m.at_ns AS start, coalesce(min(g.at_ns), m.at_ns) + {AFTER_GONE_NS} AS stop
        FROM member m LEFT JOIN member g ON g.name = m.name AND g.state = 'gone' AND g.at_ns >= m.at_ns
        WHERE m.state = 'stopping' AND m.role = 'replica'
          AND m.at_ns < coalesce((SELECT min(at_ns) FROM phase WHERE name = 'tear_down'), {INF})
        GROUP BY m.name, m.at_ns""")
    db.execute(f"""CREATE OR REPLACE TEMP TABLE rough_fault AS
        SELECT target, injected_ns AS start, coalesce(healed_ns + {AFTER_HEAL_NS}, {INF}) AS stop FROM fault
        WHERE kind NOT IN ('stop', 'scale', 'noop') AND injected_ns IS NOT NULL""")
    for table, source in (("span", "stopping"), ("rough", "rough_fault")):
        db.execute(f"""CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT min(start) AS start, max(stop) AS stop FROM (
              SELECT start, stop, sum(fresh) OVER (ORDER BY start, stop ROWS UNBOUNDED PRECEDING) AS part FROM (
                SELECT start, stop, CASE WHEN start <= max(stop) OVER (ORDER BY start, stop
                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS fresh FROM {source}))
            GROUP BY part""")


def _failures(db: Connection) -> None:
    db.execute("""CREATE OR REPLACE TEMP TABLE failure AS
        SELECT id, coalesce(replica, sent_to) AS name, sent_to, invoke_ns, return_ns FROM op
        WHERE (outcome = 'info' OR class = 'no_effect') AND return_ns IS NOT NULL
          AND return_ns >= (SELECT min(start) FROM span) AND invoke_ns <= (SELECT max(stop) FROM span)""")


def _at_the_stopping(db: Connection) -> None:
    add_bad(
        db,
        "failed at the stopping one",
        """SELECT f.id::VARCHAR AS item, f.invoke_ns AS at_ns, [f.id] AS ops
        FROM failure f JOIN stopping s ON s.name = f.name
        WHERE f.invoke_ns <= s.stop AND f.return_ns >= s.start AND NOT EXISTS (
          SELECT 1 FROM rough_fault r WHERE r.target = f.name AND r.start <= f.return_ns AND r.stop >= f.invoke_ns)
        GROUP BY f.id, f.invoke_ns""",
    )


def _meanwhile(db: Connection) -> None:
    """The latest interval that starts before an op ends is the only one of a disjoint union to look at."""
    add_bad(
        db,
        "failed meanwhile",
        """WITH during AS (
          SELECT f.* FROM failure f ASOF JOIN span s ON f.return_ns >= s.start WHERE f.invoke_ns <= s.stop),
        calm AS (
          SELECT d.*, r.stop AS rough FROM during d ASOF LEFT JOIN rough r ON d.return_ns >= r.start)
        SELECT id::VARCHAR AS item, invoke_ns AS at_ns, [id] AS ops FROM calm
        WHERE (rough IS NULL OR rough < invoke_ns) AND id::VARCHAR NOT IN (SELECT item FROM bad)""",
    )


def _overlapping(db: Connection) -> int:
    """How many answered requests were under way during a graceful stop."""
    spans = db.execute("SELECT start, stop FROM span ORDER BY start").fetchall()
    found = 0
    for start, stop in spans:
        inside = f"op WHERE return_ns >= {start} AND invoke_ns <= {stop} AND class <> 'no_effect'"
        found += counts(db, {"ops": "count(*)"}, inside)["ops"]
    return found
