"""Reference page of the events of a run, from their classes."""

from __future__ import annotations

from dataclasses import fields
from inspect import getdoc

from harness.reference.markdown import listed, paragraphs, table
from harness.run.events import EVENTS, Event


def events() -> str:
    """Return the page on every event: when it is told, and its attributes."""
    parts = [
        "# Events",
        "What a run tells its observers while it goes on; [From Python](../python.md) shows how to listen. Each is a "
        "class in `harness.run.events`; the name in backquotes is the `event` in a line of JSON. All of them have "
        f"`at_ns`: {listed(getdoc(Event), 'at_ns')}",
    ]
    for name, kind in EVENTS.items():
        told = getdoc(kind)
        own = [field for field in fields(kind) if field.name not in Event.__dataclass_fields__]
        parts += [f"## {kind.__name__}", f"`{name}`: {paragraphs(told)}"]
        rows = [(f"`{field.name}`", f"`{field.type}`", listed(told, field.name)) for field in own]
        parts += [table(("attribute", "type", "meaning"), rows)] if rows else []
    return "\n\n".join(parts) + "\n"
