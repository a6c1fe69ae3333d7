"""Run folders to try the report on: a valid run, an invalid one with three witnesses, an unknown one.

Their records have the formats of a real run folder; the load is made up, by a seed, from no service at all.
`python -m tests.support.example_runs DIRECTORY` writes all three with their reports.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import duckdb

ORIGIN_NS = 1_000_000_000_000
"""Where the load of every example begins on the monotonic clock."""

COLUMNS = {
    "id": "BIGINT",
    "agent": "INTEGER",
    "op": "BIGINT",
    "client": "BIGINT",
    **dict.fromkeys(["workload", "kind", "phase", "key", "session", "user", "arg", "value"], "VARCHAR"),
    **dict.fromkeys(["want", "expect", "given_id"], "VARCHAR"),
    "number": "DOUBLE",
    **dict.fromkeys(["state", "outcome", "class"], "VARCHAR"),
    "status": "INTEGER",
    **dict.fromkeys(["error", "replica", "boot", "sent_to", "routing"], "VARCHAR"),
    **dict.fromkeys(["intended_ns", "invoke_ns", "return_ns"], "BIGINT"),
    "seen": "VARCHAR",
}

SCHEDULE = [
    ("kill", "replica", "replica-2", 2.5),
    ("kill", "replica", "replica-1", 4.7),
    ("kill", "worker", "worker-1", 6.4),
    ("kill", "replica", "replica-4", 8.8),
    ("stop", "replica", "replica-3", 11.2),
    ("pause", "replica", "replica-5", 13.1),
    ("kill", "worker", "worker-2", 14.6),
    ("scale", "replica", "3->5", 18.0),
    ("kill", "replica", "replica-6", 20.3),
    ("scale", "replica", "5->2", 22.6),
    ("kill", "worker", "worker-3", 24.9),
    ("scale", "replica", "2->3", 27.0),
]

CHECKS = {
    "session": "A session that was acknowledged lasts until it is revoked or expires, on every replica.",
    "refresh": "A refresh token gives exactly one successor, and the current one is never refused.",
    "idempotency": "A payment takes effect exactly once for its key, however often it is sent.",
    "job": "A job that was acknowledged is done exactly once and gives the output of its input.",
    "unique_ids": "No id is given twice.",
    "hostile": "A token that the service did not issue is never accepted.",
    "graceful": "A planned stop or scale-down fails no request.",
    "accounting": "The journal, Locust and the service's own metrics agree on what was sent.",
    "preference": "A read returns the value of the latest write that was acknowledged before it.",
    "cart": "A line that was acknowledged stays in its cart until it is removed.",
    "limit": "No more than the promised number of requests is admitted in a window.",
    "upload": "A complete upload has the hash of its parts.",
}


def lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Writes a .jsonl file."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


def ns(seconds: float) -> int:
    """A moment of the load on the monotonic clock."""
    return ORIGIN_NS + round(seconds * 1e9)


def history(folder: Path, rows: list[dict[str, Any]]) -> None:
    """history.parquet with one row an op; columns that a row leaves out are NULL."""
    source = folder / "rows.ndjson"
    lines(source, [{name: row.get(name) for name in COLUMNS} for row in rows])
    with duckdb.connect() as db:
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
        db.execute(
            f"COPY (SELECT * FROM read_json('{source}', format = 'newline_delimited', "
            f"columns = {{{columns}}})) TO '{folder / 'history.parquet'}' (FORMAT parquet)"
        )
    source.unlink()


def op(invoke_s: float, took_ms: float | None, outcome: str = "ok", **more: Any) -> dict[str, Any]:
    """One row of the history."""
    returned = None if took_ms is None else ns(invoke_s) + round(took_ms * 1e6)
    return {"phase": "load", "outcome": outcome, "invoke_ns": ns(invoke_s), "return_ns": returned, **more}


def load(seconds: float = 30.0, rate: int = 300, seed: int = 7) -> list[dict[str, Any]]:
    """Ops of a run under SCHEDULE: slower and partly doubtful for a moment after each fault."""
    chance, rows = random.Random(seed), []
    for number in range(int(seconds * rate)):
        at = number / rate + chance.random() / rate
        near = min((at - planned for _, _, _, planned in SCHEDULE if at >= planned), default=99.0)
        took = 4 * chance.lognormvariate(0, 0.6) * (1 + 25 * max(0.0, 0.5 - near))
        kind = chance.choices(["read", "pay", "status", "login"], [6, 2, 2, 1])[0]
        row = op(at, took, kind=kind, status=200, **{"class": "ok"})
        if near < 0.4 and chance.random() < 0.12:
            error = chance.choice(["reset", "eof", "timeout"])
            row = op(at, 2000 if error == "timeout" else took, "info", kind=kind, error=error)
        elif near < 1 and chance.random() < 0.03:
            row |= {"outcome": "info", "class": "error", "status": 503}
        elif chance.random() < 0.06:
            row |= {"outcome": "fail", "class": "absent", "status": 401}
        rows.append({"id": number, "agent": 0, "op": number, "client": number % 24, **row})
    steady = [op(-3 + n / 20, 5, phase="steady", kind="read") for n in range(40)]
    return steady + rows + [op(38 + n / 400, 3, phase="final", kind="read") for n in range(600)]


def run_records(problems: list[dict[str, Any]] | None = None, defects: list[str] | None = None) -> list[Any]:
    """run.jsonl of a whole run."""
    phases = [("deploy", -8.0), ("steady", -3.2), ("load", 0.0), ("heal", 30.0), ("quiet", 30.9)]
    phases += [("settle", 36.0), ("final", 38.0), ("tear_down", 40.1), ("end", 41.4)]
    declared = {
        "e": "declared",
        "at": ns(-8.4),
        "run": "k7f3-20261121T054600Z",
        "scenario": "kill",
        "started": "2026-11-21T05:46:00Z",
        "platform": "process",
        "harness": "0.1.0",
        "defects": defects or [],
    }
    return [
        declared,
        *({"e": "phase", "at": ns(at), "name": name} for name, at in phases),
        {"e": "window", "at": ns(30.0), "start_ns": ns(0), "end_ns": ns(30.0)},
        *(problems or []),
        {"e": "ended", "at": ns(41.5), "how": "complete"},
    ]


def nemesis() -> list[dict[str, Any]]:
    """faults.jsonl of SCHEDULE."""
    records: list[dict[str, Any]] = []
    how = {"kill": "exit seen: -9", "stop": "exited by itself: 0", "pause": "all 9 threads stopped"}
    for number, (kind, role, target, planned) in enumerate(SCHEDULE, 1):
        intent = {"fault": number, "kind": kind, "role": role, "target": target, "planned_s": planned}
        records.append({"e": "intent", "at": ns(planned - 0.002), **intent, "undo": {"do": "none"}})
        records.append({"e": "injected", "at": ns(planned), "fault": number})
        landed = {"e": "landed", "at": ns(planned + 0.031), "fault": number}
        records.append({**landed, "how": how.get(kind, f"ready replicas {target[-1]}")})
        records.append({"e": "healed", "at": ns(healed_s(kind, planned)), "fault": number, "how": "ready again"})
    return records


def healed_s(kind: str, planned: float) -> float:
    """When a fault of SCHEDULE is over."""
    return planned + {"pause": 4.0, "scale": 0.9, "stop": 1.9}.get(kind, 1.6)


def members() -> list[dict[str, Any]]:
    """metrics.jsonl of SCHEDULE: who was ready when."""
    records = [(-5.0 + n / 10, f"replica-{n}", "replica", "ready") for n in (1, 2, 3)]
    records += [(-4.5, "worker-1", "worker", "ready"), (-4.4, "worker-2", "worker", "ready")]
    for number, (kind, role, target, planned) in enumerate(SCHEDULE, 1):
        if kind == "scale":
            before, after = (int(part) for part in target.split("->"))
            for n in range(abs(after - before)):
                name, state = f"scaled-{number if after > before else number - 2}-{n}", "ready"
                records.append((planned + 0.4 + n / 10, name, role, state if after > before else "gone"))
            if before == 5:
                records.append((planned + 0.7, "replica-3b", role, "gone"))
            continue
        records.append((planned + 0.03, target, role, {"kill": "killed", "pause": "paused"}.get(kind, "gone")))
        again = target if kind == "pause" else f"{target}b" if kind == "stop" else f"{role}-{number + 3}"
        records.append((healed_s(kind, planned), again, role, "ready"))
    return [
        {"e": "member", "at": ns(at), "name": name, "role": role, "boot": "b", "state": state}
        for at, name, role, state in sorted(records)
    ]


def check(name: str, verdict: str = "valid", **more: Any) -> dict[str, Any]:
    """One entry of `checks` in results.json."""
    rules = {"session": {"phantom": 0, "zombie": 0, "lost": 0}, "idempotency": {"doubled": 0, "vanished": 0}}
    return {
        "name": name,
        "property": CHECKS[name],
        "verdict": verdict,
        "reason": None,
        "examined": {"items": 412, "ops": 2964, "final_reads": 412},
        "violations": rules.get(name, {"any": 0}),
        "evidence": {"acknowledged_before_and_read_after_a_fault": 187, "faults_covered": "11 of 12"},
        "could_have_missed": "A violation that one fault in four or fewer causes (no violation in 12 independent "
        "faults: a rate below 25 % with 95 % confidence).",
        "witnesses": [],
        **more,
    }


def seen(client: int, kind: str, klass: str, invoke_s: float, return_s: float | None, **more: Any) -> dict[str, Any]:
    """One op of a witness."""
    outcome = "ok" if klass == "ok" else "info" if klass in ("error", "unexpected") else "fail"
    basics = {"id": round(invoke_s * 300), "client": client, "kind": kind, "phase": "load", "outcome": outcome}
    times = {"invoke_s": invoke_s, "return_s": return_s}
    return {**basics, "class": klass, "status": None, "replica": None, "boot": None, **times, **more}


ZOMBIE = {
    "rule": "zombie",
    "key": "s-5f1c",
    "text": "Op 4 read session s-5f1c through replica-5 at 9.412 s, 61 ms after its revoke was acknowledged.",
    "ops": [
        seen(11, "login", "ok", 3.102, 3.131, status=200, replica="replica-1", boot="9c41", value="f3a9"),
        seen(11, "read", "ok", 7.004, 7.009, status=200, replica="replica-3", boot="17de", value="u:77ab"),
        seen(11, "logout", "ok", 9.344, 9.351, status=204, replica="replica-3", boot="17de"),
        seen(11, "read", "ok", 9.412, 9.418, status=200, replica="replica-5", boot="b20f", value="u:77ab"),
        seen(11, "read", "absent", 9.430, 9.436, status=401, replica="replica-3", boot="17de"),
    ],
    "effects": [],
    "faults": [4],
}
DOUBLED = {
    "rule": "doubled",
    "key": "k-0e77",
    "text": "Two effects for one idempotency key: the second attempt charged again after replica-6 was killed.",
    "ops": [
        seen(4, "pay", "error", 20.281, 20.334, replica="replica-6", boot="e1aa", arg="a91c"),
        seen(31, "pay", "ok", 20.520, 20.611, status=201, replica="replica-7", boot="0b3d", arg="a91c", value="p-19"),
        seen(9, "pay", "in_progress", 20.288, 20.301, status=409, replica="replica-3", boot="17de", arg="a91c"),
        seen(9, "pay", "error", 20.402, None, arg="a91c"),
        seen(12, "pay", "ok", 38.120, 38.124, status=200, phase="final", replica="replica-8", value="p-19"),
    ],
    "effects": [
        {"effect": "e-381", "at_s": 20.299, "key": "k-0e77:1", "fence": None},
        {"effect": "e-388", "at_s": 20.551, "key": "k-0e77:2", "fence": None},
    ],
    "faults": [9, 8],
}
JOB = {
    "rule": "fence_decreased",
    "key": "j-22",
    "text": "An effect with fence 1 was accepted after one with fence 2: a thawed worker finished a job taken over.",
    "ops": [
        seen(2, "submit", "ok", 12.940, 12.961, status=202, replica="replica-3", boot="17de", value="j-22"),
        seen(2, "status", "ok", 14.700, 14.704, status=200, replica="replica-4", state="running", number=0.5),
        seen(2, "status", "ok", 16.900, 16.903, status=200, replica="replica-5", state="done", number=1.0),
    ],
    "effects": [
        {"effect": "e-201", "at_s": 16.402, "key": "j-22", "fence": 2},
        {"effect": "e-207", "at_s": 17.114, "key": "j-22:retry", "fence": 1},
    ],
    "faults": [6, 7],
}


def results(verdict: str = "valid", **more: Any) -> dict[str, Any]:
    """results.json."""
    faults = [
        {
            "fault": number,
            "kind": kind,
            "role": role,
            "target": target,
            "planned_s": planned,
            "landed_s": planned + 0.031,
            "healed": True,
            "healed_s": round(healed_s(kind, planned), 3),
            "in_flight": (number * 5) % 7 if role == "replica" else 0,
            "failed": None,
        }
        for number, (kind, role, target, planned) in enumerate(SCHEDULE, 1)
    ]
    kinds = [("session", "login"), ("session", "read"), ("idempotency", "pay"), ("job", "submit"), ("job", "status")]
    return {
        "schema": 1,
        "scenario": "kill",
        "title": "Replicas and workers are killed under load",
        "proves": "Acknowledged sessions, payments and jobs survive the loss of any replica or worker at any moment, "
        "and no client is ever told two different things.",
        "run": "k7f3-20261121T054600Z",
        "platform": "process",
        "seed": 20261121,
        "verdict": verdict,
        "exit_code": {"valid": 0, "invalid": 1, "unknown": 4}[verdict],
        "reasons": [],
        "ops": {"total": 9640, "ok": 9012, "fail": 548, "info": 80, "reached": 9561},
        "by_kind": [
            {"workload": w, "kind": k, "ok": 3100 - 500 * n, "fail": 40 * n, "info": 4 * n}
            for n, (w, k) in enumerate(kinds)
        ],
        "faults": faults,
        "checks": [check(name) for name in CHECKS],
        "evidence": [
            _evidence("faults_landed", 12, 12, "Every fault of the schedule was seen to take effect."),
            _evidence("session_items", 30, 187, "Sessions acknowledged before a fault and read after it elsewhere."),
            _evidence("payment_items", 30, 94, "Payments acknowledged before a fault and read after it elsewhere."),
            _evidence("faults_covered", 0.8, 0.917, "Share of the faults that an item of each property spans."),
        ],
        "slos": [
            {"name": "availability", "threshold": 99, "measured": 99.17, "unit": "%", "met": True, "text": "ok of all"},
            {"name": "recovery", "threshold": 5, "measured": 1.62, "unit": "s", "met": True, "text": "worst fault"},
            {"name": "latency_p99", "threshold": 250, "measured": None, "unit": "ms", "met": None, "text": "lag 61 ms"},
        ],
        "not_tested": [
            {"property": "saga", "why": "The contract declares no saga."},
            {"property": "loss of the store", "why": "This scenario never touches the store."},
        ],
        "phases": [
            {"name": name, "seconds": seconds}
            for name, seconds in zip(
                ["deploy", "steady", "load", "heal", "quiet", "settle", "final", "tear_down"],
                [4.8, 3.2, 30.0, 0.9, 5.1, 2.0, 2.1, 1.3],
                strict=True,
            )
        ],
        "torn_lines": 0,
        "repeat": "harness run scenarios/kill.yaml --seed 20261121",
        **more,
    }


def _evidence(name: str, needed: float, found: float, text: str) -> dict[str, Any]:
    return {"name": name, "needed": needed, "found": found, "met": found >= needed, "text": text}


def folder_of(folder: Path, judged: dict[str, Any], run: list[Any] | None = None) -> Path:
    """A whole run folder around a results.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(judged, indent=2), "utf-8")
    lines(folder / "run.jsonl", run or run_records())
    lines(folder / "faults.jsonl", nemesis())
    lines(folder / "metrics.jsonl", members())
    (folder / "scenario.yaml").write_text("title: Kill\nload: {duration_s: 30, users: 40}\n", "utf-8")
    (folder / "contract.yaml").write_text("contract: 1\nservice: example\n", "utf-8")
    history(folder, load())
    return folder


