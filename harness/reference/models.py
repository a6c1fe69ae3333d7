"""Reference pages of files: every section of a contract or scenario, and every fault, as tables of fields."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from inspect import get_annotations
from typing import Any

from pydantic import BaseModel

from harness.contract.model import Contract
from harness.contract.read import PLACEHOLDERS
from harness.faults import FAULTS
from harness.faults.base import Fault
from harness.http.operation import Matcher, Operation
from harness.properties import PROPERTIES
from harness.reference.classes import CLASSES
from harness.reference.markdown import (
    anchor,
    capital,
    default_of,
    explained,
    listed,
    models_in,
    naming,
    paragraphs,
    table,
    type_of,
)
from harness.scenario.file import Scenario

HEADS = ("field", "type", "default", "meaning")
DESCRIBED_ONCE = (Operation, Matcher)


def contract() -> str:
    """Return the page on every field of a contract."""
    parts = [
        "# Contract: every field",
        "What a contract file may hold. [Writing a contract](../contract.md) explains it by an example. "
        "`harness validate FILE` reports every problem of a file at once, each with its line.",
        _rows(Contract, ""),
    ]
    for place, model in _sections(Contract, ""):
        parts += [f"{'#' * (2 + place.count('.'))} {place}", *_proves(place), explained(model), _rows(model, place)]
        parts += _kinds(place)
    parts += ["## Operations", explained(Operation), _rows(Operation, "operation")]
    parts += ["### Answers", explained(Matcher), _rows(Matcher, "matcher")]
    parts += ["The classes of answers, and the outcome that each gives an operation:"]
    parts += [table(("class", "outcome", "meaning"), [(f"`{name}`", *told) for name, told in CLASSES.items()])]
    return _page(parts)


def scenario() -> str:
    """Return the page on every field of a scenario."""
    parts = [
        "# Scenario: every field",
        "What a scenario file may hold. [Writing a scenario](../scenario.md) explains it by an example; the entries of "
        "`faults` are on a [page of their own](faults.md).",
        _rows(Scenario, ""),
    ]
    for place, model in _sections(Scenario, ""):
        parts += [f"{'#' * (2 + place.count('.'))} {place}", explained(model), _rows(model, place)]
    return _page(parts)


def faults() -> str:
    """Return the page on every fault: what all of them take, then each with what it takes besides."""
    parts = [
        "# Faults",
        "The entries of `faults` in a scenario. What was injected, and how it was seen to land, is in "
        "[`faults.jsonl`](../run-folder.md#faultsjsonl) of the run.",
        table(("fault", "what it does"), [(f"[`{n}`]({anchor(n)})", _first(kind)) for n, kind in FAULTS.items()]),
        "## All faults",
        explained(Fault),
        _rows(Fault, "fault"),
    ]
    for name, kind in FAULTS.items():
        own = _own_fields(kind)
        told = sys.modules[kind.__module__].__doc__ or kind.__doc__ or ""
        parts += [f"## {name}", capital(paragraphs(told.partition(": ")[2] or told))]
        parts += [_rows(kind, name, own)] if own else ["It takes nothing of its own."]
    return _page(parts)


def _proves(place: str) -> list[str]:
    """What the section of a property proves, and which checks judge it; nothing for any other section."""
    if place not in PROPERTIES:
        return []
    names = [each.check.name for each in PROPERTIES[place].checks]
    links = " and ".join(f"[`{name}`](checks.md{anchor(name)})" for name in names)
    return [f"Proves: {PROPERTIES[place].sentence}. Judged by {links}."]


def _kinds(place: str) -> list[str]:
    """What the operations of a property are called in journals and reports."""
    if place not in PROPERTIES:
        return []
    kinds = [(f"`{kind}`", f"`{each.operation}`") for kind, each in PROPERTIES[place].kinds.items()]
    return ["In journals and reports its operations are called:", table(("kind", "performs"), kinds)]


def _own_fields(kind: type[Fault]) -> list[str]:
    """Return the fields that a fault takes in a way of its own, and then those that no other fault has."""
    every, common = kind.model_fields, Fault.model_fields
    narrowed = [each for each in common if each != "kind" and every[each].annotation != common[each].annotation]
    return [*narrowed, *(each for each in every if each not in common)]


def _first(kind: type[Fault]) -> str:
    told = (sys.modules[kind.__module__].__doc__ or kind.__doc__ or "").split("\n\n")[0]
    return capital(" ".join((told.partition(": ")[2] or told).split()))


def _sections(model: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every mapping below `model` with its dotted place, in the order of the file."""
    for name, field in model.model_fields.items():
        for suffix, inner in models_in(field.annotation):
            if inner not in DESCRIBED_ONCE:
                here = f"{place}.{field.alias or name}".lstrip(".") + suffix
                yield here, inner
                yield from _sections(inner, here)


def _rows(model: type[BaseModel], place: str, names: Sequence[str] | None = None) -> str:
    rows = []
    for name in model.model_fields if names is None else names:
        field = model.model_fields[name]
        written = field.alias or name
        here = f"{place}.{written}".lstrip(".")
        rows.append((f"`{written}`", type_of(field, here), default_of(field), meaning(model, name, here)))
    return table(HEADS, rows)


def meaning(model: type[BaseModel], name: str, place: str) -> str:
    """Return what a field means, and which placeholders it may use where it is an operation.

    Taken is the field's own description, else what the docstring of its class has under `Attributes`, else what the
    property proves of which the field is the section, else the sentences of that docstring that name the field, else
    the first sentence of the model that the field holds.

    Args:
        model: the model that holds the field.
        name: the field's name in Python.
        place: the field's dotted place in the file.
    """
    field = model.model_fields[name]
    written = field.alias or name
    own = next((base.__doc__ for base in model.__mro__ if name in get_annotations(base)), None)
    told = field.description or listed(own, name) or listed(own, written)
    if not told and place in PROPERTIES:
        told = f"{capital(PROPERTIES[place].sentence)}."
    inner = models_in(field.annotation)
    if not told:
        told = naming(own, written)
    if not told and inner:
        told = f"{re.split(r'[.;](?= |$)', paragraphs(inner[0][1].__doc__), maxsplit=1, flags=re.MULTILINE)[0]}."
    known = PLACEHOLDERS.get(place)
    if not known:
        return told
    filled = ", ".join(f"`{{{each}}}`" for each in sorted(known))
    return f"{told} Placeholders: {filled}."


def every_field() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Yield the dotted place, the model and the name of each field that a reference page shows."""
    roots: list[tuple[str, type[BaseModel]]] = [("", Contract), ("operation", Operation), ("matcher", Matcher)]
    roots += [("", Scenario), ("fault", Fault), *_sections(Contract, ""), *_sections(Scenario, "")]
    for place, model in roots:
        for name, field in model.model_fields.items():
            yield f"{place}.{field.alias or name}".lstrip("."), model, name
    for kind, fault in FAULTS.items():
        for name in _own_fields(fault):
            yield f"{kind}.{fault.model_fields[name].alias or name}", fault, name


def _page(parts: Sequence[Any]) -> str:
    return "\n\n".join(str(part) for part in parts if part) + "\n"
