"""The platforms of this machine as they can be looked at now: whose runs are on them, and what they lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from harness.errors import HarnessError, UsageError
from harness.platforms import PLATFORMS
from harness.platforms.base import NotConfigured, Platform, Standing
from harness.platforms.common.lock import check_run_id, name_is_held

Makers = Mapping[str, Callable[[], Platform]]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Engines:
    """The engines of this machine as they were looked at.

    Attributes:
        there: The platforms that answered.
        runs: By platform what it told of runs (`Platform.runs`).
        unseen: By platform why it did not answer.
        unused: By platform why nothing here leads to an engine of that kind. That matters only to a run that was on
            one.
    """

    there: dict[str, Platform]
    runs: dict[str, Mapping[str, Standing]]
    unseen: dict[str, str]
    unused: dict[str, str] = field(default_factory=dict)

    def all_runs(self) -> set[str]:
        """Return the ids of all runs of which something is on any engine."""
        return {name for found in self.runs.values() for name in found}

    def in_progress(self, run: str) -> bool:
        """Say whether a process of this machine has the run, or an engine has heard lately from one that has."""
        try:
            return name_is_held(check_run_id(run)) or any(found.get(run) is True for found in self.runs.values())
        except UsageError:
            # Something else uses the same marks: no run of ours has such an id, and it is not ours to end.
            return True

    def elsewhere(self, run: str) -> str | None:
        """Return why a run is to be left alone because nobody here can tell whether it lives; None where one can."""
        said = [found[run] for found in self.runs.values() if run in found]
        return next((each for each in said if isinstance(each, str)), None)

    def why_unseen(self, name: str) -> str | None:
        """Return why the engine of that name cannot be looked at; None if it can."""
        return self.unseen.get(name) or self.unused.get(name)

    def things(self, run: str) -> list[str]:
        """Return what is there of a run on all engines, one line each; also that an engine would not say."""
        found: list[str] = []
        for name, platform in self.there.items():
            if run in self.runs[name]:
                try:
                    found += platform.leftovers(run)
                except Exception as error:
                    found.append(f"{name} does not say what of it is there: {said_by(error)}")
        return found


def look(makers: Makers = PLATFORMS) -> Engines:
    """Ask all engines at once. One that does not answer, in whatever way, does not hide the others."""
    found = _ask_all(makers, lambda platform: (platform, platform.runs()))
    seen = {name: each for name, each in found.items() if not isinstance(each, Exception)}
    failed = {name: each for name, each in found.items() if isinstance(each, Exception)}
    return Engines(
        {name: platform for name, (platform, _) in seen.items()},
        {name: runs for name, (_, runs) in seen.items()},
        {name: said_by(each) for name, each in failed.items() if not isinstance(each, NotConfigured)},
        {name: said_by(each) for name, each in failed.items() if isinstance(each, NotConfigured)},
    )


def missing(makers: Makers = PLATFORMS) -> dict[str, list[str]]:
    """Return by platform what it lacks here, each with how to get it; an empty list for one that works."""
    found = _ask_all(makers, lambda platform: platform.missing())
    return {name: [said_by(each)] if isinstance(each, Exception) else each for name, each in found.items()}


def said_by(error: Exception) -> str:
    """Return what an error says to a user; with its type, if no platform foresaw the error."""
    return str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"


def _ask_all(makers: Makers, one: Callable[[Platform], Answer]) -> dict[str, Answer | Exception]:
    # Made one after another: two SDKs imported at once may each meet the half-imported modules of the other.
    made = {name: _tried(make) for name, make in makers.items()}

    def ask(platform: Platform | Exception) -> Answer | Exception:
        return platform if isinstance(platform, Exception) else _tried(lambda: one(platform))

    with ThreadPoolExecutor(max(1, len(made)), "ask") as pool:
        return dict(zip(made, pool.map(ask, made.values()), strict=True))


def _tried(what: Callable[[], Answer]) -> Answer | Exception:
    try:
        return what()
    except Exception as error:
        return error
