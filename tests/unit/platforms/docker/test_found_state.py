"""Containers of a project that ran before, which the run has told to end: none that drains is taken for restored."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.platforms.docker import found_state
from tests.support.docker_container import Engine, found, settle

# Private names: `_LOOK_S` is a wait, shortened.


def ending(life: str = "life 1", grace_s: float = 30, **more: bool) -> str:
    return json.dumps({"ending": "a", "started": life, "grace_s": grace_s, **more})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such.sock")
    monkeypatch.setattr(found_state, "_LOOK_S", 0)


def test_one_that_drains_is_started_again_once_it_has_ended(tmp_path: Path) -> None:
    engine, place = Engine(looks=4), found(tmp_path, ending(), ending(sent=True))
    assert settle(engine, place) == ["saw shop-a end, as it had been told to", "started shop-a again"]
    assert engine.said == ["start"] and not place.exists()
    assert settle(engine, place) == [] and engine.said == ["start"]


def test_one_that_outlasts_its_grace_is_killed_and_started_again(tmp_path: Path) -> None:
    engine = Engine(looks=1000)
    assert settle(engine, found(tmp_path, ending(grace_s=0))) == [
        "saw shop-a end, as it had been told to",
        "started shop-a again",
    ]
    assert engine.said == ["SIGKILL", "start"]


def test_one_that_is_frozen_is_thawed_to_hear_that_it_shall_end(tmp_path: Path) -> None:
    engine = Engine(looks=3, paused=True)
    assert settle(engine, found(tmp_path, ending(), ending(sent=True)))[0] == "thawed shop-a"
    assert engine.said == ["unpause", "start"]


def test_one_that_has_been_started_since_is_left_as_it_is(tmp_path: Path) -> None:
    engine = Engine(looks=1000)
    assert settle(engine, found(tmp_path, ending("life 0", grace_s=0))) == [] and engine.said == []


def test_one_that_may_not_have_been_told_to_end_is_told_and_given_its_grace(tmp_path: Path) -> None:
    engine = Engine(looks=6, paused=True)
    assert settle(engine, found(tmp_path, ending())) == [
        "thawed shop-a",
        "told shop-a to end by SIGQUIT, as the run was about to",
        "saw shop-a end, as it had been told to",
        "started shop-a again",
    ]
    assert engine.said == ["unpause", "SIGQUIT", "start"]


def test_the_grace_begins_when_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(found_state, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda _: None))

    class Late(Engine):
        def unpause(self, name: str) -> None:
            super().unpause(name)
            now[0] += 100

    engine = Late(looks=6, paused=True)
    assert len(settle(engine, found(tmp_path, ending()))) == 4 and "SIGKILL" not in engine.said


@pytest.mark.parametrize("grace_s", [0, 30])
def test_one_that_was_not_told_to_end_is_left_as_it_is(tmp_path: Path, grace_s: float) -> None:
    engine = Engine(looks=1000)
    taken_back = ending(grace_s=grace_s), ending(grace_s=grace_s, sent=False)
    assert settle(engine, found(tmp_path, *taken_back)) == [] and engine.said == []


def test_what_is_taken_back_takes_back_no_other_note(tmp_path: Path) -> None:
    engine = Engine(looks=6)
    lines = ending(), ending(sent=True), ending(grace_s=0), ending(grace_s=0, sent=False)
    assert len(settle(engine, found(tmp_path, *lines))) == 2 and engine.said == ["start"]


def test_a_torn_note_is_of_what_had_not_been_done(tmp_path: Path) -> None:
    engine = Engine(looks=1000)
    assert settle(engine, found(tmp_path, ending()[:-9])) == [] and engine.said == []
    engine = Engine(looks=1000)
    assert len(settle(engine, found(tmp_path, ending()[:-9], ending(grace_s=0)))) == 2
