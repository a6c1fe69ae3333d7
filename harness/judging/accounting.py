"""The journal, the load generator and the service count the same requests.

    journal against Locust     per agent and kind of op: completions in the journal = requests that Locust counted
    more than were sent        a boot counted more requests than it can have got by then
    fewer than were answered   a boot, asked a quarter of a second after its last answer, counted fewer requests than it
                               had answered

A journal that disagrees with Locust makes this check `unknown`: then the harness is at fault, and nothing that the
harness says about the service can be trusted. Disagreement with the service's own metrics is `invalid`: a request was
answered by something that did not serve it, or was served without the client's knowledge, say by a second delivery.

Why this is right: by a scrape at t a boot can have counted three sorts of ops, all invoked before t. The first are the
ops that the boot answered. The second are the ops whose boot is unknown: all `info`, open and turned-away ones; each is
counted in the service's favour. The third are the ops under way through the balancer at t, since a balancer may deliver
one request twice. A boot counts a request before it answers or soon after, so a scrape holds every request that the
boot answered a quarter of a second before the scrape was asked for. Every boot's last scrape is judged. For a boot that
lived on, the two bounds make an equality, except for the doubtful ops; for a boot that died, there is only the upper
bound.
Time limits: a quarter of a second for the counter to follow the answer; the run's last scrape waits for it. Without
metrics in the contract only Locust is compared.

Cost: one aggregation by kind and one by boot. O(n).
"""

from __future__ import annotations

from dataclasses import replace

from harness.judging.check import Check
from harness.judging.criteria import Criteria
from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import INF, NS, Result, Verdict

NAME = "accounting"
SENTENCE = "The journal, the load generator and the service count the same requests."

RULES = {
    "more than were sent": "this boot counted more requests than it can have got",
    "fewer than were answered": "this boot counted fewer requests than it answered (are these the metrics' routes?)",
}


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES)
    found.count({"ops": "count(*)", "completions": "count(*) FILTER (error IS DISTINCT FROM 'open')"})
    judged = _boots(db, found, criteria) if criteria.metrics else 0
    found.examined["boots"] = judged
    disagreements = _locust(db)
    found.examined["summaries"] = int(one(db, "SELECT count(*) FROM summary")[0])
    vacuous = None
    if not found.examined["completions"]:
        vacuous = "no op was completed: nothing to count"
    elif disagreements:
        vacuous = "the journal and Locust disagree: " + "; ".join(disagreements[:5])
    elif criteria.metrics and not judged:
        vacuous = "the contract names metrics, and no scrape of them was recorded"
    compared = "Locust and the service's metrics" if judged else "Locust; no metrics"
    result = found.conclude(vacuous=vacuous, evidence={"compared_with": compared}, item="boot")
    if result.verdict is Verdict.INVALID and disagreements:
        return replace(result, verdict=Verdict.UNKNOWN, reason=vacuous)
    return result


def _locust(db: Connection) -> list[str]:
    """Return one line of text for each count on which the journal and Locust disagree."""
    rows = db.execute("""
        WITH mine AS (SELECT agent, workload || '/' || kind AS kind, count(*) AS ops FROM op
            WHERE error IS DISTINCT FROM 'open' GROUP BY ALL),
          named AS (SELECT agent, unnest(json_keys(by_kind)) AS kind, by_kind FROM summary),
          theirs AS (SELECT agent, kind, try_cast(by_kind->>('$."' || kind || '"') AS BIGINT) AS ops FROM named)
        SELECT coalesce(mine.agent, theirs.agent) AS agent, coalesce(mine.kind, theirs.kind) AS kind,
          coalesce(mine.ops, 0) AS ours, coalesce(theirs.ops, 0) AS locust
        FROM mine FULL JOIN theirs ON mine.agent = theirs.agent AND mine.kind = theirs.kind
        WHERE coalesce(mine.agent, theirs.agent) IN (SELECT agent FROM summary) AND ours <> locust
        UNION ALL
        SELECT s.agent, 'all', coalesce(m.ops, 0), coalesce(s.requests, 0) FROM summary s
        LEFT JOIN (SELECT agent, sum(ops) AS ops FROM mine GROUP BY agent) m ON m.agent = s.agent
        WHERE coalesce(m.ops, 0) <> coalesce(s.requests, 0)
        ORDER BY ALL""").fetchall()
    found = [f"agent {agent}, {kind}: {ours} journalled, {theirs} counted" for agent, kind, ours, theirs in rows]
    silent = db.execute("""SELECT agent FROM op GROUP BY agent HAVING agent NOT IN (SELECT agent FROM summary)
        ORDER BY agent""").fetchall()
    return found + [f"agent {agent} left no summary" for (agent,) in silent]


def _boots(db: Connection, found: Findings, criteria: Criteria) -> int:
    """Judge the last scrape of every boot, and return the number of boots that were scraped."""
    counted = "true"
    if criteria.metric_kinds is not None:
        listed = ", ".join("'" + kind.replace("'", "''") + "'" for kind in criteria.metric_kinds)
        counted = f"(workload || '/' || kind) IN ({listed or 'NULL'})"
    db.execute("""CREATE OR REPLACE TEMP TABLE last AS
        WITH newest AS (SELECT boot, max(at_ns) AS at_ns FROM scrape WHERE boot IS NOT NULL GROUP BY boot)
        SELECT s.boot, s.at_ns, min(s.asked_ns) AS asked_ns,
          coalesce(sum("count") FILTER (series <> 'total'), max("count")) AS counted
        FROM scrape s JOIN newest n ON n.boot = s.boot AND n.at_ns = s.at_ns GROUP BY s.boot, s.at_ns""")
    boots = int(one(db, "SELECT count(*) FROM last")[0])
    if not boots:
        return 0
    scrapes = db.execute("SELECT boot, at_ns FROM last ORDER BY boot").fetchall()
    db.execute("CREATE OR REPLACE TEMP TABLE doubtful (boot VARCHAR, ops BIGINT)")
    maybe = f"""count(*) FILTER (invoke_ns <= {{at}} AND (boot IS NULL
        OR (routing = 'balancer' AND coalesce(return_ns, {INF}) >= {{at}} AND boot <> ?)))"""
    names = [boot for boot, _ in scrapes]
    columns = ", ".join(maybe.format(at=at_ns) for _, at_ns in scrapes)
    row = db.execute(f"SELECT {columns} FROM op WHERE {counted}", names).fetchone()
    db.executemany("INSERT INTO doubtful VALUES (?, ?)", list(zip(names, row or (), strict=True)))
    db.execute(f"""CREATE OR REPLACE TEMP TABLE boot_count AS
        SELECT l.boot, l.at_ns, l.asked_ns, l.counted, count(o.id) FILTER (o.invoke_ns <= l.at_ns) AS answered,
          max(o.return_ns) AS last_answer, max(d.ops) AS doubtful
        FROM last l JOIN doubtful d ON d.boot = l.boot
        LEFT JOIN (SELECT id, boot, invoke_ns, return_ns FROM op WHERE boot IS NOT NULL AND {counted}) o
          ON o.boot = l.boot GROUP BY l.boot, l.at_ns, l.asked_ns, l.counted""")
    none = "[]::BIGINT[] AS ops FROM boot_count"
    found.add(
        "more than were sent",
        f"SELECT boot AS item, at_ns, {none} WHERE counted > answered + doubtful",
    )
    found.add(
        "fewer than were answered",
        f"SELECT boot AS item, at_ns, {none} WHERE counted < answered AND asked_ns >= last_answer + {NS // 4}",
    )
    return boots


ACCOUNTING = Check(NAME, SENTENCE, RULES, check)
