"""Files: every problem at once, with its line and the nearest name, whatever the bytes are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from harness.errors import UsageError
from harness.yamlfile import check, fields_at, nearest, read, validate


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: int
    names: list[str] = []


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner
    many: list[Inner] = []
    by_name: dict[str, Inner] = {}
    maybe: Inner | None = None


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(folder: Path, content: str | bytes) -> str:
    path = written(folder, content)
    with pytest.raises(UsageError) as caught:
        read(path, "scenario")
    return str(caught.value).replace(str(path), "F")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "F:1: a scenario is a YAML mapping (`key: value` lines), this is empty."),
        ("# only a remark\n", "F:1: a scenario is a YAML mapping (`key: value` lines), this is empty."),
        ("- a\n- b\n", "F:1: a scenario is a YAML mapping (`key: value` lines), this is a list."),
        ("hello\n", "F:1: a scenario is a YAML mapping (`key: value` lines), this is a text."),
        ("7\n", "F:1: a scenario is a YAML mapping (`key: value` lines), this is a int."),
        ("a: 1\nb: [\nc: 2\n", "F:4: not YAML: "),
        ("a: 1\n\t- b\n", "F:2: not YAML: found character '\\t' that cannot start any token. Mend that line"),
        ("a: 1\n---\nb: 2\n", "F:2: not YAML: but found another document"),
        ("a: 2021-13-01\n", "F:1: not YAML: month must be in 1..12"),
        ("a: !!python/object/apply:os.getcwd []\n", "F:1: not YAML: could not determine a constructor"),
        ("? [a]\n: 1\n", "F:1: not YAML: found unhashable key"),
        ("a: &a [*a]\n", "F: nests too deeply for a scenario, or an alias holds itself"),
        ("a: " + "[" * 5000, "F: nests too deeply for a scenario"),
        (BOMB, "F:1: not YAML: it has more than 100,000 places"),
        (b"a\0b", "F:1: not YAML: unacceptable character"),
        (bytes(range(256)), "F: cannot be read as a scenario: 'utf-8' codec"),
        ("a: 1".encode("utf-16"), "F: cannot be read as a scenario: 'utf-8' codec"),
    ],
)
def test_what_is_no_mapping_is_refused_with_place_and_remedy(tmp_path: Path, content: str | bytes, message: str):
    assert refusal(tmp_path, content).startswith(message)


@given(st.binary(max_size=60) | st.text("{}[]&*!|>:-?\"'#%@`,\n\t a1", max_size=40))
def test_no_bytes_end_in_anything_but_a_usage_error(tmp_path_factory: pytest.TempPathFactory, content: str | bytes):
    path = written(tmp_path_factory.mktemp("any"), content)
    try:
        assert isinstance(read(path, "scenario").data, dict)
    except UsageError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("name", ["", "nothing.yaml", "a\0b", "x" * 300])
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UsageError) as caught:
        read(tmp_path / name, "contract")
    assert str(tmp_path) in str(caught.value)
    assert "contract" in str(caught.value)


def test_every_double_key_is_named(tmp_path: Path):
    assert refusal(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").splitlines() == [
        "F: not a usable scenario:",
        "  F:4: b.c: this key stands twice",
        "  F:5: a: this key stands twice",
    ]


def test_lines_of_all_places(tmp_path: Path):
    document = read(written(tmp_path, "a: 1\nb:\n  - x\n  - {c: 2}\n"), "scenario")
    assert document.data == {"a": 1, "b": ["x", {"c": 2}]}
    assert document.lines == {(): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4}
    assert document.line(("b", 1, "nowhere", "deeper")) == 4
    assert document.problem(("b", 1), "wrong") == f"{document.path}:4: b.1: wrong"
    assert document.problem((), "wrong") == f"{document.path}:1: file: wrong"


def test_validate_names_every_problem_in_the_order_of_lines(tmp_path: Path):
    path = written(
        tmp_path,
        "by_name:\n  x: {count: 1, nmes: []}\ninner:\n  cuont: 1\nmany:\n  - {count: one}\n  - {count: 2}\nmybe: 1\n",
    )
    with pytest.raises(UsageError) as caught:
        validate(read(path, "scenario"), Outer, "scenario")
    assert [problem.replace(str(path), "F") for problem in caught.value.problems] == [
        "F:2: by_name.x.nmes: unknown key; did you mean `names`? (valid: count, names)",
        "F:3: inner.count: is missing and has no default",
        "F:4: inner.cuont: unknown key; did you mean `count`? (valid: count, names)",
        "F:6: many.0.count: input should be a valid integer, unable to parse string as an integer, not 'one'",
        "F:8: mybe: unknown key; did you mean `maybe`? (valid: by_name, inner, many, maybe)",
    ]


def test_a_good_document_becomes_its_model(tmp_path: Path):
    document = read(written(tmp_path, "inner: {count: 2}\n"), "scenario")
    assert validate(document, Outer, "scenario") == Outer(inner=Inner(count=2))
    assert check(document, Inner, {"count": 5}, ("inner",)) == (Inner(count=5), [])
    assert check(read(written(tmp_path, "a: 1\n"), "x"), Inner, {}, ("a",)) == (
        None,
        [f"{document.path}:1: a.count: is missing and has no default"],
    )


def test_nearest():
    assert nearest("kil", ["stop", "kill"]) == "; did you mean `kill`? (valid: kill, stop)"
    assert nearest("zzz", ["stop", "kill"]) == " (valid: kill, stop)"
    assert nearest("x", []) == ""


@pytest.mark.parametrize("place", [("inner",), ("many", 3), ("by_name", "any"), ("maybe",)])
def test_fields_are_found_below_lists_mappings_and_options(place: tuple[str | int, ...]):
    assert fields_at(Outer, place) == ["count", "names"]
    assert fields_at(Outer, (*place, "count")) == []
