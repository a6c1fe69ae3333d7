"""Every form of a response, in whatever pieces the network delivers it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.response import LIMIT_BYTES, Malformed, Response
from tests.support.responses import FRAMED, MALFORMED, OK, UNFRAMED


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def fed(pieces: list[bytes], without_body: bool = False) -> Response:
    response = Response(without_body)
    for piece in pieces:
        assert not response.complete, "complete before its last byte"
        response.feed(piece)
    return response


@pytest.mark.parametrize("name", FRAMED)
@given(places=st.lists(st.integers(0, 10_000), max_size=20))
def test_a_framed_response_is_the_same_in_any_pieces(name: str, places: list[int]) -> None:
    data, status, body, reusable = FRAMED[name]
    response = fed(cut(data, places))
    assert (response.complete, response.status, response.body, response.reusable) == (True, status, body, reusable)


@pytest.mark.parametrize("name", FRAMED)
def test_a_framed_response_is_complete_with_its_last_byte_and_not_before(name: str) -> None:
    data = FRAMED[name][0]
    for length in range(len(data)):
        response = fed([data[:length]] if length else [])
        assert not response.complete
        assert not response.finish(), f"cut after {length} bytes it passed for whole"
    assert fed([data[i : i + 1] for i in range(len(data))]).complete


@pytest.mark.parametrize("name", UNFRAMED)
@given(places=st.lists(st.integers(0, 10_000), max_size=20))
def test_the_end_of_the_connection_ends_a_response_without_length(name: str, places: list[int]) -> None:
    data, body = UNFRAMED[name]
    response = fed(cut(data, places))
    assert not response.complete
    assert response.finish()
    assert (response.status, response.body, response.reusable) == (200, body, False)


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_not_a_response_is_malformed_in_one_piece_and_in_single_bytes(name: str) -> None:
    data = MALFORMED[name]
    with pytest.raises(Malformed):
        fed([data])
    with pytest.raises(Malformed):
        fed([data[i : i + 1] for i in range(len(data))])


@given(st.binary(max_size=200), st.sampled_from([b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"]))
def test_no_bytes_make_it_fail_in_another_way(noise: bytes, before: bytes) -> None:
    response = Response()
    try:
        response.feed(before + noise)
        response.finish()
    except Malformed:
        pass


@pytest.mark.parametrize("extra", [b"x", b"HTTP/1.1 200 OK\r\n", b"\x00", b"0\r\n\r\n"])
@pytest.mark.parametrize("name", [name for name, form in FRAMED.items() if form[3]])
def test_bytes_after_the_response_leave_it_whole_and_the_connection_unusable(name: str, extra: bytes) -> None:
    data, status, body, _ = FRAMED[name]
    response = fed([data + extra])
    assert (response.complete, response.status, response.body, response.reusable) == (True, status, body, False)


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (OK + b"Content-Length: 10\r\n\r\n", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", True),
        (OK + b"Content-Length: 10\r\nConnection: close\r\n\r\n", False),
        (OK + b"Content-Length: 10\r\n\r\n0123456789", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 3\r\n\r\n", True),
    ],
)
def test_a_response_to_head_has_no_body(head: bytes, reusable: bool) -> None:
    response = fed([head], without_body=True)
    assert (response.complete, response.status, response.body, response.reusable) == (True, 200, b"", reusable)


def test_headers_are_lower_case_stripped_joined_and_free_of_interim_and_trailer_fields() -> None:
    response = fed(
        [
            b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" + OK,
            b"X-Empty:\r\nX-Replica: \t replica-1 \t\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\nX-Latin: caf\xe9\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Replica: trailer\r\n\r\n",
        ]
    )
    assert response.headers == {
        "x-empty": "",
        "x-replica": "replica-1",
        "set-cookie": "a=1, b=2",
        "x-latin": "caf\xe9",
        "transfer-encoding": "chunked",
    }


@pytest.mark.parametrize(
    "endless",
    [b"X-Header: " + b"x" * 1000 + b"\r\n", b"Content-Length: 99999999\r\n\r\n" + b"x" * 1000],
    ids=["headers", "body"],
)
def test_a_response_beyond_the_limit_is_malformed(endless: bytes) -> None:
    response = Response()
    response.feed(OK + endless)
    piece = endless if endless.endswith(b"\r\n") else b"x" * 1000
    with pytest.raises(Malformed):
        for _ in range(LIMIT_BYTES // len(piece) + 1):
            response.feed(piece)
