"""A graceful stop costs no request.

The windows of a stopping member follow from what was done to the member, not from what two looks at it showed:

    stop          its target, from the SIGTERM until 0.5 s after its exit was seen; or until the stop was given up
    scale down    the members that it stopped, from and until the same moments
    restart, roll,
    switch        the members of the old version, from the injection until 0.5 s after the last of them was gone
    any other     (such as bringing the declared number back) a member seen `stopping` before the tear-down, from then
                  until 0.5 s after it was `gone`

A request fails if its outcome is `info`, or it was turned away with `no_effect`. Violations:

    failed at the stopping one    sent to or answered by a stopping member, within its window
    failed meanwhile              any other request, if no ungraceful fault was active during it

A member is recognised by its name or its boot id in the answer: a service may use other names than the platform does.

Why this is right: a stop that finishes what it accepted and takes no more needs to fail nothing. An ungraceful fault
(kill, pause or cut of a replica; workers answer nobody) is active from its injection to 3 s after it was healed. Such a
fault excuses every request that it overlaps, except requests at a stopping member. There only a fault of that very
member excuses, and only until the fault is healed. Requests that were never sent (refused connections) are no ops.
Excused requests are not counted as examined.
Another replica that was not ready meanwhile, though nobody stopped it, may be why a request failed: on a starved
machine a balancer takes living replicas for dead. The stop may be the reason as well. `failed meanwhile` within 0.5 s
of such a replica's unreadiness is therefore no violation, and the verdict is not `valid` but `unknown`.
`info`: here these are the ops looked for; the interval of one ends when the client gave up. Open ops say nothing.
Without a graceful fault of a replica in the schedule the property is not tested.

Cost: ASOF joins of the ops with the windows, which are few and disjoint. O(n).
"""

from __future__ import annotations

from harness.judging.check import Check
from harness.judging.criteria import Criteria
from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import INF, NS, Result

NAME = "graceful"
SENTENCE = "A graceful stop, a scale-down, or another version in the old one's place, costs no request."
NOT_TESTED = "no graceful stop of a replica was in the schedule"

RULES = {
    "failed at the stopping one": "a request failed at a replica that was being stopped gracefully",
    "failed meanwhile": "a request failed while nothing but a graceful stop was going on",
}

AFTER_GONE_NS = NS // 2
AFTER_HEAL_NS = 3 * NS
AROUND_UNREADY_NS = NS // 2
FEW_SPANS = 64

# The target of a fault that changes the number of members is named "5->2"; a change to a higher number stops no member.
_GRACEFUL = """role = 'replica' AND injected_ns IS NOT NULL AND graceful AND (contains(target, '->') IS NOT TRUE
    OR try_cast(split_part(target, '->', 2) AS INTEGER) < try_cast(split_part(target, '->', 1) AS INTEGER))"""

_COUNTED = {
    "ops": "count(*) FILTER (there OR calm)",
    "at_stopping": "count(*) FILTER (there)",
    "excused": "count(*) FILTER (NOT there AND NOT calm)",
}


def check(db: Connection, criteria: Criteria) -> Result | None:
    """Judge the history in `db` by the rules of this module and by `criteria`.

    Returns:
        The result; None when the run had no graceful fault of a replica.
    """
    faults = int(one(db, f"SELECT count(*) FROM fault WHERE {_GRACEFUL}")[0])
    if not faults:
        return None
    _windows(db)
    _under_way(db)
    found = Findings(db, NAME, SENTENCE, RULES)
    meanwhile = "calm AND NOT there"
    for rule, which in (("failed at the stopping one", "there"), ("failed meanwhile", f"{meanwhile} AND NOT unwell")):
        found.add(
            rule, f"SELECT id::VARCHAR AS item, invoke_ns AS at_ns, [id] AS ops FROM judged WHERE bad AND {which}"
        )
    stops = int(one(db, "SELECT count(DISTINCT name) FROM stopping")[0])
    examined = found.examined
    examined.update(graceful_faults=faults, stops=stops)
    found.count(_COUNTED, "judged WHERE answered")
    vacuous = None
    if not examined["ops"]:
        vacuous = f"{examined['stops']} graceful stops were seen and no request was under way during one"
        if examined["excused"]:
            vacuous += f", but for {examined['excused']} that kills, pauses and cuts excuse"
    if unsure := int(one(db, f"SELECT count(*) FROM judged WHERE bad AND {meanwhile} AND unwell")[0]):
        vacuous = (
            f"{unsure} requests failed while a replica that nobody stopped was not ready: whether a graceful stop "
            "was why is not known. Give the machine more room, or find out why it was not ready"
        )
    evidence = {"stops": examined["stops"], "ops_judged": examined["ops"], "ops_excused": examined["excused"]}
    return found.conclude(
        vacuous=vacuous,
        evidence=evidence,
        item="id::VARCHAR",
        among="(SELECT * FROM op WHERE outcome <> 'ok')",
        trials=("graceful stop", _GRACEFUL),
    )


GRACEFUL = Check(NAME, SENTENCE, RULES, check)


