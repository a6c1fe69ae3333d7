"""The journal's lines, byte for byte, and that none is ever torn, lost or written after a torn one."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import gevent
import pytest

from harness.errors import EnvironmentFailure
from harness.rundir import journal as journal_module
from harness.rundir.journal import Hasher, Journal

# Private names: `_file` is the journal's descriptor, turned to a full disk while the journal is open.


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal-1.jsonl")
    yield made
    made.close()


def test_the_lines_byte_for_byte(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "monotonic_ns", iter([10, 11, 13, 14]).__next__)
    assert journal.invoke({"c": 4, "w": "session", "k": "login", "p": "load", "key": "s1", "u": "café"}) == 0
    assert journal.invoke({}) == 1
    journal.complete(0, {"o": "ok", "cl": "ok", "st": 200}, 12)
    journal.event({"e": "lag", "ms": 0.5})
    journal.event({"e": "summary", "at": 9, "requests": 2})
    assert (
        journal.path.read_bytes()
        == (
            '{"e":"i","at":10,"n":0,"c":4,"w":"session","k":"login","p":"load","key":"s1","u":"café"}\n'
            '{"e":"i","at":11,"n":1}\n'
            '{"e":"c","at":12,"n":0,"o":"ok","cl":"ok","st":200}\n'
            '{"e":"lag","at":13,"ms":0.5}\n'
            '{"e":"summary","at":9,"requests":2}\n'
        ).encode()
    )
    assert (journal.invoked, journal.completed, journal.events) == (2, 1, 2)


def test_an_invoke_is_in_the_file_and_timed_before_it_returns(journal: Journal) -> None:
    before_ns = time.monotonic_ns()
    journal.invoke({"c": 1})
    after_ns = time.monotonic_ns()
    assert before_ns <= json.loads(journal.path.read_bytes())["at"] <= after_ns


def test_an_event_is_one_write(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []

    def write(file: int, data: bytes) -> int:
        writes.append(data)
        return len(data)

    monkeypatch.setattr(os, "write", write)
    n = journal.invoke({"c": 1, "long": "x" * 100_000})
    journal.complete(n, {"o": "ok"}, 5)
    assert [(line.count(b"\n"), line.endswith(b"\n")) for line in writes] == [(1, True), (1, True)]


def check_whole(journal: Journal, ops: int) -> None:
    lines = [json.loads(line) for line in journal.path.read_bytes().splitlines()]
    invoked = [line["n"] for line in lines if line["e"] == "i"]
    completed = [line["n"] for line in lines if line["e"] == "c"]
    assert sorted(invoked) == sorted(completed) == list(range(ops))
    for line in lines:
        assert line["x"] == str(line["c"]) * 500


def test_lines_of_a_hundred_greenlets_never_mix(journal: Journal) -> None:
    def run(client: int) -> None:
        for _ in range(20):
            record = {"c": client, "x": str(client) * 500}
            n = journal.invoke(record)
            gevent.sleep(0)
            journal.complete(n, record, 1)

    gevent.joinall([gevent.spawn(run, client) for client in range(100)], raise_error=True)
    check_whole(journal, 2000)


def test_lines_of_threads_never_mix(journal: Journal) -> None:
    def run(client: int) -> None:
        for _ in range(200):
            record = {"c": client, "x": str(client) * 500}
            journal.complete(journal.invoke(record), record, 1)

    threads = [threading.Thread(target=run, args=(client,)) for client in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_whole(journal, 1600)


def test_a_journal_is_never_continued(journal: Journal) -> None:
    with pytest.raises(EnvironmentFailure, match=r"journal-1\.jsonl: File exists; use a new run folder"):
        Journal(journal.path)


def test_a_full_disk_is_an_error_and_the_last_thing_written(journal: Journal) -> None:
    """A limit on the file's size behaves as a full disk: first a short write, then none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        journal.invoke({"c": 1})
        whole = journal.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 10, hard))
        with pytest.raises(EnvironmentFailure, match=r"only 10 of .* bytes .* free space"):
            journal.invoke({"c": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    with pytest.raises(EnvironmentFailure, match="only 10 of"):
        journal.complete(0, {"o": "ok"}, 5)
    assert journal.path.stat().st_size == whole + 10
    assert (journal.invoked, journal.completed) == (1, 0)


def test_no_space_names_the_file_and_the_remedy(journal: Journal) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._file)
    os.close(full)
    with pytest.raises(EnvironmentFailure, match=r"journal-1\.jsonl: No space left on device; check the free space"):
        journal.invoke({"c": 1})


def test_writing_after_close_raises(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(EnvironmentFailure, match="it was closed"):
        journal.invoke({"c": 1})


def test_fingerprints_are_keyed_hashes() -> None:
    hasher = Hasher(b"key of the run")
    expected = blake2b(b"secret", digest_size=12, key=b"key of the run").hexdigest()
    assert hasher.fingerprint("secret") == hasher.fingerprint(b"secret") == hasher.fingerprint("secret") == expected
    assert len(expected) == 24
    assert Hasher(b"another").fingerprint("secret") != expected
    assert hasher.fingerprint("café") == hasher.fingerprint("café".encode())
    assert hasher.fingerprint("\ud800")


@pytest.mark.parametrize("key", [b"", b"x" * 65])
def test_a_key_that_cannot_be_one_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        Hasher(key)
