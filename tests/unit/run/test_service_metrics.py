"""The metrics of the service: read from what it exposes, scraped from ready replicas only."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.contract.model import Metrics
from harness.platforms.base import Member
from harness.run.events import CountsScraped
from harness.run.service_metrics import Scraper, counts

EXPOSITION = """\
# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/profile",status="200"} 7.0
http_requests_total{method="GET",route="/profile",status="401"} 2
http_requests_total{route="/pay\\"ment",x="}"} 1e3
http_requests_total{route="/other"} 5
http_requests_total{route="/status/{id}",x="1"} 4
http_requests_total_created{route="/profile"} 1.7e9
http_requests_total{method="GET"} 9
"""


def test_counts_of_an_exposition():
    metrics = Metrics(counter="http_requests_total", routes=["/profile", "/never", "/status/{id}"])
    assert counts(EXPOSITION, metrics) == {"/profile": 9.0, "/never": 0.0, "/status/{id}": 4.0}
    metrics = Metrics(counter="http_requests_total", routes=["/profile", "/never"])
    assert counts("", metrics) == {"/profile": 0.0, "/never": 0.0}
    assert counts("x <html> {", metrics) == {"/profile": 0.0, "/never": 0.0}


def test_only_ready_replicas_are_scraped_and_the_dead_are_left_out():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("X-Boot", "boot-9")
            self.end_headers()
            self.wfile.write(EXPOSITION.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    port = server.server_address[1]
    members = [
        Member("replica-1", "replica", "127.0.0.1", port, "boot-9", "ready"),
        Member("replica-2", "replica", "127.0.0.1", port, None, "unready"),
        Member("replica-3", "replica", "127.0.0.1", 1, None, "ready"),
        Member("worker-1", "worker", "127.0.0.1", None, None, "ready"),
    ]
    told: list[CountsScraped] = []
    made = Scraper(Metrics(counter="http_requests_total", routes=["/profile"]), told.append, lambda: members, "X-Boot")
    made.once()
    made.stop()
    made.stop()
    server.shutdown()
    server.server_close()
    thread.join()
    (found,) = told
    assert (found.replica, found.boot, found.series) == ("replica-1", "boot-9", {"/profile": 9.0})
    assert found.asked_ns < found.at_ns
