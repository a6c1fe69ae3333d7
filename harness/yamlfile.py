"""Reads YAML files so that every problem is reported at once, each with its line and the nearest valid name.

`read` parses a file and remembers the line of every key; `validate` checks the content against a pydantic model. Both
raise `UsageError` for anything that is wrong with the file.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import UsageError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]

MOST_PLACES = 100_000
"""The most keys and values that a file may have, aliases written out."""


class Strict(BaseModel):
    """Base of every model of a file: unknown keys are problems, and values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Document:
    """A parsed YAML file.

    Attributes:
        path: Where the file is.
        data: The content as plain Python values.
        lines: The line of every location, counted from 1; a location is a tuple of keys and list positions.
        text: The text of the file.
    """

    path: Path
    data: Any
    lines: dict[Location, int]
    text: str

    def line(self, location: Location) -> int:
        """Return the line of a location, or of its nearest parent that stands in the file."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, message: str) -> str:
        """Return one line for a message: the file, the line, the place, and what is wrong.

        For example `scenarios/kill.yaml:7: load.users: must be a whole number, not 'many'`.
        """
        place = ".".join(str(part) for part in location) or "file"
        return f"{self.path}:{self.line(location)}: {place}: {message}"


def read(path: Path, what: str) -> Document:
    """Parse a file that holds a YAML mapping.

    Args:
        path: The file.
        what: What the file is, for messages, such as "scenario".

    Raises:
        UsageError: The file does not exist, cannot be read, is not YAML, has a key twice, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such {what} file. Check the path.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as a {what}: {error}. It must be a UTF-8 text file.") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
        lines: dict[Location, int] = {}
        twice: list[tuple[Location, int]] = []
        _walk(node, (), lines, twice)
    except RecursionError:
        raise UsageError(f"{path}: nests too deeply for a {what}, or an alias holds itself. Flatten it.") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UsageError(f"{path}:{line}: not YAML: {reason}. Mend that line of the {what}.") from None
    if not isinstance(data, dict):
        raise UsageError(f"{path}:1: a {what} is a YAML mapping (`key: value` lines), this is {_kind(data)}.")
    document = Document(path, data, lines, text)
    if twice:
        problems = [f"{path}:{line}: {'.'.join(map(str, place))}: this key stands twice" for place, line in twice]
        raise UsageError(f"{path}: not a usable {what}:", problems)
    return document


def _kind(value: object) -> str:
    return {type(None): "empty", list: "a list", str: "a text"}.get(type(value), f"a {type(value).__name__}")


def _walk(
    node: yaml.Node | None, here: Location, lines: dict[Location, int], twice: list[tuple[Location, int]]
) -> None:
    if node is None:
        return
    if len(lines) > MOST_PLACES:
        # A few lines of aliases that hold aliases can stand for billions of places.
        raise ValueError(f"it has more than {MOST_PLACES:,} places")
    lines.setdefault(here, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*here, key.value)
            if place in lines:
                twice.append((place, key.start_mark.line + 1))
            lines[place] = key.start_mark.line + 1
            _walk(value, place, lines, twice)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*here, index), lines, twice)


def validate(document: Document, model: type[Model], what: str) -> Model:
    """Return the content of a document as a model.

    Args:
        document: The parsed file.
        model: The model that the whole file has to fit.
        what: What the file is, for messages, such as "scenario".

    Raises:
        UsageError: The content does not fit; the error has one line for every problem of the file.
    """
    made, problems = check(document, model, document.data)
    if made is None:
        raise UsageError(f"{document.path}: not a usable {what}:", problems)
    return made


def check(document: Document, model: type[Model], data: Any, base: Location = ()) -> tuple[Model | None, list[str]]:
    """Hold a part of a document against a model, and collect the problems instead of raising them.

    Args:
        document: The file that the part stands in.
        model: The model that the part has to fit.
        data: The part, as plain values.
        base: Where the part stands in the document.

    Returns:
        The model and no problems, or None and one line for every problem, sorted by line.
    """
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        problems = []
        for each in error.errors():
            place = _known(document, (*base, *each["loc"]), each["type"] == "missing")
            problems.append((document.line(place), document.problem(place, _say(each, model))))
        return None, list(dict.fromkeys(text for _, text in sorted(problems)))


def _known(document: Document, location: Location, missing: bool) -> Location:
    """Return a location without the parts that pydantic adds for unions and keys.

    A key that is missing from the file is kept as the last part.
    """
    known: Location = ()
    for part in location:
        if (*known, part) in document.lines:
            known = (*known, part)
    return (*known, location[-1]) if missing and location else known


def _say(error: Any, model: type[BaseModel]) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "extra_forbidden":
        names = fields_at(model, error["loc"][:-1])
        return f"unknown key{nearest(str(error['loc'][-1]), names)}"
    if kind == "missing":
        return "is missing and has no default"
    if kind == "literal_error":
        allowed = [part.strip(" '") for part in str(context.get("expected", "")).replace(" or ", ",").split(",")]
        return f"{error['input']!r} is not known{nearest(str(error['input']), allowed)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if kind == "value_error" else f"{message[:1].lower()}{message[1:]}, not {error['input']!r}"[:300]


def nearest(name: str, names: Iterable[str]) -> str:
    """Return what follows "unknown key" in a message: the nearest valid name, and all valid names.

    For example `; did you mean `users`? (valid: duration_s, users)`.
    """
    valid = sorted(names)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.55)
    hint = f"; did you mean `{close[0]}`?" if close else ""
    return f"{hint} (valid: {', '.join(valid)})" if valid else hint


def fields_at(model: type[BaseModel], location: Location) -> list[str]:
    """Return the names of the fields that a model allows at a location; none where anything is allowed."""
    here: list[Any] = [model]
    for part in location:
        here = [inner for each in here for inner in _inside(each, part)]
    return [
        field.alias or name
        for each in here
        if isinstance(each, type) and issubclass(each, BaseModel)
        for name, field in each.model_fields.items()
    ]


def _inside(annotation: Any, part: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part in (name, field.alias):
                return _members(field.annotation)
        return [annotation] if part == annotation.__name__ else []
    origin = typing.get_origin(annotation)
    if origin is list:
        return _members(typing.get_args(annotation)[0])
    if origin is dict:
        return _members(typing.get_args(annotation)[1])
    return []


def _members(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return [inner for arg in typing.get_args(annotation) for inner in _members(arg)]
    if origin is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    return [annotation]
