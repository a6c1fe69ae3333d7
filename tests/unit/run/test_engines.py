"""What dead runs left is found on every engine, by looking at the engines alone."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import engines as looking
from harness.cli import main
from harness.engines import Engines, Makers
from harness.errors import EnvironmentFailure
from harness.platforms import remains
from harness.platforms.memory import MemoryPlatform
from harness.recover import Lease, find, hold, recover


class Engine(MemoryPlatform):
    """An engine with things of runs on it; `alive` are those whose lease is fresh."""

    def __init__(self, things: dict[str, list[str]], alive: tuple[str, ...] = (), gone: str | None = None) -> None:
        super().__init__()
        self.things, self.alive, self.gone = things, alive, gone

    def runs(self) -> dict[str, bool]:
        if self.gone:
            raise EnvironmentFailure(self.gone)
        return {run: run in self.alive for run in self.things}

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
    monkeypatch.setattr(remains, "scratch", list)


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

    capabilities = frozenset({"attach"})

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
    with pytest.raises(EnvironmentFailure, match="it will not start"):
        recover(tmp_path, None, seen)
    engine.gone = None
    assert recover(tmp_path, None, seen) == [
        "run attached-000006: started replica-1 again",
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


def test_a_lease_is_renewed_and_its_failure_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.recover._RENEWED_S", 0.01)
    kept, told = threading.Semaphore(0), []

    class Deaf(MemoryPlatform):
        def keep(self) -> None:
            kept.release()
            raise EnvironmentFailure("no answer")

    with Lease(Deaf(), told.append):
        assert all(kept.acquire(timeout=5) for _ in range(8))
    assert told == ["the engine cannot be told that the run goes on: no answer"]


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
    monkeypatch.setattr("harness.entry.PLATFORMS", two())
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
