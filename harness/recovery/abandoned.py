"""The undo log of a dead run, carried out from outside: by the record and the platform alone."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.faults.undo import in_order, still_open
from harness.platforms.abilities import Mender, Scaler, Thawer, offered
from harness.platforms.base import Platform, Role
from harness.recovery.engines import said_by
from harness.rundir import files
from harness.rundir.faults import FaultRecord, read


class Later(Exception):
    """The platform undoes nothing of the kind by itself: the removal of the run does, or the return of its target."""


@dataclass(frozen=True)
class AbandonedTarget:
    """The target of a dead run, as undo actions reach it."""

    platform: Platform
    run_id: str

    def thaw(self, member: str, handle: str) -> str:
        thawer = offered(self.platform, Thawer)
        return thawer.thaw_left(self.run_id, member, handle) if thawer else self._goes(member)

    def mend(self, member: str, handle: str) -> str:
        mender = offered(self.platform, Mender)
        return mender.mend_left(self.run_id, member, handle) if mender else self._goes(member)

    def bring_back(self, role: Role, count: int) -> str:
        scaler = offered(self.platform, Scaler)
        return scaler.scale_left(self.run_id, role, count) if scaler else self._goes(f"every {role}")

    def _goes(self, what: str) -> str:
        raise Later(f"{what} goes with the run, or is brought back with the target that ran before it")


def undo_all(folder: Path, platform: Platform, run_id: str) -> list[str]:
    """Carry out what is open in the undo log of a dead run, and return what was done, one line an action.

    What cannot be carried out is among the lines, and open still: the run's own members are removed after this, and a
    target that ran before the run is looked at again as it is brought back.
    """
    if (folder / files.FAULTS).is_symlink():
        return [f"its undo log is not carried out: {folder / files.FAULTS} is a link"]
    try:
        actions = still_open(read(folder / files.FAULTS))
    except ValueError as error:
        return [f"its undo log is not carried out: {error}"]
    done: list[str] = []
    target = AbandonedTarget(platform, run_id)
    for numbers, action in in_order(actions):
        what = f"fault {', '.join(map(str, numbers))}"
        try:
            seen = action.carry_out(target)
        except Later as why:
            done.append(f"{what}: {why}")
            continue
        except Exception as error:
            # Whatever an engine says of one member keeps nothing from being removed.
            done.append(f"{what} {action.failed}: {said_by(error)}")
            continue
        done.append(f"{what} undone: {seen}")
        _note(folder, numbers, seen)
    return done


def close_all(folder: Path, how: str) -> None:
    """Note that nothing in the undo log of a dead run needs to be carried out any more, and why."""
    with suppress(ValueError, OSError):
        _note(folder, list(still_open(read(folder / files.FAULTS))), how)


def _note(folder: Path, numbers: list[int], how: str) -> None:
    # What cannot be noted is done all the same, and to do it once more changes nothing.
    if not numbers:
        return
    with suppress(OSError), closing(FaultRecord(folder / files.FAULTS)) as record:
        for number in numbers:
            record.write("undone", number, how=how)
