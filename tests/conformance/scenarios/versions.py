"""The main calls in every version of the API: what the oldest answers, and what each newer one answers otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conformance.comparing import differ
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, UPGRADE, Record, Session

VERSIONS = [f"v1.{minor}" for minor in range(24, 52)]
BODY: dict[str, Any] = {
    "Image": IMAGE,
    "Cmd": ["sleep", "1000"],
    "Hostname": "h",
    "Labels": {"a": "b"},
    "StopSignal": "SIGKILL",
    "Healthcheck": {"Test": ["NONE"]},
    "HostConfig": {
        "Annotations": {"a": "b"},
        "ConsoleSize": [3, 4],
        "Mounts": [{"Type": "bind", "Source": "/etc", "Target": "/m", "ReadOnly": True,
                    "BindOptions": {"NonRecursive": True, "CreateMountpoint": True}}],
        "Binds": ["/srv:/t:ro"],
        "PidsLimit": 0,
        "KernelMemoryTCP": 0,
        "RestartPolicy": {"Name": ""},
    },
}  # fmt: skip


def in_every_version(s: Session, calls: Callable[[Session, str], None]) -> None:
    """Make the calls in each version; of all but the first only what differs from the version before is kept."""
    before: list[Record] = []
    for version in VERSIONS:
        start = len(s.records)
        calls(s, version)
        made = s.records[start:]
        del s.records[start:]
        for record in made:
            record["request"] = record["request"].replace(f"/{version}/", "/")
            record["headers"].pop("api-version", None)
        if not before:
            s.records += made
        else:
            pairs = zip(before, made, strict=True)
            lines = [
                f"{number}. {new['request']}{line}"
                for number, (old, new) in enumerate(pairs)
                for line in differ(old, new, "")
            ]
            s.records.append({"request": f"since {version}", "body": sorted(lines)})
        before = made


@scenario
def containers_in_every_version(s: Session) -> None:
    """Making, looking at, starting, waiting for, removing."""

    def calls(s: Session, version: str) -> None:
        def call(method: str, path: str, body: Any = None, **more: Any) -> Any:
            return s.call(method, path, body, version=version, **more)

        s.remove("conf-a")
        made = call("POST", "/containers/create", BODY, query={"name": "conf-a"})
        s.ids[made["Id"]] = "conf-a"
        call("GET", "/containers/conf-a/json")
        call("GET", "/containers/json", query={"all": "1", "filters": {"name": ["^/conf-a$"]}})
        call("POST", "/containers/conf-a/start")
        call("GET", "/containers/conf-a/json", query={"size": "1"})
        call("GET", "/containers/json", query={"filters": {"name": ["^/conf-a$"]}})
        call("GET", "/containers/conf-a/stats", query={"stream": "0", "one-shot": "1"})
        call("GET", "/containers/conf-a/logs", query={"stdout": "1"})
        call("POST", "/containers/conf-a/update", {"PidsLimit": 50})
        call("POST", "/containers/conf-a/update", {"KernelMemory": 1})
        call("POST", "/containers/conf-a/resize", query={"h": "x", "w": "1"})
        session = call("POST", "/containers/conf-a/exec", {"Cmd": ["echo", "x"], "AttachStdout": True})
        s.ids[session["Id"]] = "exec"
        call("POST", "/exec/" + session["Id"] + "/start", {"ConsoleSize": [1, 2]}, headers=UPGRADE)
        call("GET", "/exec/" + session["Id"] + "/json")
        s.ids.pop(session["Id"])
        waiting = s.open("POST", "/containers/conf-a/wait?condition=nope", version=version)
        call("POST", "/containers/conf-a/stop", query={"signal": "NOPE"})
        s.quietly("POST", "/containers/conf-a/kill")
        s.finish(waiting)
        call("DELETE", "/containers/conf-a", query={"force": "1"})
        s.ids.pop(made["Id"])

    in_every_version(s, calls)


@scenario
def requests_in_every_version(s: Session) -> None:
    """Bodies and queries that some versions refuse, read otherwise or pass over."""

    def calls(s: Session, version: str) -> None:
        for more in (
            {"HostConfig": {"Mounts": [{"Type": "image", "Source": IMAGE, "Target": "/m"}]}},
            {"HostConfig": {"Mounts": [{"Type": "volume", "Source": "v", "Target": "/m",
                                        "VolumeOptions": {"Subpath": "x"}}]}},
            {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/m", "BindOptions": {}}]}},
            {"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/etc", "Target": "/m", "ReadOnly": True,
                                        "BindOptions": {"ReadOnlyForceRecursive": True}}]}},
            {"NetworkingConfig": {"EndpointsConfig": {"a": {}, "b": {}}}},
            {"MacAddress": "02:42:ac:11:00:aa", "HostConfig": {"NetworkMode": "none"}},
            {"HostConfig": {"Sysctls": {"net.ipv4.conf.eth0.log_martians": "1"}}},
            {"HostConfig": {"KernelMemory": 1}},
            {"Healthcheck": {"Test": ["CMD", "x"], "StartInterval": 5}},
        ):  # fmt: skip
            s.remove("conf-a")
            body = {"Image": IMAGE, "Cmd": ["true"], **more}
            s.call("POST", "/containers/create", body, query={"name": "conf-a"}, version=version)
            s.records[-1]["request"] += f" {more}"
            said = s.records[-1]["body"].get("message", "")
            if "multiple network endpoints" in said:  # in the order of a map that is another one each time
                s.records[-1]["body"]["message"] = said.partition(":")[0]
        s.remove("conf-a")
        for path in ("/containers/create?platform=x&name=conf-a", "/containers/conf-a/start", "/commit?container="):
            s.call("POST", path, {"Image": IMAGE, "Cmd": ["true"]}, version=version)
        s.remove("conf-a")
        s.quietly("DELETE", "/volumes/v")

    in_every_version(s, calls)


@scenario
def images_and_networks_in_every_version(s: Session) -> None:
    """Images, networks and volumes, as far as their shape goes."""

    def calls(s: Session, version: str) -> None:
        for path in (f"/images/{IMAGE}/json", f"/images/{IMAGE}/history",
                     "/networks/bridge", "/volumes/conf-nowhere", "/nowhere"):  # fmt: skip
            s.call("GET", path, version=version)
            body = s.records[-1]["body"]
            s.records[-1]["body"] = sorted(body) if isinstance(body, dict) and "message" not in body else body

    in_every_version(s, calls)
