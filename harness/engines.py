"""The platforms of this machine as they can be looked at now: whose runs are on them, and what they lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from harness.errors import EnvironmentFailure, HarnessError, UsageError
from harness.platforms import PLATFORMS
from harness.platforms.base import Platform
from harness.platforms.hold import check_run_id, name_is_held

Makers = Mapping[str, Callable[[], Platform]]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Engines:
    """`there`: those that answered, `runs` what each told of (`Platform.runs`), `unseen` why the others did not."""

    there: dict[str, Platform]
    runs: dict[str, dict[str, bool]]
    unseen: dict[str, str]

    def all_runs(self) -> set[str]:
        """Ids of all runs of which something is on any of them."""
        return {name for found in self.runs.values() for name in found}

    def in_progress(self, run: str) -> bool:
        """Whether somebody lives who has the run: a process of this machine, or one that an engine has heard of."""
        try:
            return name_is_held(check_run_id(run)) or any(found.get(run, False) for found in self.runs.values())
        except UsageError:
            # Something else uses the same marks: no run of ours has such an id, and it is not ours to end.
            return True

    def things(self, run: str) -> list[str]:
        """What is there of a run, on all of them, one line each."""
        return [
            thing
            for name, platform in self.there.items()
            if run in self.runs[name]
            for thing in platform.leftovers(run)
        ]


def look(makers: Makers = PLATFORMS) -> Engines:
    """Asks all of them at once; one that does not answer keeps none of the others from being seen."""

    def one(platform: Platform) -> tuple[Platform, dict[str, bool]] | str:
        try:
            return platform, platform.runs()
        except EnvironmentFailure as error:
            return str(error)

    found = _ask_all(makers, one)
    seen = {name: each for name, each in found.items() if not isinstance(each, str)}
    return Engines(
        {name: platform for name, (platform, _) in seen.items()},
        {name: runs for name, (_, runs) in seen.items()},
        {name: each for name, each in found.items() if isinstance(each, str)},
    )


def missing(makers: Makers = PLATFORMS) -> dict[str, list[str]]:
    """By platform what it lacks here, each with how to get it; an empty list for one that works."""

    def one(platform: Platform) -> list[str]:
        try:
            return platform.missing()
        except HarnessError as error:
            return [str(error)]

    return _ask_all(makers, one)


def _ask_all(makers: Makers, one: Callable[[Platform], Answer]) -> dict[str, Answer]:
    # Made one after another: two SDKs imported at once may each meet the half-imported modules of the other.
    made = {name: make() for name, make in makers.items()}
    with ThreadPoolExecutor(max(1, len(made)), "ask") as pool:
        return dict(zip(made, pool.map(one, made.values()), strict=True))
