"""Faults that put new members in the place of all old ones of a role: what restart, roll and switch share.

They land when the old members are gone, each having exited by itself, and the wanted number of new members is ready.
The new members stay: there is nothing to heal.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Mapping

from harness.faults.base import Context, Fault, Span
from harness.supervision.rollout import Rollout

_versions = itertools.count(2)


def version(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a new version: `environment`, and a number by which any platform sees that it is new."""
    return {"HARNESS_VERSION": str(next(_versions)), **environment}


class Replacement(Fault):
    """All members of a role are replaced.

    Attributes:
        reached_within: Seconds to wait until it is seen to have landed.
    """

    needs_target = False
    graceful = True
    renews = True
    whole_role = True

    reached_within: Span = 60.0

    def describe(self, context: Context) -> str:
        return f"all {context.supervisor.desired[self.role]} {self.role}s"

    def inject(self, context: Context) -> str:
        given = (context.supervisor, self.role, self.variables(), self.reached_within, context.abort, context.stopped)
        return self.replace(Rollout(*given))

    def heal(self, context: Context) -> str:
        return f"the new {self.role}s stay"

    def variables(self) -> dict[str, str]:
        """Return the variables that the new members get on top of those of the old."""
        return {}

    @abstractmethod
    def replace(self, rollout: Rollout) -> str:
        """Carry the rollout out in the way of this fault, and return how it was seen to land."""


class NewVersion(Replacement):
    """All members of a role are replaced by those of another version.

    Attributes:
        environment: What the new version has.
    """

    environment: dict[str, str] = {}

    def variables(self) -> dict[str, str]:
        return version(self.environment)

    def heal(self, context: Context) -> str:
        return "the new version stays"
