"""Rendered requests, read back by ordinary parsers."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.http.template import Template

HOST = "127.0.0.1:8000"

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def escaped(node: object) -> object:
    """The template that renders to `node`."""
    if isinstance(node, str):
        return node.replace("{", "{{").replace("}", "}}")
    if isinstance(node, list):
        return [escaped(one) for one in node]
    if isinstance(node, dict):
        return {key: escaped(one) for key, one in node.items()}
    return node


def body_of(request: bytes) -> object:
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    return json.loads(body)


def test_a_whole_request_byte_for_byte() -> None:
    template = Template(
        "POST",
        "/pay/{id}?q={q}&100%25",
        {"Authorization": "Bearer {token}", "Idempotency-Key": '"{key}"'},
        {"amount": "{amount}", "currency": "EUR", "reference": "run-{reference}", "set": "{{a}}", "n": [1, None, 2.5]},
    )
    values = {"id": "a/b c", "q": "é&", "token": "t.t", "key": "k", "amount": 1250, "reference": 'r"1', "unused": 1}
    body = '{"amount":1250,"currency":"EUR","reference":"run-r\\"1","set":"{a}","n":[1,null,2.5]}'
    assert (
        template.render(values, HOST)
        == (
            "POST /pay/a%2Fb%20c?q=%C3%A9%26&100%25 HTTP/1.1\r\n"
            'Authorization: Bearer t.t\r\nIdempotency-Key: "k"\r\n'
            f"Content-Type: application/json\r\nHost: 127.0.0.1:8000\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
    )
    assert template.placeholders == {"id", "q", "token", "key", "amount", "reference"}


@pytest.mark.parametrize(
    ("method", "tail"),
    [("GET", b"\r\n\r\n"), ("DELETE", b"\r\n\r\n"), ("POST", b"\r\nContent-Length: 0\r\n\r\n")],
)
def test_without_body(method: str, tail: bytes) -> None:
    request = Template(method, "/", {}, None).render({}, HOST)
    assert request == method.encode() + b" / HTTP/1.1\r\nHost: 127.0.0.1:8000" + tail


def test_headers_that_the_contract_sets_are_not_doubled() -> None:
    request = Template("POST", "/", {"content-type": "application/merge-patch+json", "HOST": "a.test"}, {}).render(
        {}, HOST
    )
    assert request == (
        b"POST / HTTP/1.1\r\ncontent-type: application/merge-patch+json\r\nHOST: a.test\r\nContent-Length: 2\r\n\r\n{}"
    )


@given(JSON.filter(lambda node: node is not None))
def test_a_body_without_placeholders_is_its_own_json(node: object) -> None:
    request = Template("POST", "/", {}, escaped(node)).render({}, HOST)
    assert body_of(request) == json.loads(json.dumps(node))


@given(JSON)
def test_a_leaf_that_is_one_placeholder_takes_the_value_with_its_type(value: object) -> None:
    request = Template("POST", "/", {}, {"a": ["{value}"], "b": "{value}"}).render({"value": value}, HOST)
    expected = json.loads(json.dumps(value))
    got = body_of(request)
    assert got == {"a": [expected], "b": expected}
    assert repr(got) == repr({"a": [expected], "b": expected}), "equal, but of another type"


@given(TEXT, TEXT, TEXT)
def test_placeholders_inside_a_string_are_escaped(before: str, value: str, after: str) -> None:
    node = {"s": f"{escaped(before)}{{value}}-{{value}}{escaped(after)}"}
    request = Template("POST", "/", {}, node).render({"value": value}, HOST)
    assert body_of(request) == {"s": f"{before}{value}-{value}{after}"}


@pytest.mark.parametrize(("value", "text"), [(5, "5"), (True, "true"), (None, "null"), ([1, "a"], '[1,"a"]')])
def test_a_value_inside_a_string_that_is_no_string_is_its_json_text(value: object, text: str) -> None:
    template = Template("POST", "/{v}", {"X": "<{v}>"}, "<{v}>")
    request = template.render({"v": value}, HOST)
    assert body_of(request) == f"<{text}>"
    assert f"X: <{text}>\r\n".encode() in request
    assert unquote(request.split(b" ")[1].decode()) == f"/{text}"


@given(TEXT)
def test_a_path_value_is_one_segment_that_decodes_to_itself(value: str) -> None:
    path = Template("GET", "/a/{v}/z", {}, None).render({"v": value}, HOST).split(b" ")[1].decode("ascii")
    assert path.count("/") == 3
    assert "?" not in path
    assert unquote(path) == f"/a/{value}/z"


@given(st.text(st.characters(max_codepoint=255)))
def test_a_header_value_stands_as_it_is_or_is_refused(value: str) -> None:
    template = Template("GET", "/", {"X-Value": "{v}"}, None)
    if any((ord(c) < 32 and c != "\t") or 127 <= ord(c) < 128 for c in value):
        with pytest.raises(ValueError, match="a header value cannot hold"):
            template.render({"v": value}, HOST)
    else:
        assert template.render({"v": value}, HOST).split(b"\r\n")[1] == b"X-Value: " + value.encode("latin-1")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "\r", "\x00", "€"])
def test_a_header_value_cannot_begin_another_line(value: str) -> None:
    with pytest.raises(ValueError, match="a header value cannot hold"):
        Template("GET", "/", {"X-Value": "{v}"}, None).render({"v": value}, HOST)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(KeyError, match="token"):
        Template("GET", "/", {"Authorization": "Bearer {token}"}, None).render({"other": 1}, HOST)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "message"),
    [
        ("get", "/", {}, None, "capital letters"),
        ("GET X", "/", {}, None, "method"),
        ("GET", "profile", {}, None, "must begin with '/'"),
        ("GET", "{path}", {}, None, "must begin with '/'"),
        ("GET", "/a b", {}, None, "percent-encode"),
        ("GET", "/é", {}, None, "percent-encode"),
        ("GET", "/a#b", {}, None, "percent-encode"),
        ("GET", "/{a", {}, None, r"path: a single '\{'"),
        ("GET", "/a}", {}, None, r"path: a single '\}'"),
        ("GET", "/{a b}", {}, None, "path: a single"),
        ("GET", "/", {"X Y": "1"}, None, "header 'X Y'"),
        ("GET", "/", {"Content-Length": "1"}, None, "header 'Content-Length'"),
        ("GET", "/", {"Transfer-Encoding": "chunked"}, None, "header 'Transfer-Encoding'"),
        ("GET", "/", {"X": "a\r\nb"}, None, "header X: a header value cannot hold"),
        ("POST", "/", {}, {"a": ["{"]}, r"json\.a\[0\]: a single"),
        ("POST", "/", {}, {1: "a"}, "json: the key 1 is not a string"),
        ("POST", "/", {}, {"a": object()}, r"json\.a"),
    ],
)
def test_what_cannot_become_a_request_is_refused_with_its_place(
    method: str, path: str, headers: dict[str, str], body: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Template(method, path, headers, body)
