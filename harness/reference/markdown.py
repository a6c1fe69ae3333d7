"""Markdown for the reference pages: tables, and what a field of a model takes in words that need no Python."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable, Sequence
from inspect import cleandoc, get_annotations
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from harness.http.operation import AnswerClass, AnswerMatcher, Operation

ONE = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any value"}
MANY = {str: "texts", int: "whole numbers", float: "numbers", Any: "values"}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; pipes and line breaks within cells are escaped."""
    lines = [list(heads), ["---"] * len(heads), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return plain(" ".join(text.split())).replace("|", "\\|")


def plain(text: str) -> str:
    """Return `text` so that `<NAME>` outside of backquotes is shown, and is not taken for HTML."""
    parts = text.split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


SECTION = re.compile(r"^(Attributes|Args|Returns|Yields|Raises):\n((?:[ \t]+.*\n?|\n)*)", re.MULTILINE)
"""A section of a docstring in Google's style: its name, and the lines below it."""


def listed(docstring: str | None, name: str) -> str:
    """Return the entry of `name` in the section `Attributes` of a class docstring; "" when there is none."""
    for title, lines in SECTION.findall(cleandoc(docstring or "")):
        entry = re.search(rf"^{re.escape(name)}: (.+\n?(?:[ \t]+.+\n?)*)", dedent(lines), re.MULTILINE)
        if title == "Attributes" and entry:
            return capital(" ".join(entry[1].split()))
    return ""


def naming(docstring: str | None, name: str) -> str:
    """Return the sentences of a docstring that name a field in backquotes; "" when none does."""
    text = SECTION.sub("", cleandoc(docstring or ""))
    parts = re.split(r"(?<=[.;])\s+", " ".join(text.split()))
    found = [part.rstrip(".;").removeprefix(f"`{name}`: ") for part in parts if f"`{name}`" in part]
    return " ".join(f"{capital(part)}." for part in found)


def explained(model: type[BaseModel]) -> str:
    """Return the docstring of a model as Markdown, after that of the model whose fields it takes over.

    A model that is composed of several says itself what it is.
    """
    if len(model.__bases__) > 1:
        return paragraphs(model.__doc__)
    bases = [base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and get_annotations(base)]
    return "\n\n".join(paragraphs(base.__doc__) for base in bases if base is not BaseModel)


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def paragraphs(docstring: str | None) -> str:
    """Return a docstring as Markdown: its lines joined to paragraphs, without the sections in Google's style."""
    blocks = SECTION.sub("", cleandoc(docstring or "")).strip().split("\n\n")
    return "\n\n".join(plain(" ".join(block.split())) for block in blocks)


def anchor(place: str) -> str:
    """Return the link to the heading of a dotted place."""
    return "#" + re.sub(r"[^a-z0-9_ -]", "", place.lower()).replace(" ", "-")


def default_of(field: FieldInfo) -> str:
    """Return what a field is when a file leaves it out, as it would be written there."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value, default=list)}`"


def type_of(field: FieldInfo, place: str) -> str:
    """Return what a field takes, with its bounds: `whole number, ≥ 1, ≤ 100`."""
    return ", ".join([_words(field.annotation, place), *_bounds(field.metadata)])


def models_in(annotation: Any) -> list[tuple[str, type[BaseModel]]]:
    """Return the models that an annotation holds, each with what its place is followed by (".NAME" in a mapping)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [("", annotation)]
    suffix = ".NAME" if typing.get_origin(annotation) is dict else ""
    return [(suffix + more, model) for each in typing.get_args(annotation) for more, model in models_in(each)]


def _words(annotation: Any, place: str) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is AnswerClass:
        return "[class](#answers)"
    if annotation is AnswerMatcher:
        return "status or [matcher](#answers)"
    if origin is typing.Annotated:
        bounds = _bounds(arguments[1:])
        return _words(arguments[0], place) + (f" ({', '.join(bounds)})" if bounds else "")
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(each, place) for each in arguments if each is not type(None)))
    if origin is typing.Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin is dict:
        return f"mapping of {_many(arguments[0], place)} to {_many(arguments[1], f'{place}.NAME')}"
    if origin is tuple:
        return f"list of {len(arguments)} {_many(arguments[0], place)}"
    if origin is list:
        return f"list of {_many(arguments[0], place)}"
    if annotation is Operation:
        return "[operation](#operations)"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[mapping]({anchor(place)})"
    return ONE.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _many(annotation: Any, place: str) -> str:
    plain = typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation
    words = _words(annotation, place)
    return words.replace(ONE[plain], MANY[plain], 1) if plain in MANY else words.replace("mapping", "mappings", 1)


def _bounds(metadata: Iterable[Any]) -> list[str]:
    found: list[str] = []
    for each in metadata:
        if isinstance(each, FieldInfo):
            found += _bounds(each.metadata)
            continue
        found += [f"{sign} {_number(getattr(each, name))}" for name, sign in BOUNDS.items() if hasattr(each, name)]
        if getattr(each, "min_length", None):
            found.append("not empty")
        if getattr(each, "pattern", None):
            found.append(f"matches `{each.pattern}`")
    return found


def _number(value: float) -> str:
    return "2^63" if value == 2**63 else f"{value:,g}" if value < 10**6 else f"{value:,}"
