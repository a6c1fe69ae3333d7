"""Where the server programs come from: what the user chose, else the packaged one, else the PATH."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from harness.errors import EnvironmentFailure


def find(what: str, variable: str, packaged: Callable[[], str], names: list[str]) -> str:
    """Path of a program. `variable` may name one (a path, or a name on the PATH).

    Raises `EnvironmentFailure` when the chosen one is not there, or none is.
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
