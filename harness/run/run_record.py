"""Writes the record of a run into its folder, as an observer of its events.

    run.jsonl       what the run was, its phases, the window of its load, its problems, and how it ended
    metrics.jsonl   what members did: changes of state, and the service's own counts

Each line is a JSON object with `e` (the kind of line) and `at` (CLOCK_MONOTONIC in ns). Checks and reports read these
lines, of runs of earlier versions as well: a line may get new members, but keeps those that it has.
"""

from __future__ import annotations

from pathlib import Path

from harness.run.events import (
    CountsScraped,
    Event,
    LoadWindow,
    MemberChanged,
    ObserverFailed,
    PhaseBegun,
    ProblemFound,
    RunDeclared,
    RunEnded,
)
from harness.rundir import Record, files


class RunRecord:
    """The observer that every run has. Unlike the others, it ends the run when it cannot write.

    Events after `RunEnded` are about the judging, which reads the record, and are not written.
    """

    def __init__(self, folder: Path) -> None:
        """Open the files of the run folder `folder`, which are made where they are missing."""
        self._run = Record(folder / files.RUN)
        self._metrics = Record(folder / files.METRICS)
        self._complete = False

    def __call__(self, event: Event) -> None:
        """Write the lines of one event.

        Raises:
            EnvironmentFailure: a file could not be written.
        """
        if self._complete:
            return
        match event:
            case MemberChanged() | CountsScraped():
                self._write_metrics(event)
            case _:
                self._write_run(event)

    def _write_metrics(self, event: MemberChanged | CountsScraped) -> None:
        write, at = self._metrics.write, event.at_ns
        match event:
            case MemberChanged(name=name, role=role, boot=boot, state=state):
                write("member", at, name=name, role=role, boot=boot, state=state)
            case CountsScraped(asked_ns=asked, replica=replica, boot=boot, series=series):
                write("scrape", at, asked=asked, replica=replica, boot=boot, series=series)

    def _write_run(self, event: Event) -> None:
        write, at = self._run.write, event.at_ns
        match event:
            case RunDeclared():
                self._declare(event)
            case PhaseBegun(name=name):
                write("phase", at, name=name)
            case LoadWindow(start_ns=start_ns, end_ns=end_ns):
                write("window", at, start_ns=start_ns, end_ns=end_ns)
            case ProblemFound(kind=kind, text=text):
                write("problem", at, kind=kind, text=text)
            case ObserverFailed(observer=observer, failed_on=failed_on, why=why):
                write("observer_failed", at, observer=observer, failed_on=failed_on, why=why)
            case RunEnded(how=how, bytes=sizes):
                write("ended", at, how=how, bytes=sizes)
                self._complete = True

    def _declare(self, event: RunDeclared) -> None:
        self._run.write(
            "declared",
            event.at_ns,
            run=event.run,
            scenario=event.scenario,
            title=event.title,
            seed=event.seed,
            started=event.started,
            platform=event.platform,
            harness=event.harness,
            defects=list(event.defects),
            command=event.command,
            attached=event.attached,
            allowed=list(event.allowed),
        )

    def close(self) -> None:
        """Close both files; nothing is written after this. May be called twice."""
        self._complete = True
        self._run.close()
        self._metrics.close()
