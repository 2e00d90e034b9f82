"""What clients should not send: a clear error each time, and nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.harness.raw_http import Answer, send, send_bytes
from tests.integration.conftest import Skiff

JSON = "application/json"


def post(skiff: Skiff, path: str, body: object = None) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return send(skiff.server.url, "POST", path, data, kind=JSON)


def state(skiff: Skiff) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """Return the containers, the images and what lies about on the machine."""
    images = send(skiff.server.url, "GET", "/images/json?all=1").json()
    return skiff.docker.ok("ps", "-aq").split(), sorted(image["Id"] for image in images), skiff.left()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "unexpected EOF"),
        (b'{"Image": "busybox"', "unexpected EOF"),
        (b"{]", "invalid character ']' looking for beginning of object key string"),
        (b'{"Image": 3}', "cannot unmarshal number into Go struct field"),
        (b'{"Image": "busybox", "Cmd": 3}', "cannot unmarshal number into Go"),
        (b'{"Image": "busybox", "HostConfig": {"Memory": "much"}}', "cannot unmarshal string into Go struct field"),
        (b'{"Image": "busybox", "HostConfig": []}', "cannot unmarshal array into Go struct field"),
    ],
)
def test_malformed_bodies(skiff: Skiff, body: bytes, words: str) -> None:
    before = state(skiff)
    answer = post(skiff, "/containers/create", body)
    assert answer.status == 400
    assert words in answer.message
    assert state(skiff) == before


def test_an_unknown_image(skiff: Skiff) -> None:
    before = state(skiff)
    answer = post(skiff, "/containers/create", {"Image": "no-such:image"})
    assert (answer.status, answer.message) == (404, "No such image: no-such:image")
    assert state(skiff) == before


def test_a_name_in_use(skiff: Skiff) -> None:
    first = post(skiff, "/containers/create?name=taken", {"Image": "busybox"}).json()["Id"]
    before = state(skiff)
    answer = post(skiff, "/containers/create?name=taken", {"Image": "busybox"})
    assert answer.status == 409
    assert answer.message == (
        f'Conflict. The container name "/taken" is already in use by container "{first}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
    assert state(skiff) == before


@pytest.mark.parametrize("name", ["a b", "-x", "ü", "a/b"])
def test_an_impossible_name(skiff: Skiff, name: str) -> None:
    answer = post(skiff, f"/containers/create?name={quote(name, safe='')}", {"Image": "busybox"})
    assert answer.status == 400
    assert answer.message.startswith(f"Invalid container name ({name}), only ")


@pytest.mark.parametrize(
    ("host", "create", "start"),
    [
        ({"Memory": 1000}, 400, None),
        ({"CapAdd": ["NO_SUCH"]}, 400, None),
        ({"Binds": ["a:b:c:d"]}, 500, None),
        ({"Binds": ["/a:/b:zz"]}, 500, None),
        ({"Mounts": [{"Type": "bind", "Source": "/no/such/folder", "Target": "/x"}]}, 400, None),
        ({"NetworkMode": "no-such-network"}, 201, 404),
        ({"RestartPolicy": {"Name": "sometimes"}}, 400, None),
        ({"PortBindings": {"80/tcp": [{"HostPort": "x"}]}}, 400, None),
        ({"Runtime": "no-such-runtime"}, 400, None),
        ({"IpcMode": "sometimes"}, 400, None),
        ({"LogConfig": {"Type": "nowhere"}}, 400, None),
    ],
)
def test_what_no_container_can_be(skiff: Skiff, host: dict[str, object], create: int, start: int | None) -> None:
    before = state(skiff)
    answer = post(skiff, "/containers/create?name=refused", {"Image": "busybox", "HostConfig": host})
    assert answer.status == create, answer.body
    if start is not None:
        answer = post(skiff, "/containers/refused/start")
        assert answer.status == start, answer.body
        skiff.docker.ok("rm", "-f", "-v", "refused")
    assert answer.message
    assert "Traceback" not in answer.message
    assert state(skiff) == before


def test_a_container_that_cannot_start_leaves_nothing(skiff: Skiff) -> None:
    before = state(skiff)
    done = skiff.docker("run", "--rm", "-p", "8080:80", "busybox", "/no/such/program")
    assert done.returncode == 127
    assert state(skiff) == before


@pytest.mark.parametrize("part", [0, 1, 512, 5000, 100_000, 1_500_000])
def test_a_truncated_image(skiff: Skiff, busybox_tar: Path, part: int) -> None:
    before = state(skiff)
    answer = send(skiff.server.url, "POST", "/images/load", busybox_tar.read_bytes()[:part], kind="application/x-tar")
    assert answer.status >= 400 or b'"error"' in answer.body
    assert state(skiff) == before


def test_an_image_that_is_no_tar(skiff: Skiff) -> None:
    before = state(skiff)
    answer = send(skiff.server.url, "POST", "/images/load", b"not a tar at all" * 1000, kind="application/x-tar")
    assert answer.status >= 400 or b'"error"' in answer.body
    assert state(skiff) == before


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/no/such/path"), ("GET", "/v1.51/nothing"), ("PUT", "/containers/json"), ("DELETE", "/_ping")],
)
def test_unknown_paths_and_methods(skiff: Skiff, method: str, target: str) -> None:
    answer = send(skiff.server.url, method, target)
    assert (answer.status, answer.message) == (404, "page not found")


def test_versions_outside_the_range(skiff: Skiff) -> None:
    old = send(skiff.server.url, "GET", "/v1.23/containers/json")
    assert (old.status, old.body) == (
        400,
        b"client version 1.23 is too old. Minimum supported API version is 1.24, "
        b"please upgrade your client to a newer version\n",
    )
    new = send(skiff.server.url, "GET", "/v1.99/containers/json")
    assert (new.status, new.message) == (
        400,
        "client version 1.99 is too new. Maximum supported API version is 1.51",
    )
    assert send(skiff.server.url, "GET", "/v1.24/containers/json").status == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [("filters=%7B", 400), ("filters=%7B%22nonsense%22:%5B%22x%22%5D%7D", 400), ("limit=many", 500)],
)
def test_bad_queries(skiff: Skiff, query: str, status: int) -> None:
    answer = send(skiff.server.url, "GET", f"/containers/json?{query}")
    assert answer.status == status
    assert answer.message


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("start", "No such container: absent"),
        ("stop", "No such container: absent"),
        ("kill", "cannot kill container: absent: No such container: absent"),
        ("restart", "No such container: absent"),
        ("wait", "No such container: absent"),
        ("resize?h=1&w=1", "No such container: absent"),
    ],
)
def test_verbs_on_what_is_not_there(skiff: Skiff, verb: str, words: str) -> None:
    answer = post(skiff, f"/containers/absent/{verb}")
    assert (answer.status, answer.message) == (404, words)


def test_attach_to_what_is_not_there(skiff: Skiff) -> None:
    answer = post(skiff, "/containers/absent/attach?stream=1&stdout=1")
    assert (answer.status, answer.body) == (404, b"No such container: absent\r\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0\0\0", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"],
)
def test_what_is_not_http(skiff: Skiff, data: bytes) -> None:
    received = send_bytes(skiff.server.url, data)
    assert received == b"" or received.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 505"))
    assert send(skiff.server.url, "GET", "/_ping").body == b"OK"
