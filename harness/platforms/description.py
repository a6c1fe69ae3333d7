"""What is known of a platform before anything of it is imported: its name, and what it needs of a contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.contract.start import Start
from harness.platforms.base import Platform


@dataclass(frozen=True)
class Description:
    """One platform, as lists and checks see it.

    Attributes:
        name: What a scenario calls the platform.
        sentence: What `harness list` says of the platform.
        section: The section of the contract's `start` that says how to start the service there.
        make: Makes the platform; imports its SDK.
        fills_all: Every placeholder of a variable has a value there. Elsewhere the service is started by others, who
            know neither port nor name, and only `FILLED_EVERYWHERE` has one.
    """

    name: str
    sentence: str
    section: str
    make: Callable[[], Platform]
    fills_all: bool = False

    def files(self, start: Start) -> tuple[str, Sequence[str]]:
        """Return the key in the section that names files, and the files, relative to `start.directory`."""
        return "", []

    def sees_effects(self, start: Start) -> bool:
        """Say whether effects at the ledger are recorded: the harness starts the ledger, or the contract names one."""
        return True

    def unmet(self, start: Start, ability: type) -> str | None:
        """Return what the contract's section lacks for an ability of the platform to be used; None if nothing."""
        return None
