"""The access workload against a small service of this process."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.contract.model import Contract
from harness.placeholders import secret
from harness.rundir.journal import Hasher
from harness.scenario.file import Scenario
from harness.scenario.questions import questions_of
from tests.support.agents import MASTER, agent, brief, do, ops
from tests.support.service import CONTRACT, Answer, Service

pytestmark = pytest.mark.live

BEARER = {"Authorization": "Bearer {token}"}
ACCESS: dict[str, Any] = {
    "whoami": {
        "request": "GET /whoami",
        "headers": BEARER,
        "extract": {"id": "/id"},
        "answers": {"ok": [200], "absent": [401]},
    },
    "user": {
        "request": "GET /people/{id}",
        "headers": BEARER,
        "extract": {"user": "/name"},
        "answers": {"ok": [200], "refused": [403], "absent": [401]},
    },
    "key_create": {
        "request": "POST /keys",
        "headers": BEARER,
        "json": {"name": "{name}"},
        "extract": {"id": "/id", "key": "/key"},
        "answers": {"ok": [201], "absent": [401]},
    },
    "key_use": {
        "request": "GET /used",
        "headers": {"Authorization": "Bearer {key}"},
        "answers": {"ok": [200], "absent": [401]},
    },
    "key_revoke": {
        "request": "POST /revoked/{id}",
        "headers": BEARER,
        "answers": {"ok": [204], "missing": [404], "absent": [401]},
    },
    "logout_all": {"request": "POST /everywhere", "headers": BEARER, "answers": {"ok": [204], "absent": [401]}},
    "admin": {"username": "root", "password": "{secret:root}"},
    "grant": {
        "request": "POST /roles/{id}",
        "headers": BEARER,
        "json": {"role": "{role}"},
        "answers": {"ok": [204], "refused": [403], "absent": [401]},
    },
    "permitted": "boss",
    "plain": "clerk",
}


class Office(Service):
    """Users, keys and roles; ids are names backwards."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.users["root"] = secret(MASTER, "root")
        self.roles = {"root": "boss"}
        self.keys: dict[str, str] = {}

    def handle(self, path: str, token: str, key: str, body: bytes) -> Answer:
        """As before; what stands behind the first part of a path is an argument."""
        first, _, rest = path.strip("/").partition("/")
        return super().handle(f"/{first}", token, rest, body)

    def _end(self, user: str) -> None:
        self.sessions = {token: owner for token, owner in self.sessions.items() if owner != user}

    def _whoami(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        user = self._user(token)
        return (200, {"id": user[::-1]}) if user else (401, None)

    def _people(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        seen = rest[::-1] == user or self.roles.get(user) == "boss"
        return (200, {"name": rest[::-1]}) if seen else (403, None)

    def _keys(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        if not self._user(token):
            return 401, None
        name = json.loads(body)["name"]
        self.keys[name] = f"secret-key-{name}"
        self.secrets.add(self.keys[name])
        return 201, {"id": name, "key": self.keys[name]}

    def _used(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        return (200, None) if token in self.keys.values() else (401, None)

    def _revoked(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        if not self._user(token):
            return 401, None
        return (204, None) if self.keys.pop(rest, None) else (404, None)

    def _everywhere(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user:
            return 401, None
        self._end(user)
        return 204, None

    def _roles(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        if self.roles.get(self._user(token) or "") != "boss":
            return 403, None
        self.roles[rest[::-1]] = json.loads(body)["role"]
        self._end(rest[::-1])
        return 204, None


@pytest.fixture
def office() -> Iterator[Office]:
    with Office(secret(MASTER, "jwt")) as made:
        yield made


def contract(**changes: Any) -> Contract:
    return Contract.model_validate({**CONTRACT, "access": ACCESS, **changes})


def test_one_correct_pass_of_access(tmp_path: Path, office: Office):
    with agent(tmp_path, office, {"access/hop": 1}, contract=contract()) as made:
        assert do(made, "steady")["surprises"] == []
    assert brief(tmp_path, "access") == [
        *[("signup", "ok"), ("signup", "ok")],
        *[("login", "ok"), ("whoami", "ok"), ("login", "ok"), ("whoami", "ok")],
        *[("see_own", "ok"), ("see_other", "refused")],
        *[("key_create", "ok"), ("key_use", "ok"), ("key_revoke", "ok"), ("key_use", "absent")],
        *[("logout_all", "ok"), ("whoami", "absent"), ("login", "ok"), ("usurp", "refused")],
        *[("login", "ok"), ("grant", "ok"), ("login", "ok"), ("see_other", "ok")],
    ]
    found = {start["k"]: (start, end) for start, end in ops(tmp_path) if start["w"] == "access"}
    fingerprint = Hasher(MASTER).fingerprint
    shown, answer = found["see_other"]
    assert shown["want"] == answer["v"] == fingerprint(shown["a"]) != fingerprint(shown["u"])
    usurp, _ = found["usurp"]
    assert (usurp["a"], usurp["u"]) == ("permitted", shown["u"]), "the own role, with the own session"
    assert usurp["s"] != found["grant"][0]["s"]
    grant, _ = found["grant"]
    assert (grant["a"], grant["u"]) == ("permitted", shown["u"]), "the register that a grant writes is its user's"
    assert grant["s"] != shown["s"], "and it is an admin's session that writes it"


def test_access_under_load_ends_only_its_own_and_writes_down_no_secret(tmp_path: Path, office: Office):
    with agent(tmp_path, office, {"access/hop": 4, "session/hop": 2}, contract=contract(), duration_s=2.0) as made:
        do(made, "steady")
        do(made, "load")
        do(made, "final")
    kinds = Counter(start["k"] for start, _ in ops(tmp_path) if start["w"] == "access")
    assert {"see_own", "see_other", "key_create", "key_use", "key_revoke", "logout_all", "grant", "usurp"} <= set(kinds)
    for start, end in ops(tmp_path):
        assert start["k"] != "usurp" or end["cl"] in ("refused", "absent"), "only who is a clerk tries"
    lost = [
        start["key"]
        for start, end in ops(tmp_path)
        if start["w"] == "session" and end["cl"] == "absent" and start["k"] == "read"
    ]
    ended = {start["key"] for start, _ in ops(tmp_path) if start["k"] == "logout"}
    assert set(lost) <= ended, "what one visitor ends is nobody else's"
    last = {start["key"]: end["cl"] for start, end in ops(tmp_path) if start["k"] == "key_use"}
    over = {start["key"] for start, _ in ops(tmp_path) if start["k"] == "key_revoke"}
    assert {key for key, label in last.items() if label == "ok"} == set(last) - over, "every key is read at the end"
    written = (tmp_path / "journal-0.jsonl").read_text()
    assert office.secrets and not [each for each in office.secrets if each in written]
    assert secret(MASTER, "root") not in written


class Lax(Office):
    """Lets everybody write the own role."""

    def _roles(self, path: str, token: str, rest: str, body: bytes) -> Answer:
        user = self._user(token)
        if not user or (rest[::-1] != user and self.roles.get(user) != "boss"):
            return 403, None
        self.roles[rest[::-1]] = json.loads(body)["role"]
        self._end(rest[::-1])
        return 204, None


def test_who_could_give_itself_a_role_is_told_of_and_let_be(tmp_path: Path):
    mix = {"access/hop": 2}
    with Lax(secret(MASTER, "jwt")) as lax, agent(tmp_path, lax, mix, contract=contract(), duration_s=1.0) as made:
        surprises = do(made, "steady")["surprises"]
        do(made, "load")
    assert surprises == ["access/usurp: ok (204) where refused is right"]
    taken: set[str] = set()
    for start, end in ops(tmp_path):
        if start["w"] == "access" and start["k"] in ("see_own", "see_other", "whoami", "usurp"):
            assert start["u"] not in taken, "what its sessions and its role are is the service's fault from here on"
        if start["k"] == "usurp" and end["cl"] == "ok":
            taken.add(start["u"])
    assert taken


def test_a_grant_that_cannot_be_refused_is_not_tried(tmp_path: Path, office: Office):
    grant = {**ACCESS["grant"], "answers": {"ok": [204], "absent": [401]}}
    with agent(tmp_path, office, {"access/hop": 1}, contract=contract(access={**ACCESS, "grant": grant})) as made:
        assert do(made, "steady")["surprises"] == []
    kinds = {kind for kind, _ in brief(tmp_path, "access")}
    assert "grant" in kinds and "usurp" not in kinds


def test_what_a_contract_leaves_out_of_access_is_said_to_be_untested():
    scenario = Scenario.model_validate(
        {
            "title": "t",
            "proves": "p",
            "target": {"contract": "contract.yaml"},
            "load": {"duration_s": 1, "mix": {"access": 1}},
        }
    )
    few = {name: ACCESS[name] for name in ("whoami", "user")}
    for section, missing in ((few, ["API keys", "roles", "the end of all sessions"]), (ACCESS, [])):
        given = Contract.model_validate({**CONTRACT, "access": section})
        said = next(each for each in questions_of(scenario, given)[0] if each.name == "access").gaps
        assert sorted(name for name in said if name.startswith("access: ")) == [f"access: {each}" for each in missing]
