"""The supervisor's own pace; what it keeps is held by the conformance suite."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from harness.platforms.base import Deployment, Member, Program
from harness.platforms.memory.platform import MemoryPlatform
from harness.supervision.supervisor import Supervisor


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
