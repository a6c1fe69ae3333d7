"""The `preference` of a contract: one value for each user, which clients read and replace."""

from __future__ import annotations

from pydantic import Field, model_validator

from harness.http.operation import Operation
from harness.properties.promises import CommonPromises
from harness.yamlfile import Strict


class Preference(Strict):
    """Operations on a register that each user has. `get` extracts the `value`, and `put` sends the new `{value}`.

    Where a change must name the version that it replaces, `get` extracts the `version` as well, and `put` sends
    `{version}` and extracts the next `version`. The answer `mismatch` then says that another change came first.

    Attributes:
        get: Reads: extracts the `value`, and the `version` where changes name what they replace.
        put: Replaces: sends `{value}`, and `{version}` where changes name what they replace.
    """

    get: Operation
    put: Operation

    @model_validator(mode="after")
    def _said(self) -> Preference:
        if "value" not in self.get.extract:
            raise ValueError("`extract` of `get` must say where the `value` is")
        if self.versioned and "version" not in self.put.extract:
            raise ValueError("`extract` of `put` must say where the next `version` is, as that of `get` does")
        return self

    @property
    def versioned(self) -> bool:
        """Whether a change must name the version that it replaces."""
        return "version" in self.get.extract


class PreferencePromises(CommonPromises):
    """By how many seconds a read may be behind the latest acknowledged change. Left out: by none.

    Attributes:
        preference_staleness_s: A read may be behind by this much; 0: never.
    """

    preference_staleness_s: float | None = Field(default=None, ge=0)
