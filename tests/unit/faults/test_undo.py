"""The undo log: one record, one way to carry it out, by the nemesis and by `harness recover`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFailure
from harness.faults import FAULTS, Cut, Fault, Pause, Scale, nemesis
from harness.faults.base import Lasting
from harness.faults.undo import BringBack, Mend, Nothing, Thaw, Undo, UndoLog, in_order, read_undo, still_open
from harness.platforms.memory.platform import RUNS, MemoryPlatform, Target
from harness.recovery import abandoned
from harness.recovery import engines as looking
from harness.recovery.recover import recover
from harness.rundir.faults import FaultRecord, read
from tests.support.fault_stage import Stage, eventually, staged

PARAMETERS: dict[str, dict[str, Any]] = {"pause": {"for": 60}, "cut": {"for": 60}, "scale": {"to": 2}}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = staged(tmp_path, 3)
    yield made
    made.supervisor.stop()
    made.platform.remove("nemesis-test")


# -- the record


@pytest.mark.parametrize(
    "undo", [Nothing(), Thaw("replica-1"), Thaw("a", "id"), Mend("b", "id"), BringBack("worker", 3)]
)
def test_what_is_written_is_read(undo: Undo) -> None:
    assert read_undo(json.loads(json.dumps(undo.record()))) == undo


def test_the_record_of_an_older_harness_is_read() -> None:
    assert read_undo({"do": "resume", "target": "replica-1"}) == Thaw("replica-1")
    assert read_undo({"do": "scale", "role": "replica", "to": 3}) == BringBack("replica", 3)
    assert read_undo(None) == Nothing()


@pytest.mark.parametrize("record", [{"do": "explode"}, {"do": "resume"}, {"do": "resume", "target": 7}, [], {}])
def test_an_action_that_nobody_knows_is_not_taken_for_none(record: object) -> None:
    with pytest.raises(ValueError, match="unknown undo action"):
        read_undo(record)


def test_what_is_open_is_found_in_a_torn_record(tmp_path: Path) -> None:
    record = FaultRecord(tmp_path / "faults.jsonl")
    undos: list[Undo] = [
        Thaw("replica-1"),
        Thaw("replica-2"),
        Nothing(),
        BringBack("replica", 3),
        BringBack("worker", 1),
    ]
    for number, undo in enumerate(undos, 1):
        record.write("intent", number, target="replica-1", undo=undo.record())
    for number in (1, 4, 5):
        record.write("healed", number, how="seen")
    record.write("undone", 5, how="seen")
    record.close()
    with (tmp_path / "faults.jsonl").open("ab") as file:
        file.write(b'{"e":"healed","fault":2')
    # A number that was changed is brought back when the run heals, not when its fault is over.
    assert still_open(read(tmp_path / "faults.jsonl")) == {2: Thaw("replica-2"), 4: BringBack("replica", 3)}
    assert still_open(read(tmp_path / "none")) == {}


def test_of_several_changes_of_a_number_the_first_knows_what_was_there() -> None:
    actions: dict[int, Undo] = {1: BringBack("replica", 3), 2: Thaw("x"), 3: BringBack("replica", 5)}
    assert in_order(actions) == [([2], Thaw("x")), ([1, 3], BringBack("replica", 3))]


# -- by the nemesis


def test_the_log_alone_undoes_a_run_that_heals(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither do faults heal themselves, nor does a tear-down remove anything."""
    over = threading.Event()

    def forgets(self: Fault, context: Any) -> str:
        over.wait(10)
        raise RuntimeError("this fault has no way to heal")

    monkeypatch.setattr(Lasting, "heal", forgets)
    nemesis = stage.nemesis(Pause(at=0, for_s=60), Cut(at=0, for_s=60), Scale(at=0, to=5))
    eventually(lambda: all("landed" in stage.events(n) for n in (1, 2, 3)))
    frozen, cut = (stage.lines(n)[0]["target"] for n in (1, 2))
    assert stage.state(frozen) == "paused" and RUNS["nemesis-test"].cut == {cut}
    over.set()
    assert nemesis.heal_all() == []
    assert len(stage.supervisor.ready("replica")) == 3 and RUNS["nemesis-test"].cut == set()
    assert "paused" not in {m.state for m in stage.platform.members()}
    assert [stage.events(n)[-1] for n in (1, 2, 3)] == ["undone"] * 3
    assert still_open(read(stage.folder / "faults.jsonl")) == {}


def test_a_fault_that_forgets_to_heal_is_healed_by_the_log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lasting, "heal", lambda self, context: "nothing was done")
    stage.nemesis(Pause(at=0))
    eventually(lambda: stage.events()[-1:] == ["healed"])
    assert "unready" in stage.lines()[-1]["how"]


def test_a_freeze_that_lands_after_it_was_undone_is_undone_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, hangs, pause = threading.Event(), threading.Event(), MemoryPlatform.pause

    def slow(self: MemoryPlatform, name: str) -> str:
        begun.set()
        hangs.wait(10)
        return pause(self, name)

    def undone(self: UndoLog, number: int, how: str) -> None:
        close(self, number, how)
        hangs.set()

    close = UndoLog.close
    monkeypatch.setattr(MemoryPlatform, "pause", slow)
    monkeypatch.setattr(UndoLog, "close", undone)
    # `_THAW_S`: a run waits seconds for a fault to undo itself; this fault cannot before the log has.
    monkeypatch.setattr(nemesis, "_THAW_S", 0.1)
    running = stage.nemesis(Pause(at=0, for_s=60))
    assert begun.wait(10)
    assert running.heal_all() == []
    assert stage.events() == ["intent", "injected", "undone", "landed", "healed"]
    assert "paused" not in {m.state for m in stage.platform.members()}


