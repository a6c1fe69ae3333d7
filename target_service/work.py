"""What a job computes: numbers are filtered, transformed and summed up, a batch a step.

Pure: the same input gives the same steps and, from any checkpoint, the same output; so a checkpoint is all there is.
The bounds keep every sum within 64 bits: 1000 numbers of at most 2^31, multiplied by at most 100 three times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

LARGEST = 2**31
MOST_NUMBERS = 1000

Number = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Filter(_Strict):
    """Which numbers go on. `value` is for `at_least` and `at_most` alone."""

    keep: Literal["even", "odd", "at_least", "at_most"]
    value: Number | None = None

    @model_validator(mode="after")
    def _value(self) -> Self:
        if (self.value is None) == self.keep.startswith("at_"):
            raise ValueError("`value` belongs to at_least and at_most, and to no other")
        return self


class Transform(_Strict):
    """What becomes of a number. `by` is for `add` and `multiply` alone."""

    do: Literal["add", "multiply", "negate", "absolute"]
    by: Annotated[int, Field(ge=-100, le=100)] | None = None

    @model_validator(mode="after")
    def _by(self) -> Self:
        if (self.by is None) == (self.do in ("add", "multiply")):
            raise ValueError("`by` belongs to add and multiply, and to no other")
        return self


class Config(_Strict):
    """Filters first, then transforms, each in order. `batch`: numbers a step, and so the most that is done again."""

    filters: list[Filter] = Field(default=[], max_length=8)
    transforms: list[Transform] = Field(default=[], max_length=3)
    batch: int = Field(default=1, ge=1, le=100)


class Input(_Strict):
    """The input of a job."""

    numbers: list[Number] = Field(min_length=1, max_length=MOST_NUMBERS)
    config: Config = Config()


class DataSource(_Strict):
    """Where the data of a data-processing request comes from: they are in it, or count from `first` to `last`."""

    kind: Literal["inline", "range"]
    numbers: list[Number] | None = Field(default=None, min_length=1, max_length=MOST_NUMBERS)
    first: Number | None = None
    last: Number | None = None

    @model_validator(mode="after")
    def _parts(self) -> Self:
        bounds = (self.first, self.last)
        if self.kind == "inline" and (self.numbers is None or bounds != (None, None)):
            raise ValueError("an inline source has `numbers`, and neither `first` nor `last`")
        if self.kind == "range" and (self.numbers is not None or None in bounds):
            raise ValueError("a range has `first` and `last`, and no `numbers`")
        if self.first is not None and self.last is not None and not 0 <= self.last - self.first < MOST_NUMBERS:
            raise ValueError(f"a range counts upwards, over at most {MOST_NUMBERS} numbers")
        return self

    def listed(self) -> list[int]:
        """The data."""
        if self.numbers is not None:
            return self.numbers
        assert self.first is not None and self.last is not None
        return list(range(self.first, self.last + 1))


@dataclass(frozen=True)
class Plan:
    """A job's input as the worker goes through it: `steps` batches, each from one checkpoint to the next."""

    input: Input

    @property
    def steps(self) -> int:
        """How many there are."""
        return -(-len(self.input.numbers) // self.input.config.batch)

    def advance(self, partial: bytes, step: int) -> bytes:
        """The checkpoint after `step` (from 0); `partial` is the one before it, b"" before the first."""
        done: dict[str, Any] = orjson.loads(partial) if partial else {"sum": 0, "count": 0, "max": None}
        batch = self.input.config.batch
        for number in self.input.numbers[step * batch : (step + 1) * batch]:
            if all(_kept(rule, number) for rule in self.input.config.filters):
                for change in self.input.config.transforms:
                    number = _CHANGES[change.do](number, change.by or 0)
                largest = number if done["max"] is None else max(done["max"], number)
                done = {"sum": done["sum"] + number, "count": done["count"] + 1, "max": largest}
        return orjson.dumps(done)


def plan(input: bytes) -> Plan:
    """The plan of an input as a job's record keeps it."""
    return Plan(Input.model_validate_json(input))


def _kept(rule: Filter, number: int) -> bool:
    if rule.keep in ("even", "odd"):
        return number % 2 == (rule.keep == "odd")
    assert rule.value is not None
    return number >= rule.value if rule.keep == "at_least" else number <= rule.value


_CHANGES: dict[str, Callable[[int, int], int]] = {
    "add": lambda number, by: number + by,
    "multiply": lambda number, by: number * by,
    "negate": lambda number, _: -number,
    "absolute": lambda number, _: abs(number),
}
