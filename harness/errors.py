"""Every error the harness raises on purpose, each with the exit code that it ends a run with.

    HarnessError
    ├── UsageError           2    a bad file or option: nothing was started
    ├── EnvironmentFailure   5    the target did not come up, or something could not be cleaned up
    │   └── FaultNotSeen     5    a fault was injected and its effect could not be seen
    ├── Aborted              4    the scenario's own guard ended the run; it was healed and reported
    └── Interrupted          130  the user stopped the run; it was healed and reported first

Verdicts are not errors: 0 valid, 1 invalid, 3 valid with a missed SLO, 4 unknown (`harness.judging.verdict`).
"""

from __future__ import annotations


class HarnessError(Exception):
    """Base of all errors whose message is written for the user: the thing, the place, the remedy."""

    exit_code = 5


class UsageError(HarnessError):
    """The user's input cannot be used. `problems` holds one line each when several were found."""

    exit_code = 2

    def __init__(self, message: str, problems: list[str] | None = None) -> None:
        super().__init__("\n".join([message, *(f"  {problem}" for problem in problems or [])]))
        self.problems = problems or []


class EnvironmentFailure(HarnessError):
    """The surroundings failed: nothing can be said about the service."""

    exit_code = 5


class FaultNotSeen(EnvironmentFailure):
    """A fault was injected but its effect was not observed in time."""


class Aborted(HarnessError):
    """The condition under which the scenario wants to be stopped holds, or cannot be evaluated."""

    exit_code = 4


class Interrupted(HarnessError):
    """The user asked to stop."""

    exit_code = 130
