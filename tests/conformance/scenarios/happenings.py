"""Events: what each call tells, with which attributes, in which order; and the ways to ask for them."""

from __future__ import annotations

import json
from urllib.parse import quote

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session
from tests.harness.tars import files


@scenario
def happenings_of_a_container(s: Session) -> None:
    """Every verb of a container's life, one after the other."""
    since = s.now()
    keys = {"Labels": {"conf": "yes", "name": "label"}, "HostConfig": {"NetworkMode": "none"}}
    s.create("conf-a", "sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done", **keys)
    s.quietly("POST", "/containers/conf-a/start")
    opened = s.open("GET", "/containers/conf-a/logs?stdout=1&follow=1")
    opened[1].read_until(b"up")
    opened[1].close()
    for verb in ("pause", "unpause", "rename?name=conf-b", "kill?signal=0", "kill?signal=URG", "resize?h=3&w=4"):
        s.quietly("POST", f"/containers/conf-a/{verb}" if verb[:4] != "kill" else f"/containers/conf-b/{verb}")
    s.quietly("GET", "/containers/conf-b/top")
    s.quietly("POST", "/containers/conf-b/update", {"Memory": 64_000_000, "MemorySwap": 128_000_000})
    exec_id = s.exec("conf-b", "sh", "-c", "exit 3")
    s.quietly("POST", f"/exec/{exec_id}/start", {})
    s.until(lambda: s.quietly("GET", f"/exec/{exec_id}/json")["Running"] is False)
    s.quietly("PUT", "/containers/conf-b/archive", files({"f": b"x"}), query={"path": "/tmp"})
    s.quietly("GET", "/containers/conf-b/archive", query={"path": "/tmp/f"})
    s.quietly("GET", "/containers/conf-b/export")
    s.quietly("POST", "/containers/conf-b/stop")
    s.wait("conf-b")
    s.quietly("POST", "/containers/conf-b/start")
    s.quietly("DELETE", "/containers/conf-b", query={"force": "1"})
    s.happened(since, label=["conf=yes"], event=[
        "attach", "archive-path", "create", "destroy", "exec_create", "exec_die", "exec_start", "export",
        "extract-to-dir", "kill", "oom", "pause", "rename", "resize", "start", "top", "unpause", "update",
    ])  # fmt: skip
    # Apart, because dockerd tells of the process's end before the verb's or after it.
    s.happened(since, label=["conf=yes"], event=["die"])
    s.happened(since, label=["conf=yes"], event=["stop"])


@scenario
def happenings_of_a_removal_by_itself(s: Session) -> None:
    """A container with networks and volumes that removes itself."""
    since = s.now()
    s.quietly("POST", "/networks/create", {"Name": "conf-net"})
    s.quietly("POST", "/volumes/create", {"Name": "conf-volume"})
    s.create(
        "conf-a",
        "true",
        HostConfig={"AutoRemove": True, "NetworkMode": "conf-net", "Binds": ["conf-volume:/v", "/tmp:/t"]},
        Volumes={"/anonymous": {}},
    )
    opened = s.open("POST", "/containers/conf-a/wait?condition=removed")
    opened[1].read_head()
    s.quietly("POST", "/containers/conf-a/start")
    s.finish(opened)
    s.quietly("DELETE", "/networks/conf-net")
    s.quietly("DELETE", "/volumes/conf-volume")
    for kind in ("container", "network", "volume"):
        s.happened(since, type=[kind])


@scenario
def happenings_of_an_image(s: Session) -> None:
    """Tagging, saving, loading, importing, committing, removing, pruning."""
    since = s.now()
    s.quietly("POST", f"/images/{quote(IMAGE)}/tag?repo=conf-image&tag=1")
    archive = s.quietly("GET", "/images/conf-image:1/get")
    s.quietly("DELETE", "/images/conf-image:1")
    s.quietly("POST", "/images/load?quiet=1", archive, headers={"Content-Type": "application/x-tar"})
    s.quietly("POST", "/images/create?fromSrc=-&repo=conf-import&tag=1", files({"a": b"b"}),
              headers={"Content-Type": "application/x-tar"})  # fmt: skip
    s.create("conf-a", "true", Labels={"conf": "yes"})
    s.quietly("POST", "/commit?container=conf-a&repo=conf-commit&tag=1")
    s.remove("conf-a")
    for name in ("conf-image:1", "conf-import:1", "conf-commit:1"):
        s.quietly("DELETE", f"/images/{name}")
    s.happened(since, type=["image"])
    s.happened(since, type=["container"])


