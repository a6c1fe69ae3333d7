"""Which repetitions there are, in which order, and which are still to be done. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from harness.scenario.catalogue import Defect

CLEAN = "clean"
DEFECT = "defect"
KILLED = "killed"

MAIN = "scenarios/kill.yaml"
SHORT = (
    "scenarios/prove/sessions.yaml",
    "scenarios/prove/payments.yaml",
    "scenarios/prove/jobs.yaml",
    "scenarios/prove/freeze.yaml",
)
CLEAN_RUNS = 100
ON_EVERY_PLATFORM = (MAIN, "scenarios/scale.yaml", "scenarios/freeze.yaml", "scenarios/rolling.yaml")
SEEDS_EACH = 5
RUNS_A_DEFECT = 10
KILLS = 50
KILLS_ON = {"docker": 50, "kubernetes": 20}
CAUGHT_ON = {
    "docker": (
        "sessions-in-memory",
        "revocation-cached",
        "check-then-set",
        "new-downstream-key",
        "job-acknowledged-early",
        "no-fence",
        "ids-from-counter",
    ),
    "kubernetes": ("sessions-in-memory", "revocation-cached", "check-then-set", "key-stored-after-effect"),
}

# About as long as each takes on two cores: what is not likely to be done in the budget is not begun.
EXPECTED_S = {CLEAN: 50.0, DEFECT: 20.0, KILLED: 25.0}


@dataclass(frozen=True)
class Repetition:
    """One thing to do. `check` is the one that must catch `defect`; both are None for the other kinds.

    `platform` is None for the scenario's own.
    """

    kind: str
    scenario: str
    seed: int
    defect: str | None = None
    check: str | None = None
    platform: str | None = None

    @property
    def group(self) -> str:
        """What a sample must have one of: each defect, and each platform, counts for itself."""
        what = self.defect or self.kind
        return f"{what}-{self.platform}" if self.platform else what

    @property
    def key(self) -> str:
        """Its name in the state file and that of its folder."""
        return f"{self.group}-{self.seed:02}"


def plan(
    defects: Sequence[Defect], scenarios: Sequence[str] = (MAIN,), engines: Sequence[str] = ()
) -> list[Repetition]:
    """All repetitions, kind after kind; the clean runs go through all `scenarios` in turns, and through some on each
    platform.

    `engines` are the platforms beside `process` that work here; some defects are caught, and harnesses killed, on them
    as well.
    A defect that waits for something has no repetition: it would not be caught reliably.
    """
    clean = [Repetition(CLEAN, scenarios[seed % len(scenarios)], seed) for seed in range(1, CLEAN_RUNS + 1)]
    on_every_platform = [scenario for scenario in ON_EVERY_PLATFORM for _ in range(SEEDS_EACH)]
    clean += [
        Repetition(CLEAN, scenario, seed, platform=name)
        for name in ("process", *engines)
        for seed, scenario in enumerate(on_every_platform, 1)
    ]
    caught = [
        Repetition(DEFECT, defect.scenario, seed, defect.name, defect.check)
        for defect in defects
        if not defect.waits_for
        for seed in range(1, RUNS_A_DEFECT + 1)
    ]
    caught += [
        Repetition(DEFECT, defect.scenario, 1, defect.name, defect.check, name)
        for name in engines
        for defect in defects
        if defect.name in CAUGHT_ON[name]
    ]
    killed = [Repetition(KILLED, SHORT[seed % len(SHORT)], seed) for seed in range(1, KILLS + 1)]
    killed += [
        Repetition(KILLED, SHORT[seed % len(SHORT)], seed, platform=name)
        for name in engines
        for seed in range(1, KILLS_ON[name] + 1)
    ]
    return [*clean, *caught, *killed]


def remaining(planned: Sequence[Repetition], done: Collection[str]) -> list[Repetition]:
    """Those whose key is not in `done`, in their order."""
    return [each for each in planned if each.key not in done]


def sample(planned: Sequence[Repetition], seed: str) -> list[Repetition]:
    """All of them in turns: one of every group, then a second of every group, and so on, drawn by `seed`."""
    chooser = random.Random(f"sample {seed}")
    groups: dict[str, list[Repetition]] = {}
    for each in planned:
        groups.setdefault(each.group, []).append(each)
    shuffled = [chooser.sample(group, len(group)) for group in groups.values()]
    return [each for turn in zip_longest(*shuffled) for each in turn if each]


def fits(each: Repetition, elapsed_s: float, budget_s: float | None, first_of_group: bool) -> bool:
    """Whether it may begin. In a sample the first of each group does, whatever the budget."""
    return first_of_group or budget_s is None or elapsed_s + EXPECTED_S[each.kind] <= budget_s


def moment_s(each: Repetition, longest_s: float) -> float:
    """When the harness is killed, in seconds after its start: seeded, at any time of its life."""
    return random.Random(f"kill {each.key}").uniform(0.0, longest_s)
