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
    ("host", "status"),
    [
        ({"Memory": 1000}, 400),
        ({"CapAdd": ["NO_SUCH"]}, 400),
        ({"Binds": ["relative:/x"]}, 500),
        ({"Mounts": [{"Type": "bind", "Source": "/no/such/folder", "Target": "/x"}]}, 400),
        ({"NetworkMode": "no-such-network"}, 404),
        ({"RestartPolicy": {"Name": "sometimes"}}, 400),
        ({"PortBindings": {"80/xyz": [{"HostPort": "8080"}]}}, 400),
        ({"Runtime": "no-such-runtime"}, 400),
        ({"IpcMode": "sometimes"}, 400),
        ({"LogConfig": {"Type": "nowhere"}}, 500),
    ],
)
def test_what_no_container_can_be(skiff: Skiff, host: dict[str, object], status: int) -> None:
    before = state(skiff)
    answer = post(skiff, "/containers/create?name=refused", {"Image": "busybox", "HostConfig": host})
    if answer.status == 201:  # dockerd, too, sees some of it only at start
        answer = post(skiff, "/containers/refused/start")
        skiff.docker.ok("rm", "-f", "-v", "refused")
    assert answer.status in (400, 404, 409, 500)
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
    for version in ("1.23", "1.99"):
        answer = send(skiff.server.url, "GET", f"/v{version}/containers/json")
        assert answer.status == 400
        assert version in answer.message
    assert send(skiff.server.url, "GET", "/v1.24/containers/json").status == 200


@pytest.mark.parametrize(
    "target",
    ["/containers/json?filters={", '/containers/json?filters={"nonsense":["x"]}', "/containers/json?limit=many"],
)
def test_bad_queries(skiff: Skiff, target: str) -> None:
    answer = send(skiff.server.url, "GET", target.replace('"', "%22").replace("{", "%7B").replace("}", "%7D"))
    assert answer.status == 400
    assert answer.message


@pytest.mark.parametrize("verb", ["start", "stop", "kill", "restart", "wait", "attach", "resize?h=1&w=1"])
def test_verbs_on_what_is_not_there(skiff: Skiff, verb: str) -> None:
    answer = post(skiff, f"/containers/absent/{verb}")
    assert (answer.status, answer.message) == (404, "No such container: absent")


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0\0\0", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"],
)
def test_what_is_not_http(skiff: Skiff, data: bytes) -> None:
    received = send_bytes(skiff.server.url, data)
    assert received == b"" or received.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 505"))
    assert send(skiff.server.url, "GET", "/_ping").body == b"OK"
