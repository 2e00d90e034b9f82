"""Asks a server for what its own document allows, case by case: `python -m tests.schemathesis [--cases N] [--seed N]`.

Every operation is called with what its schema lets through and with what it does not, then in sequences along the
document's links (what is made is started, shown, removed). Each answer must be one that the document has; one of 500
must be of a kind that dockerd answers so, too (compat_api/openapi/failures.py), and no failure may be one that the
server did not expect. The server has a policy, so that nothing that is made at random gets at the machine.

A long campaign can be run in parts, of the operations and of the cases alike: --part 2/4. --keep FILE writes down each
request that was answered with 500, a line of JSON each, so that it can be asked of dockerd.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from compat_api.openapi.failures import kind_of
from compat_api.table import clean_path
from tests.harness import leftovers
from tests.harness.busybox_image import busybox_archive
from tests.harness.server import PROJECT, Server

CHECKS: list[Any] = [
    checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance,
]  # fmt: skip
SEQUENCES = 6  # of up to 8 calls, that are made in one go
SECONDS = 30.0  # for one answer

# What takes the connection over, is for ever by nature, or reaches for the network.
LEFT_OUT = {
    "POST /containers/{name}/attach",
    "GET /containers/{name}/attach/ws",
    "POST /grpc",
    "POST /session",
    "GET /images/search",
    "GET /distribution/{name}/json",
    "POST /images/{name}/push",
}
NEVER_ENDING = {
    "GET /events": {"until": "1"},
    "GET /containers/{name}/logs": {"follow": "0"},
    "GET /containers/{name}/stats": {"stream": "0", "one-shot": "1"},
    "POST /containers/{name}/wait": {"condition": "not-running"},
    "POST /containers/{name}/stop": {"t": "0"},
    "POST /containers/{name}/restart": {"t": "0"},
}
NOWHERE = "127.0.0.1:1/x"  # a registry that refuses connections


@schemathesis.serializer("application/x-tar")
def _as_it_is(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


@dataclass(frozen=True)
class Failure:
    """A request that was answered with 500, as it was sent, and what was said."""

    operation: str
    method: str
    target: str
    kind: str
    body: bytes
    words: str

    @classmethod
    def of(cls, operation: str, response: Any) -> Failure:
        """Make one of an answer."""
        sent = response.request
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body
        kind = sent.headers.get("Content-Type", b"")
        text = kind.decode("latin-1") if isinstance(kind, bytes) else kind
        said = response.json()["message"] if response.content else ""
        return cls(operation, sent.method, sent.path_url, text, body if isinstance(body, bytes) else b"", said)

    def line(self) -> str:
        """Return it as JSON; each byte of the body is a character."""
        return json.dumps(asdict(self) | {"body": self.body.decode("latin-1")}) + "\n"


@dataclass
class Campaign:
    """What is asked of one server, and how often."""

    url: str
    document: dict[str, Any]
    cases: int
    seed: int
    part: tuple[int, int] = (1, 1)  # which of how many
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)  # what a check found, once for each operation and kind

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.schema = schemathesis.openapi.from_dict(self.document)
        number, parts = self.part
        self.cases //= parts
        self.operations = [
            operation for each in self.schema.get_all_operations() if (operation := each.ok()).label not in LEFT_OUT
        ][number - 1 :: parts]

    def run(self) -> None:
        """Send three quarters of the cases one by one, the rest in sequences."""
        for_each = max(1, self.cases * 3 // 4 // len(self.operations))
        for operation in self.operations:
            self._ask(operation, for_each)
        sent = -1
        while sent < self.sent < self.cases:
            sent = self.sent
            self._follow()

    def _settings(self, examples: int) -> hypothesis.settings:
        return hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=False,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )

    def _ask(self, operation: Any, examples: int) -> None:
        modes = schemathesis.GenerationMode
        strategy = operation.as_strategy(modes.POSITIVE) | operation.as_strategy(modes.NEGATIVE)

        @hypothesis.seed(self.seed)
        @self._settings(examples)
        @hypothesis.given(case=strategy)
        def ask(case: Any) -> None:
            tame(case)
            self._judge(case, case.call(base_url=self.url, session=self.session, timeout=SECONDS))

        ask()

    def _follow(self) -> None:
        """Follow links from what is made. What one sequence makes is there in the next, so none is the same twice."""
        campaign = self
        machine: Any = self.schema.as_state_machine()

        class Sequences(machine):  # type: ignore[misc]
            def before_call(self, case: Any) -> None:
                tame(case)

            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                return {"base_url": campaign.url, "session": campaign.session, "timeout": SECONDS}

            def validate_response(self, response: Any, case: Any, **_: Any) -> None:
                campaign._judge(case, response)

        settings = hypothesis.settings(self._settings(SEQUENCES), stateful_step_count=8)
        with suppress(hypothesis.errors.FlakyStrategyDefinition):
            hypothesis.seed(self.seed + self.sent)(Sequences).run(settings=settings)

    def _judge(self, case: Any, response: Any) -> None:
        self.sent += 1
        self.statuses[response.status_code] += 1
        label = case.operation.label
        if response.status_code == 500:
            failure = Failure.of(label, response)
            self.failures.append(failure)
            if kind_of(label, failure.words) is None:
                self.wrong.setdefault(f"{label}: 500 {failure.words[:40]}", failure.line())
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for each in group.exceptions:
                self.wrong.setdefault(f"{label}: {each.title}", f"{each}\n{response.request.url}")

    def kinds(self) -> Counter[str]:
        """Return how often each kind of what dockerd calls a failure was met."""
        kinds = (kind_of(each.operation, each.words) for each in self.failures)
        return Counter(f"{kind.operation}: {kind.why}" for kind in kinds if kind)


def tame(case: Any) -> None:
    """Keep a case from waiting for ever and from leaving the machine; let some containers come to be."""
    label, query = case.operation.label, dict(case.query or {})
    named = case.path_parameters or {}
    if label in LEFT_OUT:
        case.path_parameters = {"name": "left-out"}
    elif any(clean_path(f"/x/{each}/x") != f"/x/{each}/x" for each in named.values()):
        case.path_parameters = dict.fromkeys(named, "dots")  # the path would be one of another operation
    query |= NEVER_ENDING.get(label, {})
    if label == "POST /images/create" and "fromImage" in query:
        query["fromImage"] = NOWHERE
    if label in ("POST /images/create", "POST /build"):
        query.pop("fromSrc", None)
        query.pop("remote", None)
    body = case.body
    if label == "POST /auth" and isinstance(body, dict):
        body["serveraddress"] = NOWHERE
    if label == "POST /exec/{name}/start" and isinstance(body, dict):
        body["Detach"] = True
    if label == "POST /containers/create" and isinstance(body, dict):
        keep = len(repr(body)) % 3
        if keep:
            for key in ["HostConfig", "NetworkingConfig", *(body if keep == 2 else ())]:
                body.pop(key, None)
            query = {}
            body["Cmd"] = ["sleep", "1"]
        body["Image"] = "busybox"
    case.query = query


def free_port() -> int:
    """Return a port of the loopback interface that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def campaign(home: Path, cases: int, seed: int, part: tuple[int, int] = (1, 1)) -> Campaign:
    """Run one campaign against a server of its own. Raises AssertionError for what is in the server's log."""
    server = Server(home, "listen", idle_timeout=0)
    server.start()
    port, log = free_port(), home / "network.log"
    try:
        requests_to = f"http://127.0.0.1:{port}"
        options = ("--deny", "privileged,host-mounts,host-network", "--insecure-no-auth", "--log-level", "error")
        command = server.command("--listen", f"tcp://127.0.0.1:{port}", *options)
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=PROJECT, stderr=out, stdout=subprocess.DEVNULL)
        try:
            wait_until_served(port, process, log)
            load = requests.post(
                f"{requests_to}/images/load", data=busybox_archive(["busybox:latest"]), timeout=SECONDS
            )
            assert load.ok, load.text
            document = requests.get(f"{requests_to}/openapi.json", timeout=SECONDS).json()
            found = Campaign(requests_to, document, cases, seed, part)
            found.run()
        finally:
            process.terminate()
            process.wait(30)
        words = log.read_text(errors="replace")
        for sign in ("Unexpected failure", "Traceback"):
            at = words.find(sign)
            assert at < 0, words[max(0, at - 1000) : at + 8000]
        clear_up(server)
    finally:
        server.stop()
        leftovers.take_away(server.root, server.run_root)
    return found


def wait_until_served(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when somebody listens on a port."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(log.read_text())


def clear_up(server: Server) -> None:
    """Remove every container."""
    from tests.harness.raw_http import send

    for each in send(server.url, "GET", "/containers/json?all=1").json():
        send(server.url, "DELETE", f"/containers/{each['Id']}?force=1&v=1")


def main() -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.schemathesis")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--part", default="1/1", metavar="K/N")
    parser.add_argument("--keep", type=Path, metavar="FILE")
    options = parser.parse_args()
    number, _, parts = options.part.partition("/")
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="skiff-", dir="/tmp") as home:
        found = campaign(Path(home), options.cases, options.seed, (int(number), int(parts)))
    if options.keep:
        options.keep.write_text("".join(each.line() for each in found.failures))
    print(f"{found.sent} cases over {len(found.operations)} operations: {dict(sorted(found.statuses.items()))}")
    for kind, count in found.kinds().most_common():
        print(f"{count:6} as dockerd: {kind}")
    for what, words in found.wrong.items():
        print(f"WRONG {what}\n{words}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