def valid(folder: Path) -> Path:
    """Twelve faults, twelve checks, nothing found."""
    return folder_of(folder, results())


def invalid(folder: Path) -> Path:
    """Three checks found something; each shows a witness."""
    guilty = {
        "session": check("session", "invalid", violations={"phantom": 0, "zombie": 3, "lost": 0}, witnesses=[ZOMBIE]),
        "idempotency": check("idempotency", "invalid", violations={"doubled": 7}, witnesses=[DOUBLED]),
        "job": check("job", "invalid", violations={"fence_decreased": 1, "wrong_output": 0}, witnesses=[JOB]),
    }
    checks = [guilty.get(name) or check(name) for name in CHECKS]
    defects = ["revocation-cached", "no-fence"]
    return folder_of(folder, results("invalid", checks=checks), run_records(defects=defects))


def unknown(folder: Path) -> Path:
    """Nothing found, too little seen: two faults never landed, and the agent crashed."""
    judged = results("unknown", torn_lines=2)
    judged["reasons"] = [
        "2 of 12 faults did not land: fault 9 (kill replica-6), fault 11 (kill worker-3).",
        "session: 12 items acknowledged before a landed fault and read after it; 30 are needed.",
        "The load agent crashed: exit status 1.",
    ]
    for number in (9, 11):
        judged["faults"][number - 1] |= {"landed_s": None, "healed": False, "healed_s": None}
        judged["faults"][number - 1]["failed"] = "no member of that name was ready"
    judged["evidence"][0] |= {"found": 10, "met": False}
    judged["evidence"][1] |= {"found": 12, "met": False}
    judged["checks"][0] |= {"verdict": "unknown", "reason": "Too few items lived through a fault."}
    problem = {"e": "problem", "at": ns(29.0), "kind": "agent_crashed", "text": "agent-0 exited with status 1"}
    folder = folder_of(folder, judged, run_records([problem]))
    kept = [r for r in nemesis() if r["e"] == "intent" or r["fault"] not in (9, 11)]
    lines(folder / "faults.jsonl", kept)
    return folder


if __name__ == "__main__":
    from harness.report.html import write

    for make in (valid, invalid, unknown):
        print(write(make(Path(sys.argv[1]) / make.__name__)))
