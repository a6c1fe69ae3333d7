"""What an answer means: proof, doubt, and what is taken from it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.http.answers import MISSING, Answers, outcome, point
from harness.http.operation import DEFINITE, Operation


def operation(**more: Any) -> Operation:
    return Operation.model_validate(
        {
            "request": "POST /x",
            "extract": {"id": "/payment/id"},
            "answers": {
                "ok": [200, 201],
                "in_progress": [{"status": 409, "json": {"/type": "busy", "/n": 1}}],
                "mismatch": [409],
                "absent": [401],
                "refused": [{"status": 401, "header": {"X-Why": "Password"}}],
                "no_effect": [{"status": 503, "header": {"X-No-Effect": "1"}}],
            },
            **more,
        }
    )


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (200, {}, b'{"payment": {"id": 7}}', ("ok", {"id": 7})),
        (201, {}, b'{"payment": {"id": null}, "x": 1}', ("ok", {"id": None})),
        (200, {}, b'{"payment": {}}', ("unexpected", {})),
        (200, {}, b"<html>", ("unexpected", {})),
        (200, {}, b"", ("unexpected", {})),
        (202, {}, b'{"payment": {"id": 7}}', ("unexpected", {})),
        (409, {}, b'{"type": "busy", "n": 1}', ("in_progress", {})),
        (409, {}, b'{"type": "busy", "n": 2}', ("mismatch", {})),
        (409, {}, b'{"type": "busy"}', ("mismatch", {})),
        (409, {}, b"not json", ("mismatch", {})),
        (401, {}, b"", ("absent", {})),
        (401, {"x-why": "Password"}, b"", ("refused", {})),
        (401, {"x-why": "password"}, b"", ("absent", {})),
        (503, {"x-no-effect": "1"}, b"", ("no_effect", {})),
        (503, {"x-no-effect": "0"}, b"", ("error", {})),
        (503, {"x-harness-no-effect": "1"}, b"", ("no_effect", {})),
        (500, {}, b"", ("error", {})),
        (599, {}, b"", ("error", {})),
        (408, {}, b"", ("error", {})),
        (400, {}, b"", ("unexpected", {})),
        (302, {}, b"", ("unexpected", {})),
    ],
)
def test_classes(status: int, headers: dict[str, str], body: bytes, expected: tuple[str, dict[str, Any]]):
    assert Answers(operation()).classify(status, headers, body) == expected


def test_progress_and_output_may_be_missing():
    job = Answers(operation(extract={"state": "/s", "progress": "/p", "output": "/o"}))
    assert job.classify(200, {}, b'{"s": "done", "o": [1]}') == ("ok", {"state": "done", "output": [1]})
    assert job.classify(200, {}, b'{"p": 1, "o": 2}') == ("unexpected", {})


def test_an_operation_that_extracts_nothing_does_not_need_a_body():
    assert Answers(operation(extract={})).classify(200, {}, b"") == ("ok", {})


@pytest.mark.parametrize("status", [*range(500, 600), 408])
def test_no_doubtful_status_is_ever_definite_without_more(status: int):
    kind, fields = Answers(operation()).classify(status, {}, b'{"payment": {"id": 7}}')
    assert (kind, fields, outcome(kind)) == ("error", {}, "info")


def test_outcomes():
    assert {name: outcome(name) for name in (*DEFINITE, "error", "unexpected")} == {
        "ok": "ok",
        **dict.fromkeys(DEFINITE[1:], "fail"),
        "error": "info",
        "unexpected": "info",
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), {"a": [10, {"b": 1}], "": 0, "n": None}),
        (("a", "0"), 10),
        (("a", "1", "b"), 1),
        (("a", "2"), MISSING),
        (("a", "-1"), MISSING),
        (("a", "x"), MISSING),
        (("",), 0),
        (("n",), None),
        (("n", "x"), MISSING),
        (("c",), MISSING),
    ],
)
def test_json_pointers(path: tuple[str, ...], value: object):
    assert point({"a": [10, {"b": 1}], "": 0, "n": None}, path) == value


def test_escapes_in_pointers():
    made = Answers(operation(extract={"id": "/a~1b/c~0d"}))
    assert made.classify(200, {}, b'{"a/b": {"c~d": 5}}') == ("ok", {"id": 5})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.integers(100, 599))
def test_no_body_breaks_it(body: object, status: int):
    kind, fields = Answers(operation()).classify(status, {}, orjson.dumps(body))
    assert kind in (*DEFINITE, "error", "unexpected")
    assert bool(fields) == (kind == "ok")
