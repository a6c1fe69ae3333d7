"""What a property is: one object with everything that the rest of the harness needs to know about the property.

A property is something that a service may promise its clients, such as "an acknowledged session is there until it is
revoked". Each has a room of its own below this one:

    contract.py   its section of the contract, as a pydantic model, and its promises
    workload.py   the ops that exercise the property, and the clients that issue them
    check.py      the rules over the history; it imports neither of the other two
    __init__.py   `PROPERTY`, a `Property` that puts the three together

`harness.properties.PROPERTIES` names all properties. Contract, scenario, load, evidence, checks, `harness list` and the
reference in the docs are derived from it; no other floor knows a property by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.history.vocabulary import SessionUse
from harness.judging.check import Check, FinalReads, Items
from harness.properties.declared import Declared
from harness.properties.promises import CommonPromises
from harness.properties.workload import Workload
from harness.yamlfile import Location, Strict

Problem = tuple[Location, str]
"""A place within the section, and what is wrong there."""


@dataclass(frozen=True)
class Kind:
    """One kind of op of a property.

    Attributes:
        operation: dotted place in the contract of the operation that the op performs.
        session: what the op does with the session that it is sent with.
        in_every_window: whether the evidence demands an op of this kind in the window of every fault.
        gives_id: whether the answer gives the id of a new item, if the operation extracts `id`.
    """

    operation: str
    session: SessionUse = "read"
    in_every_window: bool = True
    gives_id: bool = False


def _nothing(declared: Declared[Any, Any]) -> None:
    return None


def _no_gaps(declared: Declared[Any, Any]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Judged:
    """A check of a property, and what the check takes from the contract.

    The four functions take what the contract declares.

    Attributes:
        check: the check itself.
        criteria: returns what the check judges by.
        items: returns what the evidence counts as an item of the check; None when there is nothing to count.
        final: returns what the final phase must have read; None when nothing is read back.
        gaps: returns the reason for everything that the check leaves out, by a short name such as `session: expiry`.
        needs: dotted place of the operation without which the check is not tested; None when the check needs none.
        always: whether the check is judged in every run, whatever the mix of the scenario is.
    """

    check: Check
    criteria: Callable[[Declared[Any, Any]], Any]
    items: Callable[[Declared[Any, Any]], Items | None] = _nothing
    final: Callable[[Declared[Any, Any]], FinalReads | None] = _nothing
    gaps: Callable[[Declared[Any, Any]], Mapping[str, str]] = _no_gaps
    needs: str | None = None
    always: bool = False


def _no_problems(section: Any, promises: Any) -> list[Problem]:
    return []


@dataclass(frozen=True)
class Property:
    """Everything that the rest of the harness needs to know of one property.

    Attributes:
        name: the one name of the property: section of the contract, mix of the scenario, reports, docs.
        sentence: what a run with the property in its mix proves, for `harness list`.
        section: the model of the property's section of the contract.
        workload: the class that issues the property's ops.
        placeholders: by operation of the section, the `{placeholders}` that have a value there.
        kinds: the kinds of op, by name.
        checks: the checks that judge the property, in the order of the results.
        promises: the model of the property's promises.
        needs_section: whether the property can be in a mix only if the contract has the property's section.
        needs_session: whether the property's clients log in first.
        also_needs: further dotted places of the contract that must be there, such as `users.signup`.
        gives_sessions: whether the section says how clients log in; true of one property only.
        formerly: former names of the property, which scenarios and run folders may still use.
        secrets: keys of the section whose value is a secret although the key does not sound like one.
        problems: `problems(section, promises)` returns what is wrong with a section whose operations are right by
            themselves; `promises` is None when the contract's promises are unusable.
    """

    name: str
    sentence: str
    section: type[Strict]
    workload: type[Workload[Any, Any]]
    placeholders: Mapping[str, frozenset[str]]
    kinds: Mapping[str, Kind]
    checks: tuple[Judged, ...]
    promises: type[CommonPromises] = CommonPromises
    needs_section: bool = True
    needs_session: bool = True
    also_needs: tuple[str, ...] = ()
    gives_sessions: bool = False
    formerly: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    problems: Callable[[Any, Any], list[Problem]] = field(default=_no_problems)
