"""What the clients of one load agent are told at the start."""

from __future__ import annotations

from pydantic import BaseModel


class ClientSettings(BaseModel):
    """Who the clients are, where they send, and how patient they are.

    Attributes:
        agent: number of the load agent, from 0.
        seed: the run's seed.
        master: the run's secret, in hex. It is in memory only, never in a file.
        users: name and password of each user who need not sign up.
        balancer: host and port that spread requests over the ready replicas.
        hop: each request may be sent to a replica of the client's choice.
        think_s: shortest and longest pause between two ops, in seconds.
        timeout_s: how long an answer may take, in seconds.
        cookies: clients send the cookies of the balancer back to it, as a browser does.
        tag: stands in all names that clients give, so that a target that has been there before this run knows none.
        members: replicas at the start, each with its name, host, port and state.
        replica_header: the header of an answer that names the replica; None where there is none.
        boot_header: the header of an answer that names the life of the replica; None where there is none.
    """

    agent: int
    seed: int
    master: str
    users: list[tuple[str, str]]
    balancer: tuple[str, int]
    hop: bool
    think_s: tuple[float, float]
    timeout_s: float
    cookies: bool = False
    tag: str = ""
    members: list[dict[str, object]] = []
    replica_header: str | None = None
    boot_header: str | None = None
