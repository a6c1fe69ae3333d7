"""Spent refresh tokens are presented again where their punishment is promised, and nowhere else."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from harness.contract.model import Contract
from harness.placeholders import secret
from tests.support.agents import MASTER, agent, do, ops
from tests.support.service import CONTRACT, Answer, Service


class Strict(Service):
    """Ends a session whose refresh token is presented long after its rotation."""

    GRACE_S = 0.4

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.rotated: dict[str, float] = {}
        self.family: dict[str, str] = {}

    def _refresh(self, path: str, token: str, key: str, body: bytes) -> Answer:
        presented = json.loads(body)["refresh"]
        if time.monotonic() - self.rotated.get(presented, time.monotonic()) > self.GRACE_S:
            family = self._root(presented)
            self.sessions = {name: user for name, user in self.sessions.items() if self._root(name) != family}
            return 401, None
        answer = super()._refresh(path, token, key, body)
        if answer[1] and presented not in self.rotated:
            self.rotated[presented] = time.monotonic()
            self.family |= {answer[1]["refresh"]: presented, answer[1]["token"]: presented}
        return answer

    def _login(self, path: str, token: str, key: str, body: bytes) -> Answer:
        answer = super()._login(path, token, key, body)
        if answer[1]:
            self.family[answer[1]["token"]] = answer[1]["refresh"]
        return answer

    def _root(self, name: str) -> str:
        while name in self.family:
            name = self.family[name]
        return name


PROMISES = {**CONTRACT["promises"], "refresh_grace_s": Strict.GRACE_S, "refresh_reuse_revokes": True}


@pytest.mark.parametrize("promised", [True, False])
def test_a_spent_refresh_token_is_presented_where_its_punishment_is_promised(tmp_path: Path, promised: bool):
    promises = PROMISES if promised else {**PROMISES, "refresh_reuse_revokes": False, "refresh_grace_s": 30}
    with Strict(secret(MASTER, "jwt")) as service:
        service.GRACE_S = promises["refresh_grace_s"]
        settings = {
            "contract": Contract.model_validate({**CONTRACT, "promises": promises}),
            "duration_s": 6.0 if promised else 2.0,
            "think_s": (0.005, 0.01),
        }
        with agent(tmp_path, service, {"session/hop": 8}, **settings) as made:
            do(made, "steady")
            do(made, "load")
    found = ops(tmp_path)
    rotated: dict[str, int] = {}
    late = []
    for place, (start, end) in enumerate(found):
        if start["k"] != "refresh":
            continue
        if start["at"] - rotated.get(start["a"], start["at"]) > (promises["refresh_grace_s"] + 1) * 1e9:
            late.append((place, start["key"], end["cl"]))
        if end["cl"] == "ok":
            rotated.setdefault(start["a"], end["at"])
    assert bool(late) is promised
    for place, key, label in late:
        after = [end["cl"] for start, end in found[place + 1 :] if start["key"] == key]
        assert label == "refused" and after and set(after) == {"absent"}
