"""The `limit` of a contract: an operation that each user may perform only so often."""

from __future__ import annotations

from pydantic import Field

from harness.http.operation import Operation
from harness.properties.promises import CommonPromises
from harness.yamlfile import Location, Strict


class Limit(Strict):
    """A limited operation without any other effect, whose answers name `limited`.

    `promises` says how often a user is admitted. No window of `limit_window_s` seconds sees more than `limit_most`
    requests of a user admitted, whichever replicas admit them. A user who was admitted fewer than `limit_least` times
    in the last `limit_window_s` seconds is not refused.

    Attributes:
        hit: The limited request; `limited` is its refusal.
    """

    hit: Operation


class LimitPromises(CommonPromises):
    """How often a user is admitted in `limit_window_s` seconds: at most `limit_most` times, at least `limit_least`.

    Attributes:
        limit_window_s: The window of the limit.
        limit_most: No window sees more than this many requests of a user admitted.
        limit_least: Who was admitted fewer times than this in the last window is not refused.
    """

    limit_window_s: float | None = Field(default=None, gt=0)
    limit_most: int | None = Field(default=None, ge=1)
    limit_least: int | None = Field(default=None, ge=1)


def problems(section: Limit, promises: LimitPromises | None) -> list[tuple[Location, str]]:
    """Return what is wrong with a section whose operations are right by themselves.

    Args:
        section: the section.
        promises: the contract's promises; None when they are unusable.

    Returns:
        Each problem as its place within the section, and a text that says what is wrong.
    """
    found: list[tuple[Location, str]] = []
    if promises and None in (promises.limit_window_s, promises.limit_most):
        message = "needs `limit_window_s` and `limit_most` under `promises`: without them nothing was promised"
        found.append(((), message))
    if not section.hit.answers.get("limited"):
        found.append((("hit",), "`answers` must name `limited`, what a refusal looks like"))
    return found
