"""What a job computes: statistics of a list of numbers, one number a step. Pure, so a checkpoint is all there is."""

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field


class Input(BaseModel):
    """The input of a job."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[int] = Field(min_length=1, max_length=1000)


def steps(input: bytes) -> list[int]:
    """The steps of a job, in order."""
    return Input.model_validate_json(input).numbers


def advance(partial: bytes, number: int) -> bytes:
    """The partial result after one more step; `partial` is b"" before the first."""
    so_far: dict[str, Any] = orjson.loads(partial) if partial else {"sum": 0, "count": 0, "max": number}
    result = {
        "sum": so_far["sum"] + number,
        "count": so_far["count"] + 1,
        "max": max(so_far["max"], number),
    }
    return orjson.dumps(result)
