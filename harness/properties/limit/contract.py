"""The `limit` of a contract: an operation that is admitted so often, for each user."""

from __future__ import annotations

from harness.http.operation import Operation
from harness.yamlfile import Strict


class Limit(Strict):
    """An operation without any other effect, whose answers name `limited`.

    How often is promised under `promises`: no `limit_window_s` sees more than `limit_most` admitted, whichever replicas
    admit them; and who was admitted fewer than `limit_least` times in the last `limit_window_s` is not refused.
    """

    hit: Operation