@scenario
def happenings_of_networks_and_volumes(s: Session) -> None:
    """Making, connecting, disconnecting, removing."""
    since = s.now()
    s.quietly("POST", "/networks/create", {"Name": "conf-net", "Labels": {"conf": "yes"}})
    s.quietly("POST", "/volumes/create", {"Name": "conf-volume", "Labels": {"conf": "yes"}})
    s.quietly("POST", "/volumes/create", {"Name": "conf-volume"})
    s.create("conf-a", "sleep", "1000", HostConfig={"Binds": ["conf-volume:/v:ro"]})
    s.quietly("POST", "/containers/conf-a/start")
    s.quietly("POST", "/networks/conf-net/connect", {"Container": "conf-a"})
    s.quietly("POST", "/networks/conf-net/disconnect", {"Container": "conf-a"})
    s.remove("conf-a")
    s.quietly("DELETE", "/networks/conf-net")
    s.quietly("DELETE", "/volumes/conf-volume")
    s.quietly("POST", "/containers/prune", query={"filters": {"label": ["conf=no"]}})
    for kind in ("network", "volume", "container"):
        s.happened(since, type=[kind])


@scenario
def asking_for_events(s: Session) -> None:
    """Times and filters, good and bad."""
    for query in (
        "since=x", "until=x", "since=1&until=x", "since=20&until=10", "since=1.x&until=2", "filters=x", "filters=[]",
        "until=1", "since=1&until=2", "since=2020-01-01T00:00:00Z&until=2020-01-01T00:00:01Z",
        "since=2020-01-01&until=2020-01-02", "since=1.000000001&until=1.5", 'until=1&filters={"conf":["x"]}',
        'until=1&filters={"event":{"x":true}}', 'until=1&filters={"type":["conf"]}',
    ):  # fmt: skip
        s.call("GET", f"/events?{quote(query, safe='=&')}")
    since = s.now()
    container = s.create("conf-a", "true", Labels={"a": "1", "b": "2"})
    s.create("conf-b", "true", Labels={"a": "2"})
    filters: list[dict[str, list[str]]] = [
        {"container": ["conf-a"]}, {"container": [container]}, {"container": [container[:12]]},
        {"container": ["conf-a", "conf-b"]}, {"container": ["conf-"]}, {"container": ["conf-nowhere"]},
        {"label": ["a"]}, {"label": ["a=1"]}, {"label": ["a=1", "b=2"]}, {"label": ["a", "c"]},
        {"image": [IMAGE]}, {"image": [IMAGE.partition(":")[0]]}, {"image": ["conf-nowhere"]},
        {"event": ["create"]}, {"event": ["destroy"]}, {"event": ["cre"]}, {"event": ["create", "destroy"]},
        {"type": ["image"]}, {"type": ["container", "image"]}, {"scope": ["local"]}, {"scope": ["swarm"]},
        {"daemon": ["x"]}, {"network": ["x"]}, {"volume": ["x"]},
    ]  # fmt: skip
    for each in filters:
        s.happened(since, **each)
    follower = s.open("GET", "/events", query={"filters": {"container": ["conf-a"]}})
    follower[1].read_head()
    s.remove("conf-b")
    s.remove("conf-a")
    follower[1].read_until(b"destroy")
    follower[1].close()
    for version in ("v1.24", "v1.45", ""):
        opened = s.open("GET", "/events", query={"since": since, "until": s.now(), "filters": json.dumps({"container": ["conf-a"]})}, version=version)  # fmt: skip  # noqa: E501
        head, raw = opened[1].read_head(), opened[1].finish()
        s.records.append({"request": f"keys {version}", "status": head.status, "body": [sorted(json.loads(line)) for line in raw.splitlines()]})  # fmt: skip  # noqa: E501
