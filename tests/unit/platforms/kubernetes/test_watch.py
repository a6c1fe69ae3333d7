"""What the API server's connections may do to those who watch: break off, or say nothing for good."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.platforms.kubernetes.api import Cluster
from harness.platforms.kubernetes.watch import LogFollower, PodWatch
from tests.support.api_server import Answer, Server, chunked, whole

# Private names: `_AGAIN_S` is a wait, shortened.


@pytest.fixture
def served() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def serve(*answers: Answer) -> Server:
        made.append(Server(*answers))
        return made[-1]

    yield serve
    for each in made:
        each.close()


def pods(*names: str) -> bytes:
    found = [{"metadata": {"name": name, "resourceVersion": "1"}} for name in names]
    return json.dumps({"metadata": {"resourceVersion": "1"}, "items": found}).encode()


def event(what: str, name: str) -> bytes:
    found = {"type": what, "object": {"metadata": {"name": name, "resourceVersion": "2"}}}
    return json.dumps(found).encode() + b"\n"


def eventually(holds: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.005)


class Heard:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def watch(self, cluster: Cluster) -> PodWatch:
        return PodWatch(cluster, "n", self.listed, lambda what, pod: self.told.append((what, pod["metadata"]["name"])))

    def listed(self, found: list[Any]) -> None:
        self.told.append([pod["metadata"]["name"] for pod in found])


HALF = event("MODIFIED", "b")[:30]


@pytest.mark.parametrize(
    "broken", [chunked(event("ADDED", "b"), HALF, cut=b"x"), chunked(event("ADDED", "b"), HALF)], ids=["cut", "ended"]
)
def test_a_watch_goes_on_after_half_an_event(
    served: Callable[..., Server], broken: Answer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("harness.platforms.kubernetes.watch._AGAIN_S", 0.01)
    heard, never = Heard(), threading.Event()
    server = served(whole(pods("a")), broken, whole(pods("a", "b")), lambda near, _: never.wait(20) and None)
    watch = heard.watch(server.cluster())
    watch.start()
    eventually(lambda: ["a", "b"] in heard.told, "what was missed is listed")
    assert heard.told == [["a"], ("ADDED", "b"), ["a", "b"]] and watch.lost() == (0.0, "")
    server.close()
    never.set()
    eventually(lambda: watch.lost()[0] > 0, "the loss of the cluster is told")
    assert "does not answer" in watch.lost()[1]
    watch.stop()


def test_a_watch_whose_news_nobody_can_take_is_lost(served: Callable[..., Server], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("harness.platforms.kubernetes.watch._AGAIN_S", 0.01)
    heard = Heard()
    monkeypatch.setattr(heard, "listed", lambda found: found[0]["spec"])
    server = served(whole(pods("a")))
    watch = heard.watch(server.cluster())
    watch.start()
    eventually(lambda: watch.lost()[0] > 0.2, "for as long as it lasts, although the cluster answers")
    assert watch.lost()[1] == "KeyError: 'spec'"
    watch.stop()


def test_half_a_line_is_only_told_where_the_answer_has_ended(served: Callable[..., Server], tmp_path: Path):
    lines = list(served(chunked(b"one\ntwo\nthr", cut=b"e")).cluster().stream("/x", {}))
    assert lines == [b"one", b"two"]
    assert list(served(chunked(b"one\ntw", b"o\nlast")).cluster().stream("/x", {})) == [b"one", b"two", b"last"]
    LogFollower(served(chunked(b"up\nlast words")).cluster(), "n", "p", "c", tmp_path / "log").close(20)
    assert (tmp_path / "log").read_bytes() == b"up\nlast words\n"
