"""A scenario's hands: it makes calls, and each call and its answer is written down in a form that can be compared."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.conformance import normalise
from tests.conformance.wire import FRAMES, PATIENCE, Exchange, frames

VERSION = "v1.51"
IMAGE = "skiff-conformance:latest"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
Record = dict[str, Any]


class Session:
    """Calls to one server, and what was written down of them."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.records: list[Record] = []
        self.ids: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Make a call and write down its answer; returns the answer's JSON, or its bytes."""
        return self.finish(self.open(method, path, body, **options))

    def open(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        version: str = VERSION,
    ) -> tuple[str, Exchange]:
        """Send a request; give what this returns to finish, or use its Exchange before."""
        target = path if not version else f"/{version}{path}"
        if query:
            encoded = {key: each if isinstance(each, str) else json.dumps(each) for key, each in query.items()}
            target += "?" + urlencode(encoded)
        exchange = Exchange(self.socket, method, target, body, headers or {})
        return f"{method} {target}", exchange

    def finish(self, opened: tuple[str, Exchange]) -> Any:
        """Wait for the end of an answer, and write it down."""
        request, exchange = opened
        head = exchange.read_head()
        raw = exchange.finish()
        kind = head.headers.get("content-type", "")
        decoded: Any = raw
        if kind == "application/json" and raw:
            decoded = [json.loads(line) for line in raw.splitlines() if line.strip()]
            decoded = decoded if len(decoded) > 1 else decoded[0]
            body = normalise.value(decoded, self.ids)
        elif kind in FRAMES and head.status < 300:
            streams = frames(raw)
            body = {name: normalise.text(each, self.ids) for name, each in streams.items()}
        else:
            body = normalise.text(raw.decode("utf-8", "replace"), self.ids)
        self.records.append(
            {
                "request": normalise.text(request, self.ids),
                "status": head.status,
                "headers": normalise.headers(head.headers, head.status),
                "body": body,
            }
        )
        return decoded

    def quietly(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Make a call that is no part of what is compared."""
        answer = self.call(method, path, body, **options)
        self.records.pop()
        return answer

    def listing(self, method: str, path: str) -> None:
        """Make a call that is answered by an archive, and write down what is in it instead of its bytes."""
        data = self.call(method, path)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            self.records[-1]["body"] = [
                f"{each.name} {each.type.decode()} {each.mode:o} {each.uid}:{each.gid} {each.size} {each.linkname}"
                for each in archive
            ]

    def path_stat(self, container: str, path: str) -> None:
        """Ask what a path of a container is, and write down the header that tells it."""
        opened = self.open("HEAD", f"/containers/{container}/archive", query={"path": path})
        found = opened[1].read_head().headers.get("x-docker-container-path-stat", "")
        self.finish(opened)
        self.records[-1]["body"] = normalise.text(base64.b64decode(found).decode(), self.ids)

    def create(self, name: str, *command: str, record: bool = False, **keys: Any) -> str:
        """Make a container, replacing one of that name; returns its id, which is written as <name> from now on."""
        self.remove(name)
        call = self.call if record else self.quietly
        request = {"Image": IMAGE, **({"Cmd": list(command)} if command else {}), **keys}
        answer = call("POST", "/containers/create", request, query={"name": name})
        self.ids[answer["Id"]] = name
        return str(answer["Id"])

    def exec(self, container: str, *command: str, name: str = "exec", **keys: Any) -> str:
        """Prepare an exec session; returns its id, written as <name>."""
        request = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command), **keys}
        answer = self.quietly("POST", f"/containers/{container}/exec", request)
        self.ids[answer["Id"]] = name
        return str(answer["Id"])

    def remove(self, name: str) -> None:
        """Remove a container and its anonymous volumes, whatever its state."""
        self.quietly("DELETE", f"/containers/{name}", query={"force": "1", "v": "1"})

    def now(self) -> str:
        """Return the time as the events' since and until take it."""
        return f"{time.time():.9f}"

    def happened(self, since: str, **filters: list[str]) -> None:
        """Write down what happened since a time: a line per event."""
        opened = self.open("GET", "/events", query={"since": since, "until": self.now(), "filters": filters})
        head, raw = opened[1].read_head(), opened[1].finish()
        found = [json.loads(line) for line in raw.splitlines()]
        body = [normalise.value(each, self.ids) for each in found]
        for each in body:
            each["time"] = each["timeNano"] = "<number>"
            each["Actor"]["Attributes"].pop("execDuration", None)
        request = normalise.text(f"events {filters}", self.ids)
        self.records.append({"request": request, "status": head.status, "body": body})

    def until(self, look: Callable[[], bool]) -> None:
        """Wait until something is so that no answer tells of by itself."""
        deadline = time.monotonic() + PATIENCE
        while not look():
            assert time.monotonic() < deadline, "it did not come"
            time.sleep(0.02)

    def wait(self, name: str) -> None:
        """Wait for a container's end."""
        self.quietly("POST", f"/containers/{name}/wait")
