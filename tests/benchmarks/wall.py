"""How long a run takes beyond the seconds that its scenario declares, and with what.

`python -m tests.benchmarks.wall [--scenario FILE] [--platform NAME] [--seed N] [--runs N] [--json]` performs one
`harness run FILE --json` in a temporary folder; when it took too long, up to N in all, and the shortest counts, because
whatever else the machine does can only lengthen a run. The time of a run begins with the command and ends with the exit
of the process. Its parts are taken from the marks that it leaves in run.jsonl, all of one monotonic clock, and from the
times of the files that judging writes. What other processes took of the machine meanwhile is shown beside. Exit code 1
when every run took too long, 2 when one did not end `valid`: then nothing was measured. What an engine has to build
is built by the first run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

SCENARIO = Path("scenarios/kill.yaml")
MOST_S = {"process": 12.0, "docker": 20.0, "kubernetes": 45.0}
DEADLINE_S = 180.0
JUDGING = (("history", "history.parquet"), ("checks", "results.json"), ("report", "report.html"))


@dataclass(frozen=True)
class Wall:
    """Seconds of one run: all of it, what was declared, and the parts of the rest, which add up to `beyond_s`."""

    total_s: float
    declared_s: float
    parts: list[tuple[str, float]]
    others: float

    @property
    def beyond_s(self) -> float:
        """The time that the declared load does not explain."""
        return self.total_s - self.declared_s


def measure(scenario: Path, platform: str, seed: int) -> Wall:
    """One run; SystemExit(2) when it did not end `valid`."""
    with tempfile.TemporaryDirectory() as reports:
        command = [sys.executable, "-m", "harness", "run", str(scenario), "--platform", platform, "--json", "--quiet"]
        busy_s, own_s = _busy_s(), _own_s()
        began_ns = time.monotonic_ns()
        with subprocess.Popen(
            [*command, "--seed", str(seed), "--reports", reports], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            try:
                output, errors = running.communicate(timeout=DEADLINE_S)
            except BaseException:
                # It heals and cleans up before it ends.
                running.terminate()
                running.communicate()
                raise
        ended_ns = time.monotonic_ns()
        total_s = (ended_ns - began_ns) / 1e9
        others = max(0.0, _busy_s() - busy_s - (_own_s() - own_s)) / (total_s * len(os.sched_getaffinity(0)))
        if running.returncode != 0:
            print(output.decode()[-2000:], errors.decode()[-2000:], file=sys.stderr)
            print(f"the run ended with {running.returncode}: nothing was measured", file=sys.stderr)
            raise SystemExit(2)
        folder = Path(json.loads(output)["folder"])
        events = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
        to_monotonic_ns = time.monotonic_ns() - time.time_ns()
        written = [(name, (folder / file).stat().st_mtime_ns + to_monotonic_ns) for name, file in JUDGING]
    declared_s, parts = split(events, written, began_ns, ended_ns)
    return Wall(total_s, declared_s, parts, others)


def split(
    events: list[dict[str, Any]], written: list[tuple[str, int]], began_ns: int, ended_ns: int
) -> tuple[float, list[tuple[str, float]]]:
    """The declared seconds of a run and the parts of all others, in their order.

    `events` are those of run.jsonl; `written` says when each step of judging wrote its file, monotonic ns.
    """
    window = next(event for event in events if event["e"] == "window")
    declared_s = (window["end_ns"] - window["start_ns"]) / 1e9
    declared_ns = next(event["at"] for event in events if event["e"] == "declared")
    marks = [(event["name"], event["at"]) for event in events if event["e"] == "phase" and event["name"] != "end"]
    judged_ns = next(event["at"] for event in events if event["e"] == "ended")
    starts = [("start-up", began_ns), *marks]
    starts[1] = (marks[0][0], declared_ns)
    parts = [(name, (end - start) / 1e9) for (name, start), (_, end) in pairwise([*starts, ("", judged_ns)])]
    parts = [(name, seconds - declared_s if name == "load" else seconds) for name, seconds in parts]
    before = judged_ns
    for name, at in written:
        parts.append((name, (at - before) / 1e9))
        before = at
    return declared_s, [*parts, ("print and exit", (ended_ns - before) / 1e9)]


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def _own_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(wall: Wall, most_s: float) -> bool:
    """Print the parts; whether the time was short enough."""
    print(f"{'part':<18}{'seconds':>10}   beyond the declared {wall.declared_s:g} s of load")
    for name, seconds in wall.parts:
        print(f"{name:<18}{seconds:>10.2f}")
    print(f"{'together':<18}{wall.beyond_s:>10.2f}   of {wall.total_s:.1f} s in all")
    print(f"other processes took {wall.others:.0%} of the machine meanwhile")
    reached = wall.beyond_s <= most_s
    print(f"\nwanted: at most {most_s:g} s{'' if reached else '   MISSED'}")
    return reached


def main() -> int:
    """Measures; see the module for the exit codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", type=Path, default=SCENARIO)
    parser.add_argument("--platform", choices=list(MOST_S), default="process", help="default: process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="the result once more, as JSON on the last line")
    chosen = parser.parse_args()
    runs: list[Wall] = []
    reached = False
    while len(runs) < chosen.runs and not reached:
        runs.append(measure(chosen.scenario, chosen.platform, chosen.seed))
        reached = report(runs[-1], MOST_S[chosen.platform])
    wall = min(runs, key=lambda run: run.beyond_s)
    if chosen.json:
        print(
            json.dumps(
                [{"name": "seconds beyond the declared", "measured": wall.beyond_s, "wanted": MOST_S[chosen.platform]}]
            )
        )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
