"""What a workload is: the ops of one property, and the clients that issue them.

The load agent calls `steady` before any fault, then `step` for every visitor under load. After the faults are healed it
calls `quiet`, which waits for acknowledged work; `settle`, which brings doubtful items to a definite end; and `final`,
which reads every acknowledged item once more through another replica than the one that acknowledged the item.

A workload has further methods, each of which issues one op and returns what came of the op. They have these parameters
in common:

    caller    the client that issues the op
    expect    classes of answer that are right; None when every answer is right
    avoid     name of the replica that shall not answer if another one is ready
    through   name of the replica that shall answer
    want      the value that a right answer shows; None when any value is right
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic

from harness.client.caller import Caller, Context
from harness.properties.declared import Declared, Promises, Section
from harness.properties.visitor import Visitor


class Workload(ABC, Generic[Section, Promises]):
    """The base of all workloads. One object serves all clients of one load agent.

    Attributes:
        context: what all clients of the agent share.
        declared: what the contract declares, as the property sees it.
        name: the name under which the property is declared; every op bears this name.
        section: the property's section of the contract.
        promises: the promises of the contract.
    """

    def __init__(self, context: Context, declared: Declared[Section, Promises]) -> None:
        """Make the workload of one load agent.

        Args:
            context: what all clients of the agent share.
            declared: what the contract declares, as the property sees it.
        """
        self.context = context
        self.declared = declared
        self.name = declared.name
        self.section = declared.section
        self.promises = declared.promises

    @abstractmethod
    def step(self, visitor: Visitor) -> None:
        """Do what one visitor does next, under load.

        Args:
            visitor: the visitor, whose caller issues the ops.
        """

    @abstractmethod
    def steady(self, caller: Caller) -> None:
        """Make one correct pass before any fault. Every op says which classes of answer are right.

        Args:
            caller: the client that issues the ops.
        """

    def quiet(self) -> list[str]:
        """Wait until acknowledged work has ended, or until the promised time has passed.

        A property whose work ends with its answer has nothing to wait for.

        Returns:
            The keys of the items whose work has not ended by the promised time.
        """
        return []

    def settle(self) -> None:
        """Bring doubtful items to a definite end.

        A property that promises nothing of doubtful items does nothing.
        """

    def final(self) -> None:
        """Read every acknowledged item once more.

        A property whose items cannot be read does nothing.
        """
