"""What a person sees: a run while it goes on, and the summary of its results.

`Progress` is an observer of a run's events. On a terminal it shows a calm live view, otherwise one line an event.
Whether there is a terminal is decided here: Rich takes FORCE_COLOR for one and would flood a CI log.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.prove.prover import Finding
from harness.run.events import (
    AgentStatus,
    Event,
    FaultFailed,
    FaultHealed,
    FaultIntended,
    MembersReady,
    ObserverFailed,
    PhaseBegun,
    ProblemFound,
    RunDeclared,
    RunFinished,
    WorkNotEnded,
)

MARKS = {"phase": ("▸", "bold"), "fault": ("✗", "yellow"), "heal": ("✓", "green"), "problem": ("!", "bold red")}
VERDICT_STYLE = {"valid": "bold green", "invalid": "bold red", "unknown": "bold yellow"}
RECENT = 10
PHASE_TEXT = {
    "deploy": "deploying",
    "steady": "steady state: is it right before any fault",
    "load": "load and faults",
    "heal": "healing",
    "quiet": "waiting until acknowledged work has ended",
    "settle": "settling doubtful operations",
    "final": "reading everything acknowledged back",
    "tear_down": "tearing down",
    "check": "checking",
}
"""What is shown for each phase; one that is not named here is over at once, and not shown."""
_SHOWN_KEYS = 5


class Screen(Console):
    """A console that leaves what to do about a closed pipe to the code that writes."""

    def on_broken_pipe(self) -> None:
        """Raise, where Rich would end the process with the exit code of an invalid run."""
        raise BrokenPipeError


def line_of(event: Event) -> tuple[str, str] | None:
    """Return an event as a person reads it: a kind of `MARKS` (or "target") and a text; None for what is not shown."""
    match event:
        case PhaseBegun(name=name) if name in PHASE_TEXT:
            return "phase", PHASE_TEXT[name]
        case RunFinished(seconds=seconds):
            return "phase", f"done after {seconds:.1f} s"
        case RunDeclared(allowed=allowed) if allowed:
            return "target", f"allowed, although not made by the harness: {', '.join(allowed)}"
        case FaultIntended(fault=number, kind=kind, target=target) if target:
            return "fault", f"fault {number}: {kind} {target}"
        case FaultHealed(fault=number, how=how):
            return "heal", f"fault {number}: {how}"
        case FaultFailed(fault=number, why=why):
            return "problem", f"fault {number} failed: {why}"
        case ProblemFound(text=text):
            return "problem", text
        case WorkNotEnded(promised_s=promised_s, keys=keys):
            return "problem", f"not ended after {promised_s:g} s: {', '.join(keys[:_SHOWN_KEYS])}"
        case ObserverFailed(observer=observer, failed_on=name, why=why):
            return "problem", f"{observer} failed on {name} ({why}); the run goes on, what it would have shown is lost"
    return None


class Progress:
    """An observer that shows one run on a stream while it goes on. To be entered before the run and left after it."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        """Show on `stream` (standard error if not given); a `quiet` one shows nothing."""
        self._stream = stream or sys.stderr
        self._live_view = bool(getattr(self._stream, "isatty", lambda: False)()) and not quiet
        self._quiet = quiet
        self._console = Screen(file=self._stream, highlight=False, force_terminal=self._live_view, width=None)
        self._begun = time.monotonic()
        # Of a kind that its holder can take again: a signal is shown in the midst of whatever the main thread does.
        self._lock = threading.RLock()
        self._recent: deque[tuple[float, str, str]] = deque(maxlen=RECENT)
        self._counters: dict[int, Mapping[str, Any]] = {}
        self._ready = ""
        self._phase = ""
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        """Return the observer itself. The live view begins with the first event, so that a bad file is just named."""
        return self

    def _begin_live_view(self) -> None:
        self._live = Live(get_renderable=self._view, console=self._console, refresh_per_second=4, transient=True)
        self._live.start()

    def __exit__(self, *_: object) -> None:
        """Take the live view away, and leave the latest problems on the terminal."""
        if self._live:
            self._live.stop()
            self._live = None
            for at, kind, text in self._recent:
                if kind == "problem":
                    self._line(at, kind, text)

    def __call__(self, event: Event) -> None:
        """Show one event. Counters and numbers of members are shown in the live view only."""
        with self._lock:
            if self._live_view and self._live is None:
                self._begin_live_view()
            match event:
                case AgentStatus(agent=agent, counters=counters):
                    self._counters[agent] = counters
                case MembersReady(replicas=replicas, workers=workers):
                    self._ready = f"{replicas} replicas, {workers} workers ready"
                case _:
                    line = line_of(event)
                    if line is not None:
                        self._show(*line)

    def problem(self, text: str) -> None:
        """Show a problem that is no event of the run: the answer to a signal."""
        self._show("problem", text)

    def _show(self, kind: str, text: str) -> None:
        at = time.monotonic() - self._begun
        with self._lock:
            if kind == "phase":
                self._phase = text
            self._recent.append((at, kind, text))
            if not self._live_view and not self._quiet:
                self._line(at, kind, text)

    def _line(self, at: float, kind: str, text: str) -> None:
        mark, style = MARKS.get(kind, ("·", ""))
        line = Text.assemble((f"{at:6.1f} s ", "dim"), (f"{mark} ", style), text)
        try:
            self._console.print(line, soft_wrap=True)
        except (OSError, ValueError):
            # Nobody reads any more; the run goes on.
            self._quiet = True

    def _view(self) -> Group:
        with self._lock:
            total = sum(int(each.get("ops", 0)) for each in self._counters.values())
            doubtful = sum(int(each.get("info", 0)) for each in self._counters.values())
            head = Table.grid(padding=(0, 3))
            head.add_row(
                Text(self._phase, style="bold"),
                f"{time.monotonic() - self._begun:.0f} s",
                f"{total:,} ops",
                f"{doubtful:,} doubtful",
                self._ready,
            )
            rows = Table.grid(padding=(0, 1))
            for at, kind, text in self._recent:
                mark, style = MARKS.get(kind, ("·", ""))
                rows.add_row(Text(f"{at:6.1f} s", style="dim"), Text(mark, style=style), Text(text))
        return Group(head, rows)


def finding_line(finding: Finding) -> str:
    """Return one line about a run of `harness prove`: whether it found what it had to, by which check, and when."""
    defect = finding.trial.defect
    mark = "✓" if finding.right else "✗"
    what = f"{defect.name} (by {defect.check})" if defect else f"clean {finding.trial.scenario}"
    by = f" by {', '.join(finding.by)}" if finding.by else ""
    soon = finding.detected.get(defect.check) if defect else None
    when = f" after {soon['at_s']:.1f} s and {soon['ops']:,} ops" if soon else ""
    return f"{mark} {what}: {finding.verdict}{by}{when}, {finding.seconds:.0f} s, {finding.folder}"


def summary(results: dict[str, Any], report: str, stream: TextIO | None = None) -> None:
    """Print the verdict, each check with its evidence, what is missing, the seed, the report and how to repeat it.

    Args:
        results: the content of results.json.
        report: the path of the HTML page.
        stream: where to print; standard output if not given.
    """
    out = stream or sys.stdout
    console = Console(file=out, highlight=False, force_terminal=bool(out.isatty()), width=None)

    def line(*parts: Any) -> None:
        console.print(Text.assemble(*parts), soft_wrap=True)

    verdict = str(results["verdict"])
    ops = results["ops"]
    dropped = f", {ops['dropped']:,} arrivals dropped" if ops["dropped"] else ""
    landed = sum(fault["landed_s"] is not None for fault in results["faults"])
    line()
    line((verdict.upper(), VERDICT_STYLE[verdict]), f"  {results['title']}")
    line(
        f"  {ops['total']:,} ops ({ops['ok']:,} ok, {ops['fail']:,} fail, {ops['info']:,} info), "
        f"{ops['reached']:,} reached a replica{dropped}; {landed} of {len(results['faults'])} faults landed"
    )
    line()
    for check in results["checks"]:
        name = str(check["verdict"])
        counted = ", ".join(f"{value:,} {what.replace('_', ' ')}" for what, value in check["examined"].items())
        line("  ", (f"{name:8}", VERDICT_STYLE[name]), f"{check['name']:12} {counted}")
        if check["reason"]:
            line(" " * 11, (str(check["reason"]), "dim"))
        for witness in check["witnesses"][:2]:
            line(" " * 11, (f"{witness['rule']}: ", "bold"), str(witness["text"]))
    for slo in results["slos"]:
        if slo["met"] is not None:
            mark = ("met     ", "green") if slo["met"] else ("MISSED  ", "yellow")
            value = f"{slo['measured']:g} {slo['unit']}, {slo['threshold']:g} wanted"
            line("  ", mark, f"{slo['name']:12} {value}: {slo['text']}")
    if results["reasons"]:
        line()
        for reason in results["reasons"]:
            line("  ", ("! ", "bold"), str(reason))
    line()
    line(f"  seed    {results['seed']}")
    line(f"  report  {report}")
    line(f"  repeat  {results['repeat']}")
