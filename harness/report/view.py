"""What a report shows, as plain values: nothing is drawn yet, and nothing is escaped yet.

`load` reads a run folder. Of the files only `results.json` must be there; what is missing of the others is left out,
and `View.notes` says so. Times named `*_s` are seconds since the load began.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from harness.report import parts, timeline
from harness.report import records as r
from harness.report.history import History
from harness.report.parts import VERDICTS, Check, Count, Fault, Need, Slo
from harness.report.records import Record
from harness.report.text import plural, words
from harness.rundir import events, files

CONFIGURATION = (files.SCENARIO, files.CONTRACT)


@dataclass(frozen=True)
class View:
    """Everything that the report of one run says, in the order of the page.

    Attributes:
        verdict: `valid`, `invalid` or `unknown`.
        exit_code: The exit code of the run; None when the results name none.
        scenario: The name of the scenario.
        title: What the scenario is called in words.
        proves: What a valid run of the scenario proves.
        reasons: Why the verdict is `unknown`, one sentence each.
        problems: What went wrong during the run, each with its kind.
        run: The id of the run.
        seed: The seed of the run.
        platform: Where the target ran.
        started: When the run began, as the run's own record says (UTC).
        ended: How the run ended, such as `complete`.
        version: The version of the harness that made the record.
        defects: The defects that were seeded on purpose.
        duration_s: How long the run took.
        repeat: The command that repeats the run.
        ops: How many ops there were: `total`, by outcome, `reached` (a replica) and `dropped` (never begun).
        members: How many members of each role the run had, such as `7 replicas`.
        checks: The result of each check.
        timeline: What happened over time; None when nothing is known.
        faults: Each fault of the schedule, and what became of it.
        evidence: Each threshold of evidence, and what was found.
        slos: Each service level, and what was measured.
        by_kind: How the ops of each kind ended.
        not_tested: What was not tested, each with the reason.
        phases: How many seconds each phase took.
        torn_lines: How many lines of the run folder could not be read.
        files: The name and the text of each file that declares the run.
        notes: What the report could not read.
        loaded: Whether the load began.
    """

    verdict: str
    exit_code: int | None
    scenario: str
    title: str
    proves: str
    reasons: list[str]
    problems: list[tuple[str, str]]
    run: str
    seed: str
    platform: str
    started: str
    ended: str
    version: str
    defects: list[str]
    duration_s: float | None
    repeat: str
    ops: dict[str, int]
    members: list[str]
    checks: list[Check]
    timeline: timeline.Timeline | None
    faults: list[Fault]
    evidence: list[Need]
    slos: list[Slo]
    by_kind: list[Count]
    not_tested: list[tuple[str, str]]
    phases: list[tuple[str, float]]
    torn_lines: int
    files: list[tuple[str, str]]
    notes: list[str] = field(default_factory=list)
    loaded: bool = True

    @property
    def landed(self) -> int:
        """The number of faults that were seen to take effect."""
        return sum(1 for fault in self.faults if fault.landed_s is not None)

    @property
    def done(self) -> list[str]:
        """What was done to the service, as short phrases such as `8 × kill replica`."""
        kinds = Counter((f.kind, f.role) for f in self.faults if f.landed_s is not None)
        return [f"{number} × {kind} {role}".strip() for (kind, role), number in kinds.items()]

    @property
    def violations(self) -> int:
        """The number of violations that all checks found."""
        return sum(check.total for check in self.checks)


def load(folder: Path) -> View:
    """Return the view of a run folder.

    Raises:
        UsageError: The folder has no `results.json` that can be read.
    """
    results = r.read_results(folder)
    run = events(folder / files.RUN)
    members = events(folder / files.METRICS)
    history = History(folder / files.HISTORY)
    try:
        frame = timeline.frame(run, history)
        faults = parts.faults(results, events(folder / files.FAULTS), frame.origin_ns if frame else None)
        bands = [band for fault in faults if (band := parts.band(fault)) is not None]
        drawn = timeline.build(frame, history, members, bands) if frame else None
    finally:
        history.close()
    declared = [(name, r.read_text(folder / name)) for name in CONFIGURATION]
    return _view(results, run, members, faults, bands, drawn, declared, [history.missing] if history.missing else [])


def _view(
    results: Record,
    run: list[Record],
    members: list[Record],
    faults: list[Fault],
    bands: list[timeline.Band],
    drawn: timeline.Timeline | None,
    files: list[tuple[str, str]],
    notes: list[str],
) -> View:
    declared = next((line for line in run if r.text(line, "e") == "declared"), {})
    ended = next((r.text(line, "how") for line in reversed(run) if r.text(line, "e") == "ended"), "")
    phases = [(r.text(p, "name"), r.real(p, "seconds") or 0.0) for p in r.records(results, "phases")]
    verdict = r.text(results, "verdict")
    if verdict not in VERDICTS:
        notes, verdict = (
            [*notes, f"results.json has a verdict that this version does not know: {verdict!r}."],
            "unknown",
        )
    ops = r.record(results, "ops")
    return View(
        verdict=verdict,
        exit_code=r.whole(results, "exit_code") if "exit_code" in results else None,
        scenario=r.text(results, "scenario", r.text(declared, "scenario")),
        title=r.text(results, "title", r.text(results, "scenario", "Untitled scenario")),
        proves=r.text(results, "proves"),
        reasons=r.texts(results, "reasons"),
        problems=[
            (words(r.text(line, "kind")), r.text(line, "text")) for line in run if r.text(line, "e") == "problem"
        ],
        run=r.text(results, "run", r.text(declared, "run")),
        seed=r.text(results, "seed", r.text(declared, "seed")),
        platform=r.text(results, "platform", r.text(declared, "platform")),
        started=r.text(declared, "started"),
        ended=ended,
        version=r.text(declared, "harness"),
        defects=r.texts(declared, "defects"),
        duration_s=_duration(run, phases),
        repeat=r.text(results, "repeat", r.text(declared, "command")),
        ops={name: r.whole(ops, name) for name in ("total", "ok", "fail", "info", "reached", "dropped")},
        members=_members(members),
        checks=[parts.check(check, bands) for check in r.records(results, "checks")],
        timeline=drawn,
        faults=faults,
        evidence=[parts.need(need) for need in r.records(results, "evidence")],
        slos=[parts.slo(slo) for slo in r.records(results, "slos")],
        by_kind=[parts.tally(row) for row in r.records(results, "by_kind")],
        not_tested=[(r.text(n, "property"), r.text(n, "why")) for n in r.records(results, "not_tested")],
        phases=phases,
        torn_lines=r.whole(results, "torn_lines"),
        files=[(name, content) for name, content in files if content],
        notes=notes,
        loaded=any(r.text(line, "e") == "window" for line in run) or not run,
    )


def _duration(run: list[Record], phases: list[tuple[str, float]]) -> float | None:
    """Return the seconds from the first record of the run to the last; without records, the sum of the phases."""
    times = [when for line in run if (when := r.moment(line)) is not None]
    if len(times) > 1:
        return (max(times) - min(times)) / 1e9
    return sum(seconds for _, seconds in phases) or None


def _members(members: list[Record]) -> list[str]:
    """Return how many members of each role the run ever had, such as `7 replicas` and `4 workers`."""
    roles: dict[str, set[str]] = {}
    for line in members:
        if r.text(line, "e") == "member":
            roles.setdefault(r.text(line, "role"), set()).add(r.text(line, "name"))
    return [plural(len(names), role) for role, names in roles.items()]
