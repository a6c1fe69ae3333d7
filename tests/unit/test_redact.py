"""Secrets are masked in whatever is shown or kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.contract.model import SECRET_PLACES
from harness.placeholders import own_secrets, secret
from harness.redact import redact_command, redact_files, redact_patterns, redact_values, redact_yaml
from tests.support.service import CONTRACT

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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("API_TOKEN: |\n  hunter2\n  more\nOTHER: 1\n", {"API_TOKEN": "***", "OTHER": 1}),
        ("API_TOKEN: >-\n  hunter2\nOTHER: 1\n", {"API_TOKEN": "***", "OTHER": 1}),
        ("A_SECRET: &s hunter2\nB_SECRET: *s\nC: 1\n", {"A_SECRET": "***", "B_SECRET": "***", "C": 1}),
        ("secrets: [hunter2, {a: hunter2}]\n", {"secrets": ["***", {"a": "***"}]}),
        ("My-Password: 'hunter2' # not this\n", {"My-Password": "***"}),
        ("credentials: {name: hunter2, key: '{key}'}\n", {"credentials": {"name": "***", "key": "{key}"}}),
        ("monkey: banana\nkey: value\n", {"monkey": "banana", "key": "value"}),
    ],
)
def test_masking_leaves_a_file_that_can_be_read(text: str, shown: object):
    assert "hunter2" not in redact_yaml(text, SECRET_PLACES)
    assert yaml.safe_load(redact_yaml(text, SECRET_PLACES)) == shown


def test_masking_something_that_is_not_yaml_keeps_nothing():
    assert redact_yaml("secret: [hunter2") == ""


MASTER = bytes(range(32))
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("line", "scrubbed"),
    [
        (f"got {JWT} from ann", "got [masked] from ann"),
        (f"unsigned {JWT.rpartition('.')[0]}. next", "unsigned [masked] next"),
        ("Authorization: Bearer abcdefgh12345 end", "Authorization: [masked] end"),
        ("authorization: basic YW5uOnNlY3JldA== end", "authorization: [masked] end"),
        ('{"username": "ann", "password": "hunter22"}', '{"username": "ann", "[masked]"}'),
        ("{'password': 'hunter22', 'x': 1}", "{'[masked]', 'x': 1}"),
        (r'{"body": "{\"password\": \"hunter22\"}"}', r'{"body": "{\"[masked]\"}"}'),
        ("POST user=ann&password=hunter22&x=1", "POST user=ann&[masked]&x=1"),
        ("refresh_token=0123abcd api-key: k3y-k3y", "[masked] [masked]"),
        (f"secret of the run {secret(MASTER, 'jwt')}!", "secret of the run [masked]!"),
    ],
)
def test_secrets_are_taken_out_of_logs(tmp_path: Path, line: str, scrubbed: str):
    path = tmp_path / "replica-1.log"
    path.write_text(f"before\n{line}\nafter\n", encoding="utf-8")
    assert redact_files(tmp_path.glob("*.log"), own_secrets(CONTRACT, MASTER)) == 1
    assert path.read_text(encoding="utf-8") == f"before\n{scrubbed}\nafter\n"


def test_a_log_without_secrets_is_left_alone(tmp_path: Path):
    path = tmp_path / "replica-1.log"
    path.write_bytes(b"\xff\x00 GET /api/status/1 200 token refused, eyJ, password wrong\n")
    before = path.stat()
    assert redact_files(tmp_path.glob("*.log"), own_secrets(CONTRACT, MASTER)) == 0
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize(
    ("line", "scrubbed"),
    [
        ("seen pw-0123456789abcdefseen: ann", "seen [masked]seen: ann"),
        ("0.7pw-0123456789abcdef.pw-0123456789abcdefghi", "0.7[masked].[masked]"),
        (
            "pw-0123456789abcdex0pw-0123456789abcdeg pythonic python",
            "pw-0123456789abcdex0pw-0123456789abcdeg pythonic [masked]",
        ),
    ],
)
def test_known_secrets_are_taken_out_of_lines_that_ran_into_each_other(tmp_path: Path, line: str, scrubbed: str):
    known = {"pw-0123456789abcdef", "pw-0123456789abcdefghi", "python"}
    path = tmp_path / "replica-1.log"
    path.write_text(line, encoding="utf-8")
    assert redact_files([path], known | own_secrets(CONTRACT, MASTER)) == 1
    assert path.read_text(encoding="utf-8") == scrubbed
