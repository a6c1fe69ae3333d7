"""Programs: which one is chosen."""

from __future__ import annotations

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common import binaries


def test_a_program_is_chosen_by_variable_then_package_then_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> str:
        raise FileNotFoundError

    monkeypatch.delenv("HARNESS_X", raising=False)
    assert binaries.find("shell", "HARNESS_X", lambda: "/packaged", ["sh"]) == "/packaged"
    assert binaries.find("shell", "HARNESS_X", nothing, ["no-such", "sh"]).endswith("/sh")
    with pytest.raises(EnvironmentFailure, match="no shell fits this machine: install no-such, or set HARNESS_X"):
        binaries.find("shell", "HARNESS_X", nothing, ["no-such"])
    monkeypatch.setenv("HARNESS_X", "sh")
    assert binaries.find("shell", "HARNESS_X", lambda: "/packaged", []).endswith("/sh")
    monkeypatch.setenv("HARNESS_X", "/no/such")
    with pytest.raises(EnvironmentFailure, match="HARNESS_X=/no/such: no such program"):
        binaries.find("shell", "HARNESS_X", lambda: "/packaged", [])
