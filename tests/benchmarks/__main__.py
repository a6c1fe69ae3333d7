"""Every benchmark, one after another, and one table of what was measured against what is wanted.

`python -m tests.benchmarks [--only NAME ...]`, as `make bench` does; under ten minutes in all. Each part can be run
alone with more to see: `python -m tests.benchmarks.client`, `.checks`, `.profile`, `.wall`, `.trips`. Exit code 1 when
one figure misses what is wanted or could not be measured.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import checks, profile

END_GRACE_S = 30.0


@dataclass(frozen=True)
class Line:
    """One figure. `measured` None: it could not be measured. `most`: `wanted` is a bound from above."""

    part: str
    name: str
    measured: float | None
    wanted: float
    most: bool = False

    @property
    def met(self) -> bool:
        """The figure is there, and within its bound."""
        if self.measured is None:
            return False
        return self.measured <= self.wanted if self.most else self.measured >= self.wanted


@dataclass(frozen=True)
class Part:
    """A benchmark of its own process. `read` turns its standard output into figures; `quiet`: nobody reads it else."""

    arguments: list[str]
    deadline_s: float
    read: Callable[[str], list[Line]]
    quiet: bool = False


def read_client(output: str) -> list[Line]:
    """From the JSON on the last line."""
    return [Line("client", each["name"], each["measured"], each["wanted"]) for each in _last_line(output)]


def read_wall(output: str) -> list[Line]:
    """From the JSON on the last line."""
    return [Line("wall", each["name"], each["measured"], each["wanted"], most=True) for each in _last_line(output)]


def read_profile(output: str) -> list[Line]:
    """From its sentences. The rate is of this machine: it is shown, and held to no bound but that it is one."""
    rate = re.search(r"/profile: (\d+) requests a second", output)
    ratio = re.search(r"/profile: ([\d.]+) times", output)
    return [
        Line("profile", "one replica, requests/s", float(rate[1]) if rate else None, 1),
        Line("profile", "service / plain handler", float(ratio[1]) if ratio else None, profile.WANTED),
    ]


def read_trips(output: str) -> list[Line]:
    """What each endpoint took, against what its state file declares."""
    return [Line("trips", each["name"], each["trips"], each["most"], most=True) for each in _last_line(output)]


def read_checks(output: str) -> list[Line]:
    """The worst check of each size and shape, how the time grows with the ops, memory, and what was found."""
    runs = json.loads(output)
    lines = []
    for run in runs:
        where = f"{run['ops'] / 1e6:g} M ops, {run['shape']}"
        seconds = {name: check["seconds"] for name, check in run["checks"].items()}
        slowest = max(seconds, key=lambda name: seconds[name])
        rate = run["ops"] / seconds[slowest] / 1e6
        lines.append(Line("checks", f"{where}: {slowest}, M ops/s", rate, checks.LEAST_OPS_PER_S / 1e6))
        wrong = sum(not check["exact"] for check in run["checks"].values())
        lines.append(Line("checks", f"{where}: checks not exact", wrong, 0, most=True))
        tenth = [other for other in runs if other["shape"] == run["shape"] and other["ops"] * 10 == run["ops"]]
        if tenth:
            grown = {name: seconds[name] / tenth[0]["checks"][name]["seconds"] for name in seconds}
            worst = max(grown, key=lambda name: grown[name])
            lines.append(Line("checks", f"{where}: {worst}, time / tenth", grown[worst], checks.MOST_TIMES, most=True))
            lines.append(Line("checks", f"{where}: peak MiB", run["peak_mib"], checks.MOST_MEMORY_MIB, most=True))
    return lines


def _last_line(output: str) -> Any:
    return json.loads(output.splitlines()[-1])


PARTS = {
    "client": Part(["--rounds", "5", "--seconds", "2", "--json"], 120, read_client),
    "checks": Part(["--json"], 240, read_checks, quiet=True),
    "profile": Part([], 60, read_profile),
    "wall": Part(["--json"], 150, read_wall),
    "trips": Part([], 20, read_trips, quiet=True),
}


def run(name: str, part: Part) -> list[Line]:
    """The figures of one benchmark; one line without a figure when it failed or was not done in time."""
    print(f"\n== {name}", flush=True)
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{name}", *part.arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout
        late = threading.Timer(part.deadline_s, child.send_signal, [signal.SIGINT])
        late.start()
        output = ""
        try:
            for line in child.stdout:
                output += line
                if not part.quiet and not line.startswith("["):
                    print(f"   {line}", end="", flush=True)
        except BaseException:
            # Asked as by Ctrl-C, each part ends what it started.
            child.send_signal(signal.SIGINT)
            child.wait(END_GRACE_S)
            raise
        finally:
            late.cancel()
        child.wait(END_GRACE_S)
    try:
        return part.read(output)
    except (ValueError, KeyError, IndexError):
        return [Line(name, f"not measured, exit code {child.returncode}", None, 0)]


def table(lines: list[Line]) -> str:
    """All figures, a line each."""
    width = max(len(line.name) for line in lines) + 2
    rows = [f"{'part':<9}{'figure':<{width}}{'measured':>10}  {'wanted':<10}"]
    for line in lines:
        measured = "-" if line.measured is None else f"{line.measured:,.2f}"
        wanted = f"{'≤' if line.most else '≥'} {line.wanted:,g}"
        rows.append(f"{line.part:<9}{line.name:<{width}}{measured:>10}  {wanted:<10}{'met' if line.met else 'MISSED'}")
    return "\n".join(rows)


def main() -> int:
    """Runs what is asked for; 1 when a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PARTS, metavar="NAME", help=", ".join(PARTS))
    chosen = parser.parse_args().only or list(PARTS)
    lines = [line for name in chosen for line in run(name, PARTS[name])]
    print(f"\n{table(lines)}")
    return 0 if all(line.met for line in lines) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
