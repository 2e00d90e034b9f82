"""Clients that do random things to the same containers, each over connections of its own, and a look at the end.

Every answer is one that dockerd could give to a call that others get ahead of: never a 5xx but for what dockerd itself
calls its own failure, and never none. What a client was last told about a container that it alone has is so.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.harness.raw_http import send

ANSWER_SECONDS = 60.0  # after which an answer counts as a deadlock
OURS = "concurrent"

# Method, path below the container, and the statuses that a call may get when others are at the container too.
CALLS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("POST", "/start", frozenset((204, 304, 404, 409))),
    ("POST", "/stop?t=0", frozenset((204, 304, 404, 409))),
    ("POST", "/kill", frozenset((204, 404, 409))),
    ("POST", "/restart?t=0", frozenset((204, 404, 409))),
    ("POST", "/pause", frozenset((204, 404, 409))),
    ("POST", "/unpause", frozenset((204, 404, 409, 500))),  # dockerd's own status for one that is not paused
    ("GET", "/json", frozenset((200, 404))),
    ("GET", "/top", frozenset((200, 404, 409, 500))),  # 500: ps found no process any more
    ("GET", "/logs?stdout=1", frozenset((200, 404, 409))),
    ("DELETE", "?force=1&v=1", frozenset((204, 404, 409))),
)


@dataclass
class Report:
    """What came back: how often each status, and what should not have."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """One client: random calls to the shared containers, and a container of its own whose state it knows."""

    def __init__(
        self, url: str, number: int, image: str, until: float, report: Report, containers: int, steps: int | None
    ) -> None:
        super().__init__(name=f"client {number}")
        self._url, self._until, self._report, self._image = url, until, report, image
        self._random = random.Random(number)
        self._own = f"{OURS}-own-{number}"
        self._containers = containers
        self._steps = steps
        self.own_state = ""  # exists with this status, "" for not there

    def run(self) -> None:
        """Go on until the time is over, or so many things are done."""
        done = 0
        while time.monotonic() < self._until and done != self._steps:
            done += 1
            try:
                self._own_step() if self._random.random() < 0.3 else self._shared_step()
            except Exception as error:
                self._report.faults.append(f"{self.name}: {error!r}")

    def _shared_step(self) -> None:
        name = f"{OURS}-{self._random.randrange(self._containers)}"
        if self._random.random() < 0.35:
            self._create(name, frozenset((201, 409)))
        elif self._random.random() < 0.1:
            self._call("GET", "/containers/json?all=1", frozenset((200,)))
        else:
            method, path, allowed = self._random.choice(CALLS)
            self._call(method, f"/containers/{name}{path}", allowed)

    def _own_step(self) -> None:
        """Do the next thing to the own container, whose answer is certain."""
        if not self.own_state:
            self._create(self._own, frozenset((201,)))
            self.own_state = "created"
        elif self.own_state in ("created", "exited") and self._random.random() < 0.7:
            self._call("POST", f"/containers/{self._own}/start", frozenset((204,)))
            self.own_state = "running"
        elif self.own_state == "running":
            self._call("POST", f"/containers/{self._own}/stop?t=0", frozenset((204,)))
            self.own_state = "exited"
        else:
            self._call("DELETE", f"/containers/{self._own}?v=1", frozenset((204,)))
            self.own_state = ""
        self.check_own()

    def check_own(self) -> None:
        """Compare what inspect tells of the own container with what this client was told."""
        answer = self._call("GET", f"/containers/{self._own}/json", frozenset((200, 404)))
        found = answer["State"]["Status"] if "State" in answer else ""
        if found != self.own_state:
            self._report.faults.append(f"{self.name}: told {self.own_state!r}, but it is {found!r}")

    def _create(self, name: str, allowed: frozenset[int]) -> None:
        body = {"Image": self._image, "Cmd": ["sleep", "1000"], "Volumes": {"/v": {}}}
        self._call("POST", f"/containers/create?name={name}", allowed, json.dumps(body).encode())

    def _call(self, method: str, target: str, allowed: frozenset[int], body: bytes | None = None) -> dict[str, Any]:
        kind = "application/json" if body else None
        answer = send(self._url, method, target, body, kind=kind, timeout=ANSWER_SECONDS)
        verb = target.partition("?")[0].rpartition("/")[2].partition("-")[0]
        self._report.answers[f"{method} {verb} {answer.status}"] += 1
        if answer.status not in allowed:
            self._report.faults.append(f"{self.name}: {method} {target}: {answer.status} {answer.body[:300]!r}")
        found = json.loads(answer.body) if answer.body[:1] == b"{" else {}
        return found if isinstance(found, dict) else {}


def run(url: str, image: str, *, clients: int, seconds: float, containers: int, steps: int | None = None) -> Report:
    """Let the clients loose, each for so long or so many steps; what came back. The containers are removed again."""
    report = Report()
    until = time.monotonic() + seconds
    threads = [Client(url, number, image, until, report, containers, steps) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 2 * ANSWER_SECONDS)
        if thread.is_alive():
            report.faults.append(f"{thread.name}: never came to its end")
    for thread in threads:
        thread.check_own()
    listed = send(url, "GET", "/containers/json?all=1", timeout=ANSWER_SECONDS).json()
    for each in listed:
        state = send(url, "GET", f"/containers/{each['Id']}/json", timeout=ANSWER_SECONDS).json()["State"]
        if state["Running"] and not _alive(state["Pid"]):
            report.faults.append(f"{each['Names'][0]}: is said to run and does not")
        send(url, "DELETE", f"/containers/{each['Id']}?force=1&v=1", timeout=ANSWER_SECONDS)
    return report


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace"):
            return True
    except FileNotFoundError:
        return False
