"""Users of a contract: read from a file, or signed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract.model import Contract
from harness.contract.read import read_contract, read_users
from harness.errors import UsageError
from tests.support.paths import REFERENCE_CONTRACT as REFERENCE

TEXT = REFERENCE.read_text(encoding="utf-8")
SIGNUP = TEXT[TEXT.index("  signup:\n") : TEXT.index("\nsession:\n")]


def with_users(folder: Path, content: str | bytes | None, count: int = 10) -> tuple[Contract, Path]:
    path = folder / "contract.yaml"
    path.write_text(
        TEXT.replace(SIGNUP, "  file: users.csv\n").replace("count: 24", f"count: {count}"), encoding="utf-8"
    )
    if content is not None:
        (folder / "users.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_contract(path), path


def test_users_of_a_file(tmp_path: Path):
    contract, path = with_users(tmp_path, 'ann,one\n\n"b,ob","t""wo"\ncid,three\n', count=2)
    assert read_users(contract, path) == [("ann", "one"), ("b,ob", 't"wo')]
    assert read_users(read_contract(REFERENCE), REFERENCE) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "users.csv: users cannot be read"),
        (b"\xff\xfe", "users.csv: users cannot be read"),
        ("", "users.csv:1: holds no user"),
        ("ann,one\nbob\ncid,1,2\n", "users.csv:2: must be `username,password`"),
        ("ann,one\nbob\ncid,1,2\n", "users.csv:3: must be `username,password`"),
    ],
)
def test_a_bad_file_of_users(tmp_path: Path, content: str | bytes | None, message: str):
    contract, path = with_users(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_users(contract, path)
    assert message in str(caught.value)
