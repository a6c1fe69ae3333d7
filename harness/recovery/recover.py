"""What a dead run left: finding it, and removing it. A run in progress is never touched.

A run is alive while a process holds its name (an abstract unix socket) or the lock of its folder (flock). The
kernel takes both back when that process dies, however it dies; neither can be left behind by accident. The name is
seen at one place only (`harness.platforms.common.lock`). A run of another place lives as long as `Lease` goes on
saying so where the engine can be told; elsewhere nobody here can tell, and it is named and left alone.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.errors import EnvironmentFailure, UsageError
from harness.platforms.abilities import Attachable, offered
from harness.platforms.common import scratch
from harness.platforms.common.lock import check_run_id, hold_name
from harness.recovery.abandoned import close_all, undo_all
from harness.recovery.engines import Engines, look, said_by
from harness.redact import redact_logs
from harness.run.liveness import folder_is_held, hold_folder
from harness.rundir import FOUND, Record, files, lines


@dataclass(frozen=True)
class Leftover:
    """One dead run.

    Attributes:
        run: Its id; None when its record broke off before it named itself.
        folder: Its run folder; None when none is known.
        things: What is there of the run, one line each.
        scratch: The directory of a process that died beside all runs; then nothing else is given.
        unseen: Why the platform of the run cannot be looked at.
        elsewhere: Whose the run is, when nobody here can tell whether it is dead.
    """

    run: str | None
    folder: Path | None
    things: list[str]
    scratch: Path | None = None
    unseen: str | None = None
    elsewhere: str | None = None

    def __str__(self) -> str:
        if self.scratch:
            return f"{scratch.kind_of(self.scratch)} that died: directory {self.scratch}"
        where = f" in {self.folder}" if self.folder else ""
        what = "; ".join([*self.things, *(each for each in (self.unseen, self.elsewhere) if each)])
        return f"run {self.run or '(unnamed)'}{where}: {what or 'not marked as ended'}"


@dataclass(frozen=True)
class _Declared:
    """What the record of a run says.

    Attributes:
        run: The id of the run; None when it is unreadable, or no id of a run.
        platform: The name of the platform.
        ended: Nothing is to be done. Of a run on a target that ran before, only when the target could be brought back.
    """

    run: str | None
    platform: str
    ended: bool


def _declared(folder: Path) -> _Declared:
    record = folder / files.RUN
    # A record that is missing or cannot be read is told apart from an empty one.
    record.open("rb").close()
    events, _ = lines.events(record)
    first = next((event for event in events if event.get("e") == "declared"), {})
    named = first.get("run")
    try:
        run = check_run_id(named) if isinstance(named, str) else None
    except UsageError:
        run = None
    ends = [event.get("how") for event in events if event.get("e") == "ended"]
    is_back = not (folder / FOUND).exists() or ends[-1:] != ["environment"]
    return _Declared(run, str(first.get("platform")), bool(ends) and is_back)


def find(reports: Path, run: str | None = None, engines: Engines | None = None) -> list[Leftover]:
    """Return all dead runs that left something: a folder that is not marked as ended, or anything on an engine.

    Args:
        reports: The folder of run folders. It need not exist: what is on the engines is found without it.
        run: The id of the only run to look for.
        engines: The engines as they were looked at; they are looked at now when left out.
    """
    engines = engines or look()
    found: list[Leftover] = []
    seen: set[str] = set()
    for events in sorted(reports.glob(f"*/*/{files.RUN}")):
        folder = events.parent
        try:
            if folder.is_symlink() or folder_is_held(folder):
                continue
            said = _declared(folder)
        except FileNotFoundError:
            # Removed by its owner meanwhile.
            continue
        except OSError as error:
            found.append(Leftover(None, folder, [], elsewhere=f"it cannot be read ({error}): be the user who owns it"))
            continue
        if (run is not None and said.run != run) or (said.run is not None and engines.in_progress(said.run)):
            continue
        things = engines.things(said.run) if said.run else []
        if things or not said.ended:
            why = None if said.ended else engines.why_unseen(said.platform)
            unseen = f"{said.platform} cannot be looked at: {why}" if why else None
            elsewhere = engines.elsewhere(said.run) if said.run else None
            found.append(Leftover(said.run, folder, things, unseen=unseen, elsewhere=elsewhere))
            seen |= {said.run} if said.run else set()
    for name in sorted(engines.all_runs() - seen):
        if run in (None, name) and not engines.in_progress(name):
            found.append(Leftover(name, None, engines.things(name), elsewhere=engines.elsewhere(name)))
    forsaken = scratch.scratch() if run is None else []
    found += [Leftover(None, None, [], scratch=place) for place in forsaken]
    return [left for left in found if left.things or left.folder or left.scratch]


def recover(reports: Path, run: str | None = None, engines: Engines | None = None) -> list[str]:
    """Heal and remove what dead runs left, mark their folders as ended, and return what was done, one line each.

    A second call finds nothing but what the first left alone, and names that again.

    Raises:
        EnvironmentFailure: After all else was done, naming what stays.
    """
    engines = engines or look()
    done: list[str] = []
    failed: list[str] = []
    for left in find(reports, run, engines):
        try:
            done += _recover_one(left, engines)
        except Exception as error:
            # Whatever one engine says keeps nothing of the others from being removed.
            failed.append(f"{left}: {said_by(error)}")
    if failed:
        raise EnvironmentFailure("\n".join([*done, "could not be recovered:", *failed]))
    return done


def _recover_one(left: Leftover, engines: Engines) -> list[str]:
    if left.scratch:
        return [scratch.remove_scratch(left.scratch)]
    done = []
    label = f"run {left.run or '(unnamed)'}"
    if left.elsewhere:
        return [f"{label}: left alone: {'; '.join([*left.things, left.elsewhere])}"]
    with ExitStack() as stack:
        # Held while it is removed: two recoveries at once do not meet, and nobody can begin the run again.
        if left.run is not None:
            stack.enter_context(hold_name(left.run))
        if left.folder is not None:
            stack.enter_context(hold_folder(left.folder))
        done += [f"{label}: {thing}" for thing in _undone(left, engines)]
        try:
            # What the run added to a target that ran before answers for it until that is back.
            if left.run is not None and left.folder is not None and (left.folder / FOUND).exists():
                done += [f"{label}: {thing}" for thing in _restored(left.folder, engines)]
        finally:
            if left.run is not None:
                for platform in engines.there.values():
                    done += [f"{label}: {thing}" for thing in platform.remove(left.run)]
        if left.unseen:
            raise EnvironmentFailure("nobody can say whether something of it is left there; make it work and try again")
        if left.folder is not None and not _declared(left.folder).ended:
            close_all(left.folder, "the members of the run are removed, and a target that ran before is back")
            redact_logs(left.folder / "logs")
            _mark_ended(left.folder)
            done.append(f"{label}: marked {left.folder} as ended")
    return done


def _undone(left: Leftover, engines: Engines) -> list[str]:
    """Carry out the undo log of the run, before anything is removed: then nothing ends frozen or cut off."""
    if left.run is None or left.folder is None:
        return []
    said = _declared(left.folder)
    platform = engines.there.get(said.platform)
    return [] if said.ended or platform is None else undo_all(left.folder, platform, left.run)


def _restored(folder: Path, engines: Engines) -> list[str]:
    said = _declared(folder)
    platform = engines.there.get(said.platform)
    attachable = None if platform is None else offered(platform, Attachable)
    if said.ended or attachable is None:
        return []
    return attachable.restore(folder / FOUND)


def _mark_ended(folder: Path) -> None:
    record = Record(folder / files.RUN)
    record.write("ended", how="recovered")
    record.close()
