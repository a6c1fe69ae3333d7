"""The stop condition of a scenario: what the target must not be made to suffer, whatever is to be learned from it.

The condition is judged over the last `window_s` seconds of the load, from the first whole window to the end of the
load. After that end nothing new is asked, and the last answers to come are the slow ones.

A condition that cannot be evaluated ends the run too: an agent has said nothing for `SILENT_S`, no op ended within the
window, or no op of the window was answered.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from harness.client.tally import quantile_ms
from harness.errors import Aborted
from harness.scenario.file import StopWhen

SILENT_S = 5.0


class Guard:
    """Takes the tallies of the load agents, and raises once the stop condition of the scenario holds."""

    def __init__(
        self, stop_when: StopWhen, agents: Sequence[int], until_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to watch.

        Args:
            stop_when: the condition, as the scenario gives it.
            agents: the numbers of the load agents, each of which has to be heard.
            until_s: when the load ends, by `clock`; later than this the condition does not hold.
            clock: seconds that only grow.
        """
        self._stop_when, self._until_s, self._clock = stop_when, until_s, clock
        self._lock = threading.Lock()
        self._begun = clock()
        self._heard = dict.fromkeys(agents, self._begun)
        self._tallies: deque[tuple[float, dict[str, Any]]] = deque()

    def hear(self, agent: int, tally: dict[str, Any]) -> None:
        """Take what became of an agent's latest ops, from any thread.

        Args:
            agent: the number of the agent.
            tally: what `harness.client.tally.Tally.take` returned.
        """
        with self._lock:
            self._heard[agent] = self._clock()
            self._tallies.append((self._clock(), tally))

    def check(self) -> None:
        """Do nothing while the condition does not hold.

        Raises:
            Aborted: the condition holds, or cannot be evaluated; the message says which, and by which numbers.
        """
        now = self._clock()
        with self._lock:
            why = self._why(now) if now <= self._until_s else None
        if why:
            raise Aborted(f"the guard tripped: {why}")

    def _why(self, now: float) -> str | None:
        for agent, heard in self._heard.items():
            if now - heard > SILENT_S:
                return f"it cannot be evaluated: load agent {agent} has said nothing for {SILENT_S:g} s"
        window_s = self._stop_when.window_s
        while self._tallies and self._tallies[0][0] <= now - window_s:
            self._tallies.popleft()
        if now - self._begun < window_s:
            return None
        tallies = [tally for _, tally in self._tallies]
        ops, bad = sum(each["ops"] for each in tallies), sum(each["bad"] for each in tallies)
        if not ops:
            return f"it cannot be evaluated: no op ended within the last {window_s:g} s"
        return self._too_wrong(ops, bad) or self._too_slow(tallies)

    def _too_wrong(self, ops: int, bad: int) -> str | None:
        most = self._stop_when.error_rate
        if most is None or bad / ops <= most:
            return None
        counted = f"{bad} of {ops} ops of the last {self._stop_when.window_s:g} s"
        return f"error rate {bad / ops:.3f}, {most:g} at most ({counted} got no definite answer or were turned away)"

    def _too_slow(self, tallies: list[dict[str, Any]]) -> str | None:
        most = self._stop_when.latency_p99_ms
        if most is None:
            return None
        classes: Counter[int] = Counter()
        for tally in tallies:
            classes.update({int(name): count for name, count in tally["ms"].items()})
        p99_ms = quantile_ms(classes, 0.99)
        within = f"the last {self._stop_when.window_s:g} s"
        if p99_ms is None:
            return f"it cannot be evaluated: no op of {within} was answered, so that its latency is not known"
        return f"p99 latency {p99_ms:.0f} ms over {within}, {most:g} ms at most" if p99_ms > most else None
