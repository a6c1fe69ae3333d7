"""The supervisor's own pace; what it keeps is held by the conformance suite."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.base import Deployment, Member, Program
from harness.platforms.memory.platform import MemoryPlatform
from harness.supervision.supervisor import Supervisor
from tests.support.fault_stage import Stage, eventually, staged

# Private names: `_stopping` are threads that outlive the supervisor's end: what they tell after it is waited for.


class Counting(MemoryPlatform):
    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def ready(self, member: Member) -> bool:
        self.asked[member.name] += 1
        return super().ready(member)


def test_a_member_is_asked_ten_times_a_second_and_no_more(tmp_path: Path) -> None:
    platform = Counting()
    program = Program(["run"], {})
    platform.deploy(
        Deployment("asked", tmp_path, tmp_path / "l", 3, 1, tmp_path, lambda _: program, lambda _: program, "/", "/")
    )
    supervisor = Supervisor(platform, {"replica": 3, "worker": 1}, lambda members: None)
    platform.asked.clear()
    begun = time.monotonic()
    supervisor.start()
    while min(platform.asked.values(), default=0) < 5:
        assert time.monotonic() - begun < 10
        time.sleep(0.01)
    supervisor.stop()
    assert max(platform.asked.values()) <= 3 + 10 * (time.monotonic() - begun)
    platform.tear_down()


class Broken(MemoryPlatform):
    """A platform whose store died, and that cannot start a replica either."""

    def failures(self) -> list[str]:
        return ["store exited"]

    def problems(self) -> list[str]:
        return ["replica-7 cannot be started"]


def test_what_lost_something_is_told_apart_from_what_only_went_wrong(tmp_path: Path) -> None:
    platform, lost, wrong = Broken(), list[str](), list[str]()
    program = Program(["x"], {})
    platform.deploy(Deployment("broken", tmp_path, tmp_path / "l", 1, 0, tmp_path, lambda s: program, None, "/h", "/r"))
    supervisor = Supervisor(platform, {"replica": 1}, lambda _: None, on_problem=wrong.append, on_loss=lost.append)
    begun = time.monotonic()
    supervisor.start()
    while not (lost and wrong):
        assert time.monotonic() - begun < 10
        time.sleep(0.01)
    supervisor.stop()
    assert lost == ["store exited"] and wrong == ["replica-7 cannot be started"], "each once"


class Draining(MemoryPlatform):
    """Members that drain until `let_go`, as one with a long grace does."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def stop(self, name: str, grace_s: float) -> str:
        self.let_go.wait(grace_s)
        raise EnvironmentFailure(f"{name} did not exit")


def test_the_supervisor_does_not_wait_for_what_drains_and_tells_nothing_after_its_end(tmp_path: Path) -> None:
    platform, told = Draining(), list[str]()
    program = Program(["x"], {})
    platform.deploy(Deployment("drain", tmp_path, tmp_path / "l", 2, 0, tmp_path, lambda s: program, None, "/h", "/r"))
    supervisor = Supervisor(platform, {"replica": 2}, lambda _: None, stop_grace_s=60, on_problem=told.append)
    supervisor.start()
    try:
        assert supervisor.set_desired("replica", 1) == ["replica-2"]
        begun = time.monotonic()
        supervisor.stop(deadline_s=0.1)
        assert time.monotonic() - begun < 10
    finally:
        platform.let_go.set()
    for thread in supervisor._stopping:
        thread.join(5)
    assert "replica-2" in supervisor.stop_failures and told == []


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = staged(tmp_path, 3)
    yield made
    made.supervisor.stop()


def test_the_supervisor_follows_a_replacement_that_dies_too(stage: Stage) -> None:
    stage.platform.kill("replica-1")
    eventually(lambda: "replica-4" in {m.name for m in stage.platform.members()})
    stage.platform.crash("replica-4")
    assert "replica-5" in stage.supervisor.wait_replaced("replica-1", 5)


def test_the_supervisor_says_what_cannot_be_started(tmp_path: Path) -> None:
    platform, told = MemoryPlatform(), threading.Event()
    startable = [Program(["x"], {}), Program(["x"], {})]

    def replica(_: object) -> Program:
        return startable.pop() if startable else Program([], {})

    platform.deploy(Deployment("broken", tmp_path, tmp_path / "l", 2, 0, tmp_path, replica, None, "/h", "/r"))
    supervisor = Supervisor(
        platform, {"replica": 3}, lambda m: None, replace_after_s=0.01, on_problem=lambda t: told.set()
    )
    supervisor.start()
    assert told.wait(5)
    supervisor.stop()
