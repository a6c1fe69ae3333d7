"""How the phases of a run came to an end: at their last one, or early, and by what."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass

from harness.errors import Aborted, EnvironmentFailure, HarnessError, Interrupted
from harness.load.handle import AgentDied
from harness.run.parts import Run
from harness.rundir import files


@dataclass(frozen=True)
class Ending:
    """How the phases ended.

    Attributes:
        how: "complete", "aborted", "interrupted" or "environment", as the record says it.
        error: what a user is told; None when the verdict alone says enough.
        raised: an exception to raise again once the run is cleaned up and judged.
    """

    how: str
    error: HarnessError | None = None
    raised: BaseException | None = None


def ending_of(run: Run, error: BaseException) -> Ending:
    """Tell what ended the phases early as a problem of the run, and return how the run therefore ends."""
    match error:
        case Aborted():
            _tell(run, "guard", str(error))
            return Ending("aborted")
        case Interrupted():
            _tell(run, "interrupted", str(error))
            return Ending("interrupted", error)
        case HarnessError():
            _tell(run, "environment", str(error))
            return Ending("environment", error)
        case AgentDied():
            # What the run recorded until then is judged; the problem makes the verdict `unknown`.
            _tell(run, "agent_crashed", str(error))
            return Ending("complete")
        case Exception():
            return Ending("environment", _own_fault(run, error))
    text = f"interrupted by {type(error).__name__}; it was healed and cleaned up"
    _tell(run, "interrupted", text)
    return Ending("interrupted", Interrupted(text), error)


def _own_fault(run: Run, error: Exception) -> EnvironmentFailure:
    """Return the failure for a bug of the harness, or a machine that refuses it something.

    The place where it happened is written to logs/harness.log of the run folder.
    """
    text = run.telling.redacted(f"{type(error).__name__}: {error}")
    log = run.plan.folder / files.LOGS / "harness.log"
    with contextlib.suppress(OSError):
        trace = "".join(traceback.format_exception(error))
        log.write_text(run.telling.redacted(trace), encoding="utf-8")
    _tell(run, "environment", text)
    return EnvironmentFailure(f"{run.plan.run_id}: the harness failed: {text}. See {log}.")


def _tell(run: Run, kind: str, text: str) -> None:
    # A record that cannot be written may be what ended the run; the run is cleaned up all the same.
    with contextlib.suppress(HarnessError):
        run.telling.problem(kind, text)
