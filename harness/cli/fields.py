"""The fields of a file's model, by dotted name, each with its default: what `harness list` shows of every file."""

from __future__ import annotations

import json
import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from harness.faults.base import Fault
from harness.http.operation import Operation

NEEDED = "(needed)"
LEFT_OUT = "(left out)"
OPERATION = f"an operation: {', '.join(field.alias or name for name, field in Operation.model_fields.items())}"


def fields_of(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Dotted name -> default as it would be written, of every field of `model` and of the models within."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        place = f"{prefix}{field.alias or name}"
        inner = _model_within(field.annotation)
        if inner is None:
            found[place] = _default(field)
        elif inner is Operation:
            found[place] = OPERATION if field.is_required() else f"{_default(field)}, or {OPERATION}"
        else:
            found |= {place: LEFT_OUT} if field.default is None else {}
            found |= fields_of(inner, f"{place}.")
    return found


def own_fields(fault: type[Fault]) -> str:
    """What a kind of fault takes beside what all of them take."""
    common = set(Fault.model_fields)
    own = {field.alias or name: _default(field) for name, field in fault.model_fields.items() if name not in common}
    return ", ".join(f"{name}: {default}" for name, default in own.items())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return NEEDED
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, str):
        return " | ".join([value, *(each for each in _words(field.annotation) if each != value)])
    return LEFT_OUT if value is None else json.dumps(value, default=list)


def _words(annotation: Any) -> list[str]:
    """The words that may stand in the place of the default."""
    if typing.get_origin(annotation) is typing.Literal:
        return [each for each in typing.get_args(annotation) if isinstance(each, str)]
    return [word for inner in typing.get_args(annotation) for word in _words(inner)]


def _model_within(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return next((inner for each in typing.get_args(annotation) if (inner := _model_within(each))), None)
    return None
