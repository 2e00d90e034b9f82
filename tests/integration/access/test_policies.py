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
    docker.ok("commit", "own", "shared:latest")
    docker.ok("tag", "their-image", "shared:v1")
    docker.ok("build", "-t", "triggers", "-", stdin="FROM busybox\nONBUILD LABEL team=b\n")
    yield Place(skiff, *servers, ids)
    for server in servers:
        server.stop()
    skiff.remove_containers()
    docker.ok("network", "rm", "their-net")
    docker.ok("volume", "rm", "theirs", "nobodys", "over-etc")
    docker.ok("rmi", "-f", "their-image", "shared:v1", "shared:latest", "triggers")
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
    ("POST", CREATE, host(Annotations={"org.systemd.property.DeviceAllow": "[('/dev/sda', 'rw')]"})),
    ("POST", CREATE, host(UsernsMode="host")),
    ("POST", CREATE, host(UTSMode="host")),
    ("POST", CREATE, host(DeviceRequests=[{"Driver": "cdi", "DeviceIDs": ["vendor.com/device=0"]}])),
    ("POST", CREATE, host(Binds=["/var/run:/var/run:rshared"])),
    ("POST", CREATE, host(Binds=["/etc/:/host:ro,rslave,nocopy"])),
    ("POST", CREATE, host(Mounts=[{"Type": "bind", "Source": "/", "Target": "/m", "BindOptions": {
        "Propagation": "rshared", "CreateMountpoint": True}}])),
    ("POST", CREATE, host(Mounts=[{"Type": "cluster", "Source": "x", "Target": "/m"}])),
    ("POST", CREATE, host(Mounts=[{"Type": "volume", "Target": "/m", "VolumeOptions": {"Labels": OTHER}}])),
    ("POST", CREATE, {**host(), "NetworkingConfig": {"EndpointsConfig": {"bridge": {"Links": ["theirs:db"]}}}}),
    ("POST", CREATE, {**host(), "NetworkingConfig": {"EndpointsConfig": {"host": {}}}}),
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
    ("POST", "/containers/own/update", {"CpuRealtimeRuntime": 1000}),
    ("POST", "/containers/own/update", {"Ulimits": [{}, {"Name": "rtprio", "Soft": 1, "Hard": 1}]}),
    ("POST", "/containers/own/update", {"devices": [{"PathOnHost": "/dev/kmsg"}]}),
    ("POST", "/containers/own/update", {"DeviceCgroupRules": ["a *:* rwm"]}),
    ("POST", "/containers/own/update", {"CgroupParent": "/other"}),
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
    ("POST", "/images/busybox/tag?repo=their-image:x&tag=latest", None),
    ("POST", "/images/busybox/tag?repo=docker.io/library/shared:latest&tag=v1", None),
    ("POST", "/commit?container=own&repo=their-image:x&tag=latest", {}),
    ("POST", "/images/create?fromImage=their-image:x&tag=latest", None),
    ("POST", "/images/create?fromImage=anything:&tag=", None),
    ("POST", "/images/create?fromImage=anything", None),
    ("POST", "/images/create?fromSrc=-&repo=their-image:x&tag=latest", archive()),
    ("POST", "/images/shared:latest/push?tag=v1", None),
    ("DELETE", "/images/their-image", None),
    ("DELETE", "/images/busybox?force=1", None),
    ("GET", "/images/shared/get", None),
    ("GET", "/images/get?names=shared", None),
    ("GET", "/images/get?names=busybox&names=docker.io/library/shared", None),
    ("GET", "/images/shared:v1/get", None),
    ("POST", "/images/shared/push", None),
    ("POST", "/images/shared/push?tag=v1", None),
    ("POST", "/images/their-image/push?tag=latest", None),
    ("GET", "/images/json?filters=%7B%22since%22%3A%5B%22their-image%22%5D%7D", None),
    ("POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", archive()),
    ("POST", "/images/create?fromSrc=-&repo=their-image", archive()),
    ("POST", "/images/create?fromSrc=-&repo=mine&changes=LABEL+team%3Db", archive()),
    ("POST", "/images/create?fromSrc=http://127.0.0.1:1/x&repo=mine", None),
    ("POST", "/images/create?fromImage=localhost/x", None),
    ("POST", "/images/create?fromImage=their-image&tag=latest", None),
    ("POST", "/commit?container=theirs&repo=mine", {}),
    ("POST", "/commit?container=own&repo=their-image", {}),
    ("POST", "/commit?container=own&repo=busybox", {}),
    ("POST", "/commit?container=own&repo=mine&changes=LABEL+team%3Db", {}),
    ("POST", "/commit?container=own&repo=mine", {"Labels": OTHER}),
    ("POST", "/build?t=their-image", archive()),
    ("POST", "/build?t=mine&t=busybox", archive()),
    ("POST", "/build?networkmode=host", archive()),
    ("POST", "/build?networkmode=container:theirs", archive()),
    ("POST", "/build?networkmode=their-net", archive()),
    ("POST", "/build?cgroupparent=/other", archive()),
    ("POST", '/build?ulimits=[{"name":"RTPRIO","soft":1,"hard":99}]', archive()),
    ("POST", CREATE, host(Ulimits=[{"Name": "rtprio", "Soft": 1, "Hard": 99}])),
    ("POST", CREATE, host(Ulimits=[{"Name": "nice", "Hard": -1}])),
    ("POST", CREATE, host(OomScoreAdj=-500)),
    ("POST", CREATE, host(CpuRealtimeRuntime=1000)),
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


