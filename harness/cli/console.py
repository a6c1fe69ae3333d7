"""What a run says while it goes on: a calm live view on a terminal, one line an event otherwise.

Whether there is a terminal is decided here: Rich takes FORCE_COLOR for one and would flood a CI log.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

MARKS = {"phase": ("▸", "bold"), "fault": ("✗", "yellow"), "heal": ("✓", "green"), "problem": ("!", "bold red")}
VERDICT_STYLE = {"valid": "bold green", "invalid": "bold red", "unknown": "bold yellow"}
RECENT = 10


class Screen(Console):
    """A console that leaves what to do about a closed pipe to whoever writes."""

    def on_broken_pipe(self) -> None:
        """Rich would end the process, with the exit code of an invalid run."""
        raise BrokenPipeError


class Progress:
    """Events and counters of one run, shown on `stream`; `quiet` shows nothing."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._live_view = bool(getattr(self._stream, "isatty", lambda: False)()) and not quiet
        self._quiet = quiet
        self._console = Screen(file=self._stream, highlight=False, force_terminal=self._live_view, width=None)
        self._begun = time.monotonic()
        self._lock = threading.RLock()
        self._recent: deque[tuple[float, str, str]] = deque(maxlen=RECENT)
        self._counters: dict[int, dict[str, Any]] = {}
        self._ready = ""
        self._phase = ""
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self._live_view:
            self._live = Live(get_renderable=self._view, console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None
            for at, kind, text in self._recent:
                if kind == "problem":
                    self._line(at, kind, text)

    def event(self, kind: str, text: str) -> None:
        """Show one event: `phase`, `fault`, `heal` or `problem`."""
        at = time.monotonic() - self._begun
        with self._lock:
            if kind == "phase":
                self._phase = text
            self._recent.append((at, kind, text))
            if not self._live_view and not self._quiet:
                self._line(at, kind, text)

    def status(self, agent: int, counters: dict[str, Any]) -> None:
        """Counters of one load agent, once a second; they are shown in the live view only."""
        with self._lock:
            self._counters[agent] = counters

    def members(self, text: str) -> None:
        """Who is ready, in a few words; shown in the live view only."""
        with self._lock:
            self._ready = text

    def _line(self, at: float, kind: str, text: str) -> None:
        mark, style = MARKS.get(kind, ("·", ""))
        line = Text.assemble((f"{at:6.1f} s ", "dim"), (f"{mark} ", style), text)
        try:
            self._console.print(line, soft_wrap=True)
        except (OSError, ValueError):
            # Whoever watched has gone; the run goes on.
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


def summary(results: dict[str, Any], report: str, stream: TextIO | None = None) -> None:
    """The verdict, each check with its evidence, what is missing, the seed, the report and how to repeat it."""
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