def _windows(db: Connection) -> None:
    """Create the tables of intervals.

    `stopping` holds one window for each stop of a member. The other tables hold disjoint intervals, made by uniting
    overlapping ones: `span` unites the windows of `stopping`; `rough` the times when an ungraceful fault was active;
    `unready` the times when a replica that was not stopping was not ready.
    """
    db.execute(f"""CREATE OR REPLACE TEMP TABLE stopping AS
        WITH known AS (SELECT name, max(boot) AS boot FROM member GROUP BY name), found AS (
        SELECT coalesce(m.name, f.target) AS name, f.injected_ns AS start,
          coalesce(f.landed_ns + {AFTER_GONE_NS}, f.failed_ns, f.injected_ns + {AFTER_GONE_NS}) AS stop
        FROM fault f LEFT JOIN fault_member m ON m.fault = f.fault AND NOT f.single
        WHERE {_GRACEFUL} AND (f.single OR m.name IS NOT NULL)
        UNION ALL
        SELECT m.name, m.at_ns, coalesce(min(g.at_ns), m.at_ns) + {AFTER_GONE_NS}
        FROM member m LEFT JOIN member g ON g.name = m.name AND g.state = 'gone' AND g.at_ns >= m.at_ns
        WHERE m.state = 'stopping' AND m.role = 'replica'
          AND m.at_ns < coalesce((SELECT min(at_ns) FROM phase WHERE name = 'tear_down'), {INF})
        GROUP BY m.name, m.at_ns)
        SELECT found.*, known.boot FROM found LEFT JOIN known ON known.name = found.name""")
    db.execute(f"""CREATE OR REPLACE TEMP TABLE rough_fault AS
        SELECT target, boot, injected_ns AS start, coalesce(healed_ns, {INF}) AS healed,
          coalesce(healed_ns + {AFTER_HEAL_NS}, {INF}) AS stop FROM fault
        WHERE role = 'replica' AND rough AND injected_ns IS NOT NULL""")
    db.execute(f"""CREATE OR REPLACE TEMP TABLE seen_unready AS
        SELECT u.start, u.stop FROM (
          SELECT name, state, at_ns - {AROUND_UNREADY_NS} AS start,
            coalesce(lead(at_ns) OVER (PARTITION BY name ORDER BY at_ns) + {AROUND_UNREADY_NS}, {INF}) AS stop
          FROM member WHERE role = 'replica') u
        WHERE u.state = 'unready' AND NOT EXISTS (
          FROM stopping s WHERE s.name = u.name AND s.start <= u.stop AND s.stop >= u.start)""")
    for table, source in (("span", "stopping"), ("rough", "rough_fault"), ("unready", "seen_unready")):
        db.execute(f"""CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT min(start) AS start, max(stop) AS stop FROM (
              SELECT start, stop, sum(fresh) OVER (ORDER BY start, stop ROWS UNBOUNDED PRECEDING) AS part FROM (
                SELECT start, stop, CASE WHEN start <= max(stop) OVER (ORDER BY start, stop
                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS fresh FROM {source}))
            GROUP BY part""")


def _under_way(db: Connection) -> None:
    """Create the table `judged` of the ops under way during a stop.

    The column `there` says that an op was at the stopping member, `calm` that it overlapped no ungraceful fault, and
    `unwell` that another replica was not ready meanwhile.

    In a table of disjoint intervals, only the latest interval that starts before an op ends can overlap the op, so
    that an ASOF join suffices. The joins by name and by boot are two, since a join with an OR in its condition would
    compare every op with every stop.
    """
    db.execute(f"""CREATE OR REPLACE TEMP TABLE judged AS
        WITH picked AS ({_overlapping(db)}),
        during AS (
          SELECT o.id, coalesce(o.replica, o.sent_to) AS name,
            CASE WHEN o.replica IS NOT NULL THEN o.boot END AS boot, o.invoke_ns, o.return_ns,
            o.class <> 'no_effect' AS answered, (o.outcome = 'info' OR o.class = 'no_effect') AS bad
          FROM op o WHERE o.id IN (SELECT id FROM picked)),
        own AS (
          SELECT d.id FROM during d JOIN stopping s ON s.name = d.name
          WHERE d.invoke_ns <= s.stop AND d.return_ns >= s.start
          UNION SELECT d.id FROM during d JOIN stopping s ON s.boot = d.boot
          WHERE d.invoke_ns <= s.stop AND d.return_ns >= s.start),
        hit AS (
          SELECT d.id FROM during d JOIN rough_fault r ON r.target = d.name
          WHERE d.invoke_ns <= r.healed AND d.return_ns >= r.start
          UNION SELECT d.id FROM during d JOIN rough_fault r ON r.boot = d.boot
          WHERE d.invoke_ns <= r.healed AND d.return_ns >= r.start)
        SELECT d.*, own.id IS NOT NULL AND hit.id IS NULL AS there,
          coalesce(r.stop < d.invoke_ns, true) AS calm, coalesce(u.stop >= d.invoke_ns, false) AS unwell
        FROM during d ASOF LEFT JOIN rough r ON d.return_ns >= r.start
        ASOF LEFT JOIN unready u ON d.return_ns >= u.start
        LEFT JOIN own ON own.id = d.id LEFT JOIN hit ON hit.id = d.id""")


def _overlapping(db: Connection) -> str:
    """Return the query for the ids of the ops under way during a `span`.

    A few spans are cheapest as comparisons, many of them as an ASOF join, which sorts.
    """
    spans = db.execute(f"SELECT start, stop FROM span ORDER BY start LIMIT {FEW_SPANS + 1}").fetchall()
    if len(spans) > FEW_SPANS:
        return """SELECT o.id FROM (SELECT id, invoke_ns, return_ns FROM op) o ASOF JOIN span s
          ON o.return_ns >= s.start WHERE o.invoke_ns <= s.stop"""
    during = " OR ".join(f"return_ns >= {start} AND invoke_ns <= {stop}" for start, stop in spans)
    return f"SELECT id FROM op WHERE {during or 'false'}"
