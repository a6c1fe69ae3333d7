"""The model of one HTTP operation of a contract: its request, what is taken from its answer, and what its answers mean.

This is how an operation stands in a contract:

    request: POST /login
    json: {username: "{username}", password: "{password}"}
    extract: {token: /access_token}
    answers: {ok: [200], refused: [401]}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from harness.yamlfile import Strict

AnswerClass = Literal["ok", "absent", "refused", "in_progress", "mismatch", "missing", "limited", "no_effect"]
DEFINITE: tuple[str, ...] = (
    "ok",
    "absent",
    "refused",
    "in_progress",
    "mismatch",
    "missing",
    "limited",
    "no_effect",
)
"""The classes of answers that a contract can name; each says definitely what became of the op."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class Matcher(Strict):
    """What an answer must look like: its status and, where that is not enough, a header or parts of its JSON body.

    Attributes:
        status: The status.
        header: Headers that the answer has, each with exactly this value.
        body: JSON pointers into the body, each with exactly this value.
    """

    status: int = Field(ge=100, le=599)
    header: dict[str, str] = {}
    body: dict[str, Any] = Field(default={}, alias="json")

    @property
    def specific(self) -> bool:
        """Whether the matcher asks for more than the status."""
        return bool(self.header or self.body)


def _matcher(value: Any) -> Any:
    return {"status": value} if isinstance(value, int) and not isinstance(value, bool) else value


AnswerMatcher = Annotated[Matcher, BeforeValidator(_matcher)]


class Operation(Strict):
    """One HTTP operation: its request with `{placeholders}`, what to take from its answer, and what its answers mean.

    Attributes:
        request: Method and path, as `GET /me`. Placeholders in the path are percent-encoded.
        headers: Header lines.
        body: The JSON body. A string that is one placeholder alone becomes the value with its own type.
        extract: What to take from an `ok` answer: a name, and a JSON pointer into the body such as `/id`.
        answers: Class of answer to the statuses that mean it; `ok` is needed.
        retry: Sent again with the same `{key}` it has no second effect.
    """

    request: str
    headers: dict[str, str] = {}
    body: Any = Field(default=None, alias="json")
    extract: dict[str, str] = {}
    answers: dict[AnswerClass, list[AnswerMatcher]]
    retry: bool = False

    @field_validator("request")
    @classmethod
    def _request(cls, value: str) -> str:
        method, _, path = value.partition(" ")
        if method not in METHODS or not path.startswith("/"):
            raise ValueError(f"must read `METHOD /path` with a method of {', '.join(METHODS)}, not {value!r}")
        return value

    @field_validator("extract")
    @classmethod
    def _pointers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pointer in value.items():
            if not pointer.startswith("/"):
                raise ValueError(f"`{name}` must be a JSON pointer such as /access_token, not {pointer!r}")
        return value

    @model_validator(mode="after")
    def _provable(self) -> Operation:
        if not self.answers.get("ok"):
            raise ValueError("`answers` must say which statuses are `ok`")
        for name, matchers in self.answers.items():
            for matcher in matchers:
                unproven = matcher.status >= 500 or matcher.status == 408
                if unproven and not matcher.specific:
                    raise ValueError(
                        f"status {matcher.status} alone proves nothing, so it cannot be `{name}`: add a `header` or "
                        f"`json` that only a definite answer carries, as in {{status: {matcher.status}, "
                        f"header: {{X-No-Effect: '1'}}}}"
                    )
        return self

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path, with its placeholders."""
        return self.request.partition(" ")[2]
