"""The command line within this process, and files to call it with."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from harness.cli.main import main
from tests.support.paths import ROOT

SCENARIO = (ROOT / "scenarios" / "kill.yaml").read_text(encoding="utf-8")
CONTRACT = (ROOT / "target_service" / "contract.yaml").read_text(encoding="utf-8")


def harness(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
