"""The `job` of a contract: background work that is submitted, asked for, and perhaps cancelled."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harness.http.operation import Operation
from harness.properties.promises import CommonPromises
from harness.yamlfile import Location, Strict


class Example(Strict):
    """One job: its input, and its output where that is promised."""

    input: Any
    output: Any = None


class States(Strict):
    """The service's own names of the states of a job."""

    pending: list[str] = []
    running: list[str] = []
    done: list[str] = Field(min_length=1)
    failed: list[str] = []
    cancelled: list[str] = []


class Job(Strict):
    """Submit and status of background jobs. `cancel`: `ok` if it has no effect ever, `refused` if it is too late."""

    submit: Operation
    status: Operation
    cancel: Operation | None = None
    states: States
    examples: dict[str, Example] = Field(min_length=1)
    effects: Literal["ledger", "nowhere"] = "nowhere"


def problems(section: Job, promises: CommonPromises | None) -> list[tuple[Location, str]]:
    """Return what is wrong with a section whose operations are right by themselves, each with its place within it."""
    found: list[tuple[Location, str]] = []
    if "state" not in section.status.extract:
        found.append((("status",), "`extract` must say where the `state` is"))
    if "id" not in section.submit.extract:
        found.append((("submit",), "`extract` must say where the `id` is"))
    return found
