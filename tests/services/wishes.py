"""The stranger's service with wishlists: POST /wishes {wish} · GET /wishes -> {wishes}. Authenticated by X-Session.

WISHES_IN_MEMORY=1: each replica keeps the wishes that it was told, which is the mistake people make.
"""

from __future__ import annotations

import os

from flask import Response, abort, jsonify, request
from stranger import app, main, store

IN_MEMORY = bool(os.environ.get("WISHES_IN_MEMORY"))
told: dict[str, set[str]] = {}


def owner() -> str:
    email = app.extensions["signed"].who(request.headers.get("X-Session", ""))
    if email is None:
        abort(401)
    return str(email)


@app.post("/wishes")
def add() -> tuple[Response, int]:
    email, wish = owner(), str(request.get_json()["wish"])
    if IN_MEMORY:
        told.setdefault(email, set()).add(wish)
    else:
        store.sadd(f"wishes/{email}", wish)
    return jsonify(ok=True), 201


@app.get("/wishes")
def show() -> Response:
    email = owner()
    return jsonify(wishes=sorted(told.get(email, ()) if IN_MEMORY else store.smembers(f"wishes/{email}")))


if __name__ == "__main__":
    main()
