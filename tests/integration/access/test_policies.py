"""Sockets with a policy: ways around a read-only one and around one that is held to a label, all refused."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.docker_cli import Docker
from tests.harness.raw_http import Answer, send, send_bytes
from tests.harness.server import Server
from tests.integration.conftest import Skiff, end_skiff, make_skiff

SAYS = "authorization denied by plugin skiff-policy: "
BIND_ETC = ("-o", "type=none", "-o", "o=bind", "-o", "device=/etc")
OWN, OTHER = {"team": "a"}, {"team": "b"}


@dataclass
class Place:
    """One engine behind three sockets, with objects of two teams."""

    skiff: Skiff
    read_only: Server
    team_a: Server
    denying: Server
    ids: dict[str, str]

    def docker(self, server: Server) -> Docker:
        return Docker(server.url, self.skiff.home / "docker-config")


def another(skiff: Skiff, name: str, *options: str) -> Server:
    server = Server(skiff.home, "listen", name=name)
    server.options = ("--idle-timeout", "0", *options)
    server.start()
    return server


@pytest.fixture(scope="module")
def place(busybox_tar: Path) -> Iterator[Place]:
    skiff = make_skiff(busybox_tar)
    servers = [
        another(skiff, "read-only", "--policy", "read-only"),
        another(skiff, "team-a", "--policy", "label=team=a"),
        another(skiff, "denying", "--deny", "privileged,host-mounts,host-network"),
    ]
    docker = skiff.docker
    docker.ok("volume", "create", "--label", "team=b", "theirs")
    docker.ok("volume", "create", "nobodys")
    docker.ok(
        "volume", "create", "--label", "team=a", "-o", "type=none", "-o", "o=bind", "-o", "device=/etc", "over-etc"
    )
    docker.ok("network", "create", "--label", "team=b", "their-net")
    ids = {}
    for name, options in {
        "theirs": ("--network", "none", "--label", "team=b", "-v", "theirs:/data"),
        "nobodys": ("--network", "none"),
        "privileged": ("--network", "none", "--label", "team=a", "--privileged"),
        "bound": ("--network", "none", "--label", "team=a", "-v", "/etc:/host"),
        "over-etc": ("--network", "none", "--label", "team=a", "-v", "over-etc:/host"),
        "own": ("--network", "none", "--label", "team=a"),
        "host-net": ("--network", "host", "--label", "team=a"),
        "in-host-net": ("--network", "container:host-net", "--label", "team=a"),
    }.items():
        ids[name] = docker.ok("run", "-d", "--name", name, *options, "busybox", "sleep", "1000").strip()
    ids["exec"] = exec_in(skiff.server, "theirs", ["true"])
    ids["privileged-exec"] = exec_in(skiff.server, "own", ["true"], Privileged=True)
    ids["image"] = docker.ok("commit", "theirs", "their-image").strip()
    yield Place(skiff, *servers, ids)
    for server in servers:
        server.stop()
    skiff.remove_containers()
    docker.ok("network", "rm", "their-net")
    docker.ok("volume", "rm", "theirs", "nobodys", "over-etc")
    docker.ok("rmi", "-f", "their-image")
    end_skiff(skiff)


def call(server: Server, method: str, path: str, body: Any = None) -> Answer:
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    return send(server.url, method, path, data, kind=None if data is None else "application/json")


def exec_in(server: Server, container: str, command: list[str], **more: Any) -> str:
    body = {"Cmd": command, **more}
    return str(call(server, "POST", f"/v1.51/containers/{container}/exec", body).json()["Id"])


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("planted"))
    return buffer.getvalue()


def host(**keys: Any) -> dict[str, Any]:
    return {"Image": "busybox", "Cmd": ["true"], "HostConfig": keys}


CREATE = "/v1.51/containers/create"

# What a client of team a may try, to get at what is not team a's or at the machine; {x} is the id of object x.
AROUND_THE_LABEL: list[tuple[str, str, Any]] = [
    # other teams' containers, however they are called
    ("GET", "/containers/theirs/json", None),
    ("GET", "/v1.24/containers/theirs/json", None),
    ("GET", "/containers/{theirs}/json", None),
    ("GET", "/containers/{theirs:.6}/json", None),
    ("GET", "/containers/nobodys/logs?stdout=1", None),
    ("GET", "/containers/%74heirs/top", None),
    ("GET", "/containers/theirs/stats?stream=0", None),
    ("GET", "/containers/theirs/export", None),
    ("GET", "/containers/theirs/changes", None),
    ("GET", "/containers/theirs/archive?path=/data", None),
    ("HEAD", "/containers/theirs/archive?path=/data", None),
    ("PUT", "/containers/theirs/archive?path=/", archive()),
    ("POST", "/containers/theirs/attach?stream=1&stdin=1&stdout=1", None),
    ("POST", "/containers/theirs/exec", {"Cmd": ["sh"]}),
    ("POST", "/exec/{exec}/start", {"Detach": True}),
    ("GET", "/exec/{exec}/json", None),
    ("POST", "/exec/{exec}/resize?h=1&w=1", None),
    ("POST", "/containers/theirs/kill", None),
    ("POST", "/containers/theirs/stop?t=0", None),
    ("POST", "/containers/theirs/restart", None),
    ("POST", "/containers/theirs/pause", None),
    ("POST", "/containers/theirs/rename?name=mine", None),
    ("POST", "/containers/theirs/update", {"Memory": 0}),
    ("POST", "/containers/theirs/wait", None),
    ("DELETE", "/containers/theirs?force=1", None),
    ("GET", "/containers/json?filters=%7B%22since%22%3A%5B%22theirs%22%5D%7D", None),
    # by a container of the team's own
    ("POST", CREATE, host(NetworkMode="container:theirs")),
    ("POST", CREATE, host(NetworkMode="container:{theirs}")),
    ("POST", CREATE, host(PidMode="container:theirs")),
    ("POST", CREATE, host(IpcMode="container:theirs")),
    ("POST", CREATE, host(VolumesFrom=["theirs:ro"])),
    ("POST", CREATE, host(Links=["theirs:db"])),
    ("POST", CREATE, host(Binds=["theirs:/data"])),
    ("POST", CREATE, host(Binds=["nobodys:/data"])),
    ("POST", CREATE, host(Binds=["not-there-yet:/data"])),
    ("POST", CREATE, host(Mounts=[{"Type": "volume", "Source": "theirs", "Target": "/data"}])),
    ("POST", CREATE, host(Mounts=[{"Type": "image", "Source": "their-image", "Target": "/data"}])),
    ("POST", CREATE, host(NetworkMode="their-net")),
    ("POST", CREATE, {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"their-net": {}}}}),
    ("POST", CREATE, {"Image": "their-image"}),
    ("POST", CREATE, {"Image": "{image}"}),
    ("POST", CREATE, {"Image": "busybox", "Labels": OTHER}),
    ("POST", CREATE, {"Image": "busybox", "Labels": OWN, "labels": OTHER}),
    ("POST", CREATE, {"Image": "busybox", "lABELS": OTHER}),
    # by the machine
    ("POST", CREATE, host(Privileged=True)),
    ("POST", CREATE, {"Image": "busybox", "hostconfig": {"privileged": True}}),
    ("POST", "/v1.24/containers/create", host(Privileged=True)),
    ("POST", CREATE, host(CapAdd=["SYS_ADMIN"])),
    ("POST", CREATE, host(CapAdd=["all"])),
    ("POST", CREATE, host(SecurityOpt=["seccomp=unconfined"])),
    ("POST", CREATE, host(SecurityOpt=["systempaths=unconfined"])),
    ("POST", CREATE, host(PidMode="host")),
    ("POST", CREATE, host(IpcMode="host")),
    ("POST", CREATE, host(CgroupnsMode="host")),
    ("POST", CREATE, host(CgroupParent="/other")),
    ("POST", CREATE, host(MaskedPaths=[])),
    ("POST", CREATE, host(Annotations={"run.oci.keep_original_groups": "1"})),
    ("POST", CREATE, host(Devices=[{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/kmsg"}])),
    ("POST", CREATE, host(DeviceCgroupRules=["b *:* rwm"])),
    ("POST", CREATE, host(Binds=["/:/host"])),
    ("POST", CREATE, host(Binds=["//etc:/host:ro"])),
    ("POST", CREATE, host(Mounts=[{"Type": "bind", "Source": "/", "Target": "/host"}])),
    ("POST", CREATE, host(Mounts=[{"Type": "volume", "Target": "/host", "VolumeOptions": {
        "DriverConfig": {"Options": {"type": "none", "o": "bind", "device": "/"}}}}])),
    ("POST", CREATE, host(Binds=["over-etc:/host"])),
    ("POST", CREATE, host(VolumesFrom=["bound"])),
    ("POST", CREATE, host(VolumesFrom=["over-etc"])),
    ("POST", CREATE, host(NetworkMode="host")),
    ("POST", CREATE, host(NetworkMode="container:host-net")),
    ("POST", CREATE, host(NetworkMode="container:in-host-net")),
    ("POST", CREATE, host(PidMode="container:privileged")),
    ("POST", "/volumes/create", {"Name": "v", "DriverOpts": {"type": "none", "o": "bind", "device": "/"}}),
    ("POST", "/volumes/create", {"Name": "v", "DriverOpts": {"type": "tmpfs", "o": "bind", "device": "/"}}),
    ("POST", "/volumes/create", {"Name": "v", "DriverOpts": {"type": "overlay", "device": "x", "o": "lowerdir=/"}}),
    ("POST", "/networks/host/connect", {"Container": "own"}),
    ("POST", "/networks/create", {"Name": "n", "Options": {"com.docker.network.bridge.name": "docker0"}}),
    ("POST", "/networks/create", {"Name": "n", "Driver": "macvlan", "Options": {"parent": "eth0"}}),
    # what is the team's and has more than the team may have
    ("POST", "/containers/privileged/exec", {"Cmd": ["sh"]}),
    ("POST", "/containers/privileged/attach?stream=1&stdin=1", None),
    ("PUT", "/containers/bound/archive?path=/host", archive()),
    ("GET", "/containers/bound/archive?path=/host/shadow", None),
    ("GET", "/containers/over-etc/archive?path=/host/shadow", None),
    ("POST", "/containers/in-host-net/exec", {"Cmd": ["sh"]}),
    ("POST", "/containers/host-net/restart", None),
    ("POST", "/containers/own/exec", {"Cmd": ["sh"], "Privileged": True}),
    ("POST", "/containers/own/exec", {"Cmd": ["sh"], "pRIVILEGED": True}),
    ("POST", "/exec/{privileged-exec}/start", {}),
    ("POST", "/containers/own/start?checkpoint=c&checkpoint-dir=/etc", None),
    # images
    ("GET", "/images/their-image/json", None),
    ("GET", "/images/{image}/history", None),
    ("GET", "/images/their-image/get", None),
    ("GET", "/images/get?names=busybox&names=their-image", None),
    ("POST", "/images/their-image/tag?repo=mine", None),
    ("POST", "/images/busybox/tag?repo=their-image", None),
    ("DELETE", "/images/their-image", None),
    ("DELETE", "/images/busybox?force=1", None),
    ("POST", "/images/load", archive()),
    ("POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", archive()),
    ("POST", "/images/create?fromImage=localhost/x", None),
    ("POST", "/images/create?fromImage=their-image&tag=latest", None),
    ("POST", "/commit?container=theirs&repo=mine", {}),
    ("POST", "/commit?container=own&repo=their-image", {}),
    ("POST", "/commit?container=own&repo=busybox", {}),
    ("POST", "/commit?container=own&repo=mine&changes=LABEL+team%3Db", {}),
    ("POST", "/commit?container=own&repo=mine", {"Labels": OTHER}),
    ("POST", "/build", archive()),
    # networks, volumes and the whole
    ("GET", "/networks/their-net", None),
    ("GET", "/networks/bridge", None),
    ("DELETE", "/networks/their-net", None),
    ("POST", "/networks/their-net/connect", {"Container": "own"}),
    ("POST", "/networks/bridge/connect", {"Container": "theirs"}),
    ("POST", "/networks/bridge/disconnect", {"Container": "theirs", "Force": True}),
    ("GET", "/volumes/theirs", None),
    ("DELETE", "/volumes/theirs?force=1", None),
    ("POST", "/volumes/create", {"Name": "theirs"}),
    ("POST", "/volumes/create", {"Name": "new", "Labels": OTHER}),
    ("POST", "/networks/create", {"Name": "new", "Labels": OTHER}),
    ("GET", "/system/df", None),
    ("POST", "/build/prune", None),
    ("POST", "/session", None),
]  # fmt: skip


def filled(value: Any, ids: dict[str, str]) -> Any:
    """Put ids in the place of {name} and {name:.6}."""
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    if not isinstance(value, str):
        return value
    for name, each in ids.items():
        value = value.replace(f"{{{name}}}", each).replace(f"{{{name}:.6}}", each[:6])
    return value


def served(path: str) -> bool:
    """Tell whether the route is there: what others still have to build cannot be walked around by."""
    return path.split("?")[0] not in ("/build", "/build/prune")


def test_there_is_no_way_around_a_label(place: Place) -> None:
    before = place.skiff.docker.ok("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}")
    wrong = []
    for method, path, body in AROUND_THE_LABEL:
        answer = call(place.team_a, method, filled(path, place.ids), filled(body, place.ids))
        said = "" if method == "HEAD" else answer.body.decode()
        denied = answer.status == 403 and (method == "HEAD" or json.loads(said)["message"].startswith(SAYS))
        if not denied and (served(path) or answer.status != 404):
            wrong.append(f"{method} {path} {body!r}: {answer.status} {said[:200]}")
    assert not wrong, "\n".join(wrong)
    assert before == place.skiff.docker.ok("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}")
    assert len(AROUND_THE_LABEL) > 40


def test_odd_paths_do_not_lead_around_either(place: Place) -> None:
    for path in ("/containers/%2574heirs/json", "/containers/own/../theirs/json", "//containers//theirs/json",
                 "/v1.51/v1.51/containers/theirs/json", "/CONTAINERS/theirs/json", "/containers/THEIRS/json",
                 "/containers/theirs/json/", "/v0.1/containers/theirs/json"):  # fmt: skip
        answer = call(place.team_a, "GET", path)
        assert answer.status in (301, 400, 403, 404), path
        assert place.ids["theirs"].encode() not in answer.body
    moved = call(place.team_a, "GET", "/containers/own/../theirs/json").headers["location"]
    assert call(place.team_a, "GET", moved).status == 403
    absolute = b"GET http://docker/containers/theirs/json HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
    assert b" 403 " in send_bytes(place.team_a.url, absolute).partition(b"\r\n")[0]


def test_bytes_after_a_refused_upgrade_are_requests_like_others(place: Place) -> None:
    kill = b"POST /containers/theirs/kill HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    attach = (
        b"POST /containers/theirs/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
    )
    said = send_bytes(place.team_a.url, attach + kill, half_close=False)
    assert said.count(b"HTTP/1.1 403 ") == 2
    assert b" 101 " not in said


def test_an_old_body_of_start_is_refused(place: Place) -> None:
    body = {"Privileged": True, "Binds": ["/:/host"]}
    assert call(place.team_a, "POST", "/v1.24/containers/own/start", body).status == 400


def test_lists_and_events_tell_of_the_labels_objects_only(place: Place) -> None:
    docker = place.docker(place.team_a)
    names = docker.ok("ps", "-a", "--format", "{{.Names}}").split()
    assert sorted(names) == sorted(["privileged", "bound", "over-etc", "own", "host-net", "in-host-net"])
    assert docker.ok("ps", "-aq", "--filter", "label=team=b") == ""
    assert docker.ok("ps", "-aq", "--filter", "name=theirs") == ""
    assert docker.ok("network", "ls", "-q") == ""
    assert docker.ok("volume", "ls", "-q").split() == ["over-etc"]
    assert docker.ok("images", "-q") == ""
    events = docker.ok("events", "--since", "1h", "--until", "0s", "--format", "{{.Type}} {{json .Actor}}")
    assert '"team":"a"' in events
    assert all('"team":"a"' in line for line in events.splitlines())


def test_prune_takes_the_labels_objects_only(place: Place) -> None:
    place.skiff.docker.ok("run", "--name", "ended-theirs", "--label", "team=b", "busybox", "true")
    place.skiff.docker.ok("run", "--name", "ended-own", "--label", "team=a", "busybox", "true")
    docker = place.docker(place.team_a)
    docker.ok("container", "prune", "-f")
    docker.ok("network", "prune", "-f")
    names = place.skiff.docker.ok("ps", "-a", "--format", "{{.Names}}").split()
    assert "ended-theirs" in names
    assert "ended-own" not in names
    assert "their-net" in place.skiff.docker.ok("network", "ls", "--format", "{{.Name}}").split()
    place.skiff.docker.ok("rm", "ended-theirs")


def test_a_team_works_with_what_is_its_own(place: Place) -> None:
    docker = place.docker(place.team_a)
    docker.ok("volume", "create", "ours")
    docker.ok("network", "create", "our-net")
    docker.ok("run", "-d", "--name", "work", "--network", "our-net", "-v", "ours:/data", "busybox", "sleep", "1000")
    assert docker.ok("exec", "work", "sh", "-c", "echo hi >/data/x; cat /data/x") == "hi\n"
    assert docker.ok("run", "--rm", "-i", "--volumes-from", "work", "busybox", "cat", "/data/x") == "hi\n"
    labels = json.loads(place.skiff.docker.ok("inspect", "work", "our-net", "ours", "--format", "json"))
    assert [each.get("Labels") or each["Config"]["Labels"] for each in labels] == [OWN] * 3
    docker.ok("commit", "work", "our-image")
    assert docker.ok("run", "--rm", "our-image", "echo", "again") == "again\n"
    assert "busybox" in docker.ok("image", "inspect", "busybox")
    docker.ok("rm", "-f", "work")
    docker.ok("network", "rm", "our-net")
    docker.ok("volume", "rm", "ours")
    docker.ok("rmi", "our-image")


def test_what_is_not_there_is_not_there(place: Place) -> None:
    assert call(place.team_a, "GET", "/containers/nowhere/json").status == 404
    assert call(place.team_a, "POST", CREATE, {"Image": "nowhere"}).status == 404
    assert call(place.team_a, "POST", CREATE, b"{bad").status == 400
    assert call(place.team_a, "GET", "/containers/json?filters=x").status == 400


CHANGES: list[tuple[str, str, Any]] = [
    ("POST", CREATE, host()),
    ("POST", "/v1.24/containers/create", host()),
    *(("POST", f"/containers/own/{verb}", None) for verb in (
        "start", "stop", "restart", "kill", "pause", "unpause", "resize?h=1&w=1", "attach?stdin=1&stream=1",
        "attach?logs=1", "rename?name=x")),
    ("POST", "/containers/own/update", {"Memory": 0}),
    ("DELETE", "/containers/own?force=1", None),
    ("POST", "/containers/own/exec", {"Cmd": ["true"]}),
    ("POST", "/exec/{exec}/start", {"Detach": True}),
    ("POST", "/exec/{exec}/resize?h=1&w=1", None),
    ("PUT", "/containers/own/archive?path=/", archive()),
    ("POST", "/containers/prune", None),
    ("POST", "/commit?container=own", {}),
    ("POST", "/images/load", archive()),
    ("POST", "/images/create?fromImage=busybox&tag=latest", None),
    ("POST", "/images/create?fromSrc=-", archive()),
    ("POST", "/images/busybox/tag?repo=x", None),
    ("DELETE", "/images/busybox", None),
    ("POST", "/networks/create", {"Name": "x"}),
    ("POST", "/networks/bridge/connect", {"Container": "own"}),
    ("POST", "/networks/bridge/disconnect", {"Container": "own"}),
    ("POST", "/networks/prune", None),
    ("DELETE", "/networks/their-net", None),
    ("POST", "/volumes/create", {}),
    ("PUT", "/volumes/theirs", {}),
    ("DELETE", "/volumes/theirs", None),
    ("POST", "/auth", {}),
    ("POST", "/swarm/init", {}),
    ("POST", "/plugins/pull?remote=x", []),
    ("POST", "/session", None),
    ("POST", "/grpc", None),
]  # fmt: skip


def test_nothing_is_changed_by_a_read_only_socket(place: Place) -> None:
    wrong = []
    for method, path, body in CHANGES:
        answer = call(place.read_only, method, filled(path, place.ids), body)
        if answer.status != 403 or answer.message != f"{SAYS}the socket is read-only":
            wrong.append(f"{method} {path}: {answer.status} {answer.body!r}")
    assert not wrong, "\n".join(wrong)


def test_a_read_only_socket_reads(place: Place) -> None:
    docker = place.docker(place.read_only)
    assert "theirs" in docker.ok("ps")
    docker.ok("inspect", "own")
    docker.ok("logs", "own")
    docker.ok("info")
    assert "read-only" in docker("rm", "-f", "own").stderr


def test_what_is_denied_is_denied_of_all(place: Place) -> None:
    docker = place.docker(place.denying)
    for options in (("--privileged",), ("-v", "/:/host"), ("--network", "host"), ("--pid", "container:privileged"),
                    ("--volumes-from", "bound"), ("-v", "over-etc:/x")):  # fmt: skip
        done = docker("run", "--rm", *options, "busybox", "true")
        assert done.returncode == 125, options
        assert SAYS in done.stderr, options
    assert docker("exec", "privileged", "true").returncode != 0
    assert docker.ok("exec", "theirs", "echo", "hi") == "hi\n"
    assert docker.ok("run", "--rm", "busybox", "echo", "hi") == "hi\n"


def test_a_policy_is_read_before_anything_is_served(place: Place) -> None:
    for options in (["--policy", "read"], ["--policy", "label=team"], ["--deny", "everything"], ["--policy"],
                    ["--policy", "label=a=b", "--policy", "label=c=d"], ["--policy", "label=name=x"]):  # fmt: skip
        command = [*place.skiff.server.command("--listen", f"unix://{place.skiff.home}/never.sock"), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 2, options
        assert done.stderr.startswith("compat_api: --"), done.stderr
