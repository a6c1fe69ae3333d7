"""Replaces a file in one step, so that no reader ever sees half of one."""

from __future__ import annotations

from pathlib import Path

from harness.errors import EnvironmentFailure


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader sees the old content or the new content, never a part.

    The new content is written beside the file first, as `.<name>.new`.

    Args:
        path: The file, whether it exists or not; its folder must exist.
        content: The whole new content.

    Raises:
        EnvironmentFailure: The file cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise EnvironmentFailure(f"{path}: cannot be written: {error}. Free some space, or copy the folder.") from None
