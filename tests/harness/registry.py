"""A registry in this process, or as a program: it does what the distribution specification says, or what a test wants.

As a library: `with Registry() as registry` and what it offers; as a program, for servers in another network namespace:
`python -m tests.harness.registry PORT [basic|bearer]`. Its images are made by tests.harness.registry_images. Faults are
switches that a test sets (`registry.faults`), or POSTs to /_faults as JSON.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_PATH = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>.*)")
_TOKEN = "token-of-anna"
_PIECE = 64 * 1024


@dataclass
class Faults:
    """What goes wrong; each switch is for all requests until it is used up or taken back."""

    drop_after: int = 0  # bytes of a blob after which the connection breaks
    drops: int = 0  # how often it does
    truncate: bool = False  # a blob ends early, with a length that says so
    corrupt: bool = False  # the first byte of a blob is another one
    busy: int = 0  # how many requests are answered 429
    broken: int = 0  # how many requests are answered 503
    blob_seconds: float = 0.0  # before each piece of a blob
    no_ranges: bool = False  # a range is answered by the whole
    refuse_mounts: bool = False
    drop_uploads: int = 0  # how many uploads break in the middle
    token_lives: int = 0  # requests for which a token is good, 0 for ever


@dataclass
class Registry:
    """What the registry holds and how it behaves."""

    port: int = 0
    auth: str = ""  # basic or bearer
    faults: Faults = field(default_factory=Faults)
    blobs: dict[str, bytes] = field(default_factory=dict)
    owned: set[tuple[str, str]] = field(default_factory=set)  # repository and digest of a blob
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)  # by tag and by digest
    tags: dict[str, list[str]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    found: list[dict[str, Any]] = field(default_factory=list)  # what a search finds
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    tls: Any = None
    numbers: Iterator[int] = field(default_factory=itertools.count)  # of uploads
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Registry:
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.registry = self  # type: ignore[attr-defined]
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Its name in references."""
        return f"127.0.0.1:{self.port}"

    def add_blob(self, name: str, data: bytes) -> str:
        """Put a blob into a repository; returns its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        self.owned.add((name, digest))
        return digest

    def add_manifest(self, name: str, media_type: str, document: dict[str, Any] | bytes, tag: str = "") -> str:
        """Put a manifest or index into a repository; returns its digest."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        for reference in (digest, tag):
            if reference:
                self.manifests[name, reference] = (media_type, data)
        tags = self.tags.setdefault(name, [])
        if tag and tag not in tags:
            tags.append(tag)
        return digest


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    @property
    def registry(self) -> Registry:
        found: Registry = self.server.registry  # type: ignore[attr-defined]
        return found

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        registry, faults = self.registry, self.registry.faults
        registry.requests.append(f"{self.command} {self.path}")
        registry.headers.append(dict(self.headers))
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        if path == "/_faults":
            for key, value in json.loads(self._body()).items():
                setattr(faults, key, value)
            return self._answer(204)
        if path == "/_token":
            return self._token()
        if path.startswith("/v1/"):
            return self._search(path)
        if faults.busy:
            faults.busy -= 1
            return self._refuse(429, "TOOMANYREQUESTS", "slow down")
        if faults.broken:
            faults.broken -= 1
            return self._answer(503, b"down")
        if not self._allowed():
            return None
        if path == "/v2/":
            return self._answer(200, b"{}", {"Docker-Distribution-Api-Version": "registry/2.0"})
        match = _PATH.fullmatch(path)
        if match is None:
            return self._answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        handle = getattr(self, f"_{match['kind']}")
        handle(match["name"], match["rest"])
        return None

    def _allowed(self) -> bool:
        registry = self.registry
        given = self.headers.get("Authorization", "")
        if not registry.auth:
            return True
        if registry.auth == "basic" and given == "Basic YW5uYTpzZWNyZXQ=":
            return True
        if registry.auth == "bearer" and given == f"Bearer {_TOKEN}":
            return True
        scheme = "https" if registry.tls is not None else "http"
        realm = f'Bearer realm="{scheme}://{self.headers["Host"]}/_token",service="here"'
        challenge = 'Basic realm="here"' if registry.auth == "basic" else realm
        self._body()
        self._refuse(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})
        return False

    def _token(self) -> None:
        form = dict(urllib.parse.parse_qsl(self._body().decode()))
        if self.headers.get("Authorization") == "Basic YW5uYTpzZWNyZXQ=" or form.get("refresh_token") == "refresh":
            return self._answer(200, json.dumps({"token": _TOKEN, "expires_in": 300}).encode())
        if self.headers.get("Authorization") or form:
            return self._refuse(401, "UNAUTHORIZED", "incorrect username or password")
        return self._answer(200, json.dumps({"token": "anonymous"}).encode())

    def _search(self, path: str) -> None:
        if path == "/v1/_ping":
            return self._answer(200, b"{}")
        found = [each for each in self.registry.found if self.query.get("q", "") in each["name"]]
        found = found[: int(self.query.get("n") or 25)]
        document = {"query": self.query.get("q"), "num_results": len(found), "results": found}
        return self._answer(200, json.dumps(document).encode())

    def _manifests(self, name: str, reference: str) -> None:
        registry = self.registry
        if self.command == "PUT":
            data = self._body()
            tag = "" if ":" in reference else reference
            digest = registry.add_manifest(name, self.headers.get("Content-Type", ""), data, tag)
            return self._answer(
                201, b"", {"Docker-Content-Digest": digest, "Location": f"/v2/{name}/manifests/{digest}"}
            )
        found = registry.manifests.get((name, reference))
        if found is None:
            if name not in registry.tags:
                return self._refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
            return self._refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, data = found
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        return self._answer(200, data, {"Content-Type": media_type, "Docker-Content-Digest": digest})

    def _tags(self, name: str, _: str) -> None:
        if name not in self.registry.tags:
            return self._refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
        return self._answer(200, json.dumps({"name": name, "tags": self.registry.tags[name]}).encode())

    def _blobs(self, name: str, rest: str) -> None:
        if rest.startswith("uploads/"):
            return self._uploads(name, rest.removeprefix("uploads/"))
        data = self.registry.blobs.get(rest)
        if data is None or (name, rest) not in self.registry.owned:
            return self._refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return self._blob(data)

    def _blob(self, data: bytes) -> None:
        faults, status, headers = self.registry.faults, 200, {"Content-Type": "application/octet-stream"}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(wanted[1]) if wanted and not faults.no_ranges else 0
        if begin:
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        body = data[begin:]
        if faults.corrupt and body:
            body = bytes([body[0] ^ 255]) + body[1:]
        if faults.truncate:
            body = body[: len(body) // 2]
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = 0
        while sent < len(body):
            piece = body[sent : sent + _PIECE]
            if faults.drops and faults.drop_after and sent + len(piece) > faults.drop_after:
                faults.drops -= 1
                self.wfile.write(piece[: max(0, faults.drop_after - sent)])
                self._hang_up()
                return
            if faults.blob_seconds:
                time.sleep(faults.blob_seconds)
            self.wfile.write(piece)
            sent += len(piece)

    def _uploads(self, name: str, key: str) -> None:
        registry = self.registry
        where = {"Location": f"/v2/{name}/blobs/uploads/{key}", "Range": "0-0"}
        if self.command == "POST":
            self._body()
            mount = self.query.get("mount", "")
            if mount and (self.query.get("from", ""), mount) in registry.owned and not registry.faults.refuse_mounts:
                registry.owned.add((name, mount))
                return self._answer(201, b"", {"Location": f"/v2/{name}/blobs/{mount}", "Docker-Content-Digest": mount})
            key = f"upload-{next(registry.numbers)}"
            registry.uploads[key] = bytearray()
            return self._answer(202, b"", {"Location": f"/v2/{name}/blobs/uploads/{key}", "Range": "0-0"})
        if self.command == "DELETE":
            registry.uploads.pop(key, None)
            return self._answer(204)
        if registry.faults.drop_uploads and self.command == "PATCH":
            registry.faults.drop_uploads -= 1
            return self._hang_up()
        data = self._body()
        if key not in registry.uploads:
            return self._refuse(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        registry.uploads[key] += data
        if self.command == "PATCH":
            where["Range"] = f"0-{len(registry.uploads[key]) - 1}"
            return self._answer(202, b"", where)
        whole = bytes(registry.uploads.pop(key))
        digest = "sha256:" + hashlib.sha256(whole).hexdigest()
        if digest != self.query.get("digest"):
            return self._refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        registry.add_blob(name, whole)
        return self._answer(201, b"", {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        error = {"code": code, "message": message, "detail": {"path": self.path}}
        self._answer(status, json.dumps({"errors": [error]}).encode(), headers)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def program(auth: str = "", network: str = "") -> Iterator[str]:
    """Run a filled registry as a process of its own, in a network namespace where one is named; gives host:port."""
    inside = ["nsenter", f"--net=/var/run/netns/{network}"] if network else []
    command = [*inside, sys.executable, "-m", "tests.harness.registry", "0", auth]
    project = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=project) as process:
        assert process.stdout is not None
        host = process.stdout.readline().strip()
        assert host, "the registry did not start"
        try:
            yield host
        finally:
            process.kill()


def main(port: int, auth: str) -> None:
    """Serve until standard input ends; prints host:port."""
    from tests.harness.registry_images import fill

    with Registry(port=port, auth=auth) as served:
        fill(served)
        print(served.host, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
