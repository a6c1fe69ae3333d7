"""What a workload is: the ops of one property, and the clients that issue them.

`step` is what one visitor does next under load. `steady` is one correct pass before any fault. `quiet`, `settle` and
`final` come after the faults are healed: wait for acknowledged work, bring doubtful items to a definite end, and read
every acknowledged item once more through another replica than the one that acknowledged it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic

from harness.client.caller import Caller, Context
from harness.properties.declared import Declared, Promises, Section
from harness.properties.visitor import Visitor


class Workload(ABC, Generic[Section, Promises]):
    """The base of all workloads. One object serves all clients of one load agent."""

    def __init__(self, context: Context, declared: Declared[Section, Promises]) -> None:
        """Take what all clients of the agent share, and what the contract declares of the property."""
        self.context = context
        self.declared = declared
        self.name = declared.name
        self.section = declared.section
        self.promises = declared.promises

    @abstractmethod
    def step(self, visitor: Visitor) -> None:
        """Do what one visitor does next, under load."""

    @abstractmethod
    def steady(self, caller: Caller) -> None:
        """Make one correct pass before any fault. Every op says which classes of answer are right."""

    def quiet(self) -> list[str]:
        """Wait until acknowledged work has ended, and return the keys of what has not by the promised time.

        A property whose work ends with its answer has nothing to wait for.
        """
        return []

    def settle(self) -> None:
        """Bring doubtful items to a definite end. A property that promises doubtful items nothing does nothing."""

    def final(self) -> None:
        """Read every acknowledged item. A property that keeps nothing readable does nothing."""
