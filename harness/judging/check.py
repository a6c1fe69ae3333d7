"""What a check is: a rule over the history, and the items by which the evidence tells that the check could have failed.

Check       the rule, with its name and its sentence
Items       which ops acknowledge an item, and which read one
FinalReads  which items the final phase must have read
Question    a check with what it judges by, as one run asks it
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.judging.findings import Connection
from harness.judging.verdict import Result


@dataclass(frozen=True)
class Items:
    """Where the items of a property stand in the history. Conditions are SQL over the columns of `op`.

    Attributes:
        column: the column of `op` that names an item.
        acknowledged: the ops by which the service says that an item is there.
        read: the ops that read an item, whatever they find.
        acknowledged_in: the column that names an item in the ops that acknowledge the item; None when it is `column`.
        everywhere: whether the ops of all properties count, and not only the ops of the property itself.
    """

    column: str
    acknowledged: str
    read: str
    acknowledged_in: str | None = None
    everywhere: bool = False


@dataclass(frozen=True)
class FinalReads:
    """The items that must be read in the final phase. Conditions are SQL over the columns of `op`.

    Attributes:
        column: the column of `op` that names an item.
        acknowledged: the ops of the load by which the service says that an item is there.
        read: the ops that read an item.
        given_up: the ops after which an item need not be there any more.
        life_s: the age in seconds, at the begin of the final phase, above which an item may have ended by itself; None
            when items never end by themselves.
        everywhere: whether the ops of all properties may read an item and give an item up.
    """

    column: str
    acknowledged: str
    read: str
    given_up: str = "false"
    life_s: float | None = None
    everywhere: bool = False


@dataclass(frozen=True)
class Check:
    """A rule over the history.

    Attributes:
        name: the name of the check in results and reports.
        sentence: what holds when the check finds nothing.
        rules: what each violation means, by the name of the rule.
        judge: `judge(db, criteria)` returns the result, or None when the run did not exercise what the check judges.
        formerly: names under which the check was known, which catalogues of defects may still use.
    """

    name: str
    sentence: str
    rules: Mapping[str, str]
    judge: Callable[[Connection, Any], Result | None]
    formerly: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A check as one run asks it.

    Attributes:
        check: the check.
        criteria: what the check judges by.
        of: name of the property that the check belongs to; None for a check without operations of its own.
        items: what the evidence counts for the check; None where there is nothing to count.
        final: what the final phase must have read; None where nothing is read back.
        gaps: what the check leaves out in this run, and why.
        not_exercised: the reason that the report gives when `judge` returns None.
    """

    check: Check
    criteria: Any
    of: str | None = None
    items: Items | None = None
    final: FinalReads | None = None
    gaps: Mapping[str, str] = field(default_factory=dict)
    not_exercised: str = "not exercised by this run"

    @property
    def name(self) -> str:
        """The name of the check."""
        return self.check.name
