"""A service that owes the harness nothing: Flask, synchronous Redis, opaque session ids, users from a CSV file.

POST /signin {email, pass} -> {sid} · GET /me · POST /signout · POST /orders {ref, total} · GET /orders/count?ref=
Authenticated by X-Session. X-Request-Key makes an order idempotent: one Lua script counts it and keeps its answer, so
it is done wholly or not at all wherever the process dies. GET /healthz, /readyz. Environment: BIND LISTEN REDIS USERS.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
import secrets
import signal
import sys
from pathlib import Path

import redis
from flask import Flask, Response, abort, g, jsonify, request
from redis.backoff import NoBackoff
from redis.retry import Retry

LIFE_S, KEPT_S = 900, 86_400
ORDER = """
local kept = redis.call('HMGET', KEYS[1], 'what', 'number')
if kept[1] then return {kept[1] == ARGV[1] and 'known' or 'other', kept[2]} end
redis.call('HSET', KEYS[1], 'what', ARGV[1], 'number', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('INCR', KEYS[2])
return {'new', ARGV[2]}
"""

app = Flask(__name__)
# No retries: a command whose reply was lost would be carried out twice.
store = redis.Redis.from_url(os.environ["REDIS"], decode_responses=True, retry=Retry(NoBackoff(), 0))
accounts = dict(csv.reader(Path(os.environ["USERS"]).read_text(encoding="utf-8").splitlines()))


class Signed:
    """Who is signed in, kept in the store."""

    def enter(self, sid: str, email: str) -> None:
        store.set(f"signed-in/{sid}", email, ex=LIFE_S)

    def who(self, sid: str) -> str | None:
        return store.get(f"signed-in/{sid}")

    def leave(self, sid: str) -> bool:
        return bool(store.delete(f"signed-in/{sid}"))


app.extensions["signed"] = Signed()


@app.before_request
def know_the_caller() -> None:
    if request.path == "/me" or request.path.startswith("/orders"):
        g.email = app.extensions["signed"].who(request.headers.get("X-Session", ""))
        if g.email is None:
            abort(401)


@app.post("/signin")
def signin() -> Response:
    form = request.get_json()
    if not hmac.compare_digest(accounts.get(form["email"], ""), form["pass"]):
        abort(403)
    sid = secrets.token_urlsafe(24)
    app.extensions["signed"].enter(sid, form["email"])
    return jsonify(sid=sid)


@app.get("/me")
def me() -> Response:
    return jsonify(me={"email": g.email})


@app.post("/signout")
def signout() -> Response:
    return Response(status=205 if app.extensions["signed"].leave(request.headers.get("X-Session", "")) else 401)


@app.post("/orders")
def order() -> tuple[Response, int]:
    form = request.get_json()
    what = hashlib.sha256(request.get_data()).hexdigest()
    keys = [f"orders/key/{g.email}/{request.headers['X-Request-Key']}", f"orders/of/{form['ref']}"]
    how, number = store.eval(ORDER, 2, *keys, what, secrets.token_hex(8), KEPT_S)
    if how == "other":
        return jsonify(error="key-reused"), 409
    return jsonify(number=number, total=form["total"]), 201 if how == "new" else 200


@app.get("/orders/count")
def count() -> Response:
    return jsonify(orders=int(store.get(f"orders/of/{request.args['ref']}") or 0))


@app.get("/healthz")
def healthz() -> str:
    return "alive"


@app.get("/readyz")
def readyz() -> str:
    store.ping()
    return "ready"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.run(os.environ["BIND"], int(os.environ["LISTEN"]), threaded=True)


if __name__ == "__main__":
    main()
