from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common.procfs import Found
from harness.platforms.process.children import Child
from harness.redact import redact_command, redact_patterns, redact_values

HEX = "0123456789abcdef" * 4
GIVEN = {"JWT_SECRET": "tr0ub4dor", "db_password": "it's quoted", "API_KEY": "abc", "HOST": "127.0.0.1"}


def test_what_looks_like_a_secret_is_masked_and_the_rest_stays() -> None:
    assert redact_patterns(f"jwt={HEX}, sha {HEX}0 of x") == f"jwt=[masked], sha {HEX}0 of x"
    assert redact_patterns("Authorization: Bearer abcdefghijk\npassword=hunter22 ok") == (
        "Authorization: [masked]\n[masked] ok"
    )
    assert redact_patterns("no file \udcff here") == "no file \udcff here"


def test_values_of_variables_named_like_secrets_are_masked_wherever_they_stand() -> None:
    assert redact_values("sign with tr0ub4dor at 127.0.0.1 abc", GIVEN) == "sign with [masked] at 127.0.0.1 abc"
    both = {"A_TOKEN": "secret-part", "B_TOKEN": "secret-part-two"}
    assert redact_values("secret-part-two secret-part", both) == "[masked] [masked]"


def test_a_command_is_shown_without_its_secrets_even_quoted() -> None:
    shown = redact_command(["serve", "--key=tr0ub4dor", "it's quoted", HEX, "a b"], GIVEN)
    assert shown == "serve '--key=[masked]' '[masked]' '[masked]' 'a b'"


def test_a_program_that_cannot_be_started_tells_no_secret(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="c cannot be started") as failure:
        Child("c", ["/no/such/tr0ub4dor", HEX], GIVEN, tmp_path, tmp_path / "log")
    assert "tr0ub4dor" not in str(failure.value) and HEX not in str(failure.value)
    assert "/no/such/[masked]" in str(failure.value)


def test_the_last_lines_of_a_child_tell_no_secret(tmp_path: Path) -> None:
    script = f"import os; print('signing with', os.environ['JWT_SECRET'], '{HEX}')"
    child = Child("c", [sys.executable, "-c", script], GIVEN, tmp_path, tmp_path / "log")
    assert child.wait(10) == 0
    assert child.last_lines() == "signing with [masked] [masked]"


def test_a_left_process_without_a_name_is_shown_masked() -> None:
    assert str(Found(7, 1, "r", "", f"serve --jwt {HEX}")) == "process 7 (serve --jwt [masked])"
