"""The page on the API against the API: what its code imports is there, and every call and error is named."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from harness import api, errors
from tests.support.pages import DOCS, Block, blocks, read

PAGE = DOCS / "python.md"
EXAMPLES = blocks(PAGE, "python")


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_makes_a_call_that_the_api_takes(
    example: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is bound to the real signature, and not made: a run takes half a minute."""
    calls: list[dict[str, Any]] = []
    real = api.run_scenario

    def run_scenario(path: object, **given: Any) -> Any:
        inspect.signature(real).bind(path, **given)
        calls.append(given)
        return type("Outcome", (), {"verdict": "valid", "report": "report.html"})

    monkeypatch.setattr(api, "run_scenario", run_scenario)
    monkeypatch.chdir(tmp_path)
    exec(compile(example.text, str(example), "exec"), {})
    assert len(calls) == 1


def test_every_function_is_named() -> None:
    functions = [name for name in api.__all__ if inspect.isfunction(getattr(api, name)) and name != "known_platform"]
    assert [name for name in functions if f"`{name}`" not in read(PAGE)] == []


@pytest.mark.parametrize("error", [errors.UsageError, errors.EnvironmentFailure, errors.Interrupted])
def test_the_exit_codes_of_errors_are_right(error: type[errors.HarnessError]) -> None:
    assert f"| `{error.__name__}` | {error.exit_code} |" in read(PAGE)
