"""The small parts of a run: shares, arrivals, records, scrubbing, scraping, signals, what is shown, what is proved."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import rundir
from harness.cli.console import Progress, summary
from harness.contract.catalogue import Defect
from harness.contract.model import Contract, Metrics
from harness.errors import EnvironmentFailure, FaultNotSeen, HarnessError, Interrupted, UsageError
from harness.load.arrivals import arrivals
from harness.load.settings import AgentSettings, shares
from harness.placeholders import own_secrets, secret
from harness.platforms.base import Member
from harness.prove.prover import Finding, Prover, Trial, trials_for
from harness.redact import redact_files
from harness.reference.listing import first_sentence
from harness.run.events import (
    AgentStatus,
    CountsScraped,
    MembersReady,
    PhaseBegun,
    ProblemFound,
)
from harness.run.service_metrics import Scraper, counts
from harness.signals import Stoppable, uninterrupted
from tests.support.service import CONTRACT

# -- shares and arrivals


def test_shares():
    assert shares({"a": 4, "b": 3, "c": 2, "d": 1}, 40) == {"a": 16, "b": 12, "c": 8, "d": 4}
    assert shares({"a": 1, "b": 1, "c": 1}, 10) == {"a": 3, "b": 3, "c": 4}
    assert shares({"a": 100, "b": 1}, 10) == {"a": 9, "b": 1}, "nobody with a weight is left out"
    assert shares({"a": 1, "b": 0}, 5) == {"a": 5}
    assert shares({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 1}


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.001, 1000) | st.integers(1, 9), min_size=1),
    st.integers(1, 500),
)
def test_shares_add_up_and_follow_the_weights(weights: dict[str, float], total: int):
    found = shares(weights, total)
    assert set(found) == set(weights)
    assert min(found.values()) >= 1
    assert sum(found.values()) == max(total, len(weights))
    assert all(found[a] >= found[b] - 1 for a in weights for b in weights if weights[a] >= weights[b])
    assert shares(weights, total) == found


@given(st.floats(0.5, 300), st.floats(0.1, 20), st.integers(0, 2**40))
def test_arrivals_ascend_within_the_load_and_are_fixed_by_the_seed(rate: float, duration: float, seed: int):
    times = list(arrivals(rate, duration, seed))
    assert times == sorted(times) == list(arrivals(rate, duration, seed))
    assert all(0 < at < duration for at in times)
    # Six standard deviations of a Poisson number, so that this fails for a wrong rate and not by chance.
    assert abs(len(times) - rate * duration) <= 6 * (rate * duration) ** 0.5 + 6


def test_other_seeds_arrive_otherwise():
    assert list(arrivals(50, 5, 1)) != list(arrivals(50, 5, 2))


def test_settings_go_to_an_agent_and_arrive_whole():
    contract = Contract.model_validate(CONTRACT)
    made = AgentSettings(
        agent=1, seed=2, journal="j", master="00", contract=contract, users=[("a", "b")], balancer=("h", 1), hop=True,
        clients={"session/hop": 3}, rate_per_s=None, duration_s=1, think_s=(0, 1), timeout_s=2,
    )  # fmt: skip
    assert AgentSettings.model_validate_json(made.model_dump_json(by_alias=True)) == made


# -- the run folder


def test_a_record_is_one_line_an_event(tmp_path: Path):
    record = rundir.Record(tmp_path / "run.jsonl")
    assert record.write("a", 5, text="x\ny") == 5
    assert record.write("b") > 5
    record.close()
    record.close()
    lines = [orjson.loads(line) for line in (tmp_path / "run.jsonl").read_bytes().splitlines()]
    assert lines[0] == {"e": "a", "at": 5, "text": "x\ny"}
    assert [event["e"] for event in rundir.events(tmp_path / "run.jsonl")] == ["a", "b"]
    rundir.Record(tmp_path / "run.jsonl").write("c")
    assert len(rundir.events(tmp_path / "run.jsonl")) == 3, "a record goes on, it never begins again"


def test_a_full_disk_is_said():
    record = rundir.Record(Path("/dev/full"))
    with pytest.raises(EnvironmentFailure, match=r"/dev/full: cannot be written: .*Free some space"):
        record.write("a")


def test_events_of_damaged_and_missing_files(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"e":"a","at":1}\n[1]\n\nnull\n{"e":"b"}\n{"e":"c","at":2}\r\n\xff\n{"e":"d"')
    assert rundir.events(path) == [{"e": "a", "at": 1}, {"e": "c", "at": 2}]
    assert rundir.events(tmp_path / "none") == []


def test_each_run_has_a_folder_of_its_own_and_latest_is_the_newest(tmp_path: Path):
    made = [rundir.create(tmp_path / "reports", "kill") for _ in range(3)]
    assert len(set(made)) == 3
    assert all((folder / "logs").is_dir() for folder in made)
    assert (tmp_path / "reports/kill/latest").resolve() == made[-1].resolve()
    assert {path.name for path in made[0].parent.iterdir()} == {"latest", *(folder.name for folder in made)}


def test_a_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(EnvironmentFailure, match=r"cannot be made: .*Choose another with --reports"):
        rundir.create(tmp_path / "reports", "kill")


def test_require(tmp_path: Path):
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="reports/<scenario>/"):
            rundir.require(place)
    (tmp_path / "run.jsonl").touch()
    assert rundir.require(tmp_path) == tmp_path


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    path = tmp_path / "results.json"
    rundir.write_whole(path, b"one")
    with path.open("rb") as reader:
        rundir.write_whole(path, b"two")
        assert reader.read() == b"one"
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]
    with pytest.raises(EnvironmentFailure, match="cannot be written"):
        rundir.write_whole(tmp_path / "none" / "x", b"")


# -- scrubbing

MASTER = bytes(range(32))
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("line", "scrubbed"),
    [
        (f"got {JWT} from ann", "got [masked] from ann"),
        (f"unsigned {JWT.rpartition('.')[0]}. next", "unsigned [masked] next"),
        ("Authorization: Bearer abcdefgh12345 end", "Authorization: [masked] end"),
        ("authorization: basic YW5uOnNlY3JldA== end", "authorization: [masked] end"),
        ('{"username": "ann", "password": "hunter22"}', '{"username": "ann", "[masked]"}'),
        ("{'password': 'hunter22', 'x': 1}", "{'[masked]', 'x': 1}"),
        (r'{"body": "{\"password\": \"hunter22\"}"}', r'{"body": "{\"[masked]\"}"}'),
        ("POST user=ann&password=hunter22&x=1", "POST user=ann&[masked]&x=1"),
        ("refresh_token=0123abcd api-key: k3y-k3y", "[masked] [masked]"),
        (f"secret of the run {secret(MASTER, 'jwt')}!", "secret of the run [masked]!"),
    ],
)
def test_secrets_are_taken_out_of_logs(tmp_path: Path, line: str, scrubbed: str):
    path = tmp_path / "replica-1.log"
    path.write_text(f"before\n{line}\nafter\n", encoding="utf-8")
    assert redact_files(tmp_path.glob("*.log"), own_secrets(CONTRACT, MASTER)) == 1
    assert path.read_text(encoding="utf-8") == f"before\n{scrubbed}\nafter\n"


def test_a_log_without_secrets_is_left_alone(tmp_path: Path):
    path = tmp_path / "replica-1.log"
    path.write_bytes(b"\xff\x00 GET /api/status/1 200 token refused, eyJ, password wrong\n")
    before = path.stat()
    assert redact_files(tmp_path.glob("*.log"), own_secrets(CONTRACT, MASTER)) == 0
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize(
    ("line", "scrubbed"),
    [
        ("seen pw-0123456789abcdefseen: ann", "seen [masked]seen: ann"),
        ("0.7pw-0123456789abcdef.pw-0123456789abcdefghi", "0.7[masked].[masked]"),
        (
            "pw-0123456789abcdex0pw-0123456789abcdeg pythonic python",
            "pw-0123456789abcdex0pw-0123456789abcdeg pythonic [masked]",
        ),
    ],
)
def test_known_secrets_are_taken_out_of_lines_that_ran_into_each_other(tmp_path: Path, line: str, scrubbed: str):
    known = {"pw-0123456789abcdef", "pw-0123456789abcdefghi", "python"}
    path = tmp_path / "replica-1.log"
    path.write_text(line, encoding="utf-8")
    assert redact_files([path], known | own_secrets(CONTRACT, MASTER)) == 1
    assert path.read_text(encoding="utf-8") == scrubbed


# -- scraping

EXPOSITION = """\
# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/profile",status="200"} 7.0
http_requests_total{method="GET",route="/profile",status="401"} 2
http_requests_total{route="/pay\\"ment",x="}"} 1e3
http_requests_total{route="/other"} 5
http_requests_total{route="/status/{id}",x="1"} 4
http_requests_total_created{route="/profile"} 1.7e9
http_requests_total{method="GET"} 9
"""


def test_counts_of_an_exposition():
    metrics = Metrics(counter="http_requests_total", routes=["/profile", "/never", "/status/{id}"])
    assert counts(EXPOSITION, metrics) == {"/profile": 9.0, "/never": 0.0, "/status/{id}": 4.0}
    metrics = Metrics(counter="http_requests_total", routes=["/profile", "/never"])
    assert counts("", metrics) == {"/profile": 0.0, "/never": 0.0}
    assert counts("x <html> {", metrics) == {"/profile": 0.0, "/never": 0.0}


def test_only_ready_replicas_are_scraped_and_the_dead_are_left_out():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("X-Boot", "boot-9")
            self.end_headers()
            self.wfile.write(EXPOSITION.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    port = server.server_address[1]
    members = [
        Member("replica-1", "replica", "127.0.0.1", port, "boot-9", "ready"),
        Member("replica-2", "replica", "127.0.0.1", port, None, "unready"),
        Member("replica-3", "replica", "127.0.0.1", 1, None, "ready"),
        Member("worker-1", "worker", "127.0.0.1", None, None, "ready"),
    ]
    told: list[CountsScraped] = []
    made = Scraper(Metrics(counter="http_requests_total", routes=["/profile"]), told.append, lambda: members, "X-Boot")
    made.once()
    made.stop()
    made.stop()
    server.shutdown()
    server.server_close()
    thread.join()
    (found,) = told
    assert (found.replica, found.boot, found.series) == ("replica-1", "boot-9", {"/profile": 9.0})
    assert found.asked_ns < found.at_ns


# -- signals


def test_the_first_signal_interrupts_the_armed_and_the_second_is_answered():
    said: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    with Stoppable(said.append) as stoppable:
        with pytest.raises(Interrupted, match="interrupted by SIGTERM; it was healed"), stoppable.armed():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert said == [
        "SIGTERM: healing, cleaning up and reporting first",
        "still healing and cleaning up; `harness recover` does it after a kill",
    ]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("becomes", [None, EnvironmentFailure("the engine does not answer: interrupted")])
def test_a_signal_that_somebody_takes_for_another_error_interrupts_all_the_same(becomes: EnvironmentFailure | None):
    with (
        Stoppable(lambda text: None) as stoppable,
        pytest.raises(Interrupted, match="interrupted by SIGINT; it was healed"),
        stoppable.armed(),
    ):
        try:
            signal.raise_signal(signal.SIGINT)
        except Exception as error:
            if becomes:
                raise becomes from error


def test_a_signal_before_and_after_the_run_interrupts_nothing_midway():
    with Stoppable(lambda text: None) as stoppable:
        with stoppable.armed():
            pass
        signal.raise_signal(signal.SIGINT)
        reached = []
        with pytest.raises(Interrupted, match="before the run began"), stoppable.armed():
            reached.append(1)
        assert reached == []


def test_a_signal_is_not_kept_when_an_error_leaves_what_must_not_be_interrupted():
    with (
        Stoppable(lambda text: None) as stoppable,
        pytest.raises(Interrupted, match="interrupted by SIGINT"),
        stoppable.armed(),
        uninterrupted(),
    ):
        signal.raise_signal(signal.SIGINT)
        raise EnvironmentFailure("the disk is full")
    with uninterrupted():
        """Would raise here, in the midst of the cleaning up."""


def test_after_the_last_run_of_a_process_signals_change_its_answer_no_more():
    last = (
        "import signal\n"
        "from harness.signals import SIGNALS, Stoppable\n"
        "with Stoppable(print, last=True): pass\n"
        "for number in SIGNALS: signal.raise_signal(number)\n"
        "raise SystemExit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", last], timeout=60).returncode == 3


def test_other_threads_install_no_handlers():
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def other() -> None:
        with Stoppable(lambda text: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before]


# -- what is shown

RESULTS: dict[str, Any] = {
    "verdict": "invalid",
    "title": "Kill [bold]everything[/bold]",
    "ops": {"total": 12345, "ok": 12000, "fail": 300, "info": 45, "reached": 12300, "dropped": 7},
    "faults": [{"landed_s": 1.0}, {"landed_s": None}],
    "checks": [
        {
            "name": "session",
            "verdict": "invalid",
            "reason": "a reason",
            "examined": {"sessions_seen": 1234},
            "witnesses": [{"rule": "lost", "text": "s-1 [red]was lost"}] * 3,
        }
    ],
    "slos": [
        {"name": "availability", "measured": 0.9, "threshold": 0.95, "unit": "share", "met": False, "text": "9 of 10"},
        {"name": "recovery_s", "measured": 1.0, "threshold": 5.0, "unit": "s", "met": True, "text": "after fault 1"},
        {"met": None, "text": "latency unknown"},
    ],
    "reasons": ["too little"],
    "seed": 7,
    "repeat": "harness run x --seed 7",
}


def test_the_summary_says_all_that_is_needed_in_plain_text(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    summary(RESULTS, "reports/x/report.html", out)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue(), "a file is no terminal, whatever FORCE_COLOR says"
    assert [line.strip() for line in lines if line.strip()] == [
        "INVALID  Kill [bold]everything[/bold]",
        "12,345 ops (12,000 ok, 300 fail, 45 info), 12,300 reached a replica, 7 arrivals dropped; 1 of 2 faults landed",
        "invalid session      1,234 sessions seen",
        "a reason",
        "lost: s-1 [red]was lost",
        "lost: s-1 [red]was lost",
        "MISSED  availability 0.9 share, 0.95 wanted: 9 of 10",
        "met     recovery_s   1 s, 5 wanted: after fault 1",
        "! too little",
        "seed    7",
        "report  reports/x/report.html",
        "repeat  harness run x --seed 7",
    ]


def test_progress_is_one_line_an_event_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    with Progress(out) as progress:
        progress(PhaseBegun("deploy"))
        progress(AgentStatus(0, {"ops": 5}))
        progress(MembersReady(3, 0))
        progress(ProblemFound("environment", "[red]replica-1 died " + "x" * 200))
    lines = out.getvalue().splitlines()
    assert [line.partition(" s ")[2] for line in lines] == ["▸ deploying", "! [red]replica-1 died " + "x" * 200]
    assert "\x1b" not in out.getvalue()


def test_quiet_is_quiet():
    out = io.StringIO()
    with Progress(out, quiet=True) as progress:
        progress(ProblemFound("environment", "x"))
    assert out.getvalue() == ""


def test_the_live_view_shows_counters_and_leaves_problems_behind():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with Progress(out) as progress:
        progress(PhaseBegun("load"))
        progress(AgentStatus(0, {"ops": 1000, "info": 3}))
        progress(AgentStatus(1, {"ops": 234, "info": 1}))
        progress(MembersReady(3, 2))
        progress(ProblemFound("environment", "replica-1 died"))
    shown = out.getvalue()
    assert "1,234" in shown
    assert "3 replicas, 2 workers ready" in shown
    assert "replica-1 died" in shown.splitlines()[-1], "what went wrong stays when the live view is gone"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kill: what it\ndoes. More.\n\nNot this: x", "what it does. More."),
        ("No name", "No name"),
        ("", ""),
        (None, ""),
    ],
)
def test_first_sentence(text: str | None, sentence: str):
    assert first_sentence(text) == sentence


# -- errors and negative controls


def test_exit_codes_of_errors():
    expected = {UsageError: 2, EnvironmentFailure: 5, FaultNotSeen: 5, Interrupted: 130, HarnessError: 5}
    assert {kind: kind("x").exit_code for kind in expected} == expected
    assert str(UsageError("head", ["a", "b"])) == "head\n  a\n  b"


def defect(name: str, scenario: str = "a.yaml", check: str = "session") -> Defect:
    return Defect(name=name, title="t", what="w", seen_in="s", scenario=scenario, check=check)


def test_trials():
    one, two, three = defect("one"), defect("two", "b.yaml"), defect("three")
    assert trials_for([one, two, three], 2, 5) == [
        *(Trial(each.scenario, each, 5) for each in (one, two, three)),
        *(Trial(each.scenario, each, 6) for each in (one, two, three)),
        *(Trial(name, None, seed) for seed in (5, 6) for name in ("a.yaml", "b.yaml")),
    ]
    assert trials_for([one], 1, 1, clean=False) == [Trial("a.yaml", one, 1)]


@pytest.mark.parametrize(
    ("seeded", "verdict", "by", "code", "right"),
    [
        (True, "invalid", ["session"], 1, True),
        (True, "invalid", ["job", "session"], 1, True),
        (True, "invalid", ["job"], 1, False),
        (True, "invalid", ["session"], 130, False),
        (True, "unknown", ["session"], 4, False),
        (True, "valid", [], 0, False),
        (False, "valid", [], 0, True),
        (False, "valid", [], 3, False),
        (False, "unknown", [], 4, False),
        (False, "invalid", ["session"], 1, False),
    ],
)
def test_a_finding_is_right_only_by_its_own_check(seeded: bool, verdict: str, by: list[str], code: int, right: bool):
    finding = Finding(Trial("a.yaml", defect("one") if seeded else None, 1), verdict, by, code, 1.0, "f")
    assert finding.right is right


def test_what_a_run_printed_is_understood():
    trial = Trial("a.yaml", defect("one"), 1)
    output = {
        "verdict": "invalid",
        "checks": [
            {"name": "a", "verdict": "valid", "detected": None},
            {"name": "session", "verdict": "invalid", "detected": {"at_s": 0.5, "ops": 9}},
        ],
    }
    found = Prover._understand(trial, 1, json.dumps(output).encode(), b"", 7.06)
    assert (found.by, found.exit_code, found.seconds, found.right) == (["session"], 1, 7.1, True)
    assert found.detected == {"session": {"at_s": 0.5, "ops": 9}}
    with pytest.raises(
        EnvironmentFailure, match=r"a.yaml: the run ended with 5 and no result: store \S+ did not start"
    ):
        Prover._understand(trial, 5, b"", b"store \xff did not start", 1)


def test_a_stopped_prover_starts_nothing(tmp_path: Path):
    prover = Prover(tmp_path, tmp_path, 1)
    prover.stop()
    heard: list[Finding] = []
    with contextlib.chdir(tmp_path):
        assert prover.prove([Trial("a.yaml", None, 1)], heard.append) == []
    assert heard == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208