def test_there_is_no_way_around_a_label(place: Place) -> None:
    before = place.skiff.docker.ok("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}")
    wrong = []
    for method, path, body in AROUND_THE_LABEL:
        answer = call(place.team_a, method, filled(path, place.ids), filled(body, place.ids))
        said = "" if method == "HEAD" else answer.body.decode()
        denied = answer.status == 403 and (method == "HEAD" or json.loads(said)["message"].startswith(SAYS))
        if not denied:
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


BUILDS = {  # Dockerfiles, and what is said of them
    "FROM their-image": "is not of team=a",
    "FROM busybox AS x\nFROM their-image": "is not of team=a",
    "ARG BASE=their-image\nFROM $BASE": "is not of team=a",
    "FROM busybox\nCOPY --from=their-image /etc /x": "is not of team=a",
    "FROM busybox\nRUN --mount=type=bind,from=their-image,target=/x true": "is not of team=a",
    "FROM busybox\nRUN --mount=type=cache,from=their-image,target=/x true": "is not of team=a",
    "FROM triggers": "is not of team=a",
    "FROM busybox\nLABEL team=b": "is not of team=a",
    "FROM busybox\nENV K=team\nLABEL ${K}=b": "is not of team=a",
    "FROM busybox\nLA\\\nBEL te\\\nam=b\nLABEL team=a": "is not of team=a",
    "FROM busybox\nONBUILD RUN --network=host true\nRUN --network=host true": "network is not allowed",
    "FROM busybox\nRUN --security=insecure true": "security.insecure is not allowed",
    "FROM busybox\nADD http://127.0.0.1:1/x /x": "is not allowed",
    "FROM busybox\nADD https://127.0.0.1/x.git /x": "is not allowed",
    "FROM busybox\nADD git@127.0.0.1:x/y.git /x": "is not allowed",
}  # fmt: skip


