"""Shows that a run is alive to those who look for dead runs (`harness.recovery`).

A run in progress holds its name (an abstract unix socket, `harness.platforms.common.lock`) and the lock of its folder
(flock). The kernel takes both back when the process dies, however it dies. On an engine that other machines reach, the
run renews a sign of life (`Lease`).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.errors import EnvironmentFailure
from harness.platforms.abilities import Leased, offered
from harness.platforms.base import Platform
from harness.platforms.common.lock import hold_name
from harness.rundir.files import LOCK

_RENEWED_S = 5.0
_MISSED = 3


@contextmanager
def hold(run_id: str, folder: Path | None = None) -> Iterator[None]:
    """Show that a run is alive while inside the block. Enter it before anything of the run is created.

    Args:
        run_id: the id of the run.
        folder: the run folder, if it has one.

    Raises:
        EnvironmentFailure: another process holds the name of the run, or the lock of the folder.
    """
    with ExitStack() as stack:
        stack.enter_context(hold_name(run_id))
        if folder is not None:
            stack.enter_context(hold_folder(folder))
        yield


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder while inside; the kernel takes the lock back when this process dies.

    Raises:
        EnvironmentFailure: another process holds the lock, or the folder cannot be written.
    """
    place = folder / LOCK
    try:
        # Other users may read the file: its lock is all by which they see that this run lives.
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError as error:
        raise EnvironmentFailure(f"{place} cannot be written: be the user who owns {folder}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EnvironmentFailure(f"{folder} belongs to a run in progress: {place} is locked") from error
        yield
        place.unlink(missing_ok=True)
    finally:
        os.close(handle)


class Lease:
    """Renews the sign of life of a run on its platform's engine (`Leased`), while the object is entered."""

    def __init__(self, platform: Platform, on_problem: Callable[[str], None]) -> None:
        """Prepare the thread that renews.

        Args:
            platform: the platform of the run.
            on_problem: is given a text when renewing has failed a few times in turn, so that others may think the run
                dead. Later failures in a row are not told.
        """
        self._platform, self._on_problem = platform, on_problem
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End renewing."""
        self._end.set()
        self._thread.join(_RENEWED_S)

    def _loop(self) -> None:
        missed = 0
        leased = offered(self._platform, Leased)
        while leased is not None and not self._end.wait(_RENEWED_S):
            try:
                leased.renew_lease()
                missed = 0
            except Exception as error:
                missed += 1
                if missed == _MISSED:
                    self._on_problem(f"the engine cannot be told that the run goes on: {error}")


def folder_is_held(folder: Path) -> bool:
    """Say whether a living process holds the lock of a run folder."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
