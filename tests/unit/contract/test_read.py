"""Contracts: each mistake is named with its line; the one definitive example is usable."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.contract.model import SECRET_PLACES, Contract
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.redact import redact_yaml
from tests.support.paths import REFERENCE_CONTRACT as REFERENCE

TEXT = REFERENCE.read_text(encoding="utf-8")
TOKENS = TEXT[TEXT.index("{token: /access") : TEXT.index("\n  read:")]
DEFINITE = ', no_effect: [{status: 503, header: {X-No-Effect: "1"}}]'
SIGNUP = TEXT[TEXT.index("  signup:\n") : TEXT.index("\nsession:\n")]


def line_of(text: str, needle: str) -> int:
    return text[: text.index(needle)].count("\n") + 1


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "contract.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_contract(path)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_the_reference_contract_is_usable_and_shows_every_part():
    contract = read_contract(REFERENCE)
    assert sorted(contract.operations()) == [
        "access.grant",
        "access.key_create",
        "access.key_revoke",
        "access.key_use",
        "access.logout_all",
        "access.user",
        "access.whoami",
        "cart.add",
        "cart.remove",
        "cart.show",
        "idempotency.pay",
        "job.cancel",
        "job.status",
        "job.submit",
        "limit.hit",
        "order.place",
        "order.show",
        "preference.get",
        "preference.put",
        "session.login",
        "session.logout",
        "session.read",
        "session.refresh",
        "users.signup",
    ]
    assert all(getattr(contract, name) is not None for name in Contract.model_fields)
    assert contract.promises.quiet_deadline_s == 3 * (1.5 + 0.5 + 0.5)


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("contract: 1", "contract: 2", "contract:", "contract: 2 is not known"),
        ("service: reference service\n", "", "contract:", "service: is missing and has no default"),
        (
            "identity: {replica",
            "identity: {replika",
            "identity:",
            "identity.replika: unknown key; did you mean `replic",
        ),
        ("count: 24", "count: none", "  count:", "users.count: input should be a valid integer"),
        (
            "request: GET /profile",
            "request: FETCH /profile",
            "    request: F",
            "session.read.request: must read `METHOD",
        ),
        (
            "request: GET /profile",
            "request: GET profile",
            "    request: GET p",
            "session.read.request: must read `METH",
        ),
        ("request: GET /profile", "request: GET /a b", "  read:", "session.read: cannot be sent: path: '/a b' has"),
        (
            "{user: /username}",
            "{user: username}",
            "    extract: {user: u",
            "session.read.extract: `user` must be a JSON",
        ),
        (
            "absent: [401], no",
            "absnt: [401], no",
            "    answers: {ok: [200], absnt",
            "session.read.answers.absnt: 'absnt' is",
        ),
        ("currency: EUR", 'currency: "{curency}"', "  pay:", "idempotency.pay: unknown placeholder `{curency}`"),
        ("currency: EUR", 'currency: "{x9}"', "  pay:", "idempotency.pay: unknown placeholder `{x9}`"),
        ("currency: EUR", 'currency: "{EUR"', "  pay:", "idempotency.pay: cannot be sent: json.currency: a single"),
        (
            ', Idempotency-Key: "{key}"}\n    json: {amount',
            "}\n    json: {amount",
            "  pay:",
            "idempotency.pay: the `{key}`",
        ),
        (
            'Idempotency-Key: "{key}"}\n    json: {amount',
            'I K: "{key}"}\n    json: {amount',
            "  pay:",
            "idempotency.pay: cannot be sent: header 'I K'",
        ),
        (
            'HOST: "{host}"',
            'HOST: "{hots}"',
            "  environment:",
            "start.environment: unknown placeholder `{hots}`; did you mean `host`?",
        ),
        (
            "-m, target_service]",
            '"{prt}"]',
            "  replica:",
            "start.replica: unknown placeholder `{prt}`; did you mean `port`?",
        ),
        ('["{python}", -m, target_service]', "[]", "  replica:", "start.replica.command: list should have at least 1"),
        (
            TOKENS + "\n  read:",
            "{refresh: /refresh_token}\n    answers: {ok: [200]}\n  read:",
            "  login:",
            "session.login: `extract` must say where the `token` is",
        ),
        (
            TOKENS + "\n  logout:",
            "{token: /access_token}\n    answers: {ok: [200]}\n  logout:",
            "  refresh:\n",
            "session.refresh: `extract` must say where the `refresh` token is",
        ),
        (
            f"{{ok: [200], absent: [401]{DEFINITE}}}\n  refresh",
            "{ok: [200]}\n  refresh",
            "  read:",
            "session.read: `answers` must name `absent`, what a lost",
        ),
        (
            f"{{ok: [200], absent: [401]{DEFINITE}}}\n  refresh",
            "{absent: [401]}\n  refresh",
            "  read:",
            "session.read: `answers` must say which statuses are `ok`",
        ),
        ("{state: /state, ", "{", "  status:", "job.status: `extract` must say where the `state` is"),
        ("extract: {id: /job_id}", "extract: {}", "  submit:", "job.submit: `extract` must say where the `id` is"),
        (
            "done: [done]",
            "done: []",
            "  states: {pending: [queued]",
            "job.states.done: list should have at least 1 item",
        ),
        ("lease_s: 1.5", "lease_s: 0", "  lease_s:", "promises.lease_s: input should be greater than 0, not 0"),
        ("lease_s: 1.5", "lease_s: .inf", "  lease_s:", "promises.lease_s: input should be a finite number"),
        ("effects: ledger\n\nor", "effects: legder\n\nor", "  effects: le", "idempotency.effects: "),
        (SIGNUP, "", "users:", "users: give either `file`"),
        (SIGNUP, SIGNUP + "  file: x.csv\n", "users:", "users: give either `file`"),
        ("algorithm: HS256", "algorithm: none", "hostile:", "hostile.algorithm: 'none' is not known"),
    ],
)
def test_one_problem(tmp_path: Path, old: str, new: str, place: str, problem: str):
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    found = problems(tmp_path, text)
    wanted = f"{line_of(text, place)}: {problem}"
    assert any(each.startswith(wanted) for each in found), (wanted, found)


def test_problems_within_and_between_parts_are_told_at_once(tmp_path: Path):
    text = TEXT
    for old, new in (
        ("currency: EUR", 'currency: "{curency}"'),
        ("algorithm: HS256", "algorithm: none"),
        ('HOST: "{host}"', 'HOST: "{hots}"'),
        ("extract: {id: /job_id}", "extract: {}"),
        ("extract: {user: /username}", "extrakt: {user: /username}"),
        ('{refresh_token: "{refresh}"}', '{refresh_token: "{fresh}"}'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    found = problems(tmp_path, text)
    assert [each.partition(": ")[2].partition(":")[0] for each in found] == [
        "session.read.extrakt",
        "hostile.algorithm",
        "session.refresh",
        "idempotency.pay",
        "start.environment",
        "job.submit",
    ], found


@pytest.mark.parametrize("status", [500, 503, 599, 408])
@pytest.mark.parametrize("name", ["ok", "absent", "no_effect"])
def test_a_status_that_proves_nothing_is_no_definite_answer(tmp_path: Path, status: int, name: str):
    text = TEXT.replace(
        f"answers: {{ok: [204], absent: [401]{DEFINITE}}}", f"answers: {{ok: [204], {name}: [{status}]}}"
    )
    if name == "ok":
        text = TEXT.replace(f"answers: {{ok: [204], absent: [401]{DEFINITE}}}", f"answers: {{ok: [204, {status}]}}")
    assert any(
        f"session.logout: status {status} alone proves nothing, so it cannot be `{name}`" in each
        for each in problems(tmp_path, text)
    )


@pytest.mark.parametrize("part", ["idempotency", "job", "hostile"])
def test_what_needs_a_login_says_so(tmp_path: Path, part: str):
    data = yaml.safe_load(TEXT)
    kept = {name: data[name] for name in ("contract", "service", "start", "users", part)}
    found = problems(tmp_path, yaml.safe_dump(kept, sort_keys=False))
    assert [each.partition(": ")[2] for each in found] == [f"{part}: needs `session`: its clients log in first"]


def test_all_problems_of_a_contract_at_once(tmp_path: Path):
    text = TEXT
    for old, new in [
        ("currency: EUR", 'currency: "{curency}"'),
        ('HOST: "{host}"', 'HOST: "{hots}"'),
        ("extract: {id: /job_id}", "extract: {}"),
        ("{state: /state, ", "{"),
    ]:
        text = text.replace(old, new, 1)
    assert len(problems(tmp_path, text)) == 4


def test_effects_at_a_counting_endpoint_need_a_count(tmp_path: Path):
    listing = "effects: {request: GET /count, extract: {%s: /n}, answers: {ok: [200]}}\n\norder"
    text = TEXT.replace("effects: ledger\n\norder", listing % "number", 1)
    assert "idempotency.effects: `extract` must say where the `count` is" in problems(tmp_path, text)[0]
    path = tmp_path / "contract.yaml"
    path.write_text(TEXT.replace("effects: ledger\n\norder", listing % "count", 1), encoding="utf-8")
    assert "idempotency.effects" in read_contract(path).operations()


def test_a_kept_contract_hides_literal_secrets_and_stays_the_same_otherwise():
    assert redact_yaml(TEXT, SECRET_PLACES) == TEXT, "placeholders and pointers are no secrets"
    text = TEXT.replace('"{secret:jwt}"', "hunter2").replace('password: "{password}"', 'password: "x y"', 1)
    kept = redact_yaml(text, SECRET_PLACES)
    assert "hunter2" not in kept
    assert "x y" not in kept
    data = yaml.safe_load(kept)
    assert data["start"]["environment"]["JWT_SECRET"] == "***"
    assert data["hostile"]["key"] == "***", "who knows the signing key can make any token"
    assert data["users"]["signup"]["json"] == {"username": "{username}", "password": "***"}
