"""The balancer of the process platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.process.haproxy import Balancer

# Private names: `_say` writes to the admin socket of a balancer: what is said is looked at, and no balancer runs.


def test_an_admin_socket_with_too_long_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="TMPDIR"):
        Balancer(tmp_path / ("x" * 90), 1, "/ready")


def test_the_balancer_is_sticky_only_when_a_run_seeds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Balancer, "_say", lambda self, line: said.append(line) or "New server registered.")
    for cookie in (None, "SERVER"):
        made = Balancer(tmp_path, 1, "/ready", cookie)
        made.command()
        made.add("replica-1", 2)
        assert ("cookie SERVER insert" in (tmp_path / "haproxy.cfg").read_text()) == (cookie is not None)
    assert [line.endswith(" cookie replica-1") for line in said if line.startswith("add server")] == [False, True]
