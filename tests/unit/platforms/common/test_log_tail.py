from __future__ import annotations

from pathlib import Path

from harness.platforms.common.log_tail import tail


def test_the_tail_of_a_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 100_000 + b"\nlast\xff\n")
    assert tail(log, 1) == "last\N{REPLACEMENT CHARACTER}"
    assert len(tail(log)) < 17_000
    assert tail(tmp_path / "none") == ""
