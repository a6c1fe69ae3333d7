"""What dead runs left is found on every engine, by looking at the engines alone."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import main
from harness.errors import EnvironmentFailure
from harness.platforms.base import NotConfigured, Standing
from harness.platforms.common import scratch
from harness.platforms.memory.platform import MemoryPlatform
from harness.recovery import engines as looking
from harness.recovery.engines import Engines, Makers
from harness.recovery.recover import find, recover
from harness.run.liveness import hold


class Engine(MemoryPlatform):
    """An engine with things of runs on it; `alive` are those whose lease is fresh."""

    def __init__(self, things: dict[str, list[str]], alive: tuple[str, ...] = (), gone: str | None = None) -> None:
        super().__init__()
        self.things, self.alive, self.gone = things, alive, gone
        self.elsewhere: dict[str, str] = {}

    def runs(self) -> Mapping[str, Standing]:
        if self.gone:
            raise EnvironmentFailure(self.gone)
        return {run: self.elsewhere.get(run, run in self.alive) for run in self.things}

    def leftovers(self, run_id: str) -> list[str]:
        return self.things.get(run_id, [])

    def remove(self, run_id: str) -> list[str]:
        return [f"removed {thing}" for thing in self.things.pop(run_id, [])]

    def missing(self) -> list[str]:
        if self.gone:
            raise EnvironmentFailure(self.gone)
        return ["no room"] if self.alive else []


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "scratch", list)


def two(**more: Engine) -> Makers:
    made = {
        "one": Engine({"dead-000001": ["container a", "network b"], "living-000002": ["container c"]}),
        "two": Engine({"dead-000001": ["namespace d"], "leased-000003": ["namespace e"]}, alive=("leased-000003",)),
        **more,
    }
    return {name: (lambda each=each: each) for name, each in made.items()}


def folder(reports: Path, run: str, platform: str, *more: dict[str, object]) -> Path:
    place = reports / "kill" / run
    place.mkdir(parents=True)
    lines = [{"e": "declared", "at": 1, "run": run, "platform": platform}, *more]
    (place / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


def test_dead_runs_are_found_on_all_engines_and_removed_once(tmp_path: Path) -> None:
    makers = two()
    with hold("living-000002"):
        (left,) = find(tmp_path, None, looking.look(makers))
        assert (left.run, left.folder) == ("dead-000001", None)
        assert left.things == ["container a", "network b", "namespace d"]
        assert recover(tmp_path, None, looking.look(makers)) == [
            "run dead-000001: removed container a",
            "run dead-000001: removed network b",
            "run dead-000001: removed namespace d",
        ]
        assert recover(tmp_path, None, looking.look(makers)) == []
    (left,) = find(tmp_path, None, looking.look(makers))
    assert left.run == "living-000002"


def test_a_run_that_an_engine_knows_to_be_alive_is_not_touched(tmp_path: Path) -> None:
    makers = two()
    place = folder(tmp_path, "leased-000003", "two")
    assert find(tmp_path, "leased-000003", looking.look(makers)) == []
    assert len((place / "run.jsonl").read_text().splitlines()) == 1


def test_an_engine_that_is_gone_hides_nothing_of_the_others(tmp_path: Path) -> None:
    seen = looking.look(two(three=Engine({}, gone="no engine answers")))
    assert seen.unseen == {"three": "no engine answers"} and set(seen.there) == {"one", "two"}
    assert [left.run for left in find(tmp_path, "dead-000001", seen)] == ["dead-000001"]


def test_a_folder_that_cannot_be_read_hides_nothing_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "kill" / "other" / "run.jsonl").mkdir(parents=True)
    place = folder(tmp_path, "mine-000009", "one")
    makers = two()
    done = recover(tmp_path, None, looking.look(makers))
    (other,) = [text for text in done if "cannot be read" in text]
    assert "left alone" in other and str(tmp_path / "kill" / "other") in other and "be the user who owns it" in other
    assert f"run mine-000009: marked {place} as ended" in done and "run dead-000001: removed container a" in done
    assert [each.folder for each in find(tmp_path, None, looking.look(makers))] == [tmp_path / "kill" / "other"]


def test_the_lock_of_a_run_can_be_seen_by_every_user(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        with hold("mine-000009", folder(tmp_path, "mine-000009", "one")):
            assert stat.S_IMODE((tmp_path / "kill" / "mine-000009" / "lock").stat().st_mode) == 0o644
    finally:
        os.umask(mask)


def test_a_run_of_another_place_is_named_and_left_alone(tmp_path: Path) -> None:
    engine = Engine({"near-000008": ["container a"], "far-000009": ["container b"]})
    engine.elsewhere = {"far-000009": "it belongs to another host or container (x/1)"}
    place = folder(tmp_path, "far-000009", "one")
    seen = looking.look({"one": lambda: engine, "two": lambda: Engine({"far-000009": ["process c"]})})
    lines = [str(left) for left in find(tmp_path, None, seen)]
    assert lines == [
        f"run far-000009 in {place}: container b; process c; it belongs to another host or container (x/1)",
        "run near-000008: container a",
    ]
    for more in (["run near-000008: removed container a"], []):
        left = "run far-000009: left alone: container b; process c; it belongs to another host or container (x/1)"
        assert recover(tmp_path, None, seen) == [left, *more]
        seen = looking.look({"one": lambda: engine, "two": lambda: Engine({"far-000009": ["process c"]})})
    assert engine.things == {"far-000009": ["container b"]} and '"ended"' not in (place / "run.jsonl").read_text()


class Broken(Engine):
    """An engine whose answers nobody foresaw."""

    def __init__(self, *breaks: str) -> None:
        super().__init__({"dead-000001": ["thing x"]})
        self.breaks = breaks

    def _break(self, what: str) -> None:
        if what in self.breaks:
            raise ValueError("Expecting value")

    def runs(self) -> Mapping[str, Standing]:
        self._break("runs")
        return super().runs()

    def leftovers(self, run_id: str) -> list[str]:
        self._break("leftovers")
        return super().leftovers(run_id)

    def remove(self, run_id: str) -> list[str]:
        self._break("remove")
        return super().remove(run_id)

    def missing(self) -> list[str]:
        self._break("missing")
        return super().missing()


def test_an_engine_that_fails_as_nobody_foresaw_hides_nothing_of_the_others(tmp_path: Path) -> None:
    makers = two(three=Broken("runs", "missing"))
    seen = looking.look(makers)
    assert seen.unseen == {"three": "ValueError: Expecting value"}
    assert looking.missing(makers) == {"one": [], "two": ["no room"], "three": ["ValueError: Expecting value"]}
    assert len(recover(tmp_path, "dead-000001", seen)) == 3


def test_one_whose_sdk_cannot_even_be_made_hides_nothing_either() -> None:
    def unmade() -> Engine:
        raise ImportError("no such module")

    makers = {**two(), "three": unmade}
    assert looking.look(makers).unseen == looking_missing(makers) == {"three": "ImportError: no such module"}


def looking_missing(makers: Makers) -> dict[str, str]:
    return {name: said[0] for name, said in looking.missing(makers).items() if name == "three"}


def test_one_that_does_not_say_what_is_there_is_named_after_all_else_was_removed(tmp_path: Path) -> None:
    makers = two(three=Broken("leftovers", "remove"))
    with pytest.raises(EnvironmentFailure) as failure:
        recover(tmp_path, "dead-000001", looking.look(makers))
    said = str(failure.value)
    assert "three does not say what of it is there: ValueError: Expecting value" in said
    assert looking.look(makers).things("dead-000001") == [
        "three does not say what of it is there: ValueError: Expecting value"
    ]


def test_an_engine_that_nothing_leads_to_matters_only_to_a_run_that_was_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unused(Engine):
        def runs(self) -> Mapping[str, Standing]:
            raise NotConfigured("no cluster is configured. Set KUBECONFIG")

    look = looking.look

    def seen() -> Engines:
        return look({"one": lambda: Engine({}), "kubernetes": lambda: Unused({})})

    monkeypatch.setattr(looking, "look", seen)
    done = CliRunner().invoke(main, ["recover", "--reports", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, "nothing was left\n")
    folder(tmp_path, "over-000010", "kubernetes", {"e": "ended", "at": 2, "how": "complete"})
    assert recover(tmp_path, None, seen()) == []
    place = folder(tmp_path, "lost-000011", "kubernetes")
    done = CliRunner().invoke(main, ["recover", "--reports", str(tmp_path)])
    assert done.exit_code == 5 and "kubernetes cannot be looked at: no cluster is configured. Set KUBEC" in done.output
    assert '"ended"' not in (place / "run.jsonl").read_text()


def test_a_run_whose_engine_cannot_be_looked_at_is_not_called_recovered(tmp_path: Path) -> None:
    gone = Engine({}, gone="no engine answers")
    place = folder(tmp_path, "lost-000004", "three")
    makers = two(three=gone)
    with pytest.raises(
        EnvironmentFailure, match=r"(?s)lost-000004.*three cannot be looked at: no engine answers.*left"
    ):
        recover(tmp_path, "lost-000004", looking.look(makers))
    assert '"ended"' not in (place / "run.jsonl").read_text()
    gone.gone = None
    assert recover(tmp_path, "lost-000004", looking.look(makers)) == [f"run lost-000004: marked {place} as ended"]


class Attaching(Engine):
    """An engine on which targets run already."""

    def restore(self, found: Path) -> list[str]:
        if self.gone:
            raise EnvironmentFailure(self.gone)
        return [f"started {found.read_text()} again"]


def test_a_target_that_ran_before_is_brought_back_to_what_it_was(tmp_path: Path) -> None:
    place = folder(tmp_path, "attached-000006", "docker")
    (place / "found.json").write_text("replica-1")
    engine = Attaching({})
    seen = looking.look({"docker": lambda: engine, "other": lambda: Attaching({})})
    engine.gone = "it will not start"
    engine.things["attached-000006"] = ["container replica-9"]
    with pytest.raises(EnvironmentFailure, match="it will not start"):
        recover(tmp_path, None, seen)
    assert engine.things == {}, "what it did add goes all the same"
    engine.gone = None
    engine.things["attached-000006"] = ["container replica-9"]
    assert recover(tmp_path, None, seen) == [
        "run attached-000006: started replica-1 again",
        "run attached-000006: removed container replica-9",
        f"run attached-000006: marked {place} as ended",
    ]
    assert recover(tmp_path, None, seen) == []


def test_a_target_that_could_not_be_brought_back_at_the_end_is_tried_again(tmp_path: Path) -> None:
    place = folder(tmp_path, "attached-000007", "docker", {"e": "ended", "at": 2, "how": "environment"})
    seen = looking.look({"docker": lambda: Attaching({})})
    assert find(tmp_path, None, seen) == []
    (place / "found.json").write_text("replica-1")
    assert "run attached-000007: started replica-1 again" in recover(tmp_path, None, seen)
    assert recover(tmp_path, None, seen) == []


def test_an_ended_run_needs_no_engine(tmp_path: Path) -> None:
    folder(tmp_path, "over-000005", "three", {"e": "ended", "at": 2, "how": "complete"})
    assert find(tmp_path, "over-000005", looking.look(two(three=Engine({}, gone="off")))) == []


def test_what_is_no_run_of_ours_is_left_alone() -> None:
    seen = Engines({}, {"one": {"not a run!": False}}, {})
    assert seen.in_progress("not a run!")


def test_what_is_missing_is_told_by_platform() -> None:
    assert looking.missing(two(three=Engine({}, gone="no engine"))) == {
        "one": [],
        "two": ["no room"],
        "three": ["no engine"],
    }


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 0, "✓ one: works\n✗ two: does not work here\n    no room\n"),
        (["--platform", "two"], 5, "✗ two: does not work here\n    no room\n"),
        (["--platform", "one"], 0, "✓ one: works\n"),
        (
            ["--platform", "too"],
            2,
            "harness: --platform: 'too' is no platform; did you mean `two`? (valid: one, two)\n",
        ),
    ],
)
def test_the_doctor_says_what_works(
    arguments: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.api.PLATFORMS", two())
    done = CliRunner().invoke(main, ["doctor", *arguments])
    assert (done.exit_code, done.output) == (code, said)
    if code != 2:
        document = json.loads(CliRunner().invoke(main, ["doctor", *arguments, "--json"]).stdout)
        assert any(each["missing"] == ["no room"] for each in document.values()) == ("two" in said)


def test_recover_says_which_engine_it_could_not_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = looking.look({"three": lambda: Engine({}, gone="no engine answers\nsee its manual")})
    monkeypatch.setattr(looking, "look", lambda: seen)
    done = CliRunner().invoke(main, ["recover", "--reports", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, "nothing was left\n")
    assert done.stderr == "harness: three was not looked at: no engine answers\n"


def test_engines_are_asked_at_once_but_made_one_after_another() -> None:
    made: list[str] = []

    def maker(name: str) -> Engine:
        made.append(threading.current_thread().name)
        return Engine({name: []})

    makers: Makers = {name: (lambda name=name: maker(name)) for name in ("one", "two")}
    looking.look(makers)
    looking.missing(makers)
    # An SDK is imported as its platform is made: two at once may each meet the half-imported modules of the other.
    assert set(made) == {threading.current_thread().name} and len(made) == 4
