"""Every file of a run folder: its name, who writes the file, who reads the file, and what stands in the file.

A run folder is written in three phases. A crash in one phase loses nothing of the phases before. `harness check` and
`harness report` write the files of the last phase anew, from the files of the first two alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SCENARIO = "scenario.yaml"
CONTRACT = "contract.yaml"
LOCK = "lock"
RUN = "run.jsonl"
FOUND = "found.json"
JOURNALS = "journal-*.jsonl"
FAULTS = "faults.jsonl"
LEDGER = "ledger.jsonl"
METRICS = "metrics.jsonl"
LOGS = "logs"
HISTORY = "history.parquet"
RESULTS = "results.json"
REPORT = "report.html"

MATRIX = "matrix.json"
MATRIX_PAGE = "matrix.html"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a run folder, or one kind of file.

    Attributes:
        name: The file's name; a `*` stands for a number or a member's name.
        phase: When the file is written: `declared`, `run` or `checked`.
        writer: Which part of the harness writes the file.
        readers: Which parts read the file.
        content: What stands in the file, in one sentence.
    """

    name: str
    phase: str
    writer: str
    readers: str
    content: str


FILES: tuple[File, ...] = (
    File(SCENARIO, "declared", "run", "check, report", "The scenario as it was read, without its secrets."),
    File(CONTRACT, "declared", "run", "check, report", "The contract as it was read, without its secrets."),
    File(
        LOCK,
        "declared",
        "run",
        "recover",
        "Empty; locked while the run's process lives, and removed when the run ends.",
    ),
    File(
        RUN,
        "run",
        "run; recover ends the record of a dead run",
        "check, report, recover",
        "One event a line: what was declared, each phase, the load's window, each problem, and how the run ended.",
    ),
    File(
        FOUND,
        "run",
        "the platform, where the target ran already",
        "the platform, recover",
        "How the target was found (replicas, settings), so that it can be brought back to that.",
    ),
    File(
        JOURNALS,
        "run",
        "each load agent, one file each",
        "check",
        "Two lines an operation, its begin and its end (`harness.rundir.journal_schema`); the agent's lag and counts.",
    ),
    File(
        FAULTS,
        "run",
        "the nemesis",
        "check, report, recover",
        "One event a line for each fault: what is about to be done and how to undo it, then what came of it.",
    ),
    File(LEDGER, "run", "the ledger", "check", "One event a line: every attempt at an effect, and what came of it."),
    File(
        METRICS,
        "run",
        "run",
        "check, report",
        "One event a line: each change of a member's state, and each reading of the service's own metrics.",
    ),
    File(
        f"{LOGS}/*.log",
        "run",
        "the platform, the load agents, run",
        "people",
        "What each member, each load agent and each part beside the service wrote, without secrets.",
    ),
    File(
        HISTORY, "checked", "check", "check, report", "The table of operations, one row each, built from the journals."
    ),
    File(
        RESULTS, "checked", "check", "report, prove, people's tools", "The verdict, with every check and all evidence."
    ),
    File(REPORT, "checked", "report", "people", "The report: one page that needs no other file and no network."),
)
"""The files of a run folder, in the order in which a run writes them."""

PROVE_FILES: tuple[File, ...] = (
    File(MATRIX, "checked", "prove", "people's tools", "Each seeded defect, and which runs caught it."),
    File(MATRIX_PAGE, "checked", "prove", "people", "The same as a page."),
)
"""The files of the folder that `harness prove` writes beside the folders of its runs."""


def journal(agent: int) -> str:
    """Return the name of the journal of one load agent, such as `journal-0.jsonl`."""
    return JOURNALS.replace("*", str(agent))


def journals(folder: Path) -> list[Path]:
    """Return the journals that are in a run folder, sorted by name; none when its load never began."""
    return sorted(folder.glob(JOURNALS))