def test_what_is_open_of_a_member_that_died_is_moot(stage: Stage) -> None:
    nemesis = stage.nemesis(Cut(at=0, for_s=60))
    eventually(lambda: "landed" in stage.events())
    stage.platform.crash(stage.lines()[0]["target"])
    assert nemesis.heal_all() == []
    assert stage.lines()[-1]["e"] == "undone" and stage.lines()[-1]["how"] == "its member is dead"


# -- by `harness recover`


class Died(BaseException):
    """The harness is killed: nothing of it runs on."""


def die_at(monkeypatch: pytest.MonkeyPatch, event: str) -> threading.Event:
    """End the thread of the nemesis as it writes this event; `injected` is on disk by then, `landed` is not."""
    dead, write = threading.Event(), FaultRecord.write

    def dying(self: FaultRecord, what: str, fault: int, **members: Any) -> None:
        if what == event != "landed":
            write(self, what, fault, **members)
        if what == event:
            dead.set()
            raise Died
        write(self, what, fault, **members)

    monkeypatch.setattr(FaultRecord, "write", dying)
    return dead


def states(left: Target) -> list[str]:
    return [left.state(name) for name in left.living]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("removal", [True, False], ids=["whole", "by-the-log-alone"])
@pytest.mark.parametrize("event", ["injected", "landed"])
@pytest.mark.parametrize("kind", FAULTS)
def test_recover_carries_out_the_record_of_a_harness_that_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, event: str, removal: bool
) -> None:
    folder = tmp_path / "kill" / "1"
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text('{"e":"declared","at":1,"run":"nemesis-test","platform":"memory"}\n')
    stage = staged(folder, 3)
    with monkeypatch.context() as dying:
        dead = die_at(dying, event)
        stage.nemesis(FAULTS[kind].model_validate({"kind": kind, "at": 0, **PARAMETERS.get(kind, {})}))
        assert dead.wait(10)
        stage.supervisor.stop()
    left = RUNS["nemesis-test"]
    if event == "landed":
        assert ("paused" in states(left)) == (kind == "pause") and bool(left.cut) == (kind == "cut")
    if not removal:
        monkeypatch.setattr(MemoryPlatform, "remove", lambda self, run_id: [])
    done = recover(tmp_path, "nemesis-test", looking.look({"memory": MemoryPlatform}))
    says = [line for line in done if "fault 1 undone" in line]
    assert len(says) == (kind in ("pause", "cut", "scale"))
    assert still_open(read(folder / "faults.jsonl")) == {}
    assert "paused" not in states(left) and left.cut == set()
    if kind == "scale":
        assert len([name for name in left.living if name.startswith("replica")]) == 3
    assert ("nemesis-test" in RUNS) is not removal
    RUNS.pop("nemesis-test", None)


def test_what_cannot_be_undone_is_told_and_the_rest_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kill" / "1"
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text('{"e":"declared","at":1,"run":"nemesis-test","platform":"memory"}\n')
    stage = staged(folder, 2)
    stage.supervisor.stop()
    (folder / "faults.jsonl").write_text('{"e":"intent","at":1,"fault":1,"undo":{"do":"explode"}}\n')
    done = recover(tmp_path, "nemesis-test", looking.look({"memory": MemoryPlatform}))
    assert "unknown undo action {'do': 'explode'}" in done[0] and "not carried out" in done[0]
    assert "nemesis-test" not in RUNS


def test_an_engine_that_fails_as_nobody_foresaw_keeps_nothing_from_being_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kill" / "1"
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text('{"e":"declared","at":1,"run":"nemesis-test","platform":"memory"}\n')
    stage = staged(folder, 2)
    stage.supervisor.stop()
    undo = {"do": "resume", "target": "replica-1"}
    (folder / "faults.jsonl").write_text(json.dumps({"e": "intent", "at": 1, "fault": 1, "undo": undo}) + "\n")
    monkeypatch.setattr(MemoryPlatform, "thaw_left", lambda *_: {}["nobody foresaw"])
    done = recover(tmp_path, "nemesis-test", looking.look({"memory": MemoryPlatform}))
    assert done[0] == "run nemesis-test: fault 1 not thawed: KeyError: 'nobody foresaw'"
    assert "nemesis-test" not in RUNS
    assert "removed" in read(folder / "faults.jsonl")[-1]["how"]


@pytest.mark.parametrize("is_removed", [True, False])
def test_what_the_removal_undoes_is_noted_after_the_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    """The platform can do nothing for single members of a dead run."""
    folder = tmp_path / "kill" / "1"
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text('{"e":"declared","at":1,"run":"nemesis-test","platform":"memory"}\n')
    staged(folder, 2).supervisor.stop()
    undo = {"do": "scale", "role": "replica", "to": 3}
    # The harness was killed as it wrote the next line.
    (folder / "faults.jsonl").write_text(json.dumps({"e": "intent", "at": 1, "fault": 1, "undo": undo}) + '\n{"e":')
    monkeypatch.setattr(abandoned, "offered", lambda platform, ability: None)
    said = "run nemesis-test: fault 1: every replica goes with the run, or is brought back with the target"
    if is_removed:
        done = recover(tmp_path, "nemesis-test", looking.look({"memory": MemoryPlatform}))
        assert done[0].startswith(said)
        assert [line["e"] for line in read(folder / "faults.jsonl")] == ["intent", "undone"]
    else:
        monkeypatch.setattr(MemoryPlatform, "remove", lambda self, run_id: {}["engine is gone"])
        with pytest.raises(EnvironmentFailure, match="engine is gone"):
            recover(tmp_path, "nemesis-test", looking.look({"memory": MemoryPlatform}))
        assert still_open(read(folder / "faults.jsonl")) == {1: BringBack("replica", 3)}
        RUNS.pop("nemesis-test", None)
