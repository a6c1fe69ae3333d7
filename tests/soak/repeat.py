"""Doing one repetition: a run that is judged, or a harness that is killed and recovered."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.recovery.engines import look
from tests.soak.plan import CLEAN, KILLED, Repetition, moment_s
from tests.soak.state import Finding
from tests.support.places import ROOT, Place, Run, command, place_in

RUN_DEADLINE_S = 240.0
END_GRACE_S = 60.0
# About the life of a short run, from its first import to its report.
LIFE_S = {None: 16.0, "docker": 30.0, "kubernetes": 60.0}
LOOK_S = 0.25


def do(each: Repetition, folder: Path, revision: str) -> Finding:
    """The finding of one repetition. `folder` is its own; it is removed again when all was right."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begun = time.monotonic()
    try:
        found = _kill_and_recover(each, folder) if each.kind == KILLED else _judged(each, folder)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except Exception as error:
        found = {"why": f"{type(error).__name__}: {error}"}
    right = not found["why"]
    if right:
        shutil.rmtree(folder)
    seconds = round(time.monotonic() - begun, 1)
    kept = "" if right else str(folder)
    return Finding(each.key, each.kind, each.group, revision, right, seconds=seconds, folder=kept, **found)


def _judged(each: Repetition, folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "harness", "run", str(ROOT / each.scenario), "--json", "--quiet"]
    words += ["--seed", str(each.seed), "--reports", str(folder / "reports")]
    words += ["--defect", each.defect] if each.defect else []
    words += ["--platform", each.platform] if each.platform else []
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        child = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            child.wait(RUN_DEADLINE_S)
        finally:
            if child.poll() is None:
                _end(child)
    try:
        results = json.loads((folder / "out").read_text(encoding="utf-8"))
    except ValueError:
        said = (folder / "err").read_text(encoding="utf-8", errors="replace")
        return {"exit_code": child.returncode, "why": f"no result, exit code {child.returncode}: {said[-400:]}"}
    return judge(each, results, child.returncode)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(END_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def judge(each: Repetition, results: dict[str, Any], exit_code: int) -> dict[str, Any]:
    """Fields of the finding of a run with these results: `why` says what was wrong, "" if nothing."""
    verdict = str(results["verdict"])
    by = [str(check["name"]) for check in results["checks"] if check["verdict"] == "invalid"]
    if each.kind == CLEAN:
        right = verdict == "valid" and exit_code == 0
        wanted = "valid"
    else:
        right = verdict == "invalid" and exit_code == 1 and each.check in by
        wanted = f"invalid by {each.check}"
    why = ""
    if not right:
        reasons = "; ".join(str(reason) for reason in results.get("reasons", []))
        seen = f"{verdict} by {', '.join(by)}" if by else verdict
        why = f"{seen}, exit code {exit_code}, where {wanted} is right" + (f": {reasons}" if reasons else "")
    return {"verdict": verdict, "exit_code": exit_code, "by": by, "why": why}


def _kill_and_recover(each: Repetition, folder: Path) -> dict[str, Any]:
    with place_in(folder) as place:
        run = _killed(place, each)
        recover = ("recover", "--reports", run.reports)
        problems = []
        for time_number in ("first", "second"):
            done = command(*recover, TMPDIR=str(run.temporary))
            if done.returncode != 0:
                problems.append(f"the {time_number} recover ended with {done.returncode}: {done.stderr.strip()}")
            if time_number == "first":
                on_engines = look().things(run.id) if run.events() else []
                problems += [f"left: {thing}" for thing in [*run.left(), *on_engines]]
            else:
                problems += [f"the second recover did: {line}" for line in _own(run, done.stdout)]
    return {"exit_code": run.process.returncode, "why": "; ".join(problems)}


def _killed(place: Place, each: Repetition) -> Run:
    """A run whose harness was killed at its moment, or at half of it, if the run had ended before."""
    moment = moment_s(each, LIFE_S[each.platform])
    words = ["run", str(ROOT / each.scenario), "--seed", str(each.seed), "--json", "--quiet"]
    words += ["--platform", each.platform] if each.platform else []
    for _ in range(4):
        run = place.start(*words)
        until = time.monotonic() + moment
        while (left_s := until - time.monotonic()) > 0 and run.process.poll() is None:
            run.look()
            time.sleep(min(LOOK_S, left_s))
        run.look()
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
            return run
        moment /= 2
    raise RuntimeError(f"every run of {each.scenario} ended before it could be killed: {run.said()[-400:]}")


def _own(run: Run, said: str) -> list[str]:
    """Lines of a recover about this run: another dead run may be on this machine."""
    names = [str(run.reports), *([run.id] if run.events() else [])]
    return [line for line in said.splitlines() if any(name in line for name in names)]
