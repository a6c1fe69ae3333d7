"""Where the server programs come from: what the user chose, else the packaged one, else the PATH."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from harness.errors import EnvironmentFailure


def find(what: str, variable: str, packaged: Callable[[], str], names: list[str]) -> str:
    """Return the path of a program: the one that the user chose, else the packaged one, else the one on the PATH.

    Args:
        what: What the program is, for messages.
        variable: The environment variable by which the user may choose a path, or a name on the PATH.
        packaged: Returns the path of the packaged program; may fail in any way.
        names: What the program may be called on the PATH.

    Raises:
        EnvironmentFailure: The chosen program is not there, or no program is.
    """
    chosen = os.environ.get(variable)
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise EnvironmentFailure(f"{variable}={chosen}: no such program; name a path or a program on the PATH")
        return path
    try:
        return packaged()
    except Exception:
        # A package that is missing, or does not fit this machine, fails in ways of its own.
        for name in names:
            path = shutil.which(name)
            if path is not None:
                return path
    raise EnvironmentFailure(
        f"no {what} fits this machine: install {' or '.join(names)}, or set {variable} to the path of one"
    )
