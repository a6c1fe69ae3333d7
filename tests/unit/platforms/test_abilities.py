"""What each platform can do beside what all can: asked for by type, and by nothing else."""

from __future__ import annotations

import pytest

from harness.platforms import DEFAULT, DESCRIPTIONS, PLATFORMS, abilities
from harness.platforms.abilities import (
    Admitting,
    Attachable,
    Disconnectable,
    Hoppable,
    Leased,
    Mender,
    Pausable,
    Renewable,
    Scaler,
    SelfHealing,
    Startable,
    Sticky,
    Thawer,
    offered,
    why_withheld,
)
from harness.platforms.kubernetes.platform import KubernetesPlatform
from harness.platforms.memory.platform import MemoryPlatform

# Private names: `_sees_processes` looks at a cluster, of which there may be none.

ALL = (
    Admitting, Attachable, Disconnectable, Hoppable, Leased, Mender, Pausable, Renewable, Scaler, SelfHealing,
    Startable, Sticky, Thawer,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("process", {Startable, Renewable, Admitting, Pausable, Hoppable, Sticky, Thawer}),
        ("docker", {Startable, Renewable, Admitting, Pausable, Disconnectable, Attachable, Thawer, Mender}),
        ("kubernetes", {SelfHealing, Pausable, Attachable, Leased, Thawer}),
    ],
)
def test_a_platform_has_these_abilities_and_no_others(name: str, has: set[type]) -> None:
    platform = PLATFORMS[name]()
    assert {each for each in ALL if isinstance(platform, each)} == has


def test_what_depends_on_the_machine_is_withheld_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = KubernetesPlatform()
    monkeypatch.setattr(KubernetesPlatform, "_sees_processes", False)
    assert offered(platform, Pausable) is None
    assert why_withheld(platform, Pausable) == "its processes run on another machine, and cannot be frozen from here"
    assert offered(platform, SelfHealing) is platform
    assert why_withheld(platform, Disconnectable) is None, "it has not the ability anywhere"
    monkeypatch.setattr(KubernetesPlatform, "_sees_processes", True)
    assert offered(platform, Pausable) is platform


def test_a_test_can_withhold_what_the_platform_in_memory_has() -> None:
    platform = MemoryPlatform()
    assert offered(platform, Pausable) is platform
    platform.withheld[Pausable] = "not today"
    assert offered(platform, Pausable) is None
    assert why_withheld(platform, Pausable) == "not today"


def test_each_platform_describes_itself_by_the_name_it_is_registered_under() -> None:
    assert {name: each.name for name, each in DESCRIPTIONS.items()} == {name: name for name in DESCRIPTIONS}
    assert {name: make().name for name, make in PLATFORMS.items()} == {name: name for name in DESCRIPTIONS}
    assert DEFAULT in DESCRIPTIONS
    assert all(each.sentence and each.section for each in DESCRIPTIONS.values())
    assert set(abilities.WORDS) == {Hoppable, Sticky, Attachable}
