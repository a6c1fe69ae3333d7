"""What the names in a run folder mean: kinds of op, kinds of fault, and former names of properties.

This package knows no property and no fault by name. `harness.offline`, which has histories built, passes a vocabulary
with what the registered properties and faults declare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SessionUse = Literal["read", "begin", "renew", "end", "end_all", "none"]
"""What an op does with the session that it is sent with.

    begin     makes the session (a log-in)
    read      needs the session, and so shows whether the session is there; what every op does unless it says otherwise
    renew     gives the session new tokens (a refresh); only its success shows that the session is there
    end       ends the session
    end_all   ends all sessions of the op's user that were there before
    none      carries no session's token, or one that was made wrong on purpose
"""


@dataclass(frozen=True)
class FaultFacts:
    """What a kind of fault does, as far as judging needs to know.

    Attributes:
        graceful: whether the fault asks members to end, and lets them finish the requests that they accepted.
        rough: whether the fault may fail requests that are under way at a replica.
        ends_life: whether the target's boot never answers again.
        renews: whether another version of the service answers once the fault has landed.
        idle: whether the fault does nothing.
        single: whether the fault has one member as its target.
    """

    graceful: bool = False
    rough: bool = False
    ends_life: bool = False
    renews: bool = False
    idle: bool = False
    single: bool = True


@dataclass(frozen=True)
class Vocabulary:
    """The meaning of the names in one run folder.

    Attributes:
        sessions: what ops of a kind do with their session, by `property/kind`, or by `*/kind` for a kind that every
            property may use. Ops of a kind that is not listed read their session.
        faults: facts by kind of fault. A kind that is not listed has the facts of `FaultFacts()`.
        renamed: today's name of each property that was renamed, by its former name.
    """

    sessions: Mapping[str, SessionUse] = field(default_factory=dict)
    faults: Mapping[str, FaultFacts] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def session_use(self, workload: str = "workload", kind: str = "kind") -> str:
        """Return the SQL expression for the `SessionUse` of an op.

        Args:
            workload: the SQL expression for the name of the op's property.
            kind: the SQL expression for the op's kind.
        """
        cases = []
        for place, use in self.sessions.items():
            name, _, of = place.partition("/")
            named = "" if name == "*" else f"{workload} = {quoted(name)} AND "
            cases.append(f"WHEN {named}{kind} = {quoted(of)} THEN {quoted(use)}")
        return f"CASE {' '.join(cases)} ELSE 'read' END" if cases else "'read'"

    def name(self, workload: str = "workload") -> str:
        """Return the SQL expression for the name that a property has today.

        Args:
            workload: the SQL expression for the name in the journal.
        """
        cases = " ".join(f"WHEN {quoted(old)} THEN {quoted(new)}" for old, new in self.renamed.items())
        return f"CASE {workload} {cases} ELSE {workload} END" if cases else workload

    def today(self, place: str) -> str:
        """Return a `property/kind` with the name that the property has today.

        Args:
            place: `property/kind` as the journal has it, or the name of a property alone.
        """
        name, slash, kind = place.partition("/")
        return f"{self.renamed.get(name, name)}{slash}{kind}"


def quoted(text: str) -> str:
    """Return the SQL string literal of a text."""
    return "'" + text.replace("'", "''") + "'"
