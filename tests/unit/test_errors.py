"""Errors: exit codes, and how several problems are told."""

from __future__ import annotations

from harness.errors import EnvironmentFailure, FaultNotSeen, HarnessError, Interrupted, UsageError


def test_exit_codes_of_errors():
    expected = {UsageError: 2, EnvironmentFailure: 5, FaultNotSeen: 5, Interrupted: 130, HarnessError: 5}
    assert {kind: kind("x").exit_code for kind in expected} == expected
    assert str(UsageError("head", ["a", "b"])) == "head\n  a\n  b"
