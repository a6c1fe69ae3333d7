"""The stranger's service gone wrong in the way that MISTAKE names: it comes up, and yet is not right.

exit: ends at once, with a message. unready: never ready. signin: fails to sign anybody in. me: answers as another user.
"""

from __future__ import annotations

import os
import sys

import stranger
from flask import Response, abort, jsonify


def another() -> Response:
    return jsonify(me={"email": "another@example.test"})


def fail() -> Response:
    abort(500)


def unready() -> tuple[str, int]:
    return "still warming up", 503


MISTAKES = {"me": another, "signin": fail, "readyz": unready}

if __name__ == "__main__":
    if os.environ["MISTAKE"] == "exit":
        sys.exit("cannot open the catalogue of goods: no such file")
    stranger.app.view_functions[os.environ["MISTAKE"]] = MISTAKES[os.environ["MISTAKE"]]
    stranger.main()
