"""A usable scenario and contract to be broken by tests, one change at a time."""

from __future__ import annotations

from pathlib import Path

CONTRACT = """\
contract: 1
service: small service
start:
  replica: {command: ["{python}", -m, small], environment: {PORT: "{port}"}}
users: {count: 3, signup: {request: POST /users, json: {name: "{username}"}, answers: {ok: [201]}}}
session:
  login:
    request: POST /login
    json: {name: "{username}", password: "{password}"}
    extract: {token: /token}
    answers: {ok: [200]}
  read:
    request: GET /me
    headers: {Authorization: "Bearer {token}"}
    answers: {ok: [200], absent: [401]}
idempotency:
  pay:
    request: POST /pay
    headers: {Idempotency-Key: "{key}"}
    answers: {ok: [201]}
"""

SCENARIO = """\
title: A scenario
proves: Something.
target:
  contract: contract.yaml
load:
  duration_s: 5
  users: 4
  mix: {session: 2, idempotency: 1}
faults:
  - {kind: kill, at: 1}
  - {kind: scale, at: 2, to: 4}
"""


def write(folder: Path, scenario: str = SCENARIO, contract: str = CONTRACT) -> Path:
    """Both files below `folder`; the scenario's path."""
    (folder / "contract.yaml").write_text(contract, encoding="utf-8")
    path = folder / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    return path


def change(text: str, old: str, new: str) -> str:
    """`text` with its one `old` replaced."""
    assert text.count(old) == 1, (text.count(old), old)
    return text.replace(old, new)