def dockerfile(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def archive_of(server: Server, method: str, path: str, data: bytes) -> Answer:
    return send(server.url, method, path, data, kind="application/x-tar")


def images_of(place: Place, *filters: str) -> list[str]:
    options = [option for each in filters for option in ("--filter", each)]
    return place.skiff.docker.ok("images", "-aq", "--no-trunc", *options).split()


def test_builds_are_held_to_the_label(place: Place) -> None:
    before = images_of(place, "label=team=b")
    wrong = []
    for text, words in BUILDS.items():
        said = archive_of(place.team_a, "POST", "/build?t=never", dockerfile(text + "\n")).body.decode()
        if words not in said or "Successfully" in said:
            wrong.append(f"{text!r}: {said}")
    assert not wrong, "\n".join(wrong)
    for query, status in {
        "remote=http://127.0.0.1:1/x": 400,
        "remote=git://127.0.0.1/x": 400,
        "labels=%7B%22team%22%3A%22b%22%7D": 200,
        "cachefrom=%5B%22their-image%22%5D": 200,
    }.items():
        answer = archive_of(place.team_a, "POST", f"/build?t=never&{query}", dockerfile("FROM busybox\nENV A=1\n"))
        assert (answer.status, b"Successfully" in answer.body) == (status, False), (query, answer.body)
    assert images_of(place, "label=team=b") == before
    assert images_of(place, "reference=never") == []


def test_what_a_team_builds_is_its_own_with_every_step(place: Place) -> None:
    before = set(images_of(place))
    text = "FROM busybox AS one\nRUN --mount=type=cache,target=/c echo hi >/c/x; cp /c/x /x\nENV A=1\n" \
           "FROM scratch\nCOPY --from=one /x /y\n"  # fmt: skip
    said = archive_of(place.team_a, "POST", "/build?t=built", dockerfile(text)).body.decode()
    assert "Successfully tagged built:latest" in said
    made = set(images_of(place)) - before
    assert len(made) > 3
    assert made == set(images_of(place, "label=team=a")) - before
    elsewhere = text.replace("echo hi >/c/x", "ls /c >&2")
    assert b"\\nx\\n" not in archive_of(place.denying, "POST", "/build", dockerfile(elsewhere)).body
    place.docker(place.team_a).ok("rmi", "-f", "built")
    place.skiff.docker.ok("image", "prune", "-f")


def test_what_is_denied_is_denied_of_builds(place: Place) -> None:
    for text, words in BUILDS.items():
        if "allowed" in words:
            said = archive_of(place.denying, "POST", "/build", dockerfile(text + "\n")).body.decode()
            assert words in said, text
            assert "Successfully" not in said
    for query in (
        "networkmode=host",
        "networkmode=container:host-net",
        "cgroupparent=/x",
        "remote=http://127.0.0.1:1/",
    ):
        answer = archive_of(place.denying, "POST", f"/build?{query}", dockerfile("FROM busybox\nENV A=1\n"))
        assert answer.status in (400, 403), query
    assert call(place.denying, "POST", "/images/create?fromSrc=http://127.0.0.1:1/x").status == 403
    built = archive_of(place.denying, "POST", "/build", dockerfile("FROM busybox\nRUN --network=none true\n"))
    assert b"Successfully built" in built.body
    place.skiff.docker.ok("image", "prune", "-f")


def test_only_the_labels_images_are_loaded(place: Place) -> None:
    docker = place.docker(place.team_a)
    docker.ok("commit", "own", "mine:1")
    own = call(place.team_a, "GET", "/images/mine:1/get").body
    docker.ok("rmi", "mine:1")
    everybody = call(place.skiff.server, "GET", "/images/get?names=busybox").body
    theirs = call(place.skiff.server, "GET", "/images/get?names=their-image").body
    for data in (everybody, theirs, own.replace(b"mine", b"shared").replace(b'"1"', b'"v1"')):
        said = archive_of(place.team_a, "POST", "/images/load", data).body.decode()
        assert "errorDetail" in said, said
    place.skiff.docker.ok("tag", "their-image", "mine:1")
    assert "is not of team=a" in archive_of(place.team_a, "POST", "/images/load", own).body.decode()
    place.skiff.docker.ok("rmi", "mine:1")
    assert "Loaded image: mine:1" in archive_of(place.team_a, "POST", "/images/load", own).body.decode()
    docker.ok("rmi", "mine:1")


def test_what_is_committed_or_imported_carries_the_label(place: Place) -> None:
    hidden = "/commit?container=own&repo=hidden&changes=LA%5C%0ABEL+te%5C%0Aam%3Db"
    assert call(place.team_a, "POST", hidden, {}).status == 201
    imported = archive_of(place.team_a, "POST", "/images/create?fromSrc=-&repo=imported&changes=ENV+A%3D1", archive())
    assert imported.status == 200
    found = json.loads(place.skiff.docker.ok("image", "inspect", "hidden", "imported"))
    assert [each["Config"]["Labels"] for each in found] == [OWN] * 2
    place.docker(place.team_a).ok("rmi", "hidden", "imported")


def test_usage_tells_of_the_labels_objects_only(place: Place) -> None:
    place.docker(place.team_a).ok("volume", "create", "counted")  # volumes with options are not, not anybody's
    found = call(place.team_a, "GET", "/system/df").json()
    place.docker(place.team_a).ok("volume", "rm", "counted")
    names = {name for each in found["Containers"] for name in each["Names"]}
    assert "/own" in names
    assert not names & {"/theirs", "/nobodys"}
    assert {each["Name"] for each in found["Volumes"]} == {"counted"}
    assert [each["RepoTags"] for each in found["Images"]] == [["shared:latest"]]
    assert found["BuildCache"] == []
    everything = call(place.read_only, "GET", "/system/df").json()
    assert len(everything["Containers"]) > len(found["Containers"])


def test_filters_of_another_label_find_nothing(place: Place) -> None:
    for path in ("/containers/json?all=1&", "/images/json?", "/networks?", "/volumes?"):
        for filters in ({"label": ["team=b"]}, {"label": {"team=b": True}}, {"label": ["team"]}):
            found = call(place.team_a, "GET", f"{path}filters={json.dumps(filters).replace(' ', '')}").json()
            found = found["Volumes"] if isinstance(found, dict) else found
            own = filters["label"] == ["team"]
            assert all(each["Labels"] == OWN for each in found or ()), path
            assert bool(found) == (own and path != "/networks?"), path
    double = '/containers/json?all=1&filters={"label":["team=a"],"label":["team=b"]}&filters={}'
    assert call(place.team_a, "GET", double).json() == []


def test_keys_in_any_case_and_twice_are_read_once(place: Place) -> None:
    for body in (b'{"Image":"busybox","HostConfig":{"Privileged":false},"hostCONFIG":{"privileged":true}}',
                 b'{"Image":"busybox","HostConfig":{"Privileged":false,"PRIVILEGED":true}}',
                 b'{"Image":"busybox","Image":"their-image"}', b'{"image":"their-image"}',
                 b'{"Image":"busybox","HostConfig":null,"Hostconfig":{"binds":["/:/h"]}}'):  # fmt: skip
        assert call(place.team_a, "POST", CREATE, body).status == 403, body
        chunked = (
            b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        ) + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"  # fmt: skip
        assert send_bytes(place.team_a.url, chunked).startswith(b"HTTP/1.1 403 "), body
    assert call(place.team_a, "POST", "/commit?container=theirs&container=own", {}).status == 403


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
    assert set(docker.ok("images", "--format", "{{.Repository}}").split()) <= {"shared", "<none>"}
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


def test_limits_that_give_nothing_more_can_be_changed(place: Place) -> None:
    body = {"Memory": 0, "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}], "RestartPolicy": {"Name": "no"}}
    assert call(place.team_a, "POST", "/containers/own/update", body).status == 200
    assert call(place.denying, "POST", "/containers/own/update", body).status == 200


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
    ("POST", "/images/busybox/push", None),
    ("POST", "/build", archive()),
    ("POST", "/build/prune", None),
    ("GET", "/containers/own/attach/ws?stream=1", None),
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
