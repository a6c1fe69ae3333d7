"""Every error that the harness raises on purpose, each with the exit code that a command ends with.

    HarnessError
    ├── UsageError           2    a bad file or option: nothing was started
    ├── EnvironmentFailure   5    the target did not come up, or something could not be cleaned up
    │   └── FaultNotSeen     5    a fault was injected and its effect could not be seen
    ├── Aborted              4    the scenario's own stop condition ended the run; the run was healed and reported
    └── Interrupted          130  the user stopped the run; the run was healed and reported first

Verdicts are not errors: 0 valid, 1 invalid, 3 valid with a missed SLO, 4 unknown (`harness.judging.verdict`).
"""

from __future__ import annotations


class HarnessError(Exception):
    """Base of all errors whose message is written for the user: it names the thing, the place and the remedy."""

    exit_code = 5


class UsageError(HarnessError):
    """What the user gave cannot be used, and nothing was started.

    Args:
        message: What cannot be used, and what to do.
        problems: One line for each problem, when several were found at once.
    """

    exit_code = 2

    def __init__(self, message: str, problems: list[str] | None = None) -> None:
        super().__init__("\n".join([message, *(f"  {problem}" for problem in problems or [])]))
        self.problems = problems or []


class EnvironmentFailure(HarnessError):
    """The surroundings of the run failed, so that nothing can be said about the service."""

    exit_code = 5


class FaultNotSeen(EnvironmentFailure):
    """A fault was injected, and its effect was not seen in time."""


class Aborted(HarnessError):
    """The scenario's stop condition holds, or cannot be evaluated."""

    exit_code = 4


class Interrupted(HarnessError):
    """The user asked the harness to stop."""

    exit_code = 130
