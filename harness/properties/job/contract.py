"""The `job` of a contract: background work that clients submit, ask for, and may cancel."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harness.http.operation import Operation
from harness.properties.promises import CommonPromises
from harness.yamlfile import Location, Strict


class Example(Strict):
    """One job to submit: its input, and its output where the output is promised.

    Attributes:
        input: What is submitted as `{input}`.
        output: What the job must give. Left out, it must give the same each time.
    """

    input: Any
    output: Any = None


class States(Strict):
    """The service's own names of the states of a job.

    Attributes:
        pending: States of a job that nobody has begun.
        running: States of a job that a worker has.
        done: States of a job that ended well.
        failed: States of a job that ended badly.
        cancelled: States of a job that was cancelled.
    """

    pending: list[str] = []
    running: list[str] = []
    done: list[str] = Field(min_length=1)
    failed: list[str] = []
    cancelled: list[str] = []


class Job(Strict):
    """Operations on background jobs. `cancel` is `ok` if the job will never have an effect, `refused` if too late.

    Attributes:
        submit: Takes a job and gives its `id`.
        status: Gives the `state` of a job, and its `progress` and `output` where there are any.
        cancel: Cancels a job: `ok` if it never has an effect from then on, `refused` if it is too late.
        states: The service's own names of the states of a job.
        examples: Jobs to submit, each with a name of its own.
        effects: Where the effect of a job is counted.
    """

    submit: Operation
    status: Operation
    cancel: Operation | None = None
    states: States
    examples: dict[str, Example] = Field(min_length=1)
    effects: Literal["ledger", "nowhere"] = "nowhere"


def problems(section: Job, promises: CommonPromises | None) -> list[tuple[Location, str]]:
    """Return what is wrong with a section whose operations are right by themselves.

    Args:
        section: the section.
        promises: the contract's promises; None when they are unusable.

    Returns:
        Each problem as its place within the section, and a text that says what is wrong.
    """
    found: list[tuple[Location, str]] = []
    if "state" not in section.status.extract:
        found.append((("status",), "`extract` must say where the `state` is"))
    if "id" not in section.submit.extract:
        found.append((("submit",), "`extract` must say where the `id` is"))
    return found
