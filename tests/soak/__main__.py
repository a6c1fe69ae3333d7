"""The long repetitions, resumable: `python -m tests.soak [--minutes N] [--sample] [--only GROUP] [--state FILE]
[--write FILE]`, also `make soak`.

A hundred clean runs over all scenarios, with a hundred seeds, and five of the main scenarios on every platform that
works here (all `valid`), each seeded defect ten times in its scenario (always `invalid` by its own check), fifty
harnesses killed with SIGKILL at seeded moments of a short run and recovered (nothing left, and a second recover with
nothing to do); on Docker and Kubernetes, where they work, too.

Every finished repetition is a line of the state file; those that are there for the same content of `harness/`,
`target_service/`, `scenarios/` and the lock are not done again, whatever else a commit changed. Run folders are kept,
beside the state file, only where something was wrong. `--write docs/evidence/NAME.md` writes the table of what was done
so far, to be committed; a campaign that is not finished says so. Ctrl-C heals and ends what is under way. Exit codes: 0
nothing wrong so far, 1 something was wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType

from harness.contract.read import read_contract
from harness.recovery.engines import missing
from harness.scenario.catalogue import read_catalogue
from harness.scenario.file import load_scenario
from tests.soak import evidence, state
from tests.soak.plan import KILLS_ON, Repetition, fits, plan, remaining, sample
from tests.soak.repeat import do
from tests.soak.state import Finding
from tests.soak.summary import summarise
from tests.support.places import ROOT

CONTRACT = ROOT / "target_service" / "contract.yaml"


def planned() -> list[Repetition]:
    """All repetitions, with the defects that the catalogue names, and every scenario for the platform `process`."""
    files = sorted((ROOT / "scenarios").glob("**/*.yaml"))
    here = [str(path.relative_to(ROOT)) for path in files if load_scenario(path).scenario.platform == "process"]
    engines = [name for name, lacking in missing().items() if name in KILLS_ON and not lacking]
    return plan(read_catalogue(read_contract(CONTRACT), CONTRACT), here, engines)


def soak(every: list[Repetition], path: Path, budget_s: float | None, sampled: bool) -> tuple[list[Finding], bool]:
    """Do what is left, as far as the budget goes. All findings of this revision, and whether it was interrupted."""
    revision = state.revision(ROOT)
    wanted = {each.key for each in every}
    found = {key: each for key, each in state.of_revision(state.read(path), revision).items() if key in wanted}
    todo = remaining(every, found)
    print(f"{len(found)} of {len(every)} done with the content {revision[:12]}", flush=True)
    begun = time.monotonic()
    kinds = {finding.kind for finding in found.values()}
    try:
        for each in sample(todo, revision) if sampled else todo:
            if not fits(each, time.monotonic() - begun, budget_s, sampled and each.kind not in kinds):
                continue
            finding = do(each, path.parent / path.stem / each.key, revision)
            found[each.key] = finding
            kinds.add(each.kind)
            state.append(path, finding)
            said = "right" if finding.right else f"WRONG: {finding.why}"
            print(f"{each.key:28}{finding.seconds:>7.1f} s  {said}", flush=True)
    except KeyboardInterrupt:
        return list(found.values()), True
    return list(found.values()), False


def _campaign(only: str | None) -> evidence.Campaign:
    """What the table says of how it came about."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = bool(git("status", "--porcelain", "--", *state.JUDGED))
    command = "python -m tests.soak" + (f" --only {shlex.quote(only)}" if only else "")
    return evidence.Campaign(command, git("rev-parse", "--short", "HEAD"), changed, state.revision(ROOT))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="begin nothing that is not likely to end within them")
    parser.add_argument("--sample", action="store_true", help="in turns of every kind, and at least one of each")
    parser.add_argument("--only", metavar="GROUP", help="clean, killed-docker, a defect …, or a pattern: '*-docker'")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "soak.jsonl", help="default: build/soak.jsonl")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table there: docs/evidence/NAME.md")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    every = [each for each in planned() if fnmatchcase(each.group, chosen.only or "*")]
    if not every:
        groups = ", ".join(dict.fromkeys(each.group for each in planned()))
        parser.error(f"--only {chosen.only}: there is no such group here; there are {groups}")
    budget_s = None if chosen.minutes is None else chosen.minutes * 60
    findings, interrupted = soak(every, chosen.state.absolute(), budget_s, chosen.sample)
    print(f"\n{summarise(every, findings)}")
    if chosen.write:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(evidence.document(every, findings, _campaign(chosen.only)), encoding="utf-8")
        print(f"\nwritten: {chosen.write}")
    if interrupted:
        print("\ninterrupted; the same command goes on from here")
        return 130
    return 0 if all(finding.right for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
