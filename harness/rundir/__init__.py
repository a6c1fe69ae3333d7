"""The run folder: every file of it, who writes each, and how each is read."""

from __future__ import annotations

from harness.rundir.folder import (
    FOUND,
    Record,
    create,
    create_plain,
    events,
    require,
    require_whole,
    sizes,
    write_whole,
)

__all__ = ["FOUND", "Record", "create", "create_plain", "events", "require", "require_whole", "sizes", "write_whole"]
