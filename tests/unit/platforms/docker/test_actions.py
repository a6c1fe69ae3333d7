"""A container of somebody else's is told to end only when that is noted, and the note says whether it was told."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError
from requests import Response

from harness.errors import FaultNotSeen
from harness.platforms.common.members import MemberTable
from harness.platforms.docker import actions, attach, found_state
from harness.platforms.docker.actions import ContainerActions
from harness.platforms.docker.platform import DockerPlatform
from harness.platforms.docker.state import Entry
from tests.support.docker_container import Engine, found, settle

# Private names: `_up` is what a deployment leaves in a platform: it is put together by hand, since a real one needs an
# engine. `_LOOK_S` and `_LANDING_S` are waits, shortened; `_sending` counts calls under way, of which one is to last
# for ever.


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such.sock")
    monkeypatch.setattr(found_state, "_LOOK_S", 0)


class Watched(Engine):
    """Keeps what was noted whenever it is told to end; then it has ended."""

    broken = None

    def __init__(self, place: Path) -> None:
        super().__init__(looks=1000)
        self.place, self.noted, self.status = place, list[str](), dict[str, int]()

    def kill(self, name: str, signal: str) -> None:
        self.noted = self.place.read_text().splitlines()
        self.status[name] = 137
        super().kill(name, signal)

    def exit(self, name: str) -> int | None:
        return self.status.get(name)

    def wait_exit(self, name: str, _: float) -> int | None:
        return self.status.get(name)


def platform(engine: Watched, labels: dict[str, str] | None = None) -> DockerPlatform:
    entry = Entry("replica-1", "replica", 8000, state="ready", been_ready=True, container="a")
    entry.inspected = {"Config": {"Labels": labels or {}}}
    entry.begun.set()
    made = DockerPlatform()
    deployment = SimpleNamespace(run_id="r-ab12cd", found=engine.place)
    members: MemberTable[Entry] = MemberTable(lambda each: engine.exit(each.container) is not None)
    members.add(entry)
    actions = ContainerActions(cast(Any, engine), cast(Any, engine), None)
    up = SimpleNamespace(api=engine, watch=engine, actions=actions, deployment=deployment, members=members)
    made._up = cast(Any, up)
    return made


@pytest.mark.parametrize(("how", "grace_s"), [("stop", 7.0), ("kill", 0)])
def test_that_it_shall_end_is_on_disk_before_it_is_told(tmp_path: Path, how: str, grace_s: float) -> None:
    engine = Watched(found(tmp_path))
    act(platform(engine), how)
    assert [json.loads(line) for line in engine.noted[1:]] == [{"ending": "a", "started": "life 1", "grace_s": grace_s}]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_cannot_be_noted_is_not_done(tmp_path: Path, how: str) -> None:
    engine = Watched(tmp_path / "found.json")
    with pytest.raises(FaultNotSeen, match=r"replica-1 is not told to end, for that cannot be noted in .*found.json"):
        act(platform(engine), how)
    assert engine.said == [] and not engine.place.exists()


def test_of_what_the_run_has_made_nothing_is_noted(tmp_path: Path) -> None:
    engine = Watched(found(tmp_path))
    platform(engine, {"stateless-harness.run": "r-ab12cd"}).stop("replica-1", 7.0)
    assert len(engine.noted) == 1 and engine.said == ["SIGTERM"]


class Answering(Watched):
    """An engine that answers with an error."""

    def __init__(self, place: Path, status: int) -> None:
        super().__init__(place)
        self.answer = Response()
        self.answer.status_code = status

    def kill(self, name: str, signal: str) -> None:
        self.said.append(signal)
        raise APIError("no", response=self.answer)


def act(on: DockerPlatform, how: str) -> None:
    getattr(on, how)("replica-1", *([7.0] if how == "stop" else []))


def sent(place: Path) -> list[object]:
    return [json.loads(line).get("sent") for line in place.read_text().splitlines()[1:]]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_was_sent_is_confirmed(tmp_path: Path, how: str) -> None:
    engine = Watched(found(tmp_path))
    acting = platform(engine)
    act(acting, how)
    cast(Any, acting._up).actions.close()
    assert sent(engine.place) == [None, True]


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize(("status", "noted"), [(403, [None, False]), (409, [None, False]), (500, [None])])
def test_what_the_engine_refuses_is_taken_back_unless_it_may_have_been_done(
    tmp_path: Path, how: str, status: int, noted: list[object]
) -> None:
    engine = Answering(found(tmp_path), status)
    with pytest.raises(FaultNotSeen):
        act(platform(engine), how)
    assert sent(engine.place) == noted
    if status < 500:
        untouched = Engine(looks=1000)
        assert settle(untouched, engine.place) == [] and untouched.said == []


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_once_the_run_is_being_torn_down_nothing_is_noted(tmp_path: Path, how: str) -> None:
    engine = Watched(found(tmp_path))
    torn = platform(engine)
    cast(Any, torn._up).actions.close()
    with pytest.raises(FaultNotSeen, match="replica-1 is not told to end: the run is being torn down"):
        act(torn, how)
    assert sent(engine.place) == [] and engine.said == []


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_was_noted_and_not_sent_is_taken_back_before_anything_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    engine = Watched(found(tmp_path))
    torn = platform(engine)
    acts, note = cast(Any, torn._up).actions, found_state.note_ending

    def closing(*given: Any) -> None:
        note(*given)
        acts.close()
        assert sent(engine.place) == [None, False]

    monkeypatch.setattr(found_state, "note_ending", closing)
    with pytest.raises(FaultNotSeen, match=r"replica-1 is not sent SIG(TERM|KILL): the run is being torn down"):
        act(torn, how)
    assert settle(engine, engine.place) == [] and engine.said == []


def test_what_cannot_be_confirmed_is_done_all_the_same(tmp_path: Path) -> None:
    class Gone(Watched):
        def kill(self, name: str, signal: str) -> None:
            super().kill(name, signal)
            self.place.unlink()

    engine = Gone(found(tmp_path))
    assert "exited with status 137" in platform(engine).stop("replica-1", 7.0)
    assert not engine.place.exists()


def test_nothing_is_killed_after_the_end_of_its_grace_once_the_run_is_being_torn_down(tmp_path: Path) -> None:
    waits, over = threading.Event(), threading.Event()

    class Draining(Watched):
        def kill(self, name: str, signal: str) -> None:
            self.said.append(signal)

        def wait_exit(self, name: str, _: float) -> int | None:
            waits.set()
            over.wait(10)
            return None

    engine = Draining(found(tmp_path))
    torn = platform(engine)
    failed: list[str] = []

    def stop() -> None:
        with pytest.raises(FaultNotSeen) as failure:
            torn.stop("replica-1", 7.0)
        failed.append(str(failure.value))

    thread = threading.Thread(target=stop)
    thread.start()
    assert waits.wait(10)
    up = cast(Any, torn._up)
    up.parts, up.deployment.found = {}, None
    engine.containers = engine.networks = lambda **_: []  # type: ignore[attr-defined]
    engine.volumes = lambda **_: {"Volumes": []}  # type: ignore[attr-defined]
    attach.leave(up, {})
    over.set()
    thread.join(10)
    assert engine.said == ["SIGTERM"]
    assert failed == ["replica-1 is not sent SIGKILL: the run is being torn down"]


def test_what_is_being_told_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    telling, told = threading.Event(), threading.Event()

    class Slow:
        def kill(self, *_: str) -> None:
            telling.set()
            told.wait(10)

        def wait_exit(self, *_: Any) -> int:
            return 0

    acts = ContainerActions(cast(Any, Slow()), cast(Any, Slow()), None)
    thread = threading.Thread(target=acts.stop, args=("replica-1", "a", "SIGTERM", 1.0, True))
    thread.start()
    assert telling.wait(10)
    closing = threading.Thread(target=acts.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    told.set()
    closing.join(10)
    thread.join(10)
    assert not closing.is_alive()
    # An engine that hangs does not hold it up.
    monkeypatch.setattr(actions, "_LANDING_S", 0.05)
    acts._sending = 1
    acts.close()
